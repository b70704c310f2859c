/**
 * Finding repetitions: one pass over a frame that turns it into literals and matches, and counts them.
 *
 * Every position is entered into a table of one place for each hash of four bytes; a match is taken when it is found.
 * On frames of text that is smaller and faster than zlib's fastest setting, which takes matches of three bytes but does
 * not enter what is inside a match. To look one byte further for a longer match makes them less than 1 % smaller.
 */

import { DEFLATE_COUNTS, DEFLATE_TOKENS } from '../memory';
import { clear } from './bytes';
import { distanceExtra, DISTANCE_MAX, DISTANCE_SYMBOLS, END_OF_BLOCK, lengthBase, lengthExtra, LITLEN_SYMBOLS, MATCH_MAX, MATCH_MIN } from './format';

/** Tokens of one block: as many as zlib's at its usual setting, so that the code fits what it codes. */
export const TOKENS_MAX: u32 = 16_384;
/** A match in a token: bits 16-30 are its distance less 1, bits 0-8 its length. A literal is its byte. */
export const TOKEN_MATCH: u32 = 0x8000_0000;

/** How often each symbol occurs in the block: u32 each, with the end of the block. */
export const LITLEN_COUNTS: u32 = DEFLATE_COUNTS;
export const DISTANCE_COUNTS: u32 = LITLEN_COUNTS + LITLEN_SYMBOLS * 4;
/** The length code of each length less MATCH_MIN. */
const LENGTH_CODES: u32 = <u32>memory.data(256);

/** Tokens in DEFLATE_TOKENS, and the byte where the next block begins. */
export let tokens: u32 = 0;
export let reached: u32 = 0;
/** Bits behind the symbols, in all. */
export let extraBits: u32 = 0;

export function initMatch(): void {
  for (let code: u32 = 0; code < 28; code++) {
    for (let length = lengthBase(code); length < lengthBase(code + 1); length++) store<u8>(LENGTH_CODES + length - MATCH_MIN, <u8>code);
  }
  store<u8>(LENGTH_CODES + MATCH_MAX - MATCH_MIN, 28);
}

@inline
export function lengthCode(length: u32): u32 {
  return <u32>load<u8>(LENGTH_CODES + length - MATCH_MIN);
}

@inline
export function distanceSymbol(distance: u32): u32 {
  const x = distance - 1;
  if (x < 2) return x;
  const bits = 31 - clz(x);
  return (bits << 1) + ((x >> (bits - 1)) & 1);
}

/**
 * Parses the bytes from `at` to `end` until they end or the tokens are full. `table` holds, for a hash of `hashBits` bits,
 * the last position that had it; a position is the address less `bias`. Matches reach back to `window`: what is entered from before it,
 * for another frame, has positions that lie too far back, so that the table never has to be cleared. One from 4 GiB ago
 * may not look so, and does no harm: what it leads to is compared.
 */
export function parse(at: u32, end: u32, window: u32, table: u32, hashBits: u32, bias: u32): void {
  const shift = 32 - hashBits;
  clear(DEFLATE_COUNTS, (LITLEN_SYMBOLS + DISTANCE_SYMBOLS) * 4);
  store<u32>(LITLEN_COUNTS + END_OF_BLOCK * 4, 1);
  let token: u32 = DEFLATE_TOKENS;
  const full: u32 = DEFLATE_TOKENS + TOKENS_MAX * 4;
  let extra: u32 = 0;
  // The last bytes have no four to be hashed.
  const last = end - at > 4 ? end - 4 : at;
  while (at < last && token < full) {
    // Each token stands for a byte at least.
    const stop = min(last, at + ((full - token) >> 2));
    do {
      const word = load<u32>(at);
      const place = table + hash(word, shift);
      const position = at - bias;
      const distance = position - load<u32>(place);
      store<u32>(place, position);
      // One branch where two could not be foreseen. `repeats` has entered positions that are still to come, and this one.
      const inside = distance - 1 < min(at - window, DISTANCE_MAX);
      if (!(<u32>inside & <u32>(load<u32>(inside ? at - distance : at) == word))) {
        store<u32>(token, word & 0xff);
        token += 4;
        count(LITLEN_COUNTS, word & 0xff);
        at++;
        continue;
      }
      const length = matchLength(at, at - distance, min(end - at, MATCH_MAX));
      store<u32>(token, TOKEN_MATCH | ((distance - 1) << 16) | length);
      token += 4;
      const code = lengthCode(length);
      const symbol = distanceSymbol(distance);
      count(LITLEN_COUNTS, END_OF_BLOCK + 1 + code);
      count(DISTANCE_COUNTS, symbol);
      extra += lengthExtra(code) + distanceExtra(symbol);
      const behind = at + length;
      if (behind < last) {
        // Not every position inside: a loop over them would cost more time than it saves bytes.
        store<u32>(table + hash(load<u32>(at + 1), shift), position + 1);
        store<u32>(table + hash(load<u32>(at + 2), shift), position + 2);
        store<u32>(table + hash(load<u32>(at + 3), shift), position + 3);
        store<u32>(table + hash(load<u32>(behind - 2), shift), behind - 2 - bias);
        store<u32>(table + hash(load<u32>(behind - 1), shift), behind - 1 - bias);
      }
      at = behind;
    } while (at < stop);
  }
  while (at < end && token < full) {
    const byte = <u32>load<u8>(at++);
    store<u32>(token, byte);
    token += 4;
    count(LITLEN_COUNTS, byte);
  }
  tokens = (token - DEFLATE_TOKENS) >> 2;
  reached = at;
  extraBits = extra;
}

/** Whether a pass over every sixteenth position finds a repetition of four bytes. */
export function repeats(at: u32, end: u32, table: u32, hashBits: u32, bias: u32): bool {
  const shift = 32 - hashBits;
  const from = at;
  const last = end - at > 4 ? end - 4 : at;
  for (; at < last; at += 16) {
    const word = load<u32>(at);
    const place = table + hash(word, shift);
    const distance = at - bias - load<u32>(place);
    store<u32>(place, at - bias);
    if (distance <= min(at - from, DISTANCE_MAX) && load<u32>(at - distance) == word) return true;
  }
  return false;
}

@inline
function count(counts: u32, symbol: u32): void {
  const at = counts + (symbol << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Fibonacci hashing (Knuth, TAOCP 6.4): the place in a table of u32. */
@inline
function hash(word: u32, shift: u32): u32 {
  return ((word * 0x9e37_79b1) >> shift) << 2;
}

/** How many of at most `most` bytes are the same; the first four are. */
@inline
function matchLength(a: u32, b: u32, most: u32): u32 {
  let length: u32 = 4;
  while (length + 8 <= most) {
    const difference = load<u64>(a + length) ^ load<u64>(b + length);
    if (difference != 0) return length + (<u32>ctz(difference) >> 3);
    length += 8;
  }
  while (length < most && load<u8>(a + length) == load<u8>(b + length)) length++;
  return length;
}
