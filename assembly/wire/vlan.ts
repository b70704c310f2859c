/** IEEE 802.1Q tag: the four bytes behind the source address, TPID 0x8100. */

export const VLAN_BYTES: u32 = 4;

@inline
export function fitsVlan(length: u32): bool {
  return length >= 18;
}

/** VLAN id, 0 to 4095. */
@inline
export function vlanId(frame: u32): u32 {
  return <u32>bswap<u16>(load<u16>(frame, 14)) & 0x0fff;
}

/** Priority code point, 0 to 7. */
@inline
export function vlanPriority(frame: u32): u32 {
  return <u32>load<u8>(frame, 14) >> 5;
}

/** EtherType behind the tag. */
@inline
export function vlanType(frame: u32): u32 {
  return <u32>bswap<u16>(load<u16>(frame, 16));
}
