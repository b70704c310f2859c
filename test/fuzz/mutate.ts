import type { Rng } from './rng.ts';

/** Limits of the formats and their neighbours, and where numbers wrap. */
const INTERESTING = [
  0, 1, 2, 3, 4, 7, 8, 13, 14, 15, 16, 20, 27, 28, 32, 40, 41, 42, 60, 63, 64, 65, 127, 128, 129, 255, 256, 511, 512,
  513, 1_411, 1_500, 1_501, 1_514, 1_600, 1_601, 3_200, 3_201, 3_411, 4_096, 4_097, 0x7fff, 0x8000, 0xffff, 0x1_0000,
  0x1_0001, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x0800, 0x0806, 0x8100, 0x86dd,
];

export interface MutateOptions {
  readonly seeds: readonly Uint8Array[];
  /** Words of the format. */
  readonly words?: readonly Uint8Array[];
  /** What is longer is cut. */
  readonly maxBytes: number;
}

/** One seed, changed in one to eight places. */
export function mutate(rng: Rng, options: MutateOptions): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer> = rng.of(options.seeds).slice(0, options.maxBytes);
  const times = 1 + (rng.oneIn(4) ? rng.below(8) : rng.below(3));
  for (let i = 0; i < times; i++) bytes = change(rng, bytes, options);
  return bytes.length > options.maxBytes ? bytes.slice(0, options.maxBytes) : bytes;
}

function change(rng: Rng, bytes: Uint8Array<ArrayBuffer>, options: MutateOptions): Uint8Array<ArrayBuffer> {
  const at = rng.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + rng.below(rng.oneIn(3) ? 400 : 16));
  switch (rng.below(14)) {
    case 0:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << rng.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = rng.below(256);
      return bytes;
    case 2:
      if (at < bytes.length) bytes[at] = bytes[at]! + rng.below(9) - 4;
      return bytes;
    case 3:
    case 4:
    case 5:
      return number(rng, bytes, at);
    case 6:
      return bytes.slice(0, at);
    case 7:
      return replace(bytes, at, end, NOTHING);
    case 8:
      return replace(bytes, at, at, bytes.slice(at, end));
    case 9:
      return replace(bytes, at, at, rng.bytes(1 + rng.below(rng.oneIn(8) ? 300 : 12)));
    case 10:
      return splice(rng, bytes, at, rng.of(options.seeds));
    case 11:
      bytes.fill(rng.of([0, 0xff, 0x20, 0x0a]), at, end);
      return bytes;
    default: {
      if (options.words === undefined) return number(rng, bytes, at);
      return replace(bytes, at, rng.oneIn(2) ? at : end, rng.of(options.words));
    }
  }
}

/** An interesting number, big-endian, or one near it. */
function number(rng: Rng, bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const value = rng.of(INTERESTING) + (rng.oneIn(4) ? rng.below(5) - 2 : 0);
  const size = rng.of([1, 2, 4, 4]);
  // Mostly where numbers are.
  const start = rng.oneIn(3) ? at : at & ~3;
  for (let i = 0; i < size && start + i < bytes.length; i++) bytes[start + i] = (value >>> ((size - 1 - i) * 8)) & 0xff;
  return bytes;
}

function splice(rng: Rng, bytes: Uint8Array<ArrayBuffer>, at: number, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const from = rng.below(other.length + 1);
  const to = rng.oneIn(2) ? other.length : Math.min(other.length, from + rng.below(200));
  return replace(bytes, at, rng.oneIn(2) ? bytes.length : at, other.subarray(from, to));
}

function replace(bytes: Uint8Array, start: number, end: number, by: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes.length - (end - start) + by.length);
  made.set(bytes.subarray(0, start));
  made.set(by, start);
  made.set(bytes.subarray(end), start + by.length);
  return made;
}

const NOTHING = new Uint8Array(0);
