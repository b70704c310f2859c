/** Adler-32, RFC 1950 §8. */

const MODULUS: u32 = 65_521;
/** Bytes after which the sums are reduced: 5552 is the most that 32 bits hold (§9), here in whole steps of 16. */
const CHUNK: u32 = 5_552;

export function adler32(at: u32, length: u32): u32 {
  let a: u32 = 1;
  let b: u32 = 0;
  const end = at + length;
  while (at < end) {
    const chunk = min(CHUNK, end - at);
    let stop = at + chunk;
    if (ASC_FEATURE_SIMD) {
      const steps = chunk >> 4;
      if (steps != 0) {
        // Within a step of 16 bytes the first counts 16 times, the last once; earlier bytes once more in each step.
        let sums = i32x4.splat(0);
        let before = i32x4.splat(0);
        let low = i32x4.splat(0);
        let high = i32x4.splat(0);
        const from = at;
        for (const last = at + (steps << 4); at < last; at += 16) {
          const bytes = v128.load(at);
          before = i32x4.add(before, sums);
          const first = i16x8.extend_low_i8x16_u(bytes);
          const second = i16x8.extend_high_i8x16_u(bytes);
          low = i32x4.add(low, i32x4.dot_i16x8_s(first, i16x8(16, 15, 14, 13, 12, 11, 10, 9)));
          high = i32x4.add(high, i32x4.dot_i16x8_s(second, i16x8(8, 7, 6, 5, 4, 3, 2, 1)));
          sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(i16x8.add(first, second)));
        }
        b += a * (at - from) + (lanes(before) << 4) + lanes(i32x4.add(low, high));
        a += lanes(sums);
      }
    } else {
      for (; stop - at >= 4; at += 4) {
        const word = load<u32>(at);
        a += word & 0xff;
        b += a;
        a += (word >> 8) & 0xff;
        b += a;
        a += (word >> 16) & 0xff;
        b += a;
        a += word >> 24;
        b += a;
      }
    }
    for (; at < stop; at++) {
      a += <u32>load<u8>(at);
      b += a;
    }
    a %= MODULUS;
    b %= MODULUS;
  }
  return (b << 16) | a;
}

@inline
function lanes(v: v128): u32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}
