import { describe, expect, test } from 'vitest';
import { text } from '../../sim/lab.ts';
import { World } from '../../sim/world.ts';
import { sha0 as plain } from '../../support/sha0.ts';
import { BUILDS } from '../core/rig.ts';
import { vector } from '../core/vectors.ts';
import { rig } from './rig.ts';

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The lines of password-hash.txt that are a plain SHA-0. The user lines hash password and upper-case name together. */
function vectors(): [name: string, input: Uint8Array, digest: string][] {
  const found: [string, Uint8Array, string][] = [];
  for (const line of vector('password-hash.txt').split('\n')) {
    const literal = /^SHA0\('([^']*)'(?: x (\d+))?\) = ([0-9a-f]{40})$/.exec(line);
    if (literal !== null) found.push([line, text(literal[1]!.repeat(Number(literal[2] ?? 1))), literal[3]!]);
    const user = /^user '([^']*)' password '([^']*)' -> hashed = ([0-9a-f]{40})$/.exec(line);
    if (user !== null) found.push([line, text(user[2]! + user[1]!.toUpperCase()), user[3]!]);
    const admin = /^server\/hub admin password '([^']*)' -> SHA0 = ([0-9a-f]{40})$/.exec(line);
    if (admin !== null) found.push([line, text(admin[1]!), admin[2]!]);
    const key = /= SHA0\("([^"]*)"\) = ([0-9a-f]{40})$/.exec(line);
    if (key !== null) found.push([line, text(key[1]!), key[2]!]);
  }
  return found;
}

describe.each(BUILDS)('%s: SHA-0', (build) => {
  const crypto = rig(build);

  test('the vectors are found', () => {
    expect(vectors()).toHaveLength(5 + 6 + 3 + 1);
  });

  test.each(vectors())('%s', (_line, input, digest) => {
    expect(hexOf(crypto.sha0(input))).toBe(digest);
  });

  test('the twin agrees on every length up to 300', () => {
    const world = new World(7);
    for (let length = 0; length <= 300; length++) {
      const input = world.bytes(length);
      expect(hexOf(crypto.sha0(input)), `${length} bytes`).toBe(hexOf(plain(input)));
    }
  });

  test('the twin agrees on 256 KiB, and more is refused', () => {
    const input = new World(8).bytes(0x4_0000);
    expect(hexOf(crypto.sha0(input))).toBe(hexOf(plain(input)));
    expect(() => crypto.sha0(new Uint8Array(0x4_0001))).toThrow(/at most 262144 bytes, got 262145/);
  });

  test('nothing of the input stays in memory', () => {
    const secret = text('a password that nobody shall find');
    for (const length of [secret.length, 55, 56, 64, 119, 120, 200]) {
      const input = new Uint8Array(length).fill(0x20);
      input.set(secret, length - secret.length);
      crypto.sha0(input);
      const memory = crypto.bytes;
      // All of it, and each half of a word of it in the order of the message schedule.
      expect(find(memory, secret), `${length} bytes`).toBe(-1);
      expect(find(memory, secret.subarray(5, 13)), `${length} bytes`).toBe(-1);
      expect(find(memory, secret.subarray(8, 12).slice().reverse()), `${length} bytes`).toBe(-1);
    }
  });
});

/** All of the module's memory. */
function find(memory: Uint8Array, what: Uint8Array): number {
  const end = memory.length - what.length;
  for (let at = 0; at < end; at++) {
    if (memory[at] !== what[0]) continue;
    let i = 1;
    while (i < what.length && memory[at + i] === what[i]) i++;
    if (i === what.length) return at;
  }
  return -1;
}
