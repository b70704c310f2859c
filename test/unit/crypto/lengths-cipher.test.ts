/** Stream and block ciphers of every length, at every alignment, cut at every place. */
import { describe, expect, test } from 'vitest';
import { type BlockCipher, Cbc, ChaCha20, chacha20, Poly1305, poly1305, Rc4 } from '../../../engine/crypto/ciphers.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, join } from '../core/rig.ts';
import { mustBeFramed, mustEqual, shifted } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';
import { Rc4Twin } from './twins.ts';

const BLOCK_CIPHERS = Object.keys(reference.KEY_BYTES) as BlockCipher[];
const WAYS = ['encrypt', 'decrypt'] as const;

describe.each(BUILDS)('%s', (build) => {
  const crypto = rig(build);
  const world = new World(21);
  const input = world.bytes(1_024);
  const key = world.bytes(256);
  const nonce = world.bytes(12);

  // RC4 is written out for 8 bytes at a time.
  test('RC4: every length up to 200 at every alignment', () => {
    const slot = crypto.takeSlot();
    for (let length = 0; length <= 200; length++) {
      const part = input.subarray(0, length);
      const expected = new Rc4Twin(key.subarray(0, 16)).apply(part);
      for (let offset = 0; offset < 16; offset++) {
        const what = () => `${length} bytes at ${offset}`;
        const bytes = shifted(part, offset);
        const cipher = new Rc4(crypto, key.subarray(0, 16));
        cipher.apply(bytes);
        cipher.release();
        mustEqual(bytes, expected, what);
        mustBeFramed(bytes);
        const at = crypto.scratch + 512 + offset;
        crypto.bytes.set(key.subarray(0, 16), crypto.scratch);
        crypto.wasm.rc4Key(slot.number, crypto.scratch, 16);
        crypto.bytes.set(part, at);
        crypto.wasm.rc4(slot.number, at, length);
        mustEqual(crypto.bytes.subarray(at, at + length), expected, what);
      }
    }
    slot.give();
  });

  test('RC4: cut at every place, and pieces of every size', () => {
    const expected = new Rc4Twin(key.subarray(0, 16)).apply(input.subarray(0, 200));
    for (let size = 1; size <= 200; size++) {
      const bytes = input.slice(0, 200);
      const cut = input.slice(0, 200);
      const pieces = new Rc4(crypto, key.subarray(0, 16));
      const two = new Rc4(crypto, key.subarray(0, 16));
      for (let at = 0; at < 200; at += size) pieces.apply(bytes.subarray(at, Math.min(at + size, 200)));
      two.apply(cut.subarray(0, size));
      two.apply(cut.subarray(size));
      mustEqual(bytes, expected, () => `pieces of ${size}`);
      mustEqual(cut, expected, () => `cut at ${size}`);
      pieces.release();
      two.release();
    }
  });

  test('RC4: every length of the key', () => {
    for (let length = 1; length <= 256; length++) {
      const cipher = new Rc4(crypto, key.subarray(0, length));
      const expected = new Rc4Twin(key.subarray(0, length)).apply(input);
      mustEqual(cipher.apply(input.slice()), expected, () => `a key of ${length} bytes`);
      cipher.release();
    }
  });

  test.each(
    BLOCK_CIPHERS.flatMap((name) => WAYS.map((way) => [name, way] as const)),
  )('%s: %s, up to twelve blocks at every alignment, cut at every place', (name, way) => {
    const block = reference.BLOCK_BYTES[name];
    const keys = key.subarray(0, reference.KEY_BYTES[name]);
    const iv = input.subarray(900, 900 + block);
    for (let length = 0; length <= 12 * block; length += block) {
      const part = input.subarray(0, length);
      const expected = reference.cbc(name, way, keys, iv, part);
      for (let offset = 0; offset < 16; offset++) {
        const bytes = shifted(part, offset);
        const cipher = new Cbc(crypto, name, way, shifted(keys, offset), shifted(iv, offset));
        cipher.apply(bytes);
        cipher.release();
        mustEqual(bytes, expected, () => `${length} bytes at ${offset}`);
        mustBeFramed(bytes);
      }
      for (let cut = 0; cut <= length; cut += block) {
        const bytes = part.slice();
        const cipher = new Cbc(crypto, name, way, keys, iv);
        cipher.apply(bytes.subarray(0, cut));
        cipher.apply(bytes.subarray(cut));
        cipher.release();
        mustEqual(bytes, expected, () => `${length} bytes cut at ${cut}`);
      }
    }
  });

  test.each(
    BLOCK_CIPHERS.flatMap((name) => WAYS.map((way) => [name, way] as const)),
  )('%s: %s, at every alignment of the module', (name, way) => {
    const block = reference.BLOCK_BYTES[name];
    const keys = key.subarray(0, reference.KEY_BYTES[name]);
    const iv = input.subarray(900, 900 + block);
    const expected = reference.cbc(name, way, keys, iv, input.subarray(0, 3 * block));
    const slot = crypto.takeSlot();
    for (let offset = 0; offset < 16; offset++) {
      const { bytes, scratch, wasm } = crypto;
      const [keyAt, ivAt, at] = [scratch + offset, scratch + 64 + offset, scratch + 128 + offset];
      bytes.set(keys, keyAt);
      bytes.set(iv, ivAt);
      bytes.set(input.subarray(0, 3 * block), at);
      wasm.cbcKey(slot.number, name.startsWith('aes') ? 1 : 2, keyAt, keys.length, ivAt, way === 'decrypt' ? 1 : 0);
      wasm.cbc(slot.number, at, 3 * block);
      mustEqual(bytes.subarray(at, at + 3 * block), expected, () => `at ${offset}`);
    }
    slot.give();
  });

  test.each(BLOCK_CIPHERS)('%s: a part of a block is refused, at every length up to three blocks', (name) => {
    const block = reference.BLOCK_BYTES[name];
    const cipher = new Cbc(crypto, name, 'encrypt', key.subarray(0, reference.KEY_BYTES[name]), key.subarray(0, block));
    for (let length = 0; length <= 3 * block; length++) {
      if (length % block === 0) continue;
      expect(() => cipher.apply(input.slice(0, length))).toThrow(
        new RangeError(`cbc: bytes: a multiple of ${block} is expected, got ${length}`),
      );
    }
    cipher.release();
  });

  test('more than the module takes at a time goes on as one stream', () => {
    const long = new Uint8Array(2 * crypto.scratchBytes + 64).map((_, i) => i * 5);
    const stream = new Rc4(crypto, key.subarray(0, 16));
    mustEqual(stream.apply(long.slice()), reference.rc4(key.subarray(0, 16), long), () => 'RC4');
    stream.release();
    for (const way of WAYS) {
      const iv = input.subarray(0, 16);
      const cipher = new Cbc(crypto, 'aes-256', way, key.subarray(0, 32), iv);
      const expected = reference.cbc('aes-256', way, key.subarray(0, 32), iv, long);
      mustEqual(cipher.apply(long.slice()), expected, () => way);
      cipher.release();
    }
  });

  // With SIMD four blocks are made at a time: 768 are three of these.
  test('ChaCha20: every length up to 800, and every alignment', () => {
    const keys = key.subarray(0, 32);
    for (let length = 0; length <= 800; length++) {
      const part = input.subarray(0, length);
      const expected = reference.chacha20(keys, nonce, 3, part);
      // All alignments up to three blocks, then one after the other.
      for (let offset = length <= 192 ? 0 : length % 16; offset < 16; offset += length <= 192 ? 1 : 16) {
        const what = () => `${length} bytes at ${offset}`;
        const bytes = shifted(part, offset);
        chacha20(crypto, shifted(keys, offset), shifted(nonce, offset), 3, bytes);
        mustEqual(bytes, expected, what);
        mustBeFramed(bytes);
        const { scratch, wasm } = crypto;
        const [keyAt, nonceAt, at] = [scratch + offset, scratch + 64 + offset, scratch + 128 + offset];
        crypto.bytes.set(keys, keyAt);
        crypto.bytes.set(nonce, nonceAt);
        crypto.bytes.set(part, at);
        const slot = crypto.takeSlot();
        wasm.chachaStart(slot.number, keyAt, nonceAt, 3);
        wasm.chacha(slot.number, at, length);
        slot.give();
        mustEqual(crypto.bytes.subarray(at, at + length), expected, what);
      }
    }
  });

  test('ChaCha20, Poly1305 and HMAC: cut anywhere, the stream goes on', () => {
    const keys = key.subarray(0, 32);
    const part = input.subarray(0, 300);
    const [stream, tag, mac] = [
      reference.chacha20(keys, nonce, 7, part),
      reference.poly1305(keys, part),
      reference.hmac('sha1', keys, part),
    ];
    const hmac = crypto.hmac('sha1', keys);
    for (let cut = 0; cut <= part.length; cut++) {
      const what = () => `cut at ${cut}`;
      // Three pieces, so that one may begin and end within a block.
      const pieces = [part.slice(0, cut), part.slice(cut, cut + 5), part.slice(cut + 5)];
      const cipher = new ChaCha20(crypto, keys, nonce, 7);
      const poly = new Poly1305(crypto, keys);
      for (const piece of pieces) {
        poly.update(piece);
        hmac.update(piece);
      }
      mustEqual(poly.digest(), tag, what);
      mustEqual(hmac.digest(), mac, what);
      mustEqual(join(...pieces.map((piece) => cipher.apply(piece))), stream, what);
      cipher.release();
    }
    hmac.release();
  });

  test('ChaCha20: cut at every block, the counter goes on', () => {
    const expected = reference.chacha20(key.subarray(0, 32), nonce, 0, input);
    for (let cut = 0; cut <= input.length; cut += 64) {
      const bytes = input.slice();
      chacha20(crypto, key.subarray(0, 32), nonce, 0, bytes.subarray(0, cut));
      chacha20(crypto, key.subarray(0, 32), nonce, cut / 64, bytes.subarray(cut));
      mustEqual(bytes, expected, () => `cut at ${cut}`);
    }
  });

  test('ChaCha20: the counter nearly up to its end', () => {
    for (const counter of [0x7fff_fffe, 0xffff_fff0, 0xffff_fffc]) {
      // @noble/ciphers refuses the very last one.
      const blocks = Math.min(16, 0xffff_ffff - counter);
      const expected = reference.chacha20(key.subarray(0, 32), nonce, counter, input.subarray(0, blocks * 64));
      const found = chacha20(crypto, key.subarray(0, 32), nonce, counter, input.slice(0, blocks * 64));
      mustEqual(found, expected, () => `from ${counter}`);
    }
  });

  test('Poly1305: every length up to 200 at every alignment', () => {
    const keys = key.subarray(0, 32);
    for (let length = 0; length <= 200; length++) {
      const part = input.subarray(0, length);
      const expected = reference.poly1305(keys, part);
      for (let offset = 0; offset < 16; offset++) {
        const what = () => `${length} bytes at ${offset}`;
        mustEqual(poly1305(crypto, shifted(keys, offset), shifted(part, offset)), expected, what);
        const { scratch, wasm } = crypto;
        const [keyAt, at, output] = [scratch + offset, scratch + 64 + offset, scratch + 512 + offset];
        crypto.bytes.set(keys, keyAt);
        crypto.bytes.set(part, at);
        const slot = crypto.takeSlot();
        wasm.polyStart(slot.number, keyAt);
        wasm.polyMore(slot.number, at, length);
        wasm.polyFinish(slot.number, output);
        slot.give();
        mustEqual(crypto.bytes.subarray(output, output + 16), expected, what);
      }
    }
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});
