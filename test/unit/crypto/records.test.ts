/** Records that both ends make right: the twin opens what the module sealed, and the module what the twin sealed. */
import { describe, expect, test } from 'vitest';
import { RECORD_TYPES, RecordReader, RecordWriter, SEAL_BYTES_MAX } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, join } from '../core/rig.ts';
import { hexOf, mustBe, mustEqual } from './bytes.ts';
import { DATA, Pair, PROTECTIONS, read, slotTakenNext } from './record-rig.ts';
import {
  AES128,
  HEADER_BYTES,
  headBytes,
  leastPadding,
  makeKeys,
  RecordTwin,
  recordsOf,
  SSL3,
  type SUITES,
  TLS11,
  TLS12,
} from './record-twin.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const LENGTHS = [...Array.from({ length: 100 }, (_, i) => i + 1), 1_400, 16_384, 65_536];
const LARGEST = 0x4000;
const TYPES = Object.values(RECORD_TYPES);
const INPUT = new World(41).bytes(65_536);
const NOTHING = new Uint8Array(0);
const AES = PROTECTIONS.filter(([, suite]) => suite.block === 16);
/** The oldest and the newest. */
const ENDS = PROTECTIONS.filter(([, , version]) => version === SSL3 || version === TLS12);
const PAIRED = PROTECTIONS.filter(([, suite]) => suite.block !== 8);

