import { World } from '../../sim/world.ts';

/** Bytes of many kinds, of any length; the same for the same seed. */
export const KINDS: Readonly<Record<string, (length: number, seed: number) => Uint8Array>> = {
  zeros: (length) => new Uint8Array(length),
  'one byte': (length, seed) => new Uint8Array(length).fill(seed),
  random: (length, seed) => new World(seed + 1).bytes(length),
  'every byte in turn': (length, seed) => Uint8Array.from({ length }, (_, i) => (i + seed) & 0xff),
  'few different bytes': (length, seed) => {
    const world = new World(seed + 1);
    return Uint8Array.from({ length }, () => world.pick(3) * 80);
  },
  'rare and frequent bytes': (length, seed) => {
    // Frequencies like Fibonacci numbers give the longest codes.
    const world = new World(seed + 1);
    return Uint8Array.from({ length }, () => {
      let symbol = 0;
      while (symbol < 40 && world.pick(1000) < 382) symbol++;
      return symbol;
    });
  },
  'short periods': (length, seed) => Uint8Array.from({ length }, (_, i) => (i % (1 + (seed % 40))) * 5),
  words: (length, seed) => {
    const world = new World(seed + 1);
    const words = ['hub', 'session', 'frame', 'cascade', ' ', '\n', 'the ', 'keep-alive', '=', '0x', 'return ', 'if ('];
    let text = '';
    while (text.length < length) text += words[world.pick(words.length)];
    return new TextEncoder().encode(text.slice(0, length));
  },
  digits: (length, seed) => {
    const world = new World(seed + 1);
    return Uint8Array.from({ length }, () => 48 + world.pick(10));
  },
  'far repetitions': (length, seed) => {
    const world = new World(seed + 1);
    const bytes = world.bytes(length);
    for (let i = 0; i + 64 < length; i += 128) bytes.copyWithin(i + 32, world.pick(i + 1), world.pick(i + 1) + 32);
    return bytes;
  },
  'half of it random': (length, seed) => {
    const bytes = new World(seed + 1).bytes(length);
    return bytes.fill(0x20, length >> 1);
  },
};
