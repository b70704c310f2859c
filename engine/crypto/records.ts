/** The two directions of a TLS connection's records, whose keys and protection are the crypto module's. */

import type { Crypto, Slot } from './module.ts';

/** RFC 5246 §6.2.1. */
export const RECORD_TYPES = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;

/** Data of one record. */
export const RECORD_DATA_BYTES = 0x4000;
/** What one call of `RecordWriter.seal` takes. */
export const SEAL_BYTES_MAX = 256 * 1024;
/** The module looks at whole blocks: some bytes behind a record are read, and masked out. */
const LOOK_BEHIND = 128;
const HEADER_BYTES = 5;
/** TLS 1.1, whose records have IVs of their own. */
const OWN_IVS = 0x302;
const NOTHING = new Uint8Array(0);
const RC4_SUITES: readonly number[] = [0x0004, 0x0005];
/** Bytes of MAC key, cipher key and IV. */
const KEY_BYTES: ReadonlyMap<number, number> = new Map([
  [0x0004, 16 + 16],
  [0x0005, 20 + 16],
  [0x0009, 20 + 8 + 8],
  [0x000a, 20 + 24 + 8],
  [0x002f, 20 + 16 + 16],
  [0x0035, 20 + 32 + 16],
]);
const [FIRST_VERSION, LAST_VERSION] = [0x300, 0x303];

/** Protects what is sent. Without protection until `protect`. */
export class RecordWriter {
  readonly #crypto: Crypto;
  readonly #slot: Slot;
  /** A block cipher goes on with an IV that the peer has seen: the first record of each call has one byte of data only. */
  #splits = false;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.wasm.recordKey(this.#slot.number, 0, 0, crypto.scratch, 0);
  }

  /** @param keys MAC key, cipher key and IV, one behind the other. They are copied. */
  protect(suite: number, version: number, keys: Uint8Array): void {
    setKeys(this.#crypto, this.#slot, suite, version, keys, 0);
    this.#splits = version < OWN_IVS && !RC4_SUITES.includes(suite);
  }

  /** As long as there is no protection, records name this version; 0x301 at first. */
  announce(version: number): void {
    this.#crypto.wasm.recordKey(this.#slot.number, 0, version, this.#crypto.scratch, 0);
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
    const head = wasm.recordHead(this.#slot.number);
    // RFC 4346 §F.3, and the attack of Duong and Rizzo, "BEAST".
    const split = this.#splits && type === RECORD_TYPES.data && data.length > 1;
    const first = split ? 1 : Math.min(data.length, RECORD_DATA_BYTES);
    let at = start;
    for (let from = 0, size = first; from < data.length; from += size, size = RECORD_DATA_BYTES) {
      const part = data.subarray(from, from + size);
      bytes.set(part, at + head);
      at += wasm.recordSize(this.#slot.number, part.length);
    }
    const length = wasm.sealRecords(this.#slot.number, type, start, first, data.length);
    return bytes.subarray(start, start + length);
  }

  /** Wipes the keys. */
  release(): void {
    this.#slot.give();
  }
}

/** What `RecordReader.read` says of the bytes it got: a record was no record, or not the peer's. It is the last answer. */
export type ReadResult = 'read' | 'stopped' | 'refused';

/** Opens what comes. */
export class RecordReader {
  readonly #crypto: Crypto;
  readonly #slot: Slot;
  /** The beginning of a record that is not complete, or what was behind the one at which it stopped. */
  #rest: Uint8Array = NOTHING;
  #refused = false;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#slot = crypto.takeSlot();
    crypto.wasm.recordKey(this.#slot.number, 0, 0, crypto.scratch, 1);
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
    if (this.#refused) return 'refused';
    const { bytes: memory, wasm } = this.#crypto;
    const [start, room] = [wasm.OPEN.value, wasm.OPEN_BYTES.value - LOOK_BEHIND];
    const rest = this.#rest;
    if (rest.length + bytes.length <= room) {
      memory.set(rest, start);
      memory.set(bytes, start + rest.length);
      const end = start + rest.length + bytes.length;
      const { result, used } = this.#open(start, end - start, many, each);
      return this.#keep(result, memory.subarray(start + used, end));
    }
    // More than there is room for: a reader was stopped with much behind, or a host reads in large pieces.
    const input = join(rest, bytes);
    for (let at = 0; ; ) {
      const part = input.subarray(at, at + room);
      memory.set(part, start);
      const { result, used } = this.#open(start, part.length, many, each);
      at += used;
      // What fills the room holds at least one record.
      if (result === 'read' && used > 0 && at < input.length && part.length === room) continue;
      return this.#keep(result, input.subarray(at));
    }
  }

  /** Whether a record has begun that is not complete. */
  get within(): boolean {
    return this.#rest.length > 0;
  }

  /** What was not opened, as it came. */
  takeRest(): Uint8Array {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  /** Wipes the keys. */
  release(): void {
    this.#rest = NOTHING;
    this.#slot.give();
  }

  #keep(result: ReadResult, rest: Uint8Array): ReadResult {
    this.#refused = result === 'refused';
    // A copy, for the memory is somebody else's; not by `slice`, which copies nothing of a Buffer.
    this.#rest = this.#refused || rest.length === 0 ? NOTHING : new Uint8Array(rest);
    return result;
  }

  #open(
    start: number,
    length: number,
    many: () => boolean,
    each: (type: number, data: Uint8Array) => boolean,
  ): { readonly result: ReadResult; readonly used: number } {
    const { bytes, wasm } = this.#crypto;
    let used = 0;
    while (length - used >= HEADER_BYTES) {
      const at = start + used;
      const opened = wasm.openRecords(this.#slot.number, at, length - used, at, many() ? length : 1);
      if (opened < 0) return { result: 'refused', used };
      const taken = wasm.openedFrom.value;
      if (taken === 0) break;
      const type = wasm.openedType.value;
      used += taken;
      if (!each(type, bytes.subarray(at, at + opened))) return { result: 'stopped', used };
    }
    return { result: 'read', used };
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function setKeys(crypto: Crypto, slot: Slot, suite: number, version: number, keys: Uint8Array, decrypts: number): void {
  const expected = KEY_BYTES.get(suite);
  if (expected === undefined) throw new RangeError(`records: suite: none of the module's, got 0x${suite.toString(16)}`);
  if (version < FIRST_VERSION || version > LAST_VERSION) {
    throw new RangeError(`records: version: 0x300 to 0x303 are expected, got 0x${version.toString(16)}`);
  }
  if (keys.length !== expected) {
    throw new RangeError(`records: keys: ${expected} bytes are expected, got ${keys.length}`);
  }
  crypto.toScratch('records', keys);
  crypto.wasm.recordKey(slot.number, suite, version, crypto.scratch, decrypts);
  crypto.wasm.wipeScratch(keys.length);
}
