/** ChaCha20-Poly1305 (RFC 8439 §2.8) in place; the tag of 16 bytes lies behind the message. */

import { chacha20, CHACHA_BYTES, chachaBlock, chachaInit } from './chacha20';
import { sameBytes } from './constant-time';
import { POLY_BYTES, polyFinal, polyInit, polyPad, polyUpdate } from './poly1305';

export const TAG_BYTES: u32 = 16;

const cipher: u32 = <u32>memory.data(64);
const oneTimeKey: u32 = <u32>memory.data(64);
const poly: u32 = <u32>memory.data(80);
const tag: u32 = <u32>memory.data(16);

export function aeadSeal(key: u32, nonce: u32, aad: u32, aadLength: u32, at: u32, length: u32): void {
  start(key, nonce);
  chacha20(cipher, at, length);
  finish(aad, aadLength, at, length, at + length);
}

/** Whether the tag, behind `length` bytes, is right; if not, nothing was decrypted. */
export function aeadOpen(key: u32, nonce: u32, aad: u32, aadLength: u32, at: u32, length: u32): bool {
  start(key, nonce);
  finish(aad, aadLength, at, length, tag);
  const right = sameBytes(tag, at + length, TAG_BYTES) != 0;
  memory.fill(tag, 0, TAG_BYTES);
  if (right) {
    chachaInit(cipher, key, nonce, 1);
    chacha20(cipher, at, length);
  }
  memory.fill(cipher, 0, CHACHA_BYTES);
  return right;
}

/** RFC 8439 §2.6: the first block of key stream is the key of the tag. */
function start(key: u32, nonce: u32): void {
  chachaInit(cipher, key, nonce, 0);
  chachaBlock(cipher, oneTimeKey);
  polyInit(poly, oneTimeKey);
  memory.fill(oneTimeKey, 0, 64);
}

function finish(aad: u32, aadLength: u32, at: u32, length: u32, output: u32): void {
  polyUpdate(poly, aad, aadLength);
  polyPad(poly);
  polyUpdate(poly, at, length);
  polyPad(poly);
  store<u64>(oneTimeKey, aadLength);
  store<u64>(oneTimeKey, length, 8);
  polyUpdate(poly, oneTimeKey, 16);
  polyFinal(poly, output);
  memory.fill(cipher, 0, CHACHA_BYTES);
  memory.fill(poly, 0, POLY_BYTES);
}
