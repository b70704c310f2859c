/** Blocks, RFC 1951 §3.2.3 to §3.2.7: each is written in whichever of the three ways is the shortest. */

import { DEFLATE_CODES, DEFLATE_TOKENS } from '../memory';
import { clear, copy } from './bytes';
import {
  BLOCK_DYNAMIC, BLOCK_FIXED, BLOCK_STORED, CODE_BITS_MAX, distanceBase, distanceExtra, DISTANCE_SYMBOLS, END_OF_BLOCK,
  FIXED_DISTANCE_SYMBOLS, FIXED_LITLEN_SYMBOLS, LENGTH_CODE_BITS_MAX, LENGTH_SYMBOLS, lengthBase, lengthExtra, lengthOrder, LITLEN_SYMBOLS,
  STORED_MAX,
} from './format';
import { assignCode, codedBits, numberFixed, symbolsUsed } from './huffman';
import { DISTANCE_COUNTS, distanceSymbol, extraBits, lengthCode, LITLEN_COUNTS, TOKEN_MATCH, tokens } from './match';

/** Codes: bit-reversed in the low half of a u32, the length in the high one. */
const LITLEN_CODES: u32 = DEFLATE_CODES;
const DISTANCE_CODES: u32 = LITLEN_CODES + LITLEN_SYMBOLS * 4;
const LENGTH_CODES: u32 = DISTANCE_CODES + DISTANCE_SYMBOLS * 4;
const FIXED_LITLEN_CODES: u32 = LENGTH_CODES + LENGTH_SYMBOLS * 4;
const FIXED_DISTANCE_CODES: u32 = FIXED_LITLEN_CODES + FIXED_LITLEN_SYMBOLS * 4;
/** Code lengths of litlens, a byte each, followed by those of distances; then those of distances once more. */
const CODE_LENGTHS: u32 = FIXED_DISTANCE_CODES + FIXED_DISTANCE_SYMBOLS * 4;
// Whole words of 16 bytes from here on, with room for one more: `bytes.ts` writes no others.
const DISTANCE_CODE_LENGTHS: u32 = CODE_LENGTHS + 336;
const LENGTH_CODE_LENGTHS: u32 = DISTANCE_CODE_LENGTHS + 48;
const LENGTH_COUNTS: u32 = LENGTH_CODE_LENGTHS + 32;
/** The code lengths as they are sent: symbol, and what a repetition adds << 8, u16 each. */
const SENT_LENGTHS: u32 = LENGTH_COUNTS + 96;
export const CODES_END: u32 = SENT_LENGTHS + 2 * (LITLEN_SYMBOLS + DISTANCE_SYMBOLS);

/** With fewer tokens than that a code of its own costs more to say than it saves: it takes some 50 bytes. */
const DYNAMIC_TOKENS_MIN: u32 = 64;

/** From so many tokens on a code of its own has hardly ever not paid. */
const FIXED_TOKENS_MAX: u32 = 512;

// Where the next whole byte goes, and the bits that do not fill one yet.
let to: u32 = 0;
let bits: u64 = 0;
let pending: u32 = 0;

export function initBlocks(): void {
  memory.fill(CODE_LENGTHS, 8, 144);
  memory.fill(CODE_LENGTHS + 144, 9, 112);
  memory.fill(CODE_LENGTHS + 256, 7, 24);
  memory.fill(CODE_LENGTHS + 280, 8, 8);
  numberFixed(FIXED_LITLEN_SYMBOLS, CODE_LENGTHS, FIXED_LITLEN_CODES);
  memory.fill(CODE_LENGTHS, 5, FIXED_DISTANCE_SYMBOLS);
  numberFixed(FIXED_DISTANCE_SYMBOLS, CODE_LENGTHS, FIXED_DISTANCE_CODES);
}

/** Begins a stream at `at`; nothing of an earlier one is left. */
export function startBits(at: u32): void {
  to = at;
  bits = 0;
  pending = 0;
}

/** Fills the last byte up with zeros and returns where the stream ends. */
export function endBits(): u32 {
  if (pending != 0) store<u8>(to++, <u8>bits);
  bits = 0;
  pending = 0;
  return to;
}

