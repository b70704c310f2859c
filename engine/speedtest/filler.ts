import type { Random } from '../host.ts';
import { STOP } from './wire.ts';

/** Bytes written at a time: fewer cost more calls, more do not stay in the processor's cache. */
export const FILLER_BYTES = 128 * 1024;
/** What takes the place of the byte that data must not hold. */
const INSTEAD = 0x5f;

/** The data of a run: bytes that do not compress, without `STOP`. The same memory is sent again and again. */
export function createFiller(random: Random): Uint8Array {
  const filler = random(FILLER_BYTES);
  for (let i = 0; i < filler.length; i++) if (filler[i] === STOP) filler[i] = INSTEAD;
  return filler;
}
