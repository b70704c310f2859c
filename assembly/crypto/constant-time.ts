/**
 * Comparisons that take the same time and touch the same memory whatever they compare. Their answers are masks, all bits
 * or none, to be computed with and not branched on as long as they are secret.
 */

/** All bits when a < b. Both below 2 ** 31. */
@inline
export function lessMask(a: u32, b: u32): u32 {
  return <u32>(<i32>(a - b) >> 31);
}

/** All bits when a == b. */
@inline
export function equalMask(a: u32, b: u32): u32 {
  const difference = a ^ b;
  return <u32>(<i32>(~difference & (difference - 1)) >> 31);
}

@inline
export function select(mask: u32, a: u32, b: u32): u32 {
  return (a & mask) | (b & ~mask);
}

/** All bits when `length` bytes at `a` are those at `b`. */
export function sameBytes(a: u32, b: u32, length: u32): u32 {
  let difference: u32 = 0;
  for (let i: u32 = 0; i < length; i++) difference |= <u32>load<u8>(a + i) ^ <u32>load<u8>(b + i);
  return equalMask(difference, 0);
}
