import { join } from '../unit/core/rig.ts';
import type { Rng } from './rng.ts';

const HEADER_BYTES = 5;
const TYPES = [20, 21, 22, 23];

/** Changes a stream of TLS records as a stream of records: most of what is inside of them never meets a byte in clear. */
export function mutateRecords(rng: Rng, bytes: Uint8Array, seeds: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const records = split(bytes);
  const times = 1 + rng.below(rng.oneIn(3) ? 6 : 2);
  for (let i = 0; i < times; i++) change(rng, records, seeds);
  return new Uint8Array(join(...records));
}

/** Records as their headers say; the last one is what is left. */
function split(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < HEADER_BYTES ? 0 : (bytes[at + 3]! << 8) | bytes[at + 4]!;
    records.push(bytes.slice(at, at + HEADER_BYTES + length));
    at += HEADER_BYTES + length;
  }
  return records;
}

function change(rng: Rng, records: Uint8Array[], seeds: readonly Uint8Array[]): void {
  const at = rng.below(records.length + 1);
  const record = records[at];
  if (record === undefined || record.length < HEADER_BYTES) {
    records.splice(at, 0, foreign(rng, seeds));
    return;
  }
  const body = record.subarray(HEADER_BYTES);
  switch (rng.below(14)) {
    case 0:
      records.splice(at, 1);
      break;
    case 1:
      records.splice(rng.below(records.length + 1), 0, record.slice());
      break;
    case 2:
      records.splice(at, 1);
      records.splice(rng.below(records.length + 1), 0, record);
      break;
    case 3:
      records.splice(at, 0, foreign(rng, seeds));
      break;
    case 4: {
      // The same in two records, one of which may be empty.
      const cut = rng.below(body.length + 1);
      records.splice(at, 1, like(record, body.subarray(0, cut)), like(record, body.subarray(cut)));
      break;
    }
    case 5: {
      const next = records[at + 1];
      if (next !== undefined) records.splice(at, 2, like(record, join(body, next.subarray(HEADER_BYTES))));
      break;
    }
    case 6: {
      const small = rng.of([1, 2, 3, 4, 5, 16]);
      const parts: Uint8Array[] = [];
      for (let i = 0; i < body.length && parts.length < 60; i += small) parts.push(body.subarray(i, i + small));
      records.splice(at, 1, ...parts.map((part) => like(record, part)));
      break;
    }
    case 7:
      record[0] = rng.of(TYPES);
      break;
    case 8:
      record[2] = rng.below(6);
      break;
    case 9:
      record[rng.of([3, 4])] = rng.below(256);
      break;
    case 10:
      records[at] = fitted(rng, record, resize(rng, body));
      break;
    default:
      // Lengths and types are in front.
      if (body.length > 0) body[rng.below(rng.oneIn(2) ? Math.min(body.length, 90) : body.length)] = rng.below(256);
  }
}

/** What was never part of this conversation. */
function foreign(rng: Rng, seeds: readonly Uint8Array[]): Uint8Array {
  const version = rng.below(4);
  const made = (type: number, ...body: number[]) => Uint8Array.of(type, 3, version, 0, body.length, ...body);
  switch (rng.below(8)) {
    case 0:
      return made(20, 1);
    case 1:
      return made(21, rng.of([1, 2]), rng.of([0, 10, 40, 41, 90, 100]));
    case 2:
      return made(22, 0, 0, 0, 0);
    case 3:
      return made(
        22,
        rng.of([0, 1, 2, 11, 12, 13, 14, 15, 16, 20, 99]),
        0,
        0,
        rng.below(8),
        ...rng.bytes(rng.below(8)),
      );
    case 4:
      return made(rng.of(TYPES));
    case 5:
      return made(23, ...rng.bytes(rng.below(40)));
    default: {
      const records = split(rng.of(seeds));
      return rng.of(records).slice();
    }
  }
}

function resize(rng: Rng, body: Uint8Array): Uint8Array {
  const at = rng.below(body.length + 1);
  const more = rng.oneIn(2) ? rng.bytes(1 + rng.below(20)) : new Uint8Array(0);
  return join(body.subarray(0, at), more, body.subarray(at + rng.below(more.length === 0 ? 20 : 3)));
}

/** With its own length, and now and then that of its message too. */
function fitted(rng: Rng, record: Uint8Array, body: Uint8Array): Uint8Array {
  const made = body.slice();
  const length = made.length - 4;
  if (record[0] === 22 && length >= 0 && rng.oneIn(2)) made.set([length >>> 16, (length >>> 8) & 255, length & 255], 1);
  return like(record, made);
}

/** A record of the same kind with another body. */
function like(record: Uint8Array, body: Uint8Array): Uint8Array {
  const header = record.slice(0, HEADER_BYTES);
  header[3] = body.length >>> 8;
  header[4] = body.length & 255;
  return join(header, body);
}
