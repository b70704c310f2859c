/**
 * The MAC of a message whose length is a secret, because it is what decrypted padding says (RFC 5246 §6.2.3.2). Time and
 * memory accesses depend on the longest it may be and on nothing else: an attacker who can tell a wrong padding from a
 * wrong MAC reads the plain text byte by byte (Vaudenay 2002; AlFardan and Paterson, "Lucky Thirteen", 2013).
 */

import { equalMask, lessMask, select } from './constant-time';
import { BLOCK_BYTES, compressState, CONTEXT_BYTES, digestBytes, hashedBytes, hashKind, hashUpdate, lengthField, waitingAt, waitingBytes, writeDigest } from './hash';
import { macOuter } from './mac';

/** Bytes of padding and its length at most (RFC 5246 §6.2.3.2). */
const PADDING_MAX: u32 = 256;

const block: u32 = <u32>memory.data(64, 16);
const state: u32 = <u32>memory.data(32);
const found: u32 = <u32>memory.data(32);
const turned: u32 = <u32>memory.data(32);
/** 0 to 63. */
const COUNT: u32 = <u32>memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
  32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
], 16);

/**
 * Writes to `output` the MAC of what `context` has seen and `length` bytes at `at`.
 * @param longest What `length` is at most; no less than `longest` - 255.
 */
export function hiddenMac(mac: u32, context: u32, at: u32, length: u32, longest: u32, output: u32): void {
  const kind = hashKind(context);
  // As much as is in every case the message's is hashed as always, up to the end of a block.
  const shortest: u32 = longest < PADDING_MAX ? 0 : longest - (PADDING_MAX - 1);
  const waiting = waitingBytes(context);
  const sure: u32 = waiting + shortest < BLOCK_BYTES ? 0 : ((waiting + shortest) & ~(BLOCK_BYTES - 1)) - waiting;
  if (sure > 0) hashUpdate(context, at, sure);
  const bits = lengthField(kind, hashedBytes(context) + (length - sure));
  at += sure;
  length -= sure;
  longest -= sure;

  // From here on `head` bytes that wait, then the message: a stream of which the end is a secret.
  const head = waitingBytes(context);
  const end = head + length;
  const last = (end + 8) / BLOCK_BYTES;
  const blocks = (head + longest + 8) / BLOCK_BYTES + 1;
  memory.fill(state, 0, 32);
  for (let n: u32 = 0; n < blocks; n++) {
    const start = n * BLOCK_BYTES;
    // Of the bytes behind the longest message any will do, they are masked out: they are the record's own, or its successor's.
    if (n == 0) {
      memory.copy(block, waitingAt(context), head);
      memory.copy(block + head, at, BLOCK_BYTES - head);
    } else {
      memory.copy(block, at + start - head, BLOCK_BYTES);
    }
    // Where in this block the message ends: 0 if before it, 64 if behind it.
    let cut = select(lessMask(end, start), 0, end - start);
    cut = select(lessMask(cut, BLOCK_BYTES), cut, BLOCK_BYTES);
    // The mark that follows the message is not in a block that begins behind it.
    const mark = select(lessMask(end, start), 255, cut);
    cutBlock(cut, mark);
    const isLast = equalMask(n, last);
    const tail = load<u64>(block + BLOCK_BYTES - 8);
    const mask = <u64>isLast | (<u64>isLast << 32);
    store<u64>(block + BLOCK_BYTES - 8, (tail & ~mask) | (bits & mask));
    compressState(kind, context, block, 1);
    for (let i: u32 = 0; i < 32; i += 4) {
      store<u32>(state + i, load<u32>(state + i) | (load<u32>(context + i) & isLast));
    }
  }
  writeDigest(kind, state, found);
  macOuter(mac, found, context, output);
  memory.fill(block, 0, BLOCK_BYTES);
  memory.fill(state, 0, 32);
  memory.fill(context, 0, CONTEXT_BYTES);
}

/** Copies to `output` the `size` bytes at `at` + `length`, where `length` is as above. */
export function hiddenCopy(at: u32, length: u32, longest: u32, size: u32, output: u32): void {
  const shortest: u32 = longest < PADDING_MAX ? 0 : longest - (PADDING_MAX - 1);
  memory.fill(found, 0, 32);
  // They come out turned: the first at `turn`.
  let turn: u32 = 0;
  let j: u32 = 0;
  for (let i = shortest; i < longest + size; i++) {
    const inside = ~lessMask(i, length) & lessMask(i, length + size);
    store<u8>(found + j, load<u8>(found + j) | (load<u8>(at + i) & <u8>inside));
    turn |= j & equalMask(i, length);
    if (++j == size) j = 0;
  }
  for (let bit: u32 = 1; bit < size; bit <<= 1) {
    const mask = <u8>(0 - <u32>((turn & bit) != 0));
    for (let i: u32 = 0; i < size; i++) {
      let from = i + bit;
      if (from >= size) from -= size;
      store<u8>(turned + i, (load<u8>(found + i) & ~mask) | (load<u8>(found + from) & mask));
    }
    memory.copy(found, turned, size);
  }
  memory.copy(output, found, size);
}

/** Keeps the first `cut` bytes of the block, puts 0x80 at `mark` and zeros elsewhere. */
function cutBlock(cut: u32, mark: u32): void {
  if (ASC_FEATURE_SIMD) {
    const cuts = i8x16.splat(<i8>cut);
    const marks = i8x16.splat(<i8>mark);
    for (let i: u32 = 0; i < BLOCK_BYTES; i += 16) {
      const places = v128.load(COUNT + i);
      const kept = v128.and(v128.load(block + i), v128.lt<u8>(places, cuts));
      v128.store(block + i, v128.or(kept, v128.and(i8x16.splat(0x80 as i8), i8x16.eq(places, marks))));
    }
    return;
  }
  for (let i: u32 = 0; i < BLOCK_BYTES; i++) {
    store<u8>(block + i, <u8>((<u32>load<u8>(block + i) & lessMask(i, cut)) | (0x80 & equalMask(i, mark))));
  }
}
