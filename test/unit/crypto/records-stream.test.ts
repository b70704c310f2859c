/** Records as they come: cut anywhere, more than there is room for, stopped behind any of them. */
import { describe, expect, test } from 'vitest';
import { RecordReader } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, join } from '../core/rig.ts';
import { mustEqual } from './bytes.ts';
import { DATA, Pair, PROTECTIONS, read } from './record-rig.ts';
import { AES128, recordsOf, TLS12 } from './record-twin.ts';
import { rig } from './rig.ts';

const LARGEST = 0x4000;
const INPUT = new World(45).bytes(LARGEST);
/** Up to what is in front of the data, then around blocks and records. */
const SIZES = [...Array.from({ length: 23 }, (_, i) => i + 1), 31, 32, 33, 64, 69, 100];

describe.each(BUILDS)('%s: streams of records', (build) => {
  const crypto = rig(build);

  test.each(PROTECTIONS)('%s: pieces of many sizes', (_name, suite, version) => {
    const lengths = [0, 1, 17, 64, 200];
    for (const size of SIZES) {
      const pair = new Pair(crypto, suite, version);
      const stream = join(...lengths.map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length))));
      const found: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) {
        const { result, delivered } = read(pair.reader, stream.subarray(at, at + size));
        if (result !== 'read') throw new Error(`${result} at ${at}, pieces of ${size}`);
        found.push(...delivered.map((each) => each.data));
      }
      expect(found.map((each) => each.length)).toEqual(lengths);
      mustEqual(join(...found), join(...lengths.map((length) => INPUT.subarray(0, length))), () => `pieces of ${size}`);
      pair.release();
    }
  });

  // Readers of sockets use their buffers again.
  test('what is kept of a record is a copy, also of a Buffer', () => {
    const pair = new Pair(crypto, AES128, TLS12);
    const stream = join(...[100, 200, 300].map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length))));
    const found: number[] = [];
    const buffer = Buffer.alloc(64);
    for (let at = 0; at < stream.length; at += 64) {
      const part = stream.subarray(at, at + 64);
      buffer.set(part);
      const { result, delivered } = read(pair.reader, buffer.subarray(0, part.length));
      expect(result).toBe('read');
      for (const { data } of delivered) mustEqual(data, INPUT.subarray(0, data.length), () => `${data.length} bytes`);
      found.push(...delivered.map(({ data }) => data.length));
      buffer.fill(0xee);
    }
    expect(found).toEqual([100, 200, 300]);
    // And what is handed out again.
    const record = Buffer.from(pair.peer.seal(DATA, INPUT.subarray(0, 50)));
    const kept = record.subarray(0, 20);
    const expected = Uint8Array.from(kept);
    read(pair.reader, kept);
    kept.fill(0xee);
    mustEqual(pair.reader.takeRest(), expected, () => 'the rest');
    pair.release();
  });

  test.each(PROTECTIONS)('%s: protection begins inside of a call, at the next record', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const reader = new RecordReader(crypto);
    const plain = Uint8Array.of(20, 3, 1, 0, 1, 1);
    const stream = join(plain, pair.peer.seal(22, INPUT.subarray(0, 40)), pair.peer.seal(23, INPUT.subarray(0, 50)));
    const found: [number, number][] = [];
    const result = reader.read(
      stream,
      () => false,
      (type, data) => {
        found.push([type, data.length]);
        if (type === 20) reader.protect(suite.id, version, pair.keys);
        return true;
      },
    );
    expect(result).toBe('read');
    expect(found).toEqual([
      [20, 1],
      [22, 40],
      [23, 50],
    ]);
    reader.release();
    pair.release();
  });

  test.each(PROTECTIONS)('%s: it seals while it reads', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const stream = join(...[1, 300, 3_616].map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length))));
    const echoed: Uint8Array[] = [];
    pair.reader.read(
      stream,
      () => false,
      (type, data) => {
        echoed.push(...recordsOf(pair.writer.seal(type, data).slice()));
        return true;
      },
    );
    const opened = join(...echoed.map((each) => pair.mirror.open(each)!.data));
    mustEqual(opened, join(...[1, 300, 3_616].map((length) => INPUT.subarray(0, length))), () => 'echo');
    pair.release();
  });

  test.each(PROTECTIONS)('%s: a reader that is stopped hands out the rest as it came', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const [first, second, third] = [1, 2, 3].map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length)));
    const rest = join(second!, third!.subarray(0, 9));
    const result = pair.reader.read(
      join(first!, rest),
      () => false,
      () => false,
    );
    expect(result).toBe('stopped');
    expect(pair.reader.within).toBe(true);
    mustEqual(pair.reader.takeRest(), rest, () => 'the rest');
    expect(pair.reader.within).toBe(false);
    // It may be given back, and so may what follows.
    expect(read(pair.reader, rest).delivered.map((each) => each.data.length)).toEqual([2]);
    expect(read(pair.reader, third!.subarray(9)).delivered.map((each) => each.data.length)).toEqual([3]);
    pair.release();
  });

  // The module places it in pieces: it is more than there is room for.
  test('a reader that was stopped in front of many records reads on', () => {
    const pair = new Pair(crypto, AES128, TLS12);
    const count = 60;
    const lengths = Array.from({ length: count }, (_, i) => LARGEST - i);
    const stream = join(...lengths.map((length) => pair.peer.seal(DATA, INPUT.subarray(0, length))));
    const found: number[] = [];
    // It is stopped at every third.
    for (let bytes = stream; found.length < count; bytes = bytes.subarray(0, 0)) {
      const result = pair.reader.read(
        bytes,
        () => false,
        (_type, data) => {
          mustEqual(data, INPUT.subarray(0, data.length), () => `record ${found.length}`);
          found.push(data.length);
          return found.length % 3 !== 0;
        },
      );
      expect(result).toBe('stopped');
    }
    expect(found).toEqual(lengths);
    expect(pair.reader.within).toBe(false);
    pair.release();
  });

  test.each([
    0,
    1,
    5,
    LARGEST,
  ])('what comes in one call may be any number of times the room, and %i bytes more', (more) => {
    for (const many of [false, true]) {
      const pair = new Pair(crypto, AES128, TLS12);
      const { value: room } = crypto.wasm.OPEN_BYTES;
      const records: Uint8Array[] = [];
      for (let bytes = 0; bytes < 3 * room; bytes += records.at(-1)!.length) {
        records.push(pair.peer.seal(DATA, INPUT.subarray(0, LARGEST - records.length)));
      }
      const next = pair.peer.seal(DATA, INPUT.subarray(0, LARGEST));
      const before = crypto.bytes.slice(crypto.wasm.SLOTS.value + 4 * crypto.wasm.SLOT_BYTES.value);
      const { result, delivered } = read(pair.reader, join(...records, next.subarray(0, more)), many);
      expect(result).toBe('read');
      const expected = join(...records.map((_, i) => INPUT.subarray(0, LARGEST - i)));
      mustEqual(join(...delivered.map((each) => each.data)), expected, () => `many: ${many}`);
      expect(pair.reader.within).toBe(more > 0);
      expect(read(pair.reader, next.subarray(more)).delivered.map((each) => each.data.length)).toEqual([LARGEST]);
      mustEqual(crypto.bytes.subarray(crypto.bytes.length - before.length), before, () => 'slots of others');
      pair.release();
    }
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});
