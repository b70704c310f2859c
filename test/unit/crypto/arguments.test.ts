/** Arguments that cannot be right are refused, and the error says which and why. */
import { describe, expect, test } from 'vitest';
import {
  type AeadMessage,
  type BlockCipher,
  Cbc,
  ChaCha20Poly1305,
  chacha20,
  poly1305,
  Rc4,
} from '../../../engine/crypto/ciphers.ts';
import { RECORD_TYPES, RecordReader, RecordWriter, SEAL_BYTES_MAX } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { holds, mustEqual } from './bytes.ts';
import { makeKeys, SUITES, TLS12 } from './record-twin.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const of = (length: number): Uint8Array => new Uint8Array(length);

describe.each(BUILDS)('%s: arguments', (build) => {
  const crypto = rig(build);
  const most = crypto.scratchBytes;

  test.each([0, 257, 1_000])('RC4: a key of %i bytes', (length) => {
    expect(() => new Rc4(crypto, of(length))).toThrow(
      new RangeError(`rc4: key: 1 to 256 bytes are expected, got ${length}`),
    );
  });

  test.each(Object.keys(reference.KEY_BYTES) as BlockCipher[])('%s: keys and IVs of any other length', (name) => {
    const [key, block] = [reference.KEY_BYTES[name], reference.BLOCK_BYTES[name]];
    for (let length = 0; length <= 40; length++) {
      if (length !== key) {
        expect(() => new Cbc(crypto, name, 'encrypt', of(length), of(block))).toThrow(
          new RangeError(`${name}: key: ${key} bytes are expected, got ${length}`),
        );
      }
      if (length !== block) {
        expect(() => new Cbc(crypto, name, 'decrypt', of(key), of(length))).toThrow(
          new RangeError(`${name}: iv: ${block} bytes are expected, got ${length}`),
        );
      }
    }
  });

  test('ChaCha20 and Poly1305: keys and nonces of any other length', () => {
    for (let length = 0; length <= 70; length++) {
      const cause = (call: string, name: string, expected: number) =>
        new RangeError(`${call}: ${name}: ${expected} bytes are expected, got ${length}`);
      if (length !== 32) {
        expect(() => chacha20(crypto, of(length), of(12), 0, of(1))).toThrow(cause('chacha20', 'key', 32));
        expect(() => poly1305(crypto, of(length), of(1))).toThrow(cause('poly1305', 'key', 32));
        expect(() => new ChaCha20Poly1305(crypto, of(length))).toThrow(cause('chacha20-poly1305', 'key', 32));
      }
      if (length === 12) continue;
      expect(() => chacha20(crypto, of(32), of(length), 0, of(1))).toThrow(cause('chacha20', 'nonce', 12));
      const aead = new ChaCha20Poly1305(crypto, of(32));
      const messages: AeadMessage[] = [
        { nonce: of(12), bytes: of(20) },
        { nonce: of(length), bytes: of(20) },
      ];
      expect(() => aead.seal(messages)).toThrow(cause('chacha20-poly1305', 'nonce', 12));
      expect(() => aead.open(messages)).toThrow(cause('chacha20-poly1305', 'nonce', 12));
      aead.release();
    }
  });

  test('ChaCha20-Poly1305: what is shorter than a tag is no sealed message', () => {
    const aead = new ChaCha20Poly1305(crypto, of(32));
    for (let length = 0; length < 16; length++) {
      expect(() => aead.open([{ nonce: of(12), bytes: of(length) }])).toThrow(
        new RangeError(`chacha20-poly1305: a sealed message has 16 bytes or more, got ${length}`),
      );
    }
    aead.release();
  });

  test('ChaCha20-Poly1305: a batch that does not fit', () => {
    const aead = new ChaCha20Poly1305(crypto, of(32));
    const nonce = of(12);
    const causes: AeadMessage[][] = [
      [{ nonce, bytes: of(most) }],
      [{ nonce, additional: of(most), bytes: of(16) }],
      // The table by itself.
      Array.from({ length: most / 24 + 1 }, () => ({ nonce, bytes: of(16) })),
      Array.from({ length: 100 }, () => ({ nonce, bytes: of(most / 100) })),
    ];
    const slots = crypto.bytes.slice(crypto.wasm.SLOTS.value);
    for (const messages of causes) {
      const all = messages.reduce((sum, { bytes, additional }) => sum + bytes.length + (additional?.length ?? 0), 0);
      const cause = new RangeError(`chacha20-poly1305: messages: ${most} bytes are the most in one call, got ${all}`);
      expect(() => aead.seal(messages)).toThrow(cause);
      expect(() => aead.open(messages)).toThrow(cause);
    }
    // Nothing was written behind the room there is.
    mustEqual(crypto.bytes.subarray(crypto.wasm.SLOTS.value), slots, () => 'slots');
    aead.release();
  });

  test('more than there is room for', () => {
    expect(() => crypto.sha0(of(most + 1))).toThrow(
      new RangeError(`crypto.sha0: input: at most ${most} bytes, got ${most + 1}`),
    );
    expect(() => crypto.hmac('sha1', of(most + 1))).toThrow(
      new RangeError(`crypto.hmac: input: at most ${most} bytes, got ${most + 1}`),
    );
    expect(() => crypto.same(of(most / 2 + 1), of(most / 2 + 1))).toThrow(
      new RangeError(`crypto.same: at most ${most / 2} bytes, got ${most / 2 + 1}`),
    );
  });

  test('messages of more than one piece', () => {
    const room = most + 77;
    const input = of(room).map((_, i) => i * 11);
    const [key, nonce] = [input.subarray(0, 32), input.subarray(0, 12)];
    const text = input.subarray(0, room);
    const sealed = chacha20(crypto, key, nonce, 1, text.slice());
    mustEqual(sealed, reference.chacha20(key, nonce, 1, text), () => 'ChaCha20');
    mustEqual(poly1305(crypto, key, text), reference.poly1305(key, text), () => 'Poly1305');
    const hmac = crypto.hmac('sha1', key);
    mustEqual(hmac.digest(input), reference.hmac('sha1', key, input), () => 'HMAC');
    hmac.release();
  });

  test('records: no data, and too much', () => {
    const writer = new RecordWriter(crypto);
    for (const length of [0, SEAL_BYTES_MAX + 1]) {
      expect(() => writer.seal(RECORD_TYPES.data, of(length))).toThrow(
        new RangeError(`records.seal: data: 1 to ${SEAL_BYTES_MAX} bytes are expected, got ${length}`),
      );
    }
    writer.release();
  });

  test.each(SUITES)('records: keys of any other length than $name has', (suite) => {
    const writer = new RecordWriter(crypto);
    const reader = new RecordReader(crypto);
    const right = makeKeys(suite, new World(1)).length;
    for (let length = 0; length <= 80; length++) {
      if (length === right) continue;
      for (const end of [writer, reader]) {
        expect(() => end.protect(suite.id, TLS12, of(length))).toThrow(
          new RangeError(`records: keys: ${right} bytes are expected, got ${length}`),
        );
      }
    }
    writer.release();
    reader.release();
  });

  test('records: suites and versions that the module does not know', () => {
    const writer = new RecordWriter(crypto);
    const reader = new RecordReader(crypto);
    for (const end of [writer, reader]) {
      for (const suite of [0, 1, 0x0003, 0x0006, 0x000b, 0x003c, 0x1301]) {
        expect(() => end.protect(suite, TLS12, of(52))).toThrow(
          new RangeError(`records: suite: none of the module's, got 0x${suite.toString(16)}`),
        );
      }
      for (const version of [0, 2, 0x2ff, 0x304, 0x400]) {
        expect(() => end.protect(0x002f, version, of(52))).toThrow(
          new RangeError(`records: version: 0x300 to 0x303 are expected, got 0x${version.toString(16)}`),
        );
      }
    }
    writer.release();
    reader.release();
  });

  test('nothing of this took a slot', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});

describe.each(BUILDS)('%s: same', (build) => {
  const crypto = rig(build);
  const input = new World(91).bytes(300);

  test('equal, of every length', () => {
    for (let length = 0; length <= 300; length++) {
      expect(crypto.same(input.subarray(0, length), input.slice(0, length))).toBe(true);
    }
    const half = new Uint8Array(crypto.scratchBytes / 2).fill(9);
    expect(crypto.same(half, half.slice())).toBe(true);
  });

  test('different in any one bit', () => {
    for (const length of [1, 16, 20, 33]) {
      for (let bit = 0; bit < length * 8; bit++) {
        const other = input.slice(0, length);
        other[bit >> 3]! ^= 1 << (bit & 7);
        expect(crypto.same(input.subarray(0, length), other)).toBe(false);
        expect(crypto.same(other, input.subarray(0, length))).toBe(false);
      }
    }
  });

  test('different in every bit, and in pairs that would cancel out', () => {
    expect(
      crypto.same(
        input,
        input.map((byte) => ~byte),
      ),
    ).toBe(false);
    expect(crypto.same(Uint8Array.of(1, 2), Uint8Array.of(2, 1))).toBe(false);
    expect(crypto.same(Uint8Array.of(0x80, 0x80), Uint8Array.of(0, 0))).toBe(false);
  });

  test('different lengths', () => {
    for (const length of [0, 1, 19, 21, 300]) {
      expect(crypto.same(input.subarray(0, 20), input.subarray(0, length))).toBe(false);
      expect(crypto.same(input.subarray(0, length), input.subarray(0, 20))).toBe(false);
    }
  });

  test('it keeps neither', () => {
    const [a, b] = [input.slice(0, 20), input.slice(40, 60)];
    crypto.same(a, b);
    expect(holds(crypto.bytes, a) || holds(crypto.bytes, b)).toBe(false);
  });
});
