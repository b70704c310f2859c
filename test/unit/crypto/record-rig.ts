/** Both directions of records with hands. */

import type { Crypto } from '../../../engine/crypto/module.ts';
import { RECORD_TYPES, type ReadResult, RecordReader, RecordWriter } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { makeKeys, RecordTwin, SUITES, type Suite, VERSIONS } from './record-twin.ts';

export const DATA = RECORD_TYPES.data;

/** Every suite with every version, with a name for the test. */
export const PROTECTIONS: readonly [name: string, suite: Suite, version: number][] = SUITES.flatMap((suite) =>
  VERSIONS.map((version): [string, Suite, number] => [`${suite.name}, 0x${version.toString(16)}`, suite, version]),
);

export interface Delivered {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a reader said of some bytes, and what it handed over. */
export interface Answer {
  readonly result: ReadResult;
  readonly delivered: Delivered[];
}

export function read(reader: RecordReader, bytes: Uint8Array, many = false): Answer {
  const delivered: Delivered[] = [];
  const result = reader.read(
    bytes,
    () => many,
    (type, data) => {
      delivered.push({ type, data: data.slice() });
      return true;
    },
  );
  return { result, delivered };
}

/** Where the slot is that somebody gets next. */
export function slotTakenNext(crypto: Crypto): number {
  const slot = crypto.takeSlot();
  const place = crypto.wasm.SLOTS.value + slot.number * crypto.wasm.SLOT_BYTES.value;
  slot.give();
  return place;
}

/** A connection of which our end is the module's and the other the twin's. */
export class Pair {
  readonly keys: Uint8Array;
  readonly writer: RecordWriter;
  readonly reader: RecordReader;
  /** Seals what the reader opens. */
  readonly peer: RecordTwin;
  /** Opens what the writer seals. */
  readonly mirror: RecordTwin;

  constructor(crypto: Crypto, suite: Suite, version: number, seed = 1) {
    this.keys = makeKeys(suite, new World(seed));
    this.writer = new RecordWriter(crypto);
    this.reader = new RecordReader(crypto);
    this.writer.protect(suite.id, version, this.keys);
    this.reader.protect(suite.id, version, this.keys);
    this.peer = new RecordTwin(suite, version, this.keys);
    this.mirror = new RecordTwin(suite, version, this.keys);
  }

  release(): void {
    this.writer.release();
    this.reader.release();
  }
}
