import { readdirSync, readFileSync } from 'node:fs';
import type { MutateOptions } from './mutate.ts';
import type { Rng } from './rng.ts';

/** One parser that meets the network. */
export interface Target extends MutateOptions {
  readonly name: string;
  /** How many times longer than others a run takes: the short run has so many fewer of them. One when absent. */
  readonly cost?: number;
  /** Makes what was mutated fit together again in one place or another, so that not all of it fails at the gate. */
  readonly repair?: (rng: Rng, bytes: Uint8Array) => Uint8Array<ArrayBuffer>;
  /** Throws when the parser does what it must not. It depends on the input alone. */
  run(input: Uint8Array): void;
}

/** What was committed for a target, in the order of the names. */
export function corpus(name: string): Uint8Array<ArrayBuffer>[] {
  const folder = new URL(`./corpus/${name}/`, import.meta.url);
  return readdirSync(folder)
    .toSorted()
    .map((file) => Uint8Array.from(readFileSync(new URL(file, folder))));
}

export function words(...list: string[]): Uint8Array[] {
  return list.map((word) => new TextEncoder().encode(word));
}

export function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Cuts an input as a network would: some whole, some in bytes, most in a few pieces. */
export function pieces(rng: Rng, bytes: Uint8Array): Uint8Array[] {
  // No more than some hundreds of pieces: the first few show what cutting does.
  const least = Math.ceil(bytes.length / 600);
  const most = Math.max(least, rng.of([Number.POSITIVE_INFINITY, 1, 5, 60, 1_400]));
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = most === Number.POSITIVE_INFINITY ? bytes.length : 1 + rng.below(most);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}
