/**
 * The one file that knows the exports of the crypto module. It loads the module into memory of its own, hands out slots
 * of it, and checks what callers want. Keys live in that memory and are wiped when their slot is given back.
 */

import type { Random } from '../host.ts';

export type CryptoBinary = (build: 'simd' | 'scalar') => Uint8Array;

/** In the module's numbers. */
export const HASHES = { md5: 1, sha1: 2, sha256: 3 } as const;
export type HashName = keyof typeof HASHES;
export const DIGEST_BYTES: Readonly<Record<HashName, number>> = { md5: 16, sha1: 20, sha256: 32 };

const PAGE_BYTES = 65_536;
const SEED_BYTES = 32;

interface Constant {
  readonly value: number;
}

/** What the module exports. Addresses and lengths are bytes. */
export interface CryptoExports {
  readonly [name: string]: unknown;
  readonly SIMD: Constant;
  readonly SCRATCH: Constant;
  readonly SCRATCH_BYTES: Constant;
  readonly SEAL: Constant;
  readonly SEAL_BYTES: Constant;
  readonly OPEN: Constant;
  readonly OPEN_BYTES: Constant;
  readonly SLOTS: Constant;
  readonly SLOT_BYTES: Constant;
  readonly BATCH_ENTRY: Constant;
  readonly openedType: Constant;
  readonly openedFrom: Constant;
  init(): void;
  wipe(slot: number): void;
  wipeScratch(length: number): void;
  sha0(length: number): void;
  hashStart(slot: number, kind: number): void;
  hashUpdate(slot: number, from: number, length: number): void;
  hashFinish(slot: number, output: number): void;
  hashCopy(from: number, to: number): void;
  hmacKey(slot: number, kind: number, key: number, length: number): void;
  hmacStart(slot: number): void;
  hmacUpdate(slot: number, from: number, length: number): void;
  hmacFinish(slot: number, output: number): void;
  rc4Key(slot: number, key: number, length: number): void;
  rc4(slot: number, from: number, length: number): void;
  cbcKey(slot: number, cipher: number, key: number, length: number, iv: number, decrypts: number): void;
  cbc(slot: number, from: number, length: number): void;
  chachaStart(slot: number, key: number, nonce: number, counter: number): void;
  chacha(slot: number, from: number, length: number): void;
  polyStart(slot: number, key: number): void;
  polyMore(slot: number, from: number, length: number): void;
  polyFinish(slot: number, output: number): void;
  aeadKey(slot: number, key: number): void;
  sealBatch(slot: number, table: number, count: number): void;
  openBatch(slot: number, table: number, count: number): void;
  same(a: number, b: number, length: number): number;
  recordKey(slot: number, suite: number, version: number, keys: number, decrypts: number): void;
  recordSize(slot: number, length: number): number;
  recordHead(slot: number): number;
  sealRecords(slot: number, type: number, from: number, first: number, length: number): number;
  openRecords(slot: number, from: number, length: number, to: number, most: number): number;
}

export interface CryptoOptions {
  /** Keys, hashes under way and directions of connections at one time: 704 bytes each. */
  readonly slots: number;
  readonly random: Random;
  /** Takes the build without SIMD even where the runtime has it; for tests. */
  readonly scalar?: boolean;
}

/** All slots are taken: whoever wants one more has to do without. */
export class NoRoomForKeys extends RangeError {
  constructor() {
    super('the crypto module has no room for more keys');
    this.name = 'NoRoomForKeys';
  }
}

/** MD5, SHA-0 to SHA-256, HMAC, RC4, AES, DES, ChaCha20-Poly1305 and the protection of TLS records, in WebAssembly. */
export class Crypto {
  readonly wasm: CryptoExports;
  /** The module's whole memory. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  /** Whether it is the build with SIMD. */
  readonly simd: boolean;
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly #free: number[] = [];

