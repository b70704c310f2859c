/**
 * Ethernet II and IEEE 802.3. As in every file of this folder: `fits` checks the length once; after it said yes, no
 * accessor reads outside the frame. Addresses are byte addresses of the header; numbers are read in network order.
 */

export const ETHERNET_BYTES: u32 = 14;
export const ETHERTYPE_IPV4: u32 = 0x0800;
export const ETHERTYPE_ARP: u32 = 0x0806;
export const ETHERTYPE_VLAN: u32 = 0x8100;
export const ETHERTYPE_IPV6: u32 = 0x86dd;
/** Below, the field is an 802.3 length: `protocol/data-plane.md` §6.1 step 4. */
export const ETHERTYPE_MIN: u32 = 1501;

/** A MAC address as a number has its first byte lowest, as it lies in memory. */
export const MAC_MASK: u64 = 0x0000_ffff_ffff_ffff;
export const MAC_BROADCAST: u64 = MAC_MASK;

@inline
export function fitsEthernet(length: u32): bool {
  return length >= ETHERNET_BYTES;
}

@inline
export function destination(frame: u32): u64 {
  return load<u64>(frame) & MAC_MASK;
}

@inline
export function source(frame: u32): u64 {
  // Read so that it ends with the field before the type: the bytes behind a short frame are never touched.
  return load<u64>(frame, 4) >> 16;
}

/** Multicast or broadcast, IEEE 802.3 §3.2.3. */
@inline
export function isGroup(mac: u64): bool {
  return (mac & 1) != 0;
}

@inline
export function typeOrLength(frame: u32): u32 {
  return <u32>bswap<u16>(load<u16>(frame, 12));
}

/** An 802.1D BPDU that is long enough to name its bridge, `protocol/data-plane.md` §6.2. */
@inline
export function isBpdu(frame: u32, length: u32): bool {
  return length >= BPDU_BRIDGE + 6 && typeOrLength(frame) < ETHERTYPE_MIN && load<u16>(frame, 14) == 0x4242;
}

const BPDU_BRIDGE: u32 = 36;

@inline
export function bpduBridge(frame: u32): u64 {
  return load<u64>(frame, BPDU_BRIDGE - 2) >> 16;
}
