/** What was secret is gone when it is given back, and the room for it is there again. */
import { describe, expect, test } from 'vitest';
import { type BlockCipher, Cbc, ChaCha20Poly1305, chacha20, poly1305, Rc4 } from '../../../engine/crypto/ciphers.ts';
import { type Crypto, HASHES, type HashName, NoRoomForKeys } from '../../../engine/crypto/module.ts';
import { RecordReader, RecordWriter } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { holds, withoutZeros } from './bytes.ts';
import { DATA, PROTECTIONS, read } from './record-rig.ts';
import { AES128, makeKeys, RecordTwin, SSL3, TLS12 } from './record-twin.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';
import { Rc4Twin } from './twins.ts';

const NAMES = Object.keys(HASHES) as HashName[];
const BLOCK_CIPHERS = Object.keys(reference.KEY_BYTES) as BlockCipher[];
const SLOTS = 8;

/** Whether a part of a secret is anywhere in the module's memory, in one order of bytes or the other. */
function leaks(crypto: Crypto, ...secrets: readonly Uint8Array[]): boolean {
  const memory = withoutZeros(crypto.bytes);
  return secrets.some((secret) => {
    // Eight bytes in a row are enough to tell it from chance.
    for (let at = 0; at + 8 <= secret.length; at++) {
      const part = secret.slice(at, at + 8);
      if (holds(memory, part) || holds(memory, part.slice().reverse())) return true;
      // Words of 32 bits, each turned round.
      const words = [...part.slice(0, 4).reverse(), ...part.slice(4).reverse()];
      if (holds(memory, Uint8Array.from(words))) return true;
    }
    return false;
  });
}

/** What the slots hold that looks like chance: keys in whatever form the module has them. */
function slotSecrets(crypto: Crypto): Uint8Array[] {
  const slots = crypto.bytes.slice(crypto.wasm.SLOTS.value);
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 8 <= slots.length; at += 8) {
    const part = slots.subarray(at, at + 8);
    if (new Set(part).size >= 7) parts.push(part);
  }
  return parts;
}

/**
 * Takes something, uses it, gives it back: neither the secrets nor what the slot held may be left.
 * @param open What was in the slot and is no secret: cipher text, which is the next IV.
 */
function mustForget(
  crypto: Crypto,
  secrets: readonly Uint8Array[],
  use: () => { release(): void },
  open: () => readonly Uint8Array[] = () => [],
): void {
  expect(crypto.slotsFree).toBe(SLOTS);
  const used = use();
  expect(crypto.slotsFree).toBe(SLOTS - 1);
  const held = slotSecrets(crypto);
  expect(held.length).toBeGreaterThan(0);
  used.release();
  expect(crypto.slotsFree).toBe(SLOTS);
  expect(leaks(crypto, ...secrets)).toBe(false);
  const memory = withoutZeros(crypto.bytes);
  for (const part of held) {
    if (!open().some((each) => holds(each, part))) expect(holds(memory, part)).toBe(false);
  }
  expect(crypto.bytes.subarray(crypto.wasm.SLOTS.value).every((byte) => byte === 0)).toBe(true);
}

