/** IPv4, RFC 791 §3.1. `at` is the address of the header. */

import { fold, sum } from './checksum';

export const IPV4_BYTES: u32 = 20;

@inline
export function fitsIpv4(length: u32): bool {
  return length >= IPV4_BYTES;
}

@inline
export function ipv4Version(at: u32): u32 {
  return <u32>load<u8>(at) >> 4;
}

/** Bytes of the header with its options, as the header says. */
@inline
export function ipv4HeaderBytes(at: u32): u32 {
  return (<u32>load<u8>(at) & 0x0f) << 2;
}

@inline
export function ipv4TotalLength(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 2));
}

/** Place of the fragment in its packet, in units of eight bytes; 0 in the first and in an unfragmented one. */
@inline
export function ipv4FragmentOffset(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 6)) & 0x1fff;
}

@inline
export function ipv4MoreFragments(at: u32): bool {
  return (load<u8>(at, 6) & 0x20) != 0;
}

@inline
export function ipv4Protocol(at: u32): u32 {
  return <u32>load<u8>(at, 9);
}

@inline
export function ipv4Source(at: u32): u32 {
  return bswap<u32>(load<u32>(at, 12));
}

@inline
export function ipv4Destination(at: u32): u32 {
  return bswap<u32>(load<u32>(at, 16));
}

const CHECKSUM: u32 = 10;

@inline
export function ipv4Identification(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 4));
}

@inline
export function setIpv4Identification(at: u32, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value), 4);
}

@inline
export function setIpv4TotalLength(at: u32, bytes: u32): void {
  store<u16>(at, bswap<u16>(<u16>bytes), 2);
}

/** Computes the checksum of the header anew. */
export function finishIpv4(at: u32): void {
  store<u16>(at, 0, CHECKSUM);
  store<u16>(at, <u16>~fold(sum(at, ipv4HeaderBytes(at))), CHECKSUM);
}
