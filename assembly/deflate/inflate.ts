/**
 * Inflating, RFC 1951, as fast as one frame at a time allows: there is no state between calls, the whole input is there,
 * and the whole output fits. It does not trust a bit of its input.
 */

import { DEFLATE } from '../memory';
import { adler32 } from './adler32';
import { clear, fill } from './bytes';
import { buildTable, DISTANCE_BITS, DISTANCE_ENTRIES, INVALID, LEADS_ON, LENGTH_BITS, LENGTH_ENTRIES, LITERAL, LITLEN_BITS, LITLEN_ENTRIES, SPECIAL, tableBits } from './decode-table';
import {
  BLOCK_DYNAMIC, BLOCK_STORED, DISTANCE_SYMBOLS, distanceBase, distanceExtra, END_OF_BLOCK, FIXED_DISTANCE_SYMBOLS, FIXED_LITLEN_SYMBOLS,
  LENGTH_SYMBOLS, lengthBase, lengthExtra, lengthOrder, LITLEN_SYMBOLS,
} from './format';

/** Bytes behind the output limit that are overwritten at most: what is copied 16 bytes at a time, and three literals. */
export const INFLATE_SLACK: u32 = 32;

/** Why a stream is refused. `engine/codec/codec.ts` names them in the same order. */
export const INFLATE_HEADER: i32 = -1;
export const INFLATE_DICTIONARY: i32 = -2;
export const INFLATE_BLOCK_TYPE: i32 = -3;
export const INFLATE_STORED: i32 = -4;
export const INFLATE_LENGTHS: i32 = -5;
export const INFLATE_SYMBOL: i32 = -6;
export const INFLATE_DISTANCE: i32 = -7;
export const INFLATE_TRUNCATED: i32 = -8;
export const INFLATE_TOO_LONG: i32 = -9;
export const INFLATE_CHECKSUM: i32 = -10;

const LITLEN_TABLE: u32 = DEFLATE;
const DISTANCE_TABLE: u32 = LITLEN_TABLE + LITLEN_ENTRIES * 4;
const FIXED_LITLEN_TABLE: u32 = DISTANCE_TABLE + DISTANCE_ENTRIES * 4;
const FIXED_DISTANCE_TABLE: u32 = FIXED_LITLEN_TABLE + 512 * 4;
const LENGTH_TABLE: u32 = FIXED_DISTANCE_TABLE + 32 * 4;
const LITLEN_SYMBOL: u32 = LENGTH_TABLE + LENGTH_ENTRIES * 4;
const DISTANCE_SYMBOL: u32 = LITLEN_SYMBOL + FIXED_LITLEN_SYMBOLS * 4;
const LENGTH_SYMBOL: u32 = DISTANCE_SYMBOL + FIXED_DISTANCE_SYMBOLS * 4;
/** Code lengths of a block, a byte each. A repetition may reach beyond the last one before it is refused. */
const LENGTHS: u32 = LENGTH_SYMBOL + LENGTH_SYMBOLS * 4;
export const INFLATE_END: u32 = LENGTHS + 640;

// What is read from: the next byte, the end, and the bits that were taken from the input but not used.
let input: u32 = 0;
let inputEnd: u32 = 0;
let buffer: u64 = 0;
let available: u32 = 0;
// The tables of the block at hand, and where its output goes.
let litlenTable: u32 = 0;
let litlenBits: u32 = 0;
let distanceTable: u32 = 0;
let distanceBits: u32 = 0;
let output: u32 = 0;

