/** Ciphers of the crypto module on byte strings of any length: they are changed in place. `release` wipes the key. */

import type { Crypto, Slot } from './module.ts';

/** A block cipher in CBC mode: 16 or 32 bytes of key for AES, 8 for DES, 24 for triple DES. */
export type BlockCipher = 'aes-128' | 'aes-256' | 'des' | '3des';

const BLOCK_CIPHERS: Readonly<Record<BlockCipher, { cipher: number; key: number; block: number }>> = {
  'aes-128': { cipher: 1, key: 16, block: 16 },
  'aes-256': { cipher: 1, key: 32, block: 16 },
  des: { cipher: 2, key: 8, block: 8 },
  '3des': { cipher: 2, key: 24, block: 8 },
};

/** RC4; encryption and decryption are the same. The stream goes on from call to call. */
export class Rc4 {
  readonly #crypto: Crypto;
  readonly #slot: Slot;

  /** @param key 1 to 256 bytes. */
  constructor(crypto: Crypto, key: Uint8Array) {
    if (key.length < 1 || key.length > 256) {
      throw new RangeError(`rc4: key: 1 to 256 bytes are expected, got ${key.length}`);
    }
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.toScratch('rc4', key);
    crypto.wasm.rc4Key(this.#slot.number, crypto.scratch, key.length);
    crypto.wasm.wipeScratch(key.length);
  }

  apply(bytes: Uint8Array): Uint8Array {
    return inPieces(this.#crypto, bytes, (at, length) => this.#crypto.wasm.rc4(this.#slot.number, at, length));
  }

  release(): void {
    this.#slot.give();
  }
}

/** AES, DES or triple DES in CBC mode, one way. The chain goes on from call to call. */
export class Cbc {
  readonly #crypto: Crypto;
  readonly #slot: Slot;
  readonly #block: number;

  constructor(crypto: Crypto, name: BlockCipher, way: 'encrypt' | 'decrypt', key: Uint8Array, iv: Uint8Array) {
    const { cipher, key: keyBytes, block } = BLOCK_CIPHERS[name];
    if (key.length !== keyBytes)
      throw new RangeError(`${name}: key: ${keyBytes} bytes are expected, got ${key.length}`);
    if (iv.length !== block) throw new RangeError(`${name}: iv: ${block} bytes are expected, got ${iv.length}`);
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    this.#block = block;
    const { bytes, scratch, wasm } = crypto;
    bytes.set(key, scratch);
    bytes.set(iv, scratch + keyBytes);
    wasm.cbcKey(this.#slot.number, cipher, scratch, keyBytes, scratch + keyBytes, way === 'decrypt' ? 1 : 0);
    wasm.wipeScratch(keyBytes + block);
  }

  /** @param bytes Whole blocks. */
  apply(bytes: Uint8Array): Uint8Array {
    if (bytes.length % this.#block !== 0) {
      throw new RangeError(`cbc: bytes: a multiple of ${this.#block} is expected, got ${bytes.length}`);
    }
    return inPieces(this.#crypto, bytes, (at, length) => this.#crypto.wasm.cbc(this.#slot.number, at, length));
  }

  release(): void {
    this.#slot.give();
  }
}

/** ChaCha20 (RFC 8439 §2.4); encryption and decryption are the same. The stream goes on from call to call. */
export class ChaCha20 {
  readonly #crypto: Crypto;
  readonly #slot: Slot;

  /** @param key 32 bytes. @param nonce 12 bytes. @param counter Of the first block. */
  constructor(crypto: Crypto, key: Uint8Array, nonce: Uint8Array, counter = 0) {
    checkLength('chacha20', 'key', key, 32);
    checkLength('chacha20', 'nonce', nonce, 12);
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    const { bytes, scratch, wasm } = crypto;
    bytes.set(key, scratch);
    bytes.set(nonce, scratch + 32);
    wasm.chachaStart(this.#slot.number, scratch, scratch + 32, counter >>> 0);
    wasm.wipeScratch(44);
  }

  apply(bytes: Uint8Array): Uint8Array {
    return inPieces(this.#crypto, bytes, (at, length) => this.#crypto.wasm.chacha(this.#slot.number, at, length));
  }

  release(): void {
    this.#slot.give();
  }
}

/** ChaCha20 in one go, in place, of any length. */
export function chacha20(
  crypto: Crypto,
  key: Uint8Array,
  nonce: Uint8Array,
  counter: number,
  bytes: Uint8Array,
): Uint8Array {
  const cipher = new ChaCha20(crypto, key, nonce, counter);
  cipher.apply(bytes);
  cipher.release();
  return bytes;
}

/** Poly1305 (RFC 8439 §2.5) of one message that is under way. `digest` or `release` ends it. */
export class Poly1305 {
  readonly #crypto: Crypto;
  readonly #slot: Slot;

  /** @param key 32 bytes, for this message only. */
  constructor(crypto: Crypto, key: Uint8Array) {
    checkLength('poly1305', 'key', key, 32);
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.bytes.set(key, crypto.scratch);
    crypto.wasm.polyStart(this.#slot.number, crypto.scratch);
    crypto.wasm.wipeScratch(32);
  }

  update(input: Uint8Array): this {
    const slot = this.#slot.number;
    this.#crypto.feed(input, (at, length) => this.#crypto.wasm.polyMore(slot, at, length));
    return this;
  }

  digest(): Uint8Array {
    this.#crypto.wasm.polyFinish(this.#slot.number, this.#crypto.scratch);
    this.release();
    return this.#crypto.fromScratch(16, 0);
  }

  release(): void {
    this.#slot.give();
  }
}

/** Poly1305 in one go, of any length. @param key 32 bytes, for this message only. */
export function poly1305(crypto: Crypto, key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Poly1305(crypto, key).update(message).digest();
}

/** A message for `ChaCha20Poly1305`. */
export interface AeadMessage {
  /** 12 bytes, never twice with one key. */
  readonly nonce: Uint8Array;
  readonly additional?: Uint8Array;
  /** To seal: the plain text; to open: the cipher text, then the tag. */
  readonly bytes: Uint8Array;
}

/** Of the tag behind a sealed message. */
export const TAG_BYTES = 16;

/** ChaCha20-Poly1305 (RFC 8439 §2.8) with one key, for many messages in one call: 128 KiB of them. */
export class ChaCha20Poly1305 {
  readonly #crypto: Crypto;
  readonly #slot: Slot;

  constructor(crypto: Crypto, key: Uint8Array) {
    checkLength('chacha20-poly1305', 'key', key, 32);
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.bytes.set(key, crypto.scratch);
    crypto.wasm.aeadKey(this.#slot.number, crypto.scratch);
    crypto.wasm.wipeScratch(32);
  }

  /** Each cipher text with its tag behind it. They are views of the module's memory, valid until its next call. */
  seal(messages: readonly AeadMessage[]): Uint8Array[] {
    const places = this.#lay(messages, TAG_BYTES);
    this.#crypto.wasm.sealBatch(this.#slot.number, this.#crypto.scratch, messages.length);
    return places.map(({ at, length }) => this.#crypto.bytes.subarray(at, at + length + TAG_BYTES));
  }

  /** Each plain text, likewise; undefined where the tag is wrong. */
  open(messages: readonly AeadMessage[]): (Uint8Array | undefined)[] {
    for (const { bytes } of messages) {
      if (bytes.length < TAG_BYTES) {
        throw new RangeError(`chacha20-poly1305: a sealed message has ${TAG_BYTES} bytes or more, got ${bytes.length}`);
      }
    }
    const places = this.#lay(messages, 0);
    const { wasm, words, scratch } = this.#crypto;
    wasm.openBatch(this.#slot.number, scratch, messages.length);
    return places.map(({ at, length }, i) => {
      const right = words[(scratch + i * ENTRY_BYTES + ANSWER) >>> 2] === 1;
      return right ? this.#crypto.bytes.subarray(at, at + length) : undefined;
    });
  }

  release(): void {
    this.#slot.give();
  }

  /** The table in front, then nonces, additional data and messages. */
  #lay(messages: readonly AeadMessage[], room: number): { at: number; length: number }[] {
    const { bytes, words, scratch, scratchBytes } = this.#crypto;
    let at = scratch + messages.length * ENTRY_BYTES;
    const most = scratch + scratchBytes;
    const put = (part: Uint8Array, behind: number): number => {
      const place = at;
      at += part.length + behind;
      if (at > most) {
        const all = messages.reduce((sum, each) => sum + each.bytes.length + (each.additional?.length ?? 0), 0);
        throw new RangeError(`chacha20-poly1305: messages: ${scratchBytes} bytes are the most in one call, got ${all}`);
      }
      bytes.set(part, place);
      return place;
    };
    return messages.map(({ nonce, additional, bytes: message }, i) => {
      checkLength('chacha20-poly1305', 'nonce', nonce, 12);
      const entry = (scratch + i * ENTRY_BYTES) >>> 2;
      const length = message.length - (room === 0 ? TAG_BYTES : 0);
      words[entry + 2] = put(nonce, 0);
      words[entry + 3] = additional === undefined ? scratch : put(additional, 0);
      words[entry + 4] = additional?.length ?? 0;
      const place = put(message, room);
      words[entry] = place;
      words[entry + 1] = length;
      return { at: place, length };
    });
  }
}

/** `assembly/crypto/layout.ts`. */
const ENTRY_BYTES = 24;
const ANSWER = 20;

function inPieces(crypto: Crypto, input: Uint8Array, call: (at: number, length: number) => void): Uint8Array {
  const { bytes, scratch, scratchBytes } = crypto;
  for (let at = 0; at < input.length; at += scratchBytes) {
    const part = input.subarray(at, at + scratchBytes);
    bytes.set(part, scratch);
    call(scratch, part.length);
    part.set(bytes.subarray(scratch, scratch + part.length));
  }
  crypto.wasm.wipeScratch(Math.min(input.length, scratchBytes));
  return input;
}

function checkLength(call: string, name: string, found: Uint8Array, expected: number): void {
  if (found.length !== expected) {
    throw new RangeError(`${call}: ${name}: ${expected} bytes are expected, got ${found.length}`);
  }
}
