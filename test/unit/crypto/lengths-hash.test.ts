/** Hashes and HMACs of every length up to three blocks, at every alignment, cut at every place. */
import { describe, expect, test } from 'vitest';
import { DIGEST_BYTES, HASHES, type HashName } from '../../../engine/crypto/module.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { mustBeFramed, mustEqual, shifted } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const NAMES = Object.keys(HASHES) as HashName[];
const THREE_BLOCKS = 192;

describe.each(BUILDS)('%s', (build) => {
  const crypto = rig(build);
  const input = new World(11).bytes(THREE_BLOCKS);
  const keys = new World(12).bytes(THREE_BLOCKS);

  test.each(NAMES)('%s: every length at every alignment of the caller and of the module', (name) => {
    const slot = crypto.takeSlot();
    for (let length = 0; length <= THREE_BLOCKS; length++) {
      const part = input.subarray(0, length);
      const expected = reference.digest(name, part);
      for (let offset = 0; offset < 16; offset++) {
        const what = () => `${length} bytes at ${offset}`;
        const bytes = shifted(part, offset);
        mustEqual(crypto.digest(name, bytes), expected, what);
        mustBeFramed(bytes);
        const at = crypto.scratch + offset;
        crypto.bytes.set(part, at);
        crypto.wasm.hashStart(slot.number, HASHES[name]);
        crypto.wasm.hashUpdate(slot.number, at, length);
        const output = crypto.scratch + 512 + offset;
        crypto.wasm.hashFinish(slot.number, output);
        mustEqual(crypto.bytes.subarray(output, output + DIGEST_BYTES[name]), expected, what);
      }
    }
    slot.give();
  });

  test.each(NAMES)('%s: every length cut in two at every place, and copied there', (name) => {
    for (let length = 0; length <= THREE_BLOCKS; length++) {
      const expected = reference.digest(name, input.subarray(0, length));
      for (let cut = 0; cut <= length; cut++) {
        const what = () => `${length} bytes cut at ${cut}`;
        const first = crypto.hash(name).update(input.subarray(0, cut));
        const second = first.copy().update(input.subarray(cut, length));
        mustEqual(first.update(input.subarray(cut, length)).digest(), expected, what);
        mustEqual(second.digest(), expected, what);
      }
    }
  });

  test.each(NAMES)('%s: byte by byte, and pieces of every size', (name) => {
    const expected = reference.digest(name, input);
    for (let size = 1; size <= THREE_BLOCKS; size++) {
      const hash = crypto.hash(name);
      for (let at = 0; at < input.length; at += size) hash.update(input.subarray(at, at + size));
      mustEqual(hash.digest(), expected, () => `pieces of ${size}`);
    }
  });

  test.each(NAMES)('%s: more than the module takes at a time', (name) => {
    const long = new Uint8Array(2 * crypto.scratchBytes + 77).map((_, i) => i * 7);
    const expected = reference.digest(name, long);
    mustEqual(crypto.digest(name, long), expected, () => 'digest');
    mustEqual(crypto.digest(name, long.subarray(0, 5), long.subarray(5)), expected, () => 'digest of two');
    mustEqual(crypto.hash(name).update(long).digest(), expected, () => 'hash');
  });

  test.each(NAMES)('HMAC-%s: every length of the message at every alignment, in one part and in two', (name) => {
    const hmac = crypto.hmac(name, keys.subarray(0, 20));
    for (let length = 0; length <= THREE_BLOCKS; length++) {
      const part = input.subarray(0, length);
      const expected = reference.hmac(name, keys.subarray(0, 20), part);
      for (let offset = 0; offset < 16; offset++) {
        mustEqual(hmac.digest(shifted(part, offset)), expected, () => `${length} bytes at ${offset}`);
      }
      for (let cut = 0; cut <= length; cut++) {
        mustEqual(hmac.digest(part.subarray(0, cut), part.subarray(cut)), expected, () => `${length} cut at ${cut}`);
      }
    }
    hmac.release();
  });

  test.each(NAMES)('HMAC-%s: every length of the key', (name) => {
    for (let length = 0; length <= THREE_BLOCKS; length++) {
      const key = keys.subarray(0, length);
      const expected = reference.hmac(name, key, input);
      for (const offset of [0, 1, 7, 15]) {
        const hmac = crypto.hmac(name, shifted(key, offset));
        mustEqual(hmac.digest(input), expected, () => `a key of ${length} bytes at ${offset}`);
        hmac.release();
      }
    }
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});
