/** Records that somebody changed on the way: they are refused, whatever was changed, and so is everything behind them. */
import { describe, expect, test } from 'vitest';
import type { Crypto } from '../../../engine/crypto/module.ts';
import { RECORD_TYPES, RecordReader } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, join } from '../core/rig.ts';
import { mustEqual } from './bytes.ts';
import { DATA, PROTECTIONS, read } from './record-rig.ts';
import {
  HEADER_BYTES,
  headBytes,
  leastPadding,
  makeKeys,
  RecordTwin,
  SSL3,
  type Suite,
  TLS11,
  TLS12,
} from './record-twin.ts';
import { rig } from './rig.ts';

const INPUT = new World(51).bytes(1_000);
const NOTHING = new Uint8Array(0);
/** RFC 5246 §6.2.3. */
const PROTECTED_MAX = 0x4000 + 2_048;

/** What three honest records of one connection look like, and who opens them. */
class Scene {
  readonly #crypto: Crypto;
  readonly #suite: Suite;
  readonly #version: number;
  readonly #keys: Uint8Array;
  readonly records: Uint8Array[];
  /** Records behind the first that are longer than any record. */
  readonly #more: Uint8Array;

  constructor(crypto: Crypto, suite: Suite, version: number, length: number, seed = 1) {
    this.#crypto = crypto;
    this.#suite = suite;
    this.#version = version;
    this.#keys = makeKeys(suite, new World(seed));
    const twin = this.twin();
    const world = new World(seed + 1);
    this.records = [0, 1, 2].map((i) =>
      twin.seal(DATA, INPUT.subarray(i, i + length), { iv: world.bytes(suite.block) }),
    );
    const { records } = this;
    this.#more = join(records[1]!, records[2]!, new Uint8Array(PROTECTED_MAX));
  }

