/** TCP, RFC 9293 §3.1. `at` is the address of the header. */

export const TCP: u32 = 6;
export const TCP_BYTES: u32 = 20;
export const TCP_CHECKSUM: u32 = 16;

@inline
export function fitsTcp(length: u32): bool {
  return length >= TCP_BYTES;
}

@inline
export function tcpSourcePort(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

@inline
export function tcpDestinationPort(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 2));
}

/** Bytes of the header with its options, as the header says. */
@inline
export function tcpHeaderBytes(at: u32): u32 {
  return (<u32>load<u8>(at, 12) >> 4) << 2;
}

/** CWR 0x80, ECE 0x40, URG 0x20, ACK 0x10, PSH 0x08, RST 0x04, SYN 0x02, FIN 0x01. */
@inline
export function tcpFlags(at: u32): u32 {
  return <u32>load<u8>(at, 13);
}

export const TCP_FLAGS: u32 = 13;

@inline
export function tcpSequence(at: u32): u32 {
  return bswap<u32>(load<u32>(at, 4));
}

@inline
export function setTcpSequence(at: u32, value: u32): void {
  store<u32>(at, bswap<u32>(value), 4);
}
