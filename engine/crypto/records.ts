/** The two directions of a TLS connection's records, whose keys and protection are the crypto module's. */

import type { Crypto } from './module.ts';

/** RFC 5246 §6.2.1. */
export const RECORD_TYPES = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;

/** Data of one record. */
export const RECORD_DATA_BYTES = 0x4000;
/** What one call of `RecordWriter.seal` takes. */
export const SEAL_BYTES_MAX = 256 * 1024;
/** Header and protected data, RFC 5246 §6.2.3: more than that of one record is never kept. */
const RECORD_BYTES = 5 + RECORD_DATA_BYTES + 2048;
const HEADER_BYTES = 5;
/** TLS 1.1, whose records have IVs of their own. */
const OWN_IVS = 0x302;
const RC4_SUITES: readonly number[] = [0x0004, 0x0005];

/** Protects what is sent. Without protection until `protect`. */
export class RecordWriter {
  readonly #crypto: Crypto;
  readonly #slot: number;
  /** A block cipher goes on with an IV that the peer has seen: the first record of each call has one byte of data only. */
  #splits = false;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.wasm.recordKey(this.#slot, 0, 0, crypto.scratch, 0);
  }

  /** @param keys MAC key, cipher key and IV, one behind the other. They are copied. */
  protect(suite: number, version: number, keys: Uint8Array): void {
    setKeys(this.#crypto, this.#slot, suite, version, keys, 0);
    this.#splits = version < OWN_IVS && !RC4_SUITES.includes(suite);
  }

  /** As long as there is no protection, records name this version; 0x301 at first. */
  announce(version: number): void {
    this.#crypto.wasm.recordKey(this.#slot, 0, version, this.#crypto.scratch, 0);
  }

  /**
   * Records with up to `SEAL_BYTES_MAX` bytes of data, at least one. A view of the module's memory, valid until the next
   * call.
   */
  seal(type: number, data: Uint8Array): Uint8Array {
    const { bytes, wasm } = this.#crypto;
    if (data.length === 0 || data.length > SEAL_BYTES_MAX) {
      throw new RangeError(`records.seal: data: 1 to ${SEAL_BYTES_MAX} bytes are expected, got ${data.length}`);
    }
    const start = wasm.SEAL.value;
    const head = wasm.recordHead(this.#slot);
    // RFC 4346 §F.3, and the attack of Duong and Rizzo, "BEAST".
    const split = this.#splits && type === RECORD_TYPES.data && data.length > 1;
    const first = split ? 1 : Math.min(data.length, RECORD_DATA_BYTES);
    let at = start;
    for (let from = 0, size = first; from < data.length; from += size, size = RECORD_DATA_BYTES) {
      const part = data.subarray(from, from + size);
      bytes.set(part, at + head);
      at += wasm.recordSize(this.#slot, part.length);
    }
    const length = wasm.sealRecords(this.#slot, type, start, first, data.length);
    return bytes.subarray(start, start + length);
  }

  /** Wipes the keys. */
  release(): void {
    this.#crypto.giveSlot(this.#slot);
  }
}

/** What `RecordReader.read` says of the bytes it got: a record was no record, or not the peer's. It is the last answer. */
export type ReadResult = 'read' | 'stopped' | 'refused';

/** Opens what comes. */
export class RecordReader {
  readonly #crypto: Crypto;
  readonly #slot: number;
  /** The beginning of a record that is not complete, or what was behind the one at which it stopped. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.wasm.recordKey(this.#slot, 0, 0, crypto.scratch, 1);
  }

  /** See `RecordWriter`. It may be called from inside `each`. */
  protect(suite: number, version: number, keys: Uint8Array): void {
    setKeys(this.#crypto, this.#slot, suite, version, keys, 1);
  }

  /**
   * Opens the records that are complete. `each` gets the data of one record, or with `many` of several records of one
   * type in a row, as a view of the module's memory that is valid during the call; it may seal, and must not read. When it
   * returns false nothing more is opened.
   */
  read(bytes: Uint8Array, many: () => boolean, each: (type: number, data: Uint8Array) => boolean): ReadResult {
    let left = bytes;
    for (;;) {
      const { at, length, taken } = this.#place(left);
      left = left.subarray(taken);
      const result = this.#open(at, length, many, each);
      if (result === 'stopped') this.#rest = join(this.#rest, left);
      if (result !== 'read' || left.length === 0) return result;
    }
  }

  /** Whether a record has begun that is not complete. */
  get within(): boolean {
    return this.#rest.length > 0;
  }

  /** What was not opened, as it came. */
  takeRest(): Uint8Array {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    return rest;
  }

  /** Wipes the keys. */
  release(): void {
    this.#rest = new Uint8Array(0);
    this.#crypto.giveSlot(this.#slot);
  }

  /** Puts what was left and as much of `bytes` as there is room for into the module's memory. */
  #place(bytes: Uint8Array): { at: number; length: number; taken: number } {
    const { bytes: memory, wasm } = this.#crypto;
    const at = wasm.OPEN.value;
    const room = wasm.OPEN_BYTES.value - this.#rest.length - RECORD_BYTES;
    const part = bytes.subarray(0, room);
    memory.set(this.#rest, at);
    memory.set(part, at + this.#rest.length);
    const length = this.#rest.length + part.length;
    this.#rest = new Uint8Array(0);
    return { at, length, taken: part.length };
  }

  #open(
    start: number,
    length: number,
    many: () => boolean,
    each: (type: number, data: Uint8Array) => boolean,
  ): ReadResult {
    const { bytes, wasm } = this.#crypto;
    const end = start + length;
    let at = start;
    let result: ReadResult = 'read';
    while (result === 'read' && end - at >= HEADER_BYTES) {
      const opened = wasm.openRecords(this.#slot, at, end - at, at, many() ? length : 1);
      if (opened < 0) return 'refused';
      const used = wasm.openedFrom.value;
      if (used === 0) break;
      const type = wasm.openedType.value;
      const data = bytes.subarray(at, at + opened);
      at += used;
      if (!each(type, data)) result = 'stopped';
    }
    this.#rest = bytes.slice(at, end);
    return result;
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function setKeys(
  crypto: Crypto,
  slot: number,
  suite: number,
  version: number,
  keys: Uint8Array,
  decrypts: number,
): void {
  crypto.toScratch('records', keys);
  crypto.wasm.recordKey(slot, suite, version, crypto.scratch, decrypts);
  crypto.wasm.wipeScratch(keys.length);
}