  twin(): RecordTwin {
    return new RecordTwin(this.#suite, this.#version, this.#keys);
  }

  reader(): RecordReader {
    const reader = new RecordReader(this.#crypto);
    reader.protect(this.#suite.id, this.#version, this.#keys);
    return reader;
  }

  /** What comes out of these bytes; `more`: with others behind them, so that nothing waits for its end. */
  outcome(bytes: Uint8Array, more: boolean): Uint8Array | 'refused' {
    const reader = this.reader();
    const { result, delivered } = read(reader, more ? join(bytes, this.#more.subarray(0, lengthOf(bytes))) : bytes);
    if (result === 'read') {
      reader.release();
      return join(...delivered.map((each) => each.data));
    }
    if (delivered.length > 0) throw new Error('something was delivered');
    // It is the last answer, though what follows is honest.
    const [first, second] = this.records;
    for (const behind of [NOTHING, first!.subarray(0, 1), first!, second!]) {
      const again = read(reader, behind);
      if (again.result !== 'refused' || again.delivered.length > 0) throw new Error('it reads on after a refusal');
    }
    if (reader.within) throw new Error('something is kept after a refusal');
    reader.release();
    return 'refused';
  }

  mustRefuse(bytes: Uint8Array, what: () => string, more = false): void {
    if (this.outcome(bytes, more) !== 'refused') throw new Error(`${what()}: not refused`);
  }
}

/** What the header says, without an end. */
function lengthOf(record: Uint8Array): number {
  return (record[3]! << 8) | record[4]!;
}

function changed(record: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = record.slice();
  copy[at] = byte;
  return copy;
}

/** Data of which the padding fills a block of its own, and of which it has a single byte; a stream's: short, and long. */
function lengthsOf({ block, mac }: Suite): number[] {
  return block === 1 ? [13, 250] : [2 * block - (mac % block), 2 * block - 1 - (mac % block)];
}

describe.each(BUILDS)('%s: changed records', (build) => {
  const crypto = rig(build);

  test.each(PROTECTIONS)('%s: every bit', (_name, suite, version) => {
    for (const length of lengthsOf(suite)) {
      const scene = new Scene(crypto, suite, version, length);
      const [record] = scene.records;
      for (let bit = 0; bit < record!.length * 8; bit++) {
        const at = bit >> 3;
        const wrong = changed(record!, at, record![at]! ^ (1 << (bit & 7)));
        // With a larger length it would wait for its end.
        const longer = at === 3 || at === 4;
        // The one exception is a padding of SSL 3.0: see records-padding.test.ts.
        const poodle = version === SSL3 && at >= HEADER_BYTES ? scene.twin().open(wrong) : undefined;
        if (poodle === undefined) {
          scene.mustRefuse(wrong, () => `bit ${bit} of a record with ${length} bytes`, longer);
          continue;
        }
        const lastBlock = record!.length - suite.block;
        expect(suite.block > 1 && leastPadding(suite, length) === suite.block - 1 && at >= lastBlock).toBe(true);
        const passed = scene.outcome(wrong, false);
        mustEqual(passed as Uint8Array, INPUT.subarray(0, length), () => `bit ${bit} of a record of SSL 3.0`);
      }
    }
  });

  test.each(PROTECTIONS)('%s: reordered, replayed, left out', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const [first, second, third] = scene.records as [Uint8Array, Uint8Array, Uint8Array];
    scene.mustRefuse(join(second, first), () => 'the second first');
    scene.mustRefuse(third, () => 'the third first');
    for (const next of [first, third]) {
      for (const many of [false, true]) {
        const reader = scene.reader();
        expect(read(reader, first, many).delivered).toHaveLength(1);
        for (let i = 0; i < 3; i++) expect(read(reader, next, many)).toEqual({ result: 'refused', delivered: [] });
        expect(read(reader, join(second, third), many)).toEqual({ result: 'refused', delivered: [] });
        reader.release();
      }
    }
    // In one call: what was right is delivered, if it is asked for one by one; a run is taken as a whole.
    for (const many of [false, true]) {
      const reader = scene.reader();
      const { result, delivered } = read(reader, join(first, first), many);
      expect(result).toBe('refused');
      expect(delivered.map((each) => each.data)).toEqual(many ? [] : [INPUT.subarray(0, 20)]);
      reader.release();
    }
  });

  test.each(PROTECTIONS)('%s: cut off at every place', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const [record] = scene.records;
    for (let length = 0; length < record!.length; length++) {
      const reader = scene.reader();
      expect(read(reader, record!.subarray(0, length))).toEqual({ result: 'read', delivered: [] });
      expect(reader.within).toBe(length > 0);
      // The rest may come late.
      const { delivered } = read(reader, record!.subarray(length));
      mustEqual(delivered[0]!.data, INPUT.subarray(0, 20), () => `cut at ${length}`);
      reader.release();
      // And with a header that says so.
      if (length < HEADER_BYTES) continue;
      const short = changed(record!, 4, length - HEADER_BYTES).subarray(0, length);
      scene.mustRefuse(short, () => `cut at ${length}, with a header that says so`);
    }
  });

  test.each(PROTECTIONS)('%s: every other type, every other version', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const [record] = scene.records;
    for (let type = 0; type < 256; type++) {
      if (type !== DATA) scene.mustRefuse(changed(record!, 0, type), () => `type ${type}`);
    }
    for (let byte = 0; byte < 256; byte++) {
      if (byte !== 3) scene.mustRefuse(changed(record!, 1, byte), () => `version ${byte}.x`);
      if (byte !== (version & 0xff)) scene.mustRefuse(changed(record!, 2, byte), () => `version 3.${byte}`);
    }
  });

  test.each(PROTECTIONS)('%s: every other length', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const [record] = scene.records;
    const right = record!.length - HEADER_BYTES;
    const lengths = [...Array.from({ length: 300 }, (_, i) => i), 0x4000, PROTECTED_MAX - 1, PROTECTED_MAX];
    for (const length of [...lengths, PROTECTED_MAX + 1, 0x8000, 0xffff]) {
      if (length === right) continue;
      const wrong = changed(changed(record!, 3, length >> 8), 4, length & 0xff);
      scene.mustRefuse(wrong, () => `a length of ${length}`, true);
      // Too long is refused at once.
      if (length > PROTECTED_MAX) scene.mustRefuse(wrong.subarray(0, HEADER_BYTES), () => `a header with ${length}`);
    }
  });

  test.each(PROTECTIONS)('%s: longer by some bytes, or by a block', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const [record] = scene.records;
    for (let extra = 1; extra <= 2 * suite.block + 1; extra++) {
      const longer = join(record!, INPUT.subarray(0, extra));
      scene.mustRefuse(changed(longer, 4, longer.length - HEADER_BYTES), () => `longer by ${extra}`);
    }
  });

  test.each(PROTECTIONS)('%s: a record of the other direction', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20, 1);
    const [other] = new Scene(crypto, suite, version, 20, 7).records;
    scene.mustRefuse(other!, () => 'the other direction');
  });

  test.each(PROTECTIONS)('%s: a type or a version that only the MAC knows', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    for (const type of Object.values(RECORD_TYPES)) {
      if (type === DATA) continue;
      const sealed = scene.twin().seal(type, INPUT.subarray(0, 20));
      scene.mustRefuse(changed(sealed, 0, DATA), () => `type ${type}`);
    }
    if (version < TLS11) return;
    // TLS 1.1 and 1.2 differ in nothing else.
    const otherVersion = version === TLS11 ? TLS12 : TLS11;
    const sealed = new RecordTwin(suite, otherVersion, makeKeys(suite, new World(1))).seal(DATA, INPUT.subarray(0, 20));
    scene.mustRefuse(changed(sealed, 2, version & 0xff), () => 'the other version');
  });

  test.each(PROTECTIONS)('%s: no protection, or shorter than a MAC', (_name, suite, version) => {
    const scene = new Scene(crypto, suite, version, 20);
    const head = headBytes(suite, version) - HEADER_BYTES;
    for (const length of [0, 1, 5, suite.mac - 1, suite.mac, suite.mac + suite.block, head, head + 16, head + 24]) {
      const plain = join(Uint8Array.of(DATA, 3, version & 0xff, 0, length), INPUT.subarray(0, length));
      scene.mustRefuse(plain, () => `${length} bytes`);
    }
  });

  test('before there is protection: types, versions and lengths that no record has', () => {
    for (const header of [
      [19, 3, 1, 0, 0],
      [24, 3, 1, 0, 0],
      [0x80, 0x2e, 1, 0, 2],
      [22, 2, 0, 0, 0],
      [22, 4, 0, 0, 0],
      [22, 3, 1, 0x40, 1],
    ]) {
      const reader = new RecordReader(crypto);
      for (const bytes of [Uint8Array.from(header), Uint8Array.of(22, 3, 1, 0, 1, 0)]) {
        expect(read(reader, bytes)).toEqual({ result: 'refused', delivered: [] });
      }
      reader.release();
    }
    const reader = new RecordReader(crypto);
    expect(read(reader, Uint8Array.of(22, 3, 9, 0, 0))).toEqual({
      result: 'read',
      delivered: [{ type: 22, data: NOTHING }],
    });
    reader.release();
  });

  // The reader does not ask any more; this is what is behind it.
  test.each(PROTECTIONS)('%s: the module by itself stays at its refusal', (_name, suite, version) => {
    const keys = makeKeys(suite, new World(1));
    const slot = crypto.takeSlot();
    const { bytes, wasm, scratch } = crypto;
    bytes.set(keys, scratch);
    wasm.recordKey(slot.number, suite.id, version, scratch, 1);
    const open = (record: Uint8Array): number => {
      bytes.set(record, wasm.OPEN.value);
      return wasm.openRecords(slot.number, wasm.OPEN.value, record.length, wasm.OPEN.value, 1);
    };
    const twin = new RecordTwin(suite, version, keys);
    expect(open(twin.seal(DATA, INPUT.subarray(0, 20)))).toBe(20);
    // A type that there is not: neither stream nor sequence number have moved.
    expect(open(Uint8Array.of(0, 3, version & 0xff, 0, 1, 0))).toBe(-1);
    expect(open(twin.seal(DATA, INPUT.subarray(0, 20)))).toBe(-1);
    expect(open(new Uint8Array(0))).toBe(-1);
    slot.give();
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});
