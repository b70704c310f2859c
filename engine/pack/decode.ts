import { nameKey, type PackElement, TYPE_DATA, TYPE_INT, TYPE_INT64, TYPE_STR, TYPE_UNISTR } from './element.ts';
import { MAX_ELEMENTS, MAX_NAME_BYTES, MAX_VALUES } from './limits.ts';
import { Pack } from './pack.ts';
import { trimmed, withoutTrailingNul } from './text.ts';

export interface DecodedPack {
  readonly ok: true;
  readonly pack: Pack;
  /** Bytes that the Pack took. What follows it is ignored (`protocol/control-plane.md` §1.5). */
  readonly consumed: number;
}

/** Why bytes are no Pack. */
export interface PackError {
  readonly ok: false;
  readonly cause: string;
  /** Where in the bytes. */
  readonly offset: number;
}

/**
 * Reads the Pack at the front of `bytes`: `protocol/control-plane.md` §2. It copies what it keeps. The caller bounds
 * `bytes` (`MAX_REQUEST_PACK_BYTES`, `MAX_RESPONSE_PACK_BYTES`); what is kept is in proportion to their length.
 *
 * The original fills in for what is cut off and goes on; here truncation is an error.
 */
export function decodePack(bytes: Uint8Array): DecodedPack | PackError {
  const cursor = new Cursor(bytes);
  const count = cursor.u32();
  if (count === undefined) return cursor.error('the number of elements is cut off');
  if (count > MAX_ELEMENTS) return cursor.error(`${count} elements, more than ${MAX_ELEMENTS}`);
  const elements: PackElement[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const element = readElement(cursor);
    if ('cause' in element) return element;
    const key = nameKey(element.name);
    if (names.has(key)) return cursor.error('two elements have the same name');
    names.add(key);
    elements.push(element);
  }
  return { ok: true, pack: new Pack(elements), consumed: cursor.offset };
}

function readElement(cursor: Cursor): PackElement | PackError {
  const nameLength = cursor.u32();
  if (nameLength === undefined) return cursor.error('the length of a name is cut off');
  // The length counts a NUL that is not sent, so that 1 is an empty name.
  if (nameLength < 2 || nameLength > MAX_NAME_BYTES + 1) return cursor.error('the length of a name is out of range');
  const nameBytes = cursor.take(nameLength - 1);
  if (nameBytes === undefined) return cursor.error('a name is cut off');
  let name = '';
  for (const byte of nameBytes) {
    if (byte < 0x20 || byte > 0x7e) return cursor.error('a name is not printable ASCII');
    name += String.fromCharCode(byte);
  }
  const type = cursor.u32();
  const count = cursor.u32();
  if (type === undefined || count === undefined) return cursor.error('the head of an element is cut off');
  if (count === 0) return cursor.error('an element has no values');
  if (count > MAX_VALUES) return cursor.error(`an element has ${count} values, more than ${MAX_VALUES}`);
  switch (type) {
    case TYPE_INT:
      return readValues(cursor, count, readInt, (values) => ({ name, type, values }));
    case TYPE_INT64:
      return readValues(cursor, count, readInt64, (values) => ({ name, type, values }));
    case TYPE_DATA:
      return readValues(cursor, count, readData, (values) => ({ name, type, values }));
    case TYPE_STR:
    case TYPE_UNISTR:
      return readValues(cursor, count, readText, (values) => ({ name, type, values }));
    default:
      return cursor.error(`an element has the unknown type ${type}`);
  }
}

function readValues<T>(
  cursor: Cursor,
  count: number,
  read: (cursor: Cursor) => T | string,
  make: (values: T[]) => PackElement,
): PackElement | PackError {
  const values: T[] = [];
  for (let index = 0; index < count; index += 1) {
    const value = read(cursor);
    if (typeof value === 'string') return cursor.error(value);
    values.push(value);
  }
  return make(values);
}

// The readers of one value return a string when they fail: why.

function readInt(cursor: Cursor): number | string {
  return cursor.u32() ?? 'an INT is cut off';
}

function readInt64(cursor: Cursor): bigint | string {
  const high = cursor.u32();
  const low = cursor.u32();
  if (high === undefined || low === undefined) return 'an INT64 is cut off';
  return (BigInt(high) << 32n) | BigInt(low);
}

function readData(cursor: Cursor): Uint8Array | string {
  return cursor.sized()?.slice() ?? 'a value is cut off';
}

/** Both kinds of text: a STR with a NUL at its end and a UNISTR without one are tolerated, as by the original. */
function readText(cursor: Cursor): Uint8Array | string {
  const sized = cursor.sized();
  if (sized === undefined) return 'a value is cut off';
  const text = withoutTrailingNul(sized);
  // A NUL inside would let two readers see two different names.
  if (text.includes(0)) return 'a text has a NUL inside';
  return trimmed(text).slice();
}

/** A place in the bytes. A read that does not fit returns undefined and moves nothing. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number | undefined {
    if (this.#bytes.length - this.offset < 4) return undefined;
    const value = this.#view.getUint32(this.offset);
    this.offset += 4;
    return value;
  }

  take(length: number): Uint8Array | undefined {
    if (this.#bytes.length - this.offset < length) return undefined;
    const view = this.#bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return view;
  }

  /** A length and that many bytes. */
  sized(): Uint8Array | undefined {
    const length = this.u32();
    return length === undefined ? undefined : this.take(length);
  }

  error(cause: string): PackError {
    return { ok: false, cause, offset: this.offset };
  }
}