export function initInflate(): void {
  for (let symbol: u32 = 0; symbol < 256; symbol++) store<u32>(LITLEN_SYMBOL + symbol * 4, LITERAL | (symbol << 16));
  store<u32>(LITLEN_SYMBOL + END_OF_BLOCK * 4, SPECIAL);
  for (let symbol = END_OF_BLOCK + 1; symbol < FIXED_LITLEN_SYMBOLS; symbol++) {
    const code = symbol - END_OF_BLOCK - 1;
    store<u32>(LITLEN_SYMBOL + symbol * 4, symbol < LITLEN_SYMBOLS ? (lengthBase(code) << 16) | lengthExtra(code) : SPECIAL | INVALID);
  }
  for (let symbol: u32 = 0; symbol < FIXED_DISTANCE_SYMBOLS; symbol++) {
    const known = symbol < DISTANCE_SYMBOLS;
    store<u32>(DISTANCE_SYMBOL + symbol * 4, known ? (distanceBase(symbol) << 16) | distanceExtra(symbol) : SPECIAL | INVALID);
  }
  for (let symbol: u32 = 0; symbol < LENGTH_SYMBOLS; symbol++) store<u32>(LENGTH_SYMBOL + symbol * 4, symbol << 16);
  // RFC 1951 §3.2.6.
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  buildTable(FIXED_LITLEN_TABLE, LITLEN_BITS, LENGTHS, FIXED_LITLEN_SYMBOLS, LITLEN_SYMBOL, false);
  memory.fill(LENGTHS, 5, FIXED_DISTANCE_SYMBOLS);
  buildTable(FIXED_DISTANCE_TABLE, DISTANCE_BITS, LENGTHS, FIXED_DISTANCE_SYMBOLS, DISTANCE_SYMBOL, false);
}

/**
 * Inflates the zlib stream of `length` bytes at `from` to `to`, where `limit` + INFLATE_SLACK bytes are free. Bytes
 * behind the stream are ignored (`protocol/data-plane.md` §1.4). Returns the number of bytes, or why not, below 0.
 */
export function inflateZlib(from: u32, length: u32, to: u32, limit: u32): i32 {
  if (length < 2) return INFLATE_TRUNCATED;
  const method = <u32>load<u8>(from);
  const flags = <u32>load<u8>(from, 1);
  // RFC 1950 §2.2: deflate, a window of 32 KiB at most, and a multiple of 31.
  if ((method & 0x0f) != 8 || method > 0x78 || ((method << 8) | flags) % 31 != 0) return INFLATE_HEADER;
  if (flags & 0x20) return INFLATE_DICTIONARY;
  const bytes = inflate(from + 2, length - 2, to, to, limit);
  if (bytes < 0) return bytes;
  if (input + 4 > from + length) return INFLATE_TRUNCATED;
  if (bswap<u32>(load<u32>(input)) != adler32(to, bytes)) return INFLATE_CHECKSUM;
  return bytes;
}

/**
 * The same for a deflate stream without zlib's header and trailer. Matches may reach back to `window`, which is `to` or
 * lies before it. What follows the stream begins at the byte behind its last bit.
 */
export function inflate(from: u32, length: u32, window: u32, to: u32, limit: u32): i32 {
  input = from;
  inputEnd = from + length;
  buffer = 0;
  available = 0;
  output = to;
  let last = false;
  while (!last) {
    refill();
    last = (buffer & 1) != 0;
    const type = <u32>(buffer >> 1) & 3;
    drop(3);
    let error: i32 = 0;
    if (type == BLOCK_STORED) {
      error = copyStored(to + limit);
    } else {
      if (type == BLOCK_DYNAMIC) error = readTables();
      else if (type > BLOCK_DYNAMIC) error = INFLATE_BLOCK_TYPE;
      else useFixedTables();
      if (error == 0) error = decodeBlock(window, to + limit);
    }
    // What was read behind the end was not part of the stream, so it is no better reason than the end itself.
    if (overrun()) return INFLATE_TRUNCATED;
    if (error != 0) return error;
  }
  // Whole bytes that were fetched but not used belong to what follows.
  input -= available >> 3;
  return output - to;
}

/** Has at least 56 bits in the buffer. It may read behind the end of the input: `overrun` tells when that mattered. */
@inline
function refill(): void {
  buffer |= load<u64>(input) << available;
  input += (63 - available) >> 3;
  available |= 56;
}

@inline
function drop(bits: u32): void {
  buffer >>= bits;
  available -= bits;
}

@inline
function overrun(): bool {
  return input - (available >> 3) > inputEnd;
}

