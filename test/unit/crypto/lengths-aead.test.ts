/** ChaCha20-Poly1305: messages and additional data of every length, alone and in batches, and none that was changed. */
import { describe, expect, test } from 'vitest';
import { type AeadMessage, ChaCha20Poly1305, TAG_BYTES } from '../../../engine/crypto/ciphers.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { holds, mustBeFramed, mustEqual, shifted } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const NOTHING = new Uint8Array(0);

describe.each(BUILDS)('%s: ChaCha20-Poly1305', (build) => {
  const crypto = rig(build);
  const world = new World(31);
  const key = world.bytes(32);
  const input = world.bytes(1_024);
  const aead = new ChaCha20Poly1305(crypto, key);

  /** Seals and opens, and compares both. */
  function check(messages: readonly AeadMessage[], what: () => string): void {
    const expected = messages.map(({ nonce, additional, bytes }) =>
      reference.seal(key, nonce, additional ?? NOTHING, bytes),
    );
    const sealed = aead.seal(messages).map((each) => each.slice());
    for (const [i, each] of sealed.entries()) mustEqual(each, expected[i]!, what);
    const opened = aead.open(messages.map((message, i) => ({ ...message, bytes: expected[i]! })));
    for (const [i, { bytes }] of messages.entries()) mustEqual(opened[i] ?? Uint8Array.of(0xbad), bytes, what);
  }

  test('every length up to 800, and every alignment up to three blocks', () => {
    for (let length = 0; length <= 800; length++) {
      for (let offset = length <= 192 ? 0 : length % 16; offset < 16; offset += length <= 192 ? 1 : 16) {
        const bytes = shifted(input.subarray(0, length), offset);
        const nonce = shifted(input.subarray(length % 500, (length % 500) + 12), offset);
        check([{ nonce, additional: shifted(input.subarray(3, 16), offset), bytes }], () => `${length} at ${offset}`);
        // What the caller gave is not changed.
        mustEqual(bytes, input.subarray(0, length), () => 'the message');
        mustBeFramed(bytes);
      }
    }
  });

  test('additional data of every length up to 64, or none', () => {
    const nonce = input.subarray(500, 512);
    for (let additional = 0; additional <= 64; additional++) {
      for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257]) {
        const message = { nonce, additional: input.subarray(100, 100 + additional), bytes: input.subarray(0, length) };
        check([message], () => `${additional} and ${length}`);
      }
    }
    check([{ nonce, bytes: input.subarray(0, 50) }], () => 'none');
  });

  test('batches put messages at every alignment', () => {
    for (let count = 0; count <= 40; count++) {
      const messages = Array.from({ length: count }, (_, i) => ({
        nonce: input.subarray(i, i + 12),
        ...(i % 3 === 0 ? {} : { additional: input.subarray(i, i + (i % 19)) }),
        bytes: input.subarray(0, (i * 37 + count) % 300),
      }));
      check(messages, () => `a batch of ${count}`);
    }
  });

  test('a batch may fill the room', () => {
    // The table's entry, the nonce, the message and its tag.
    const most = crypto.scratchBytes - 24 - 12 - TAG_BYTES;
    const nonce = input.subarray(0, 12);
    const bytes = new Uint8Array(most).fill(7);
    check([{ nonce, bytes }], () => 'all of it');
    expect(() => aead.seal([{ nonce, bytes: new Uint8Array(most + 1) }])).toThrow(RangeError);
  });

  test('every bit that is changed is noticed, and only there', () => {
    const nonce = input.subarray(0, 12);
    const additional = input.subarray(20, 33);
    const good = { nonce, additional, bytes: reference.seal(key, nonce, additional, input.subarray(0, 70)) };
    for (const field of ['nonce', 'additional', 'bytes'] as const) {
      for (let bit = 0; bit < good[field].length * 8; bit++) {
        const changed = good[field].slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        const [before, wrong, after] = aead.open([good, { ...good, [field]: changed }, good]);
        if (wrong !== undefined) throw new Error(`${field}: bit ${bit} may be changed`);
        mustEqual(before!, input.subarray(0, 70), () => 'the one in front');
        mustEqual(after!, input.subarray(0, 70), () => 'the one behind');
      }
    }
  });

  test('nothing of a message with a wrong tag is decrypted', () => {
    const nonce = input.subarray(0, 12);
    const sealed = reference.seal(key, nonce, NOTHING, input.subarray(0, 300));
    sealed[sealed.length - 1]! ^= 1;
    expect(aead.open([{ nonce, bytes: sealed }])).toEqual([undefined]);
    expect(holds(crypto.bytes, input.subarray(0, 16))).toBe(false);
    expect(holds(crypto.bytes, input.subarray(256, 272))).toBe(false);
  });

  test('messages shorter or longer by any number of bytes are refused', () => {
    const nonce = input.subarray(0, 12);
    const sealed = reference.seal(key, nonce, NOTHING, input.subarray(0, 40));
    for (let length = TAG_BYTES; length < sealed.length; length++) {
      expect(aead.open([{ nonce, bytes: sealed.subarray(0, length) }])).toEqual([undefined]);
    }
    expect(aead.open([{ nonce, bytes: Uint8Array.from([...sealed, 0]) }])).toEqual([undefined]);
    // Of additional data and message, where one ends and the other begins.
    expect(aead.open([{ nonce, additional: sealed.subarray(0, 8), bytes: sealed.subarray(8) }])).toEqual([undefined]);
  });
});
