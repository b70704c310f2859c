/** IPv6, RFC 8200 §3 and §4. `at` is the address of the header. */

export const IPV6_BYTES: u32 = 40;

const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
const FRAGMENT: u32 = 44;
const DESTINATION_OPTIONS: u32 = 60;
/** No sender needs more extension headers than there are kinds (RFC 8200 §4.1); what has more is not looked into. */
const EXTENSIONS_MAX: u32 = 8;

/** What `ipv6Payload` found: the protocol of the payload and where it starts, relative to the IPv6 header. */
export let ipv6PayloadProtocol: u32 = 0;
export let ipv6PayloadOffset: u32 = 0;
/** Whether there is a fragment header, and with it no whole packet. */
export let ipv6Fragment: bool = false;
/** Whether the payload is a later fragment, which has no transport header. */
export let ipv6LaterFragment: bool = false;

/** Whether the number of a next header is that of an extension that is walked over. */
@inline
export function isIpv6Extension(next: u32): bool {
  return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION_OPTIONS;
}

@inline
export function fitsIpv6(length: u32): bool {
  return length >= IPV6_BYTES;
}

@inline
export function ipv6Version(at: u32): u32 {
  return <u32>load<u8>(at) >> 4;
}

@inline
export function ipv6PayloadLength(at: u32): u32 {
  return <u32>bswap<u16>(load<u16>(at, 4));
}

/** Both halves of the source address folded into one number: good for telling sources apart, not for reading. */
@inline
export function ipv6SourceFold(at: u32): u64 {
  return load<u64>(at, 8) * 0x9e37_79b9_7f4a_7c15 + load<u64>(at, 16);
}

@inline
export function ipv6DestinationFold(at: u32): u64 {
  return load<u64>(at, 24) * 0x9e37_79b9_7f4a_7c15 + load<u64>(at, 32);
}

/** Walks the extension headers. False when one of them does not fit in `length`, the bytes from the header on. */
export function ipv6Payload(at: u32, length: u32): bool {
  let next = <u32>load<u8>(at, 6);
  let offset = IPV6_BYTES;
  ipv6Fragment = ipv6LaterFragment = false;
  for (let i: u32 = 0; i < EXTENSIONS_MAX; i++) {
    if (!isIpv6Extension(next)) break;
    if (length < offset + 8) return false;
    const header = at + offset;
    if (next == FRAGMENT) {
      ipv6Fragment = true;
      if (bswap<u16>(load<u16>(header, 2)) >> 3 != 0) ipv6LaterFragment = true;
      offset += 8;
    } else {
      offset += (<u32>load<u8>(header, 1) + 1) << 3;
    }
    next = <u32>load<u8>(header);
    if (offset > length) return false;
    if (ipv6LaterFragment) break;
  }
  ipv6PayloadProtocol = next;
  ipv6PayloadOffset = offset;
  return true;
}

@inline
export function setIpv6PayloadLength(at: u32, bytes: u32): void {
  store<u16>(at, bswap<u16>(<u16>bytes), 4);
}
