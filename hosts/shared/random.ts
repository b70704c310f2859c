import { randomBytes } from 'node:crypto';
import type { Random } from '../../engine/host.ts';

/** Bytes from the operating system's generator, fit for keys. */
export const random: Random = (bytes) => new Uint8Array(randomBytes(bytes));