function copyStored(end: u32): i32 {
  drop(available & 7);
  refill();
  const length = <u32>buffer & 0xffff;
  if (length != (~<u32>(buffer >> 16) & 0xffff)) return INFLATE_STORED;
  drop(32);
  input -= available >> 3;
  buffer = 0;
  available = 0;
  if (input > inputEnd || inputEnd - input < length) return INFLATE_TRUNCATED;
  if (length > end - output) return INFLATE_TOO_LONG;
  memory.copy(output, input, length);
  input += length;
  output += length;
  return 0;
}

function useFixedTables(): void {
  litlenTable = FIXED_LITLEN_TABLE;
  litlenBits = 9;
  distanceTable = FIXED_DISTANCE_TABLE;
  distanceBits = 5;
}

/** The codes of a dynamic block, RFC 1951 §3.2.7. */
function readTables(): i32 {
  refill();
  const litlens = (<u32>buffer & 31) + 257;
  const distances = (<u32>(buffer >> 5) & 31) + 1;
  const lengths = (<u32>(buffer >> 10) & 15) + 4;
  drop(14);
  if (litlens > LITLEN_SYMBOLS || distances > DISTANCE_SYMBOLS) return INFLATE_LENGTHS;
  // 19 × 3 bits are one more than are certainly there.
  clear(LENGTHS, LENGTH_SYMBOLS);
  for (let i: u32 = 0; i < lengths; i++) {
    if (i == 9) refill();
    store<u8>(LENGTHS + lengthOrder(i), <u8>(buffer & 7));
    drop(3);
  }
  if (!buildTable(LENGTH_TABLE, LENGTH_BITS, LENGTHS, LENGTH_SYMBOLS, LENGTH_SYMBOL, false)) return INFLATE_LENGTHS;
  const error = readLengths(litlens + distances, (1 << tableBits) - 1);
  if (error != 0) return error;
  // Without it the block could not end.
  if (load<u8>(LENGTHS + END_OF_BLOCK) == 0) return INFLATE_LENGTHS;
  if (!buildTable(LITLEN_TABLE, LITLEN_BITS, LENGTHS, litlens, LITLEN_SYMBOL, false)) return INFLATE_LENGTHS;
  litlenTable = LITLEN_TABLE;
  litlenBits = tableBits;
  if (!buildTable(DISTANCE_TABLE, DISTANCE_BITS, LENGTHS + litlens, distances, DISTANCE_SYMBOL, true)) return INFLATE_LENGTHS;
  distanceTable = DISTANCE_TABLE;
  distanceBits = tableBits;
  return 0;
}

function readLengths(count: u32, mask: u32): i32 {
  let bits = buffer;
  let have = available;
  let next = input;
  let error: i32 = 0;
  let i: u32 = 0;
  while (i < count) {
    bits |= load<u64>(next) << have;
    next += (63 - have) >> 3;
    have |= 56;
    // Three of at most 14 bits.
    for (let n: u32 = 0; n < 3 && i < count; n++) {
      const entry = load<u32>(LENGTH_TABLE + ((<u32>bits & mask) << 2));
      if (entry & SPECIAL) return INFLATE_LENGTHS;
      bits >>= <u64>(entry & 31);
      have -= entry & 31;
      const symbol = entry >> 16;
      if (symbol < 16) {
        store<u8>(LENGTHS + i++, <u8>symbol);
        continue;
      }
      let value: u8 = 0;
      let times: u32;
      if (symbol == 16) {
        if (i == 0) return INFLATE_LENGTHS;
        value = load<u8>(LENGTHS + i - 1);
        times = 3 + (<u32>bits & 3);
        bits >>= 2;
        have -= 2;
      } else if (symbol == 17) {
        times = 3 + (<u32>bits & 7);
        bits >>= 3;
        have -= 3;
      } else {
        times = 11 + (<u32>bits & 127);
        bits >>= 7;
        have -= 7;
      }
      fill(LENGTHS + i, value, times);
      i += times;
    }
    if (next > inputEnd + 16) break;
  }
  if (i > count) error = INFLATE_LENGTHS;
  else if (i < count) error = INFLATE_TRUNCATED;
  buffer = bits;
  available = have;
  input = next;
  return error;
}

