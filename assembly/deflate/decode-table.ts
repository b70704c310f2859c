/**
 * Tables that decode a prefix code, RFC 1951 §3.2.2. The next `bits` bits of the input choose an entry; codes that are
 * longer lead to a second table behind the first. An entry says all that is to be known of its symbol:
 *
 *   bits 0-4    bits to take off the input: the code, and the extra bits behind it
 *   bits 8-11   bits of the code alone; of an entry that leads on: those that choose in the second table
 *   LITERAL     the symbol is a byte, in bits 16-23
 *   SPECIAL     the end of the block, or LEADS_ON to the entry whose number is in bits 16-30, or INVALID
 *   otherwise   bits 16-30 are the base of a length or a distance
 */

import { clear, copy } from './bytes';
import { CODE_BITS_MAX } from './format';

export const LITERAL: u32 = 0x8000_0000;
export const SPECIAL: u32 = 0x80;
export const LEADS_ON: u32 = 0x40;
export const INVALID: u32 = 0x20;

/** Index bits of the first table, at most; what is sent in one frame rarely has longer codes. */
export const LITLEN_BITS: u32 = 10;
export const DISTANCE_BITS: u32 = 8;
export const LENGTH_BITS: u32 = 7;

/**
 * Entries of both tables, at most. A second table of 2^w entries decodes more than w symbols, w being 15 less the index
 * bits of the first: 286 symbols have 47 of 32 entries, 30 have three of 128 and one of 32.
 */
export const LITLEN_ENTRIES: u32 = (1 << LITLEN_BITS) + 48 * 32;
export const DISTANCE_ENTRIES: u32 = (1 << DISTANCE_BITS) + 3 * 128 + 32;
export const LENGTH_ENTRIES: u32 = 1 << LENGTH_BITS;

/** How many codes of each length there are: 16 of u32, and three times the same while they are counted. */
const counts: u32 = <u32>memory.data(4 * 64);
const offsets: u32 = <u32>memory.data(16 * 4);
/** Symbols in the order of their codes: 288 of u16. */
const sorted: u32 = <u32>memory.data(288 * 2);

/** Index bits of the table that was built last. */
export let tableBits: u32 = 0;

/**
 * Builds the table at `table` from the code lengths of `symbols` symbols, a byte each, at `lengths`. `entries` holds what
 * is known of each symbol but its code. Only a code of a single symbol of one bit may be incomplete, as in zlib, and, if
 * `mayBeEmpty`, one without symbols. False: the lengths are not those of a prefix code.
 */
export function buildTable(table: u32, bitsMax: u32, lengths: u32, symbols: u32, entries: u32, mayBeEmpty: bool): bool {
  countLengths(lengths, symbols);
  let longest = CODE_BITS_MAX;
  while (longest != 0 && load<u32>(counts + (longest << 2)) == 0) longest--;
  if (longest == 0) {
    if (!mayBeEmpty) return false;
    tableBits = 1;
    store<u64>(table, (<u64>(SPECIAL | INVALID) << 32) | (SPECIAL | INVALID));
    return true;
  }
  let left: i32 = 1;
  let offset: u32 = 0;
  for (let length: u32 = 1; length <= longest; length++) {
    const count = load<u32>(counts + (length << 2));
    left = (left << 1) - <i32>count;
    if (left < 0) return false;
    store<u32>(offsets + (length << 2), offset);
    offset += count;
  }
  if (left > 0 && longest != 1) return false;
  for (let i: u32 = 0; i < symbols; i++) {
    const length = <u32>load<u8>(lengths + i);
    if (length == 0) continue;
    const at = offsets + (length << 2);
    const place = load<u32>(at);
    store<u32>(at, place + 1);
    store<u16>(sorted + (place << 1), <u16>i);
  }
  const bits = min(longest, bitsMax);
  tableBits = bits;
  fillTables(table, bits, longest, entries);
  if (left > 0) store<u32>(table, SPECIAL | INVALID, 4);
  return true;
}

/** Most lengths are 0, and one counter for all would have each wait for the one before: four take turns. */
function countLengths(lengths: u32, symbols: u32): void {
  clear(counts, 4 * 64);
  let i: u32 = 0;
  for (; i + 4 <= symbols; i += 4) {
    const four = load<u32>(lengths + i);
    increment(counts + ((four & 15) << 2));
    increment(counts + 64 + ((four >> 6) & 60));
    increment(counts + 128 + ((four >> 14) & 60));
    increment(counts + 192 + ((four >> 22) & 60));
  }
  for (; i < symbols; i++) increment(counts + (<u32>load<u8>(lengths + i) << 2));
  for (let at = counts; at < counts + 64; at += 4) {
    store<u32>(at, load<u32>(at) + load<u32>(at, 64) + load<u32>(at, 128) + load<u32>(at, 192));
  }
}

@inline
function increment(at: u32): void {
  store<u32>(at, load<u32>(at) + 1);
}

function fillTables(table: u32, bits: u32, longest: u32, entries: u32): void {
  // Codes are numbered from their most significant bit but read from the least: `code` is counted up bit-reversed.
  let code: u32 = 0;
  let symbol = sorted;
  for (let length: u32 = 1; length <= bits; length++) {
    for (let count = load<u32>(counts + (length << 2)); count != 0; count--) {
      store<u32>(table + (code << 2), load<u32>(entries + (<u32>load<u16>(symbol) << 2)) + length * 0x101);
      symbol += 2;
      code = after(code, length);
    }
    // So far a table of `length` bits; with one bit more, its other half is the same but for the codes to come.
    if (length < bits) copy(table + (4 << length), table, 4 << length);
  }
  const mask = (1 << bits) - 1;
  let next: u32 = 1 << bits;
  let prefix: u32 = 0xffff_ffff;
  let second: u32 = 0;
  let width: u32 = 0;
  for (let length = bits + 1; length <= longest; length++) {
    for (let count = load<u32>(counts + (length << 2)); count != 0; count--) {
      if ((code & mask) != prefix) {
        prefix = code & mask;
        // The codes that share the prefix fill the second table, so their number tells its size.
        width = length - bits;
        let used = count;
        while (used < <u32>1 << width) {
          width++;
          used = (used << 1) + load<u32>(counts + ((bits + width) << 2));
        }
        second = next;
        next += 1 << width;
        store<u32>(table + (prefix << 2), (second << 16) | (width << 8) | SPECIAL | LEADS_ON | bits);
      }
      const entry = load<u32>(entries + (<u32>load<u16>(symbol) << 2)) + (length - bits) * 0x101;
      symbol += 2;
      for (let i = code >> bits; i < <u32>1 << width; i += 1 << (length - bits)) store<u32>(table + ((second + i) << 2), entry);
      code = after(code, length);
    }
  }
}

/** The next code of that many bits, bit-reversed; the last is followed by 0. */
@inline
function after(code: u32, length: u32): u32 {
  const zeros = code ^ ((1 << length) - 1);
  if (zeros == 0) return 0;
  const bit = <u32>1 << (31 - clz(zeros));
  return (code & (bit - 1)) | bit;
}
