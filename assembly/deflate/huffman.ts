/** Code lengths for counted symbols, Huffman's with a limit, and the canonical code of RFC 1951 §3.2.2. */

import { CODE_BITS_MAX } from './format';

const SYMBOLS_MAX: u32 = 286;
/** Of each symbol that occurs: count << 9 | symbol, in the order of the counts; twice, for sorting. */
const ITEMS: u32 = <u32>memory.data(SYMBOLS_MAX * 4);
const SPARE: u32 = <u32>memory.data(SYMBOLS_MAX * 4);
/** Weights, then parents, then depths of the tree. */
const TREE: u32 = <u32>memory.data(SYMBOLS_MAX * 4);
/** Room for a count of each value of six bits. */
const DIGITS: u32 = <u32>memory.data(64 * 4);
const LENGTH_COUNTS: u32 = <u32>memory.data(32 * 4);
const NEXT_CODE: u32 = <u32>memory.data(16 * 4);
const SYMBOL_BITS: u32 = 9;
const DIGIT_BITS: u32 = 6;

/** Symbols up to the last one that occurs, after `assignCode`. */
export let symbolsUsed: u32 = 0;
/** Bits of all symbols together, after `assignCode`. */
export let codedBits: u32 = 0;

/**
 * Gives `symbols` symbols with the counts at `counts` code lengths of at most `bitsMax` (a byte each, at `lengths`), and
 * codes at `codes`: bit-reversed in the low half of a u32, the length in the high one.
 */
export function assignCode(counts: u32, symbols: u32, bitsMax: u32, lengths: u32, codes: u32): void {
  let used: u32 = 0;
  let most: u32 = 0;
  symbolsUsed = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    store<u8>(lengths + symbol, 0);
    if (count == 0) continue;
    store<u32>(ITEMS + (used++ << 2), (count << SYMBOL_BITS) | symbol);
    most = max(most, count);
    symbolsUsed = symbol + 1;
  }
  codedBits = 0;
  if (used == 0) return;
  memory.fill(LENGTH_COUNTS, 0, 32 * 4);
  const items = sort(used, most);
  if (used == 1) {
    store<u32>(LENGTH_COUNTS + 4, 1);
  } else {
    growTree(items, used);
    for (let i: u32 = 0; i < used; i++) increment(LENGTH_COUNTS, min(load<u32>(TREE + (i << 2)), bitsMax));
    shorten(bitsMax);
  }
  let item = items;
  for (let length = bitsMax; length != 0; length--) {
    for (let n = load<u32>(LENGTH_COUNTS + (length << 2)); n != 0; n--) {
      const word = load<u32>(item);
      item += 4;
      store<u8>(lengths + (word & ((1 << SYMBOL_BITS) - 1)), <u8>length);
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
  memory.fill(LENGTH_COUNTS, 0, 32 * 4);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) increment(LENGTH_COUNTS, <u32>load<u8>(lengths + symbol));
  store<u32>(LENGTH_COUNTS, 0);
  number(symbols, lengths, codes);
}

/** Sorts the items by count, six bits at a time; they are in the order of the symbols already. */
function sort(used: u32, most: u32): u32 {
  let from: u32 = ITEMS;
  let to: u32 = SPARE;
  for (let shift = SYMBOL_BITS; most != 0; shift += DIGIT_BITS, most >>= DIGIT_BITS) {
    memory.fill(DIGITS, 0, 64 * 4);
    const end = from + (used << 2);
    for (let at = from; at < end; at += 4) increment(DIGITS, (load<u32>(at) >> shift) & 63);
    let place = to;
    const digits = DIGITS + (min(most, 63) << 2);
    for (let at: u32 = DIGITS; at <= digits; at += 4) {
      const n = load<u32>(at);
      store<u32>(at, place);
      place += n << 2;
    }
    for (let at = from; at < end; at += 4) {
      const word = load<u32>(at);
      const digit = DIGITS + (((word >> shift) & 63) << 2);
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
 * Depths of the leaves of Huffman's tree, at least two, in the order of their weights: Moffat and Katajainen, "In-place
 * calculation of minimum-redundancy codes", 1995.
 */
function growTree(items: u32, n: u32): void {
  for (let i: u32 = 0; i < n; i++) store<u32>(TREE + (i << 2), load<u32>(items + (i << 2)) >> SYMBOL_BITS);
  // Each inner node takes the two lightest that are left, leaves or inner nodes, and leaves its number with them.
  let leaf: u32 = 0;
  let inner: u32 = 0;
  for (let next: u32 = 0; next < n - 1; next++) {
    let weight: u32 = 0;
    for (let twice: u32 = 0; twice < 2; twice++) {
      if (leaf >= n || (inner < next && node(inner) < node(leaf))) {
        weight += node(inner);
        setNode(inner++, next);
      } else {
        weight += node(leaf++);
      }
    }
    setNode(next, weight);
  }
  // From the root down: an inner node is one deeper than its parent.
  setNode(n - 2, 0);
  for (let i = <i32>n - 3; i >= 0; i--) setNode(i, node(node(i)) + 1);
  // What of each depth is not an inner node is a leaf.
  let open: u32 = 1;
  let depth: u32 = 0;
  let at = <i32>n - 2;
  let put = <i32>n - 1;
  while (open > 0) {
    let inside: u32 = 0;
    while (at >= 0 && node(at) == depth) {
      inside++;
      at--;
    }
    while (open > inside) {
      setNode(put--, depth);
      open--;
    }
    open = 2 * inside;
    depth++;
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
function node(i: u32): u32 {
  return load<u32>(TREE + (i << 2));
}

@inline
function setNode(i: u32, value: u32): void {
  store<u32>(TREE + (i << 2), value);
}

@inline
function increment(counts: u32, i: u32): void {
  const at = counts + (i << 2);
  store<u32>(at, load<u32>(at) + 1);
}

@inline
function reverse16(value: u32): u32 {
  value = ((value >> 1) & 0x5555) | ((value & 0x5555) << 1);
  value = ((value >> 2) & 0x3333) | ((value & 0x3333) << 2);
  value = ((value >> 4) & 0x0f0f) | ((value & 0x0f0f) << 4);
  return (value >> 8) | ((value & 0xff) << 8);
}