/** The symbols of a block up to its end. */
function decodeBlock(window: u32, end: u32): i32 {
  let bits = buffer;
  let have = available;
  let next = input;
  let to = output;
  let error: i32 = 0;
  const litlens = litlenTable;
  const litlenMask = (1 << litlenBits) - 1;
  const distances = distanceTable;
  const distanceMask = (1 << distanceBits) - 1;
  const stop = inputEnd + 16;
  while (true) {
    bits |= load<u64>(next) << have;
    next += (63 - have) >> 3;
    have |= 56;
    // Three literals of the first table at most, then the rest of 56 bits is not enough for a match.
    let entry = load<u32>(litlens + ((<u32>bits & litlenMask) << 2));
    if (entry & LITERAL) {
      bits >>= <u64>(entry & 31);
      have -= entry & 31;
      store<u8>(to++, <u8>(entry >> 16));
      entry = load<u32>(litlens + ((<u32>bits & litlenMask) << 2));
      if (entry & LITERAL) {
        bits >>= <u64>(entry & 31);
        have -= entry & 31;
        store<u8>(to++, <u8>(entry >> 16));
        entry = load<u32>(litlens + ((<u32>bits & litlenMask) << 2));
        if (entry & LITERAL) {
          bits >>= <u64>(entry & 31);
          have -= entry & 31;
          store<u8>(to++, <u8>(entry >> 16));
          if (to > end || next > stop) break;
          continue;
        }
      }
      bits |= load<u64>(next) << have;
      next += (63 - have) >> 3;
      have |= 56;
    }
    if (to > end || next > stop) break;
    if (entry & SPECIAL) {
      if (entry & LEADS_ON) {
        bits >>= <u64>(entry & 31);
        have -= entry & 31;
        entry = load<u32>(litlens + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
      }
      if (entry & LITERAL) {
        bits >>= <u64>(entry & 31);
        have -= entry & 31;
        store<u8>(to++, <u8>(entry >> 16));
        continue;
      }
      if (entry & SPECIAL) {
        if (entry & INVALID) error = INFLATE_SYMBOL;
        bits >>= <u64>(entry & 31);
        have -= entry & 31;
        break;
      }
    }
    const length = (entry >> 16) + ((<u32>bits & ((1 << (entry & 31)) - 1)) >> ((entry >> 8) & 15));
    bits >>= <u64>(entry & 31);
    have -= entry & 31;
    entry = load<u32>(distances + ((<u32>bits & distanceMask) << 2));
    if (entry & SPECIAL) {
      if (entry & LEADS_ON) {
        bits >>= <u64>(entry & 31);
        have -= entry & 31;
        entry = load<u32>(distances + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
      }
      if (entry & INVALID) {
        error = INFLATE_SYMBOL;
        break;
      }
    }
    const distance = (entry >> 16) + ((<u32>bits & ((1 << (entry & 31)) - 1)) >> ((entry >> 8) & 15));
    bits >>= <u64>(entry & 31);
    have -= entry & 31;
    if (distance > to - window) {
      error = INFLATE_DISTANCE;
      break;
    }
    if (length > end - to) {
      error = INFLATE_TOO_LONG;
      break;
    }
    copyMatch(to, distance, length);
    to += length;
  }
  if (error == 0 && to > end) error = INFLATE_TOO_LONG;
  buffer = bits;
  available = have;
  input = next;
  output = to;
  return error;
}

/** Copies `length` bytes that lie `distance` before `to`, and up to 15 more. */
@inline
function copyMatch(to: u32, distance: u32, length: u32): void {
  let from = to - distance;
  const end = to + length;
  if (ASC_FEATURE_SIMD && distance >= 16) {
    do {
      v128.store(to, v128.load(from));
      from += 16;
      to += 16;
    } while (to < end);
  } else if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(from));
      from += 8;
      to += 8;
    } while (to < end);
  } else {
    do {
      store<u8>(to++, load<u8>(from++));
    } while (to < end);
  }
}
