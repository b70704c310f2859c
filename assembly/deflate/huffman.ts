/** Code lengths for counted symbols, Huffman's with a limit, and the canonical code of RFC 1951 §3.2.2. */

import { clear } from './bytes';
import { CODE_BITS_MAX } from './format';

const SYMBOLS_MAX: u32 = 286;
/** Of each symbol that occurs: count << 9 | symbol, in the order of the counts; twice, for sorting. */
const ITEMS: u32 = <u32>memory.data(SYMBOLS_MAX * 4 + 4);
const SPARE: u32 = <u32>memory.data(SYMBOLS_MAX * 4 + 4);
/** The weight of each inner node of the tree; its parent, and then its depth. */
const WEIGHTS: u32 = <u32>memory.data(SYMBOLS_MAX * 4);
const PARENTS: u32 = <u32>memory.data(SYMBOLS_MAX * 4);
/** How often each value of a byte occurs. */
const DIGITS: u32 = <u32>memory.data(256 * 4);
const LENGTH_COUNTS: u32 = <u32>memory.data(32 * 4);
const NEXT_CODE: u32 = <u32>memory.data(16 * 4);
const SYMBOL_BITS: u32 = 9;
const SYMBOL_MASK: u32 = (1 << SYMBOL_BITS) - 1;
/** In a frame no count is larger, so that one pass sorts them. */
const DIGIT_BITS: u32 = 8;

/** Symbols up to the last one that occurs, after `assignCode`. */
export let symbolsUsed: u32 = 0;
/** Bits of all symbols together, after `assignCode`. */
export let codedBits: u32 = 0;

/**
 * Gives `symbols` symbols with the counts at `counts` code lengths of at most `bitsMax` (a byte each, at `lengths`), and
 * codes at `codes`: bit-reversed in the low half of a u32, the length in the high one.
 */
export function assignCode(counts: u32, symbols: u32, bitsMax: u32, lengths: u32, codes: u32): void {
  let item: u32 = ITEMS;
  let most: u32 = 0;
  clear(lengths, symbols);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    // Whole ranges of bytes do not occur in what people write.
    while (symbol + 4 <= symbols && (load<u64>(counts + (symbol << 2)) | load<u64>(counts + (symbol << 2), 8)) == 0) symbol += 4;
    if (symbol == symbols) break;
    const count = load<u32>(counts + (symbol << 2));
    // Without a branch: which symbols occur cannot be foreseen.
    store<u32>(item, (count << SYMBOL_BITS) | symbol);
    item += count != 0 ? 4 : 0;
    most = max(most, count);
  }
  const used = (item - ITEMS) >> 2;
  symbolsUsed = 0;
  codedBits = 0;
  if (used == 0) return;
  symbolsUsed = (load<u32>(item - 4) & SYMBOL_MASK) + 1;
  clear(LENGTH_COUNTS, 32 * 4);
  const items = sort(used, most);
  if (used == 1) {
    store<u32>(LENGTH_COUNTS + 4, 1);
  } else {
    countDepths(items, used, bitsMax);
    shorten(bitsMax);
  }
  item = items;
  for (let length = bitsMax; length != 0; length--) {
    for (let n = load<u32>(LENGTH_COUNTS + (length << 2)); n != 0; n--) {
      const word = load<u32>(item);
      item += 4;
      store<u8>(lengths + (word & SYMBOL_MASK), <u8>length);
      codedBits += length * (word >> SYMBOL_BITS);
    }
  }
  number(symbolsUsed, lengths, codes);
}

/** Numbers the symbols of each length, RFC 1951 §3.2.2. LENGTH_COUNTS holds how many there are. */
function number(symbols: u32, lengths: u32, codes: u32): void {
  let code: u32 = 0;
  for (let length: u32 = 1; length <= CODE_BITS_MAX; length++) {
    store<u32>(NEXT_CODE + (length << 2), code);
    code = (code + load<u32>(LENGTH_COUNTS + (length << 2))) << 1;
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    while (symbol + 8 <= symbols && load<u64>(lengths + symbol) == 0) symbol += 8;
    if (symbol == symbols) break;
    const length = <u32>load<u8>(lengths + symbol);
    if (length == 0) continue;
    const at = NEXT_CODE + (length << 2);
    const next = load<u32>(at);
    store<u32>(at, next + 1);
    store<u32>(codes + (symbol << 2), (length << 16) | (reverse16(next) >> (16 - length)));
  }
}

/** The codes of fixed code lengths, at `lengths`. */
export function numberFixed(symbols: u32, lengths: u32, codes: u32): void {
  clear(LENGTH_COUNTS, 32 * 4);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) increment(LENGTH_COUNTS, <u32>load<u8>(lengths + symbol));
  store<u32>(LENGTH_COUNTS, 0);
  number(symbols, lengths, codes);
}