  /** Throws a RangeError when the runtime cannot give it memory, and what `binary` throws. */
  constructor(binary: CryptoBinary, options: CryptoOptions) {
    const simd = options.scalar === true ? undefined : binary('simd');
    this.simd = simd !== undefined && WebAssembly.validate(simd);
    const module = new WebAssembly.Module(this.simd ? simd! : binary('scalar'));
    const { SLOTS, SLOT_BYTES } = sizes(module);
    const pages = Math.ceil((SLOTS + options.slots * SLOT_BYTES) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.wasm = instantiate(module, memory);
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.scratch = this.wasm.SCRATCH.value;
    this.scratchBytes = this.wasm.SCRATCH_BYTES.value;
    this.bytes.set(options.random(SEED_BYTES), this.scratch);
    this.wasm.init();
    for (let slot = options.slots - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  /** Slots that nobody has. */
  get slotsFree(): number {
    return this.#free.length;
  }

  /** Throws a RangeError when there is none left. */
  takeSlot(): Slot {
    const number = this.#free.pop();
    if (number === undefined) throw new NoRoomForKeys();
    return new Slot(number, () => {
      this.wasm.wipe(number);
      this.#free.push(number);
    });
  }

  /** SHA-0, `protocol/control-plane.md` §4.3. Bound, so that it can be handed on. */
  readonly sha0 = (input: Uint8Array): Uint8Array => {
    this.toScratch('sha0', input);
    this.wasm.sha0(input.length);
    return this.fromScratch(20, input.length);
  };

  digest(hash: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
    const state = this.hash(hash);
    for (const part of parts) state.update(part);
    return state.digest();
  }

  hash(hash: HashName): Hash {
    const slot = this.takeSlot();
    this.wasm.hashStart(slot.number, HASHES[hash]);
    return new Hash(this, hash, slot);
  }

  hmac(hash: HashName, key: Uint8Array): Hmac {
    return new Hmac(this, hash, key);
  }

  /** Whether two byte strings are the same, in a time that tells their lengths and nothing else. */
  same(a: Uint8Array, b: Uint8Array): boolean {
    if (a.length !== b.length) return false;
    const second = this.scratchBytes >>> 1;
    if (a.length > second) throw new RangeError(`crypto.same: at most ${second} bytes, got ${a.length}`);
    this.bytes.set(a, this.scratch);
    this.bytes.set(b, this.scratch + second);
    const same = this.wasm.same(this.scratch, this.scratch + second, a.length) !== 0;
    this.wasm.wipeScratch(this.scratchBytes);
    return same;
  }

  /** Puts the input of a call into the scratch area. */
  toScratch(call: string, input: Uint8Array): void {
    this.checkInput(call, input);
    this.bytes.set(input, this.scratch);
  }

  /** Throws a RangeError when it does not fit there. */
  checkInput(call: string, input: Uint8Array): void {
    if (input.length > this.scratchBytes) {
      throw new RangeError(`crypto.${call}: input: at most ${this.scratchBytes} bytes, got ${input.length}`);
    }
  }

  /** A copy of its beginning; the first `wipe` bytes are wiped. */
  fromScratch(length: number, wipe: number): Uint8Array {
    const output = this.bytes.slice(this.scratch, this.scratch + length);
    this.wasm.wipeScratch(Math.max(length, Math.min(wipe, this.scratchBytes)));
    return output;
  }

  /** @internal Has `call` take bytes of any length in, a piece at a time. */
  feed(input: Uint8Array, call: (at: number, length: number) => void): void {
    for (let at = 0; at < input.length; at += this.scratchBytes) {
      const part = input.subarray(at, at + this.scratchBytes);
      this.bytes.set(part, this.scratch);
      call(this.scratch, part.length);
    }
    this.wasm.wipeScratch(Math.min(input.length, this.scratchBytes));
  }
}

/** A place for a key in the module's memory. Whoever took it gives it back, which wipes it. */
export class Slot {
  readonly #number: number;
  #give: (() => void) | undefined;

  /** @internal */
  constructor(number: number, give: () => void) {
    this.#number = number;
    this.#give = give;
  }

  /** For the module. Throws when it was given back: it may be somebody else's by now. */
  get number(): number {
    if (this.#give === undefined) throw new Error('crypto: this key was released before');
    return this.#number;
  }

  /** A second time it does nothing. */
  give(): void {
    const give = this.#give;
    this.#give = undefined;
    give?.();
  }
}

/** A digest that is under way. `digest` or `release` ends it. */
export class Hash {
  readonly #crypto: Crypto;
  readonly #name: HashName;
  readonly #slot: Slot;

  /** @internal */
  constructor(crypto: Crypto, name: HashName, slot: Slot) {
    this.#crypto = crypto;
    this.#name = name;
    this.#slot = slot;
  }

  update(input: Uint8Array): this {
    const slot = this.#slot.number;
    this.#crypto.feed(input, (at, length) => this.#crypto.wasm.hashUpdate(slot, at, length));
    return this;
  }

  /** Both go on from here. */
  copy(): Hash {
    const from = this.#slot.number;
    const slot = this.#crypto.takeSlot();
    this.#crypto.wasm.hashCopy(from, slot.number);
    return new Hash(this.#crypto, this.#name, slot);
  }

  digest(): Uint8Array {
    this.#crypto.wasm.hashFinish(this.#slot.number, this.#crypto.scratch);
    this.release();
    return this.#crypto.fromScratch(DIGEST_BYTES[this.#name], 0);
  }

  release(): void {
    this.#slot.give();
  }
}

/** HMAC (RFC 2104) with one key. */
export class Hmac {
  readonly #crypto: Crypto;
  readonly #slot: Slot;
  readonly #size: number;
  #begun = false;

  /** @internal */
  constructor(crypto: Crypto, name: HashName, key: Uint8Array) {
    this.#crypto = crypto;
    this.#size = DIGEST_BYTES[name];
    crypto.checkInput('hmac', key);
    this.#slot = crypto.takeSlot();
    crypto.toScratch('hmac', key);
    crypto.wasm.hmacKey(this.#slot.number, HASHES[name], crypto.scratch, key.length);
    crypto.wasm.wipeScratch(key.length);
  }

  /** Begins with the first call, or behind a `digest`. */
  update(input: Uint8Array): this {
    const slot = this.#slot.number;
    const { wasm } = this.#crypto;
    if (!this.#begun) wasm.hmacStart(slot);
    this.#begun = true;
    this.#crypto.feed(input, (at, length) => wasm.hmacUpdate(slot, at, length));
    return this;
  }

  /** The MAC of what `update` took in and of `parts`. The key is there for the next message. */
  digest(...parts: readonly Uint8Array[]): Uint8Array {
    for (const part of parts) this.update(part);
    if (!this.#begun) this.#crypto.wasm.hmacStart(this.#slot.number);
    this.#begun = false;
    this.#crypto.wasm.hmacFinish(this.#slot.number, this.#crypto.scratch);
    return this.#crypto.fromScratch(this.#size, 0);
  }

  release(): void {
    this.#slot.give();
  }
}

/** Where the slots begin, asked of an instance that is not used any further. */
function sizes(module: WebAssembly.Module): { SLOTS: number; SLOT_BYTES: number } {
  const { SLOTS, SLOT_BYTES } = instantiate(module, new WebAssembly.Memory({ initial: 64 }));
  return { SLOTS: SLOTS.value, SLOT_BYTES: SLOT_BYTES.value };
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): CryptoExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as CryptoExports;
}
