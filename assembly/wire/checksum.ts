/**
 * The Internet checksum, RFC 1071. Sums are taken over 16-bit words as they lie in memory and stored the same way: the
 * sum of swapped words is the swapped sum (§2 B), so that nothing is ever swapped.
 */

/** Ones' complement sum of `length` bytes, not folded; an odd last byte counts as if a zero followed. */
export function sum(at: u32, length: u32): u64 {
  let total: u64 = 0;
  const end = at + length;
  if (ASC_FEATURE_SIMD) {
    // Each step adds at most 2 × 0xffff to a lane of 32 bits: that holds for half a MiB, and no frame has more.
    let even = i32x4.splat(0);
    let odd = i32x4.splat(0);
    while (end - at >= 32) {
      even = i32x4.add(even, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
      odd = i32x4.add(odd, i32x4.extadd_pairwise_i16x8_u(v128.load(at, 16)));
      at += 32;
    }
    // A lane of `even` and one of `odd` may not fit in 32 bits together.
    total += lanes(even) + lanes(odd);
  }
  while (end - at >= 8) {
    const words = load<u64>(at);
    total += (words & 0xffff_ffff) + (words >> 32);
    at += 8;
  }
  while (end - at >= 2) {
    total += <u64>load<u16>(at);
    at += 2;
  }
  if (at < end) total += <u64>load<u8>(at);
  return total;
}

/** A sum in 16 bits; both zeros of ones' complement stay what they are. */
@inline
export function fold(total: u64): u32 {
  let folded = (total & 0xffff_ffff) + (total >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return <u32>((folded & 0xffff) + (folded >> 16));
}

/** What the 16-bit number would add to a sum, were it in memory in network order. */
@inline
export function wordOf(value: u32): u64 {
  return <u64>bswap<u16>(<u16>value);
}

/** RFC 9293 §3.1 and RFC 8200 §8.1. `at` is the IP header; `length` of header and payload of the transport, in bytes. */
@inline
export function pseudoHeader(at: u32, ipv6: bool, protocol: u32, length: u32): u64 {
  const addresses = ipv6 ? sum(at + 8, 32) : sum(at + 12, 8);
  return addresses + wordOf(protocol) + wordOf(length & 0xffff) + wordOf(length >> 16);
}

@inline
function lanes(v: v128): u64 {
  return <u64>i64x2.extract_lane(i64x2.extend_low_i32x4_u(v), 0) + <u64>i64x2.extract_lane(i64x2.extend_low_i32x4_u(v), 1)
    + <u64>i64x2.extract_lane(i64x2.extend_high_i32x4_u(v), 0) + <u64>i64x2.extract_lane(i64x2.extend_high_i32x4_u(v), 1);
}
