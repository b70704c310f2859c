/** What RFC 1950 and RFC 1951 fix: symbols, their bases and extra bits. */

/** RFC 1951 §3.2.3, the two bits behind BFINAL. */
export const BLOCK_STORED: u32 = 0;
export const BLOCK_FIXED: u32 = 1;
export const BLOCK_DYNAMIC: u32 = 2;

export const END_OF_BLOCK: u32 = 256;
export const MATCH_MIN: u32 = 3;
export const MATCH_MAX: u32 = 258;
export const DISTANCE_MAX: u32 = 32_768;

/** Symbols that a dynamic block may use, §3.2.7; the fixed code has two more of each, which mean nothing. */
export const LITLEN_SYMBOLS: u32 = 286;
export const DISTANCE_SYMBOLS: u32 = 30;
export const FIXED_LITLEN_SYMBOLS: u32 = 288;
export const FIXED_DISTANCE_SYMBOLS: u32 = 32;
/** Code lengths 0 to 15, and three symbols that repeat one: §3.2.7. */
export const LENGTH_SYMBOLS: u32 = 19;
export const CODE_BITS_MAX: u32 = 15;
export const LENGTH_CODE_BITS_MAX: u32 = 7;

/** Bytes of a stored block that its 16-bit length can say, §3.2.4. */
export const STORED_MAX: u32 = 65_535;

/** Length symbols from 257 on, §3.2.5: shortest match, and how many bits are added to it. */
const LENGTH_BASE: u32 = <u32>memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const LENGTH_EXTRA: u32 = <u32>memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]);
const DISTANCE_BASE: u32 = <u32>memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
  16385, 24577,
]);
/** The order in which the lengths of the length code are sent, §3.2.7. */
const LENGTH_ORDER: u32 = <u32>memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

/** `code` counts from 0 for symbol 257. */
@inline
export function lengthBase(code: u32): u32 {
  return <u32>load<u16>(LENGTH_BASE + code * 2);
}

@inline
export function lengthExtra(code: u32): u32 {
  return <u32>load<u8>(LENGTH_EXTRA + code);
}

@inline
export function distanceBase(symbol: u32): u32 {
  return <u32>load<u16>(DISTANCE_BASE + symbol * 2);
}

@inline
export function distanceExtra(symbol: u32): u32 {
  return symbol < 2 ? 0 : (symbol >> 1) - 1;
}

@inline
export function lengthOrder(i: u32): u32 {
  return <u32>load<u8>(LENGTH_ORDER + i);
}