/** Writes the block of the tokens that stand for the bytes from `from` to `end`. */
export function writeBlock(from: u32, end: u32, last: bool): void {
  const fixed: u32 = tokens < FIXED_TOKENS_MAX ? 3 + extraBits + fixedBits() : u32.MAX_VALUE;
  const stored = storedBits(end - from);
  let dynamic: u32 = u32.MAX_VALUE;
  let litlens: u32 = 0;
  let distances: u32 = 0;
  let sent: u32 = 0;
  let lengths: u32 = 0;
  if (tokens >= DYNAMIC_TOKENS_MIN) {
    assignCode(LITLEN_COUNTS, LITLEN_SYMBOLS, CODE_BITS_MAX, CODE_LENGTHS, LITLEN_CODES);
    litlens = symbolsUsed;
    dynamic = 17 + extraBits + codedBits;
    assignCode(DISTANCE_COUNTS, DISTANCE_SYMBOLS, CODE_BITS_MAX, DISTANCE_CODE_LENGTHS, DISTANCE_CODES);
    distances = max(symbolsUsed, 1);
    dynamic += codedBits;
    sent = listLengths(litlens, distances);
    assignCode(LENGTH_COUNTS, LENGTH_SYMBOLS, LENGTH_CODE_BITS_MAX, LENGTH_CODE_LENGTHS, LENGTH_CODES);
    dynamic += codedBits + 2 * count(16) + 3 * count(17) + 7 * count(18);
    lengths = LENGTH_SYMBOLS;
    while (lengths > 4 && load<u8>(LENGTH_CODE_LENGTHS + lengthOrder(lengths - 1)) == 0) lengths--;
    dynamic += 3 * lengths;
  }
  if (stored <= min(fixed, dynamic)) return writeStored(from, end, last);
  if (fixed <= dynamic) {
    put((BLOCK_FIXED << 1) | (last ? 1 : 0), 3);
    writeTokens(FIXED_LITLEN_CODES, FIXED_DISTANCE_CODES);
    return;
  }
  put((BLOCK_DYNAMIC << 1) | (last ? 1 : 0), 3);
  put((litlens - 257) | ((distances - 1) << 5) | ((lengths - 4) << 10), 14);
  writeLengths(lengths, sent);
  writeTokens(LITLEN_CODES, DISTANCE_CODES);
}

/** Stored blocks for the bytes from `from` to `end`, at least one. */
export function writeStored(from: u32, end: u32, last: bool): void {
  do {
    const length = min(end - from, STORED_MAX);
    put((BLOCK_STORED << 1) | (last && from + length == end ? 1 : 0), 3);
    endBits();
    store<u16>(to, <u16>length);
    store<u16>(to, <u16>~length, 2);
    memory.copy(to + 4, from, length);
    to += 4 + length;
    from += length;
  } while (from < end);
}

/** Bits of the blocks that `writeStored` writes. */
function storedBits(length: u32): u32 {
  const blocks = length == 0 ? 1 : (length + STORED_MAX - 1) / STORED_MAX;
  // The first begins where the last one ended, in the middle of a byte perhaps; the others at a byte.
  return ((length + 5 * (blocks - 1) + 4) << 3) + 3 + ((5 - pending) & 7);
}

/** Bits of the tokens in the fixed code, without those behind the symbols: lengths as in RFC 1951 §3.2.6. */
function fixedBits(): u32 {
  let total: u32 = 0;
  for (let symbol: u32 = 0; symbol < LITLEN_SYMBOLS; symbol++) {
    total += load<u32>(LITLEN_COUNTS + (symbol << 2)) * (load<u32>(FIXED_LITLEN_CODES + (symbol << 2)) >> 16);
  }
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) total += load<u32>(DISTANCE_COUNTS + (symbol << 2)) * 5;
  return total;
}

/** Lists the code lengths as RFC 1951 §3.2.7 sends them, counts their symbols, and returns how many there are. */
function listLengths(litlens: u32, distances: u32): u32 {
  clear(LENGTH_COUNTS, LENGTH_SYMBOLS * 4);
  // Those of the distances follow those of the litlens, and a repetition may run from one into the other.
  copy(CODE_LENGTHS + litlens, DISTANCE_CODE_LENGTHS, distances);
  const end = CODE_LENGTHS + litlens + distances;
  let put: u32 = SENT_LENGTHS;
  let at: u32 = CODE_LENGTHS;
  while (at < end) {
    const length = <u32>load<u8>(at);
    let run: u32 = 1;
    if (length == 0) while (at + run + 8 <= end && load<u64>(at + run) == 0) run += 8;
    while (at + run < end && <u32>load<u8>(at + run) == length) run++;
    at += run;
    if (length != 0) {
      put = send(put, length, 0);
      run--;
    }
    while (run >= 3) {
      const most: u32 = length != 0 ? 6 : 138;
      const times = min(run, most);
      if (length != 0) put = send(put, 16, times - 3);
      else if (times <= 10) put = send(put, 17, times - 3);
      else put = send(put, 18, times - 11);
      run -= times;
    }
    for (; run != 0; run--) put = send(put, length, 0);
  }
  // A code of one symbol would be incomplete, which is refused here.
  let kinds: u32 = 0;
  for (let i: u32 = 0; i < LENGTH_SYMBOLS; i++) kinds += count(i) != 0 ? 1 : 0;
  if (kinds == 1) store<u32>(LENGTH_COUNTS + (count(0) != 0 ? 4 : 0), 1);
  return (put - SENT_LENGTHS) >> 1;
}

