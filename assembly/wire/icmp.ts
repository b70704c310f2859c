/** ICMP, RFC 792, and ICMPv6, RFC 4443 §2.1. `at` is the address of the header. */

export const ICMP: u32 = 1;
export const ICMPV6: u32 = 58;
/** Type, code and checksum: all that both versions and all types have. */
export const ICMP_BYTES: u32 = 4;

@inline
export function fitsIcmp(length: u32): bool {
  return length >= ICMP_BYTES;
}

@inline
export function icmpType(at: u32): u32 {
  return <u32>load<u8>(at);
}

@inline
export function icmpCode(at: u32): u32 {
  return <u32>load<u8>(at, 1);
}
