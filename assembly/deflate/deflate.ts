/** Deflating one frame, RFC 1950 and 1951: what goes out depends on the frame and, with a window, on what is in it. */

import { HASH_BITS, HASH_BITS_SMALL, HASH_SMALL_MAX, HASH_TABLE, HASH_TABLE_BYTES } from '../memory';
import { adler32 } from './adler32';
import { endBits, initBlocks, startBits, writeBlock, writeStored } from './block';
import { initInflate } from './inflate';
import { initMatch, parse, reached, repeats, TOKENS_MAX } from './match';
import { looksRandom } from './sample';

/** RFC 1950 §2.2: deflate with a window of 32 KiB, compressed by the fastest algorithm. */
const ZLIB_HEADER: u16 = 0x0178;
/** Header and checksum. */
const ZLIB_BYTES: u32 = 6;

/** Position at which the next frame begins in the table that all frames share; 0 is before any. */
let position: u32 = 0;
/** From here on the positions begin anew, in an empty table. */
const POSITION_MAX: u32 = 0xfff0_0000;
/** Nothing is ever found so far back. */
const POSITION_FIRST: u32 = 0x1_0000;

export function initDeflate(): void {
  initInflate();
  initMatch();
  initBlocks();
  position = POSITION_MAX;
}

/**
 * Bytes of a zlib stream of `length` bytes, at most: a stored block takes five bytes more than it holds, and there is
 * one for each TOKENS_MAX bytes at least. Up to eight bytes behind it may be overwritten.
 */
export function zlibBound(length: u32): u32 {
  return length + ZLIB_BYTES + 5 * (2 + length / TOKENS_MAX);
}

/** Writes the zlib stream of `length` bytes at `from` to `to` and returns its length: `zlibBound` at most. */
export function deflateZlib(from: u32, length: u32, to: u32): u32 {
  store<u16>(to, ZLIB_HEADER);
  if (position >= POSITION_MAX) {
    memory.fill(HASH_TABLE, 0, HASH_TABLE_BYTES);
    position = POSITION_FIRST;
  }
  const bias = from - position;
  position += length + 1;
  startBits(to + 2);
  const end = from + length;
  const hashBits = length <= HASH_SMALL_MAX ? HASH_BITS_SMALL : HASH_BITS;
  if (looksRandom(from, length) && !repeats(from, end, HASH_TABLE, hashBits, bias)) writeStored(from, end, true);
  else writeBlocks(from, end, from, HASH_TABLE, hashBits, bias);
  const trailer = endBits();
  store<u32>(trailer, bswap<u32>(adler32(from, length)));
  return trailer + 4 - to;
}

/** Writes all blocks; between `startBits` and `endBits`. Of the arguments: see `parse`. */
export function writeBlocks(from: u32, end: u32, window: u32, table: u32, hashBits: u32, bias: u32): void {
  let at = from;
  do {
    parse(at, end, window, table, hashBits, bias);
    writeBlock(at, reached, reached == end);
    at = reached;
  } while (at < end);
}