describe.each(BUILDS)('%s', (build) => {
  const crypto = rig(build, SLOTS);
  const world = new World(81);
  const input = world.bytes(600);

  test('the search finds what is there', () => {
    const fresh = rig(build, SLOTS);
    const secret = world.bytes(16);
    const cipher = new Cbc(fresh, 'aes-128', 'encrypt', secret, input.subarray(0, 16));
    // It is the first round key.
    expect(leaks(fresh, secret)).toBe(true);
    cipher.release();
    expect(leaks(fresh, secret)).toBe(false);
  });

  test('RC4: neither the key nor the state', () => {
    const key = world.bytes(32);
    const twin = new Rc4Twin(key);
    twin.apply(input);
    mustForget(crypto, [key, twin.state], () => {
      const cipher = new Rc4(crypto, key);
      cipher.apply(input.slice());
      expect(leaks(crypto, twin.state)).toBe(true);
      return cipher;
    });
  });

  test.each(
    BLOCK_CIPHERS.flatMap((name) => (['encrypt', 'decrypt'] as const).map((way) => [name, way] as const)),
  )('%s: %s', (name, way) => {
    const key = world.bytes(reference.KEY_BYTES[name]);
    const text = input.slice(0, 160);
    mustForget(
      crypto,
      [key],
      () => {
        const cipher = new Cbc(crypto, name, way, key, world.bytes(reference.BLOCK_BYTES[name]));
        cipher.apply(text);
        return cipher;
      },
      () => [text, input],
    );
  });

  test.each(NAMES)('HMAC-%s, with keys shorter and longer than a block', (name) => {
    for (const length of [16, 20, 55, 56, 63, 64, 65, 100]) {
      const key = world.bytes(length);
      const hashed = reference.digest(name, key);
      const pads = [0x36, 0x5c].map((pad) => key.map((byte) => byte ^ pad));
      mustForget(crypto, [key, hashed, ...pads], () => {
        const hmac = crypto.hmac(name, key);
        hmac.digest(input);
        hmac.digest(input.subarray(0, 70), input.subarray(70, 100));
        return hmac;
      });
    }
  });

  test.each(NAMES)('%s: neither the input of a hash that is under way, nor its state', (name) => {
    for (const length of [20, 64, 100]) {
      const secret = world.bytes(length);
      for (const end of ['digest', 'release'] as const) {
        mustForget(crypto, [secret], () => {
          const hash = crypto.hash(name).update(secret);
          return { release: () => void hash[end]() };
        });
      }
    }
  });

  test.each(NAMES)('%s: nothing of the input of a digest', (name) => {
    for (const length of [8, 20, 56, 64, 100, 300]) {
      const secret = world.bytes(length);
      crypto.digest(name, secret.subarray(0, 7), secret.subarray(7));
      expect(leaks(crypto, secret), `${length} bytes`).toBe(false);
      expect(crypto.slotsFree).toBe(SLOTS);
    }
  });

  test('ChaCha20-Poly1305: neither the key, nor those for one message, nor key stream', () => {
    const key = world.bytes(32);
    const nonce = world.bytes(12);
    for (const length of [0, 1, 64, 255, 256, 600]) {
      const bytes = input.subarray(0, length);
      const once = reference.chacha20(key, nonce, 0, new Uint8Array(32));
      const stream = reference.chacha20(key, nonce, 1, new Uint8Array(640));
      // The first block, and the last, which is made in another way.
      mustForget(crypto, [key, once, stream.subarray(0, 64), stream.subarray(576)], () => {
        const aead = new ChaCha20Poly1305(crypto, key);
        const [sealed] = aead.seal([{ nonce, additional: input.subarray(0, 9), bytes }]);
        const wrong = sealed!.slice();
        wrong[0]! ^= 1;
        expect(aead.open([{ nonce, bytes: wrong }])).toEqual([undefined]);
        aead.open([{ nonce, additional: input.subarray(0, 9), bytes: sealed!.slice() }]);
        return aead;
      });
    }
  });

  test('ChaCha20 and Poly1305 by themselves: neither key, nor nonce, nor text', () => {
    for (const length of [8, 64, 300]) {
      const [key, nonce, text] = [world.bytes(32), world.bytes(12), world.bytes(length)];
      chacha20(crypto, key, nonce, 1, text.slice());
      poly1305(crypto, key, text);
      expect(leaks(crypto, key, nonce, text)).toBe(false);
    }
  });

  test.each(PROTECTIONS)('%s: a writer and a reader', (_name, suite, version) => {
    const keys = makeKeys(suite, world);
    const macKey = keys.subarray(0, suite.mac);
    const cipherKey = keys.subarray(suite.mac, suite.mac + suite.key);
    const pads = version === SSL3 ? [] : [0x36, 0x5c].map((pad) => macKey.map((byte) => byte ^ pad));
    const secrets = [macKey, cipherKey, ...pads];
    let sealed: Uint8Array = input;
    mustForget(
      crypto,
      secrets,
      () => {
        const writer = new RecordWriter(crypto);
        writer.protect(suite.id, version, keys);
        sealed = writer.seal(DATA, input).slice();
        return writer;
      },
      () => [sealed],
    );
    sealed = new RecordTwin(suite, version, keys).seal(DATA, input);
    mustForget(
      crypto,
      secrets,
      () => {
        const reader = new RecordReader(crypto);
        reader.protect(suite.id, version, keys);
        expect(read(reader, sealed).result).toBe('read');
        // A record that is refused, too.
        expect(read(reader, Uint8Array.of(0, 0, 0, 0, 0)).result).toBe('refused');
        return reader;
      },
      () => [sealed],
    );
  });

  test('the seed of the random stream is gone when it was used, and so is what came out', () => {
    const fresh = rig(build, SLOTS, 5);
    const seed = new World(5).bytes(32);
    // Not where it was put, and until it is used it is the key.
    expect(leaks(fresh, seed)).toBe(true);
    expect(fresh.bytes.subarray(fresh.scratch).every((byte) => byte === 0)).toBe(true);
    const block = reference.chacha20(seed, new Uint8Array(12), 0, new Uint8Array(64));
    const writer = new RecordWriter(fresh);
    writer.protect(AES128.id, TLS12, makeKeys(AES128, world));
    writer.seal(DATA, input);
    // The key is another one now, and nothing tells of the first IV but the record.
    expect(leaks(fresh, seed)).toBe(false);
    fresh.bytes.fill(0, fresh.wasm.SEAL.value, fresh.wasm.OPEN.value);
    writer.release();
    expect(leaks(fresh, block.subarray(32, 48))).toBe(false);
  });

  test('slots: as many as were asked for, each once, and a word when there is none', () => {
    const few = rig(build, 3);
    const key = new Uint8Array(32);
    const held = [new Rc4(few, key), few.hmac('md5', key), new ChaCha20Poly1305(few, key)];
    expect(few.slotsFree).toBe(0);
    for (const take of [
      () => new Rc4(few, key),
      () => new Cbc(few, 'aes-256', 'encrypt', key, key.subarray(0, 16)),
      () => few.hash('sha1'),
      () => few.hmac('sha1', key),
      () => few.digest('sha1', key),
      () => new ChaCha20Poly1305(few, key),
      () => new RecordReader(few),
      () => new RecordWriter(few),
    ]) {
      expect(take).toThrow(NoRoomForKeys);
    }
    held[1]!.release();
    expect(few.slotsFree).toBe(1);
    few.hash('sha1').digest();
    expect(few.slotsFree).toBe(1);
    const hash = few.hash('sha1');
    expect(() => hash.copy()).toThrow(NoRoomForKeys);
    hash.release();
    expect(few.slotsFree).toBe(1);
  });

  test('an HMAC that finds no slot leaves nothing of its key', () => {
    const none = rig(build, 0);
    const key = world.bytes(40);
    expect(() => none.hmac('sha1', key)).toThrow(NoRoomForKeys);
    expect(leaks(none, key)).toBe(false);
  });

  // Its slot may be somebody else's by then.
  test('what is released twice is given back once, and cannot be used any more', () => {
    const few = rig(build, 1);
    const key = world.bytes(32);
    const hash = few.hash('md5');
    hash.digest();
    const [, suite, version] = PROTECTIONS[0]!;
    const reader = new RecordReader(few);
    reader.release();
    const released: [{ release(): void }, (() => unknown)[]][] = [
      [hash, [() => hash.update(key), () => hash.digest()]],
      [reader, [() => reader.protect(suite.id, version, key), () => read(reader, new Uint8Array(5))]],
    ];
    const take = <T extends { release(): void }>(made: T, uses: (of: T) => (() => unknown)[]): void => {
      made.release();
      released.push([made, uses(made)]);
    };
    take(new Rc4(few, key), (of) => [() => of.apply(key.slice())]);
    take(new Cbc(few, 'aes-256', 'decrypt', key, key.subarray(16)), (of) => [() => of.apply(key.slice())]);
    take(few.hmac('sha1', key), (of) => [() => of.digest(key)]);
    take(new ChaCha20Poly1305(few, key), (of) => [
      () => of.seal([{ nonce: key.subarray(20), bytes: key }]),
      () => of.open([{ nonce: key.subarray(20), bytes: key }]),
    ]);
    take(new RecordWriter(few), (of) => [
      () => of.protect(suite.id, version, key),
      () => of.announce(0x303),
      () => of.seal(DATA, key),
    ]);
    const owner = few.hmac('md5', key);
    const tag = owner.digest(input);
    for (const [made, uses] of released) {
      for (const use of uses) expect(use).toThrow('crypto: this key was released before');
      made.release();
      expect(few.slotsFree).toBe(0);
    }
    expect(owner.digest(input)).toEqual(tag);
    owner.release();
    expect(few.slotsFree).toBe(1);
  });

  test('a hash that was released and is copied costs no slot', () => {
    const few = rig(build, 2);
    const hash = few.hash('md5');
    hash.release();
    expect(() => hash.copy()).toThrow('crypto: this key was released before');
    expect(few.slotsFree).toBe(2);
  });

  test('wrong arguments take no slot', () => {
    const wrong = new Uint8Array(300);
    for (const take of [
      () => new Rc4(crypto, wrong),
      () => new Cbc(crypto, 'des', 'encrypt', wrong, wrong),
      () => new ChaCha20Poly1305(crypto, wrong),
      () => crypto.hmac('md5', new Uint8Array(crypto.scratchBytes + 1)),
    ]) {
      expect(take).toThrow(RangeError);
      expect(crypto.slotsFree).toBe(SLOTS);
    }
  });
});
