import { readFileSync } from 'node:fs';
import { hex } from '../../sim/frames.ts';

/** A file of test/vectors. */
export function vector(name: string): string {
  return readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8');
}

export function hexVector(name: string): Uint8Array<ArrayBuffer> {
  return hex(vector(name));
}

export function jsonVector<T>(name: string): T {
  return JSON.parse(vector(name)) as T;
}
