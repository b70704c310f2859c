/** ARP for IPv4 over Ethernet, RFC 826. `at` is the address of the ARP packet. */

export const ARP_BYTES: u32 = 28;

@inline
export function fitsArp(length: u32): bool {
  return length >= ARP_BYTES;
}

/** Hardware type Ethernet, protocol IPv4, address lengths 6 and 4. */
@inline
export function isEthernetIpv4(at: u32): bool {
  return load<u32>(at) == 0x0008_0100 && load<u16>(at, 4) == 0x0406;
}

@inline
export function arpSenderIp(at: u32): u32 {
  return bswap<u32>(load<u32>(at, 14));
}

@inline
export function arpTargetIp(at: u32): u32 {
  return bswap<u32>(load<u32>(at, 24));
}
