/** Whether bytes are worth looking at: those that are encrypted, or compressed already, are not. */

import { clear } from './bytes';

/** Bytes that are looked at. */
const SAMPLE: u32 = 256;
/** After so many more the sample of a text is already decided. */
const STEP: u32 = 32;
const COUNTS: u32 = <u32>memory.data(256);
/**
 * Pairs of equal bytes among SAMPLE random ones: 127.5 on average, with a deviation of 11. What has 7.8 bits of entropy
 * in a byte has some 170; an order-0 code would take 2 or 3 % off it, which is what it costs to say it.
 */
const PAIRS_MAX: u32 = 172;
/** A shorter frame is looked at as a whole. */
const LENGTH_MIN: u32 = 320;

/** Takes a sample from all over the bytes. Headers at the front do not make what follows look better. */
export function looksRandom(at: u32, length: u32): bool {
  if (length < LENGTH_MIN) return false;
  clear(COUNTS, 256);
  const from = at + 64;
  const step = ((length - 64) << 8) / SAMPLE;
  let pairs: u32 = 0;
  let offset: u32 = 0;
  for (let stop = STEP; stop <= SAMPLE && pairs <= PAIRS_MAX; stop += STEP) {
    for (let i: u32 = 0; i < STEP; i++) {
      const place = COUNTS + <u32>load<u8>(from + (offset >> 8));
      const seen = <u32>load<u8>(place);
      pairs += seen;
      store<u8>(place, <u8>(seen + 1));
      offset += step;
    }
  }
  return pairs <= PAIRS_MAX;
}