/** Sorts the items by count, a byte at a time; they are in the order of the symbols already. */
function sort(used: u32, most: u32): u32 {
  let from: u32 = ITEMS;
  let to: u32 = SPARE;
  for (let shift = SYMBOL_BITS; most != 0; shift += DIGIT_BITS, most >>= DIGIT_BITS) {
    clear(DIGITS, 256 * 4);
    const end = from + (used << 2);
    for (let at = from; at < end; at += 4) increment(DIGITS, (load<u32>(at) >> shift) & 255);
    let place = to;
    const digits = DIGITS + (min(most, 255) << 2);
    for (let at: u32 = DIGITS; at <= digits; at += 4) {
      const n = load<u32>(at);
      store<u32>(at, place);
      place += n << 2;
    }
    for (let at = from; at < end; at += 4) {
      const word = load<u32>(at);
      const digit = DIGITS + (((word >> shift) & 255) << 2);
      const put = load<u32>(digit);
      store<u32>(put, word);
      store<u32>(digit, put + 4);
    }
    const swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/**
 * Counts the leaves of each depth of Huffman's tree into LENGTH_COUNTS; leaves that lie deeper than `bitsMax` count as if
 * they had that depth. There are two leaves at least; they are sorted, and so are the inner nodes as they are made (van
 * Leeuwen 1976).
 */
function countDepths(items: u32, n: u32, bitsMax: u32): void {
  // Behind the last leaf, and behind the last inner node, is one that is too heavy to be taken.
  store<u32>(items + (n << 2), u32.MAX_VALUE);
  let leaf = items;
  let inner: u32 = 0;
  for (let next: u32 = 0; next < n - 1; next++) {
    store<u32>(WEIGHTS + (next << 2), u32.MAX_VALUE);
    let weight: u32 = 0;
    for (let twice: u32 = 0; twice < 2; twice++) {
      const light = load<u32>(leaf) >> SYMBOL_BITS;
      const other = load<u32>(WEIGHTS + (inner << 2));
      // Without a branch, which could not be foreseen. If the leaf is taken, this is overwritten.
      store<u32>(PARENTS + (inner << 2), next);
      const takesLeaf = light <= other;
      weight += takesLeaf ? light : other;
      leaf += takesLeaf ? 4 : 0;
      inner += takesLeaf ? 0 : 1;
    }
    store<u32>(WEIGHTS + (next << 2), weight);
  }
  // From the root down an inner node is one deeper than its parent. It takes the place of a leaf and makes room for two.
  const root = n - 2;
  store<u32>(PARENTS + (root << 2), 0);
  store<u32>(LENGTH_COUNTS + 4, 2);
  for (let i = <i32>root - 1; i >= 0; i--) {
    const depth = load<u32>(PARENTS + (load<u32>(PARENTS + (i << 2)) << 2)) + 1;
    store<u32>(PARENTS + (i << 2), depth);
    if (depth >= bitsMax) {
      // Whatever is below it would be too deep: another leaf at the bottom.
      add(LENGTH_COUNTS + (bitsMax << 2), 1);
      continue;
    }
    add(LENGTH_COUNTS + (depth << 2), -1);
    add(LENGTH_COUNTS + ((depth + 1) << 2), 2);
  }
}

/** Mends the code when leaves deeper than `bits` were counted as if they had that depth. */
function shorten(bits: u32): void {
  let total: u32 = 0;
  for (let length: u32 = 1; length <= bits; length++) total += load<u32>(LENGTH_COUNTS + (length << 2)) << (bits - length);
  // Each step takes a leaf of the longest and hangs it beside one that is moved a level down.
  while (total > <u32>1 << bits) {
    let length = bits - 1;
    while (load<u32>(LENGTH_COUNTS + (length << 2)) == 0) length--;
    store<u32>(LENGTH_COUNTS + (length << 2), load<u32>(LENGTH_COUNTS + (length << 2)) - 1);
    store<u32>(LENGTH_COUNTS + ((length + 1) << 2), load<u32>(LENGTH_COUNTS + ((length + 1) << 2)) + 2);
    store<u32>(LENGTH_COUNTS + (bits << 2), load<u32>(LENGTH_COUNTS + (bits << 2)) - 1);
    total--;
  }
}

@inline
function increment(counts: u32, i: u32): void {
  add(counts + (i << 2), 1);
}

@inline
function add(at: u32, value: i32): void {
  store<u32>(at, load<u32>(at) + value);
}

@inline
function reverse16(value: u32): u32 {
  value = ((value >> 1) & 0x5555) | ((value & 0x5555) << 1);
  value = ((value >> 2) & 0x3333) | ((value & 0x3333) << 2);
  value = ((value >> 4) & 0x0f0f) | ((value & 0x0f0f) << 4);
  return (value >> 8) | ((value & 0xff) << 8);
}