@inline
function send(at: u32, symbol: u32, more: u32): u32 {
  store<u16>(at, <u16>(symbol | (more << 8)));
  store<u32>(LENGTH_COUNTS + (symbol << 2), count(symbol) + 1);
  return at + 2;
}

@inline
function count(symbol: u32): u32 {
  return load<u32>(LENGTH_COUNTS + (symbol << 2));
}

/** The code of the code lengths, and the code lengths. */
function writeLengths(lengths: u32, sent: u32): void {
  let buffer = bits;
  let have = pending;
  let at = to;
  for (let i: u32 = 0; i < lengths; i++) {
    buffer |= <u64>load<u8>(LENGTH_CODE_LENGTHS + lengthOrder(i)) << have;
    have += 3;
    store<u64>(at, buffer);
    at += have >> 3;
    buffer >>= have & 56;
    have &= 7;
  }
  const end = SENT_LENGTHS + (sent << 1);
  for (let next = SENT_LENGTHS; next < end; next += 2) {
    const word = <u32>load<u16>(next);
    const symbol = word & 0xff;
    const code = load<u32>(LENGTH_CODES + (symbol << 2));
    buffer |= <u64>(code & 0xffff) << have;
    have += code >> 16;
    // Nothing but for the three repetitions.
    buffer |= <u64>(word >> 8) << have;
    have += symbol < 16 ? 0 : symbol == 18 ? 7 : symbol - 14;
    store<u64>(at, buffer);
    at += have >> 3;
    buffer >>= have & 56;
    have &= 7;
  }
  to = at;
  bits = buffer;
  pending = have;
}

/** All tokens, and the end of the block. Up to eight bytes behind the end are overwritten. */
function writeTokens(litlens: u32, distances: u32): void {
  let buffer = bits;
  let have = pending;
  let at = to;
  // The end of the block is sent like a literal.
  const end: u32 = DEFLATE_TOKENS + (tokens << 2);
  store<u32>(end, END_OF_BLOCK);
  for (let token: u32 = DEFLATE_TOKENS; token <= end; token += 4) {
    let word = load<u32>(token);
    if (word & TOKEN_MATCH) {
      const length = word & 0x1ff;
      const distance = ((word >> 16) & 0x7fff) + 1;
      const lengthAt = lengthCode(length);
      let code = load<u32>(litlens + ((END_OF_BLOCK + 1 + lengthAt) << 2));
      buffer |= <u64>(code & 0xffff) << have;
      have += code >> 16;
      buffer |= <u64>(length - lengthBase(lengthAt)) << have;
      have += lengthExtra(lengthAt);
      const symbol = distanceSymbol(distance);
      code = load<u32>(distances + (symbol << 2));
      buffer |= <u64>(code & 0xffff) << have;
      have += code >> 16;
      buffer |= <u64>(distance - distanceBase(symbol)) << have;
      have += distanceExtra(symbol);
    } else {
      let code = load<u32>(litlens + (word << 2));
      buffer |= <u64>(code & 0xffff) << have;
      have += code >> 16;
      // Literals often come together. The token behind the last is the end itself.
      word = load<u32>(token, 4);
      if (!(word & TOKEN_MATCH) && token < end) {
        code = load<u32>(litlens + (word << 2));
        buffer |= <u64>(code & 0xffff) << have;
        have += code >> 16;
        token += 4;
      }
    }
    // 7 bits were there at most and 48 have come.
    store<u64>(at, buffer);
    at += have >> 3;
    buffer >>= have & 56;
    have &= 7;
  }
  to = at;
  bits = buffer;
  pending = have;
}

/** Appends up to 16 bits. */
@inline
function put(value: u32, count: u32): void {
  bits |= <u64>value << pending;
  pending += count;
  store<u32>(to, <u32>bits);
  to += pending >> 3;
  bits >>= pending & 56;
  pending &= 7;
}
