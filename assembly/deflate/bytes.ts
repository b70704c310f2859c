/**
 * Filling and copying a few dozen bytes: calls of `memory.fill` and `memory.copy` leave the compiled code, which takes as
 * long as a hundred bytes. All three touch whole words of 16 bytes, and so up to 15 bytes more than they are asked to.
 */

@inline
export function clear(at: u32, bytes: u32): void {
  fill(at, 0, bytes);
}

export function fill(at: u32, value: u8, bytes: u32): void {
  const end = at + bytes;
  if (ASC_FEATURE_SIMD) {
    const values = i8x16.splat(value);
    for (; at < end; at += 16) v128.store(at, values);
  } else {
    const values = <u64>value * 0x0101_0101_0101_0101;
    for (; at < end; at += 16) {
      store<u64>(at, values);
      store<u64>(at, values, 8);
    }
  }
}

export function copy(to: u32, from: u32, bytes: u32): void {
  const end = to + bytes;
  for (; to < end; to += 16, from += 16) {
    if (ASC_FEATURE_SIMD) {
      v128.store(to, v128.load(from));
    } else {
      store<u64>(to, load<u64>(from));
      store<u64>(to, load<u64>(from, 8), 8);
    }
  }
}
