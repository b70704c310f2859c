/** UDP, RFC 768. `at` is the address of the header. */

export const UDP: u32 = 17;
export const UDP_BYTES: u32 = 8;
export const UDP_CHECKSUM: u32 = 6;

@inline
export function fitsUdp(length: u32): bool {
  return length >= UDP_BYTES;
}

@inline
export function udpSourcePort(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

@inline
export function udpDestinationPort(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 2));
}

@inline
export function udpLength(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 4));
}

@inline
export function setUdpLength(at: u32, bytes: u32): void {
  store<u16>(at, bswap<u16>(<u16>bytes), 4);
}