describe.each(BUILDS)('%s: records', (build) => {
  const crypto = rig(build);

  test.each(PROTECTIONS)('%s: the twin opens what the writer seals', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    // RFC 4346 §F.3: with an IV that is known, a record of one byte goes in front.
    const splits = suite.block > 1 && version < TLS11;
    for (const length of LENGTHS) {
      for (const type of length < 5 ? TYPES : [DATA]) {
        const data = INPUT.subarray(0, length);
        const records = recordsOf(pair.writer.seal(type, data).slice());
        const opened = records.map((record) => pair.mirror.open(record));
        const what = () => `${length} bytes of type ${type}`;
        mustBe([...new Set(opened.map((each) => each?.type))], [type], what);
        mustEqual(join(...opened.map((each) => each!.data)), data, what);
        const first = splits && type === DATA && length > 1 ? [1] : [];
        const others = Array.from({ length: Math.ceil((length - first.length) / LARGEST) }, (_, i) =>
          Math.min(LARGEST, length - first.length - i * LARGEST),
        );
        mustBe(
          opened.map((each) => each!.data.length),
          [...first, ...others],
          what,
        );
      }
    }
    pair.release();
  });

  test.each(PROTECTIONS)('%s: the reader opens what the twin seals', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const world = new World(version);
    for (const length of LENGTHS) {
      for (const type of length < 5 ? TYPES : [DATA]) {
        const data = INPUT.subarray(0, length);
        const records: Uint8Array[] = [];
        for (let at = 0; at < length; at += LARGEST) {
          records.push(pair.peer.seal(type, data.subarray(at, at + LARGEST), { iv: world.bytes(suite.block) }));
        }
        const { result, delivered } = read(pair.reader, join(...records));
        const what = () => `${length} bytes of type ${type}`;
        mustBe(result, 'read', what);
        mustBe(
          delivered.map((each) => each.type),
          records.map(() => type),
          what,
        );
        mustEqual(join(...delivered.map((each) => each.data)), data, what);
      }
    }
    expect(pair.reader.within).toBe(false);
    pair.release();
  });

  test.each(PROTECTIONS)('%s: many records in one call, some of them empty', (_name, suite, version) => {
    const lengths = [5, 0, 0, 1, 100, 0, 1_400, LARGEST, LARGEST - 1, 0, 33];
    for (const many of [false, true]) {
      const pair = new Pair(crypto, suite, version);
      const records = lengths.map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length)));
      const { result, delivered } = read(pair.reader, join(...records), many);
      expect(result).toBe('read');
      const all = join(...delivered.map((each) => each.data));
      mustEqual(all, join(...lengths.map((length) => INPUT.subarray(0, length))), () => `many: ${many}`);
      if (many) expect(delivered).toHaveLength(1);
      else expect(delivered.map((each) => each.data.length)).toEqual(lengths);
      pair.release();
    }
  });

  test.each(PROTECTIONS)('%s: an empty record is delivered as one', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    for (const type of TYPES) {
      expect(read(pair.reader, pair.peer.seal(type, NOTHING))).toEqual({
        result: 'read',
        delivered: [{ type, data: NOTHING }],
      });
    }
    pair.release();
  });

  test.each(PROTECTIONS)('%s: every type is told apart, though many are asked for', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const types = [23, 23, 22, 21, 21, 20, 23];
    const records = types.map((type, i) => pair.peer.seal(type, INPUT.subarray(i, i + 10)));
    const { delivered } = read(pair.reader, join(...records), true);
    expect(delivered.map(({ type, data }) => [type, data.length])).toEqual([
      [23, 20],
      [22, 10],
      [21, 20],
      [20, 10],
      [23, 10],
    ]);
    pair.release();
  });

  test.each(ENDS)('%s: as much as one call takes, both ways', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const data = new Uint8Array(SEAL_BYTES_MAX).map((_, i) => i * 3);
    const { result, delivered } = read(pair.reader, pair.writer.seal(DATA, data).slice(), true);
    expect(result).toBe('read');
    mustEqual(join(...delivered.map((each) => each.data)), data, () => 'all of it');
    expect(() => pair.writer.seal(DATA, new Uint8Array(SEAL_BYTES_MAX + 1))).toThrow(RangeError);
    pair.release();
  });

  test.each(PROTECTIONS)('%s: the largest record, and one byte more', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const { padding } = most(suite, version, LARGEST);
    const largest = read(pair.reader, pair.peer.seal(DATA, INPUT.subarray(0, LARGEST), { padding }));
    expect(largest.delivered.map((each) => each.data.length)).toEqual([LARGEST]);
    const more = most(suite, version, LARGEST + 1);
    expect(read(pair.reader, pair.peer.seal(DATA, INPUT.subarray(0, LARGEST + 1), more))).toEqual({
      result: 'refused',
      delivered: [],
    });
    pair.release();
  });

  // With IVs of their own records depend on no other but by their number, which lies 16 bytes behind the slot's beginning.
  test.each([0, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32, 2 ** 40, 2 ** 48])('sequence numbers around %i', (number) => {
    const first = Math.max(0, number - 3);
    const keys = makeKeys(AES128, new World(1));
    const view = new DataView(crypto.bytes.buffer);
    const writerAt = slotTakenNext(crypto);
    const writer = new RecordWriter(crypto);
    const readerAt = slotTakenNext(crypto);
    const reader = new RecordReader(crypto);
    for (const [end, at] of [[writer, writerAt] as const, [reader, readerAt] as const]) {
      end.protect(AES128.id, TLS12, keys);
      view.setBigUint64(at + 16, BigInt(first), true);
    }
    const [peer, mirror] = [0, 1].map(() => new RecordTwin(AES128, TLS12, keys, first)) as [RecordTwin, RecordTwin];
    for (let i = 0; i < 6; i++) {
      const data = INPUT.subarray(i, i + 40);
      expect(read(reader, peer.seal(DATA, data)).delivered).toEqual([{ type: DATA, data }]);
      expect(mirror.open(writer.seal(DATA, data).slice())).toEqual({ type: DATA, data });
    }
    expect(view.getBigUint64(writerAt + 16, true)).toBe(BigInt(first + 6));
    expect(view.getBigUint64(readerAt + 16, true)).toBe(BigInt(first + 6));
    writer.release();
    reader.release();
  });

  test('records of TLS 1.1 and 1.2 have IVs that are the random stream of the module', () => {
    // ChaCha20 with the seed as key: 32 bytes are the next key, then two IVs.
    let key: Uint8Array = new World(1).bytes(32);
    const fresh = rig(build);
    for (const [_name, suite, version] of PROTECTIONS) {
      if (headBytes(suite, version) === HEADER_BYTES) continue;
      const pair = new Pair(fresh, suite, version);
      for (let i = 0; i < 20; i++) {
        const block = reference.chacha20(key, new Uint8Array(12), 0, new Uint8Array(64));
        key = block.slice(0, 32);
        for (const iv of [block.subarray(32, 48), block.subarray(48)]) {
          const record = pair.writer.seal(DATA, INPUT.subarray(0, 30));
          expect(hexOf(record.subarray(HEADER_BYTES, HEADER_BYTES + suite.block))).toBe(
            hexOf(iv.subarray(0, suite.block)),
          );
        }
      }
      pair.release();
    }
  });

  test('before there is protection records are what they say, of any version', () => {
    const writer = new RecordWriter(crypto);
    const reader = new RecordReader(crypto);
    expect(hexOf(writer.seal(22, INPUT.subarray(0, 3)))).toBe(`1603010003${hexOf(INPUT.subarray(0, 3))}`);
    for (const version of [0x300, 0x301, 0x302, 0x303]) {
      writer.announce(version);
      const records = writer.seal(22, INPUT.subarray(0, 40_000)).slice();
      expect(recordsOf(records).map((each) => each.length - HEADER_BYTES)).toEqual([LARGEST, LARGEST, 40_000 - 32_768]);
      expect((records[1]! << 8) | records[2]!).toBe(version);
      mustEqual(join(...read(reader, records).delivered.map((each) => each.data)), INPUT.subarray(0, 40_000), () => '');
    }
    writer.release();
    reader.release();
  });

  // What runs side by side, two blocks or a hash and a cipher, does so from some length on.
  test.each(PAIRED)('%s: data of 0 to 260 bytes, both ways', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    for (let length = 0; length <= 260; length++) {
      const data = INPUT.subarray(length, 2 * length);
      const { delivered } = read(pair.reader, pair.peer.seal(DATA, data));
      mustEqual(delivered[0]!.data, data, () => `${length} bytes, opened`);
      if (length === 0) continue;
      const records = recordsOf(pair.writer.seal(DATA, data).slice());
      const opened = records.map((record) => pair.mirror.open(record)?.data ?? NOTHING);
      mustEqual(join(...opened), data, () => `${length} bytes, sealed`);
    }
    pair.release();
  });

  // Records with IVs of their own may be encrypted two at a time, the last of them shorter than the others.
  test.each(AES)('%s: runs of records with ends of every kind', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    for (let whole = 0; whole < 4; whole++) {
      for (const end of [1, 11, 12, 13, 28, 100, 8_000, LARGEST - 1, LARGEST]) {
        const data = INPUT.subarray(0, whole * LARGEST + end);
        const records = recordsOf(pair.writer.seal(DATA, data).slice());
        const opened = records.map((record) => pair.mirror.open(record)?.data ?? NOTHING);
        mustEqual(join(...opened), data, () => `${whole} records and ${end} bytes`);
        const ivs = records.map((record) => hexOf(record.subarray(HEADER_BYTES, headBytes(suite, version))));
        if (version >= TLS11) expect(new Set(ivs).size).toBe(records.length);
      }
    }
    pair.release();
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});

/** The longest padding that a version allows. */
function most(suite: (typeof SUITES)[number], version: number, length: number): { padding: number } {
  const least = leastPadding(suite, length);
  return { padding: version === SSL3 || suite.block === 1 ? least : least + 256 - suite.block };
}
