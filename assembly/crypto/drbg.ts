/** Bytes that nobody can foretell: ChaCha20 with a key that is replaced by its own output (fast key erasure). */

import { CHACHA_BYTES, chachaBlock, chachaInit } from './chacha20';

const key: u32 = <u32>memory.data(32);
const nonce: u32 = <u32>memory.data(12);
const state: u32 = <u32>memory.data(64);
const output: u32 = <u32>memory.data(64);
/** Bytes of `output` that were handed out; the first 32 are the next key. */
let used: u32 = 64;

/** `seed`: 32 bytes of the host's random. */
export function seedDrbg(seed: u32): void {
  memory.copy(key, seed, 32);
  used = 64;
}

/** 16 bytes. */
export function randomBlock(at: u32): void {
  if (used == 64) {
    chachaInit(state, key, nonce, 0);
    chachaBlock(state, output);
    memory.fill(state, 0, CHACHA_BYTES);
    memory.copy(key, output, 32);
    memory.fill(output, 0, 32);
    used = 32;
  }
  memory.copy(at, output + used, 16);
  memory.fill(output + used, 0, 16);
  used += 16;
}
