/** The memory of the module: what lies where, and that nothing is written anywhere else. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ChaCha20Poly1305, chacha20, poly1305, Rc4 } from '../../../engine/crypto/ciphers.ts';
import { Crypto } from '../../../engine/crypto/module.ts';
import { RecordReader, RecordWriter } from '../../../engine/crypto/records.ts';
import { cryptoBinary } from '../../sim/host.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, type Build } from '../core/rig.ts';
import { DATA, PROTECTIONS, read } from './record-rig.ts';
import { makeKeys, RecordTwin, TLS12, TRIPLE_DES } from './record-twin.ts';
import { rig } from './rig.ts';

const PAGE = 0x1_0000;
/** Where nothing is, and nothing may come: the upper half of what AssemblyScript's own data has. */
const UNUSED = 0x8000;
const MARK = 0xa5;

/** Reads the numbers of a binary. */
class Cursor {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++]!;
  }

  /** LEB128; what is signed here is never negative. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}

/** Where the static data lies: WebAssembly Core Specification 2.0 §5.5.14. */
function dataSegments(build: Build): { start: number; end: number }[] {
  const cursor = new Cursor(cryptoBinary(build), 8);
  while (!cursor.done) {
    const section = cursor.byte();
    const size = cursor.number();
    if (section !== 11) {
      cursor.at += size;
      continue;
    }
    return Array.from({ length: cursor.number() }, () => {
      // Active, in memory 0, at i32.const.
      expect([cursor.byte(), cursor.byte()]).toEqual([0, 0x41]);
      const start = cursor.number();
      expect(cursor.byte()).toBe(0x0b);
      const length = cursor.number();
      cursor.at += length;
      return { start, end: start + length };
    });
  }
  return [];
}

function constant(crypto: Crypto, name: string): number {
  return (crypto.wasm[name] as { value: number }).value >>> 0;
}

/** Something of everything. */
function exercise(crypto: Crypto): void {
  const world = new World(95);
  const input = world.bytes(1_000);
  crypto.sha0(input);
  for (const name of ['md5', 'sha1', 'sha256'] as const) {
    crypto.digest(name, input);
    const hmac = crypto.hmac(name, input.subarray(0, 100));
    hmac.digest(input);
    hmac.release();
  }
  const rc4 = new Rc4(crypto, input.subarray(0, 16));
  rc4.apply(input.slice());
  rc4.release();
  chacha20(crypto, input.subarray(0, 32), input.subarray(0, 12), 1, input.slice());
  poly1305(crypto, input.subarray(0, 32), input);
  const aead = new ChaCha20Poly1305(crypto, input.subarray(0, 32));
  const [sealed] = aead.seal([{ nonce: input.subarray(0, 12), additional: input.subarray(0, 7), bytes: input }]);
  aead.open([{ nonce: input.subarray(0, 12), additional: input.subarray(0, 7), bytes: sealed!.slice() }]);
  aead.release();
  for (const [, suite, version] of PROTECTIONS) {
    const keys = makeKeys(suite, world);
    const writer = new RecordWriter(crypto);
    const reader = new RecordReader(crypto);
    writer.protect(suite.id, version, keys);
    reader.protect(suite.id, version, keys);
    expect(read(reader, new RecordTwin(suite, version, keys).seal(DATA, input)).result).toBe('read');
    writer.seal(DATA, input);
    expect(read(reader, Uint8Array.of(DATA, 3, version & 0xff, 0, 1, 0)).result).toBe('refused');
    writer.release();
    reader.release();
  }
}

describe.each(BUILDS)('%s: memory', (build) => {
  test('the build is the one it says', () => {
    expect(constant(rig(build), 'SIMD')).toBe(build === 'simd' ? 1 : 0);
  });

  test('the module asks for a memory and nothing else, and has no allocator', () => {
    const module = new WebAssembly.Module(Uint8Array.from(cryptoBinary(build)));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    for (const name of ['__new', '__pin', '__collect', 'abort']) expect(names).not.toContain(name);
  });

  test('static data ends below the regions', () => {
    const segments = dataSegments(build);
    expect(segments.length).toBeGreaterThan(0);
    for (const { start, end } of segments) {
      expect(start).toBeGreaterThan(0);
      expect(end).toBeLessThanOrEqual(UNUSED);
    }
  });

  test('nothing is written between static data and the regions', () => {
    // Buffers without a beginning of their own are in no segment: they show when they are used.
    const crypto = rig(build, 8);
    crypto.bytes.fill(MARK, UNUSED, PAGE);
    crypto.bytes.fill(MARK, 0, 8);
    exercise(crypto);
    expect(crypto.bytes.subarray(UNUSED, PAGE).every((byte) => byte === MARK)).toBe(true);
    expect(crypto.bytes.subarray(0, 8).every((byte) => byte === MARK)).toBe(true);
  });

  test('the regions follow one another without overlap', () => {
    const crypto = rig(build);
    const regions: [name: string, start: number, bytes: number][] = [
      ['AssemblyScript', 0, PAGE],
      ['SCRATCH', constant(crypto, 'SCRATCH'), constant(crypto, 'SCRATCH_BYTES')],
      ['SEAL', constant(crypto, 'SEAL'), constant(crypto, 'SEAL_BYTES')],
      ['OPEN', constant(crypto, 'OPEN'), constant(crypto, 'OPEN_BYTES')],
      ['SLOTS', constant(crypto, 'SLOTS'), 64 * constant(crypto, 'SLOT_BYTES')],
      ['the end', crypto.bytes.length, 0],
    ];
    for (const [i, [name, start, bytes]] of regions.entries()) {
      const next = regions[i + 1];
      if (next !== undefined) expect(start + bytes, `${name} reaches into ${next[0]}`).toBeLessThanOrEqual(next[1]);
      expect(start % 16, name).toBe(0);
    }
  });

  test('the regions are those of the source', () => {
    const crypto = rig(build);
    const source = readFileSync(new URL('../../../assembly/crypto/layout.ts', import.meta.url), 'utf8');
    const found = [...source.matchAll(/^export const (\w+): u32 = (\w+);$/gm)];
    expect(found.map(([, name]) => name)).toEqual([
      'SCRATCH',
      'SCRATCH_BYTES',
      'SEAL',
      'SEAL_BYTES',
      'OPEN',
      'OPEN_BYTES',
      'SLOTS',
      'SLOT_BYTES',
      'BATCH_ENTRY',
    ]);
    for (const [, name, value] of found) expect(constant(crypto, name!), name).toBe(Number(value!.replaceAll('_', '')));
  });

  test('SEAL has room for as much as one call seals, of every suite', () => {
    const crypto = rig(build);
    const data = new Uint8Array(0x4_0000);
    for (const [name, suite, version] of PROTECTIONS) {
      const writer = new RecordWriter(crypto);
      writer.protect(suite.id, version, makeKeys(suite, new World(1)));
      expect(writer.seal(DATA, data).length, name).toBeLessThanOrEqual(constant(crypto, 'SEAL_BYTES'));
      writer.release();
    }
  });

  test('no slot is written by what uses another, and none behind the last', () => {
    const crypto = rig(build, 8);
    const [start, size] = [constant(crypto, 'SLOTS'), constant(crypto, 'SLOT_BYTES')];
    for (let kept = 0; kept < 8; kept++) {
      // Slots are handed out from the first on: all but one are free then.
      const taken = Array.from({ length: 8 }, () => crypto.takeSlot());
      for (const slot of taken.toReversed()) if (slot.number !== kept) slot.give();
      const place = crypto.bytes.subarray(start + kept * size, start + (kept + 1) * size);
      place.fill(MARK);
      const behind = crypto.bytes.subarray(start + 8 * size);
      behind.fill(MARK);
      exercise(crypto);
      expect(place.every((byte) => byte === MARK)).toBe(true);
      expect(behind.every((byte) => byte === MARK)).toBe(true);
      for (const slot of taken) slot.give();
    }
  });

  test('every slot holds the largest thing', () => {
    const crypto = rig(build, 300);
    const keys = Array.from({ length: 300 }, (_, i) => makeKeys(TRIPLE_DES, new World(i + 1)));
    const readers = keys.map((each) => {
      const reader = new RecordReader(crypto);
      reader.protect(TRIPLE_DES.id, TLS12, each);
      return reader;
    });
    for (const [i, reader] of readers.entries()) {
      const record = new RecordTwin(TRIPLE_DES, TLS12, keys[i]!).seal(DATA, Uint8Array.of(i));
      expect(read(reader, record).delivered).toEqual([{ type: DATA, data: Uint8Array.of(i) }]);
    }
    expect(crypto.slotsFree).toBe(0);
  });

  test('memory has as many pages as the slots need, and does not grow', () => {
    for (const slots of [0, 1, 186, 187, 1_000]) {
      const crypto = rig(build, slots);
      const end = constant(crypto, 'SLOTS') + slots * constant(crypto, 'SLOT_BYTES');
      expect(crypto.bytes.length).toBe(Math.ceil(end / PAGE) * PAGE);
      expect(() => (crypto.wasm.memory as WebAssembly.Memory).grow(1)).toThrow();
    }
  });
});

test('without SIMD in the runtime the other build is taken', () => {
  const asked: string[] = [];
  const crypto = new Crypto(
    (build) => {
      asked.push(build);
      return build === 'simd' ? Uint8Array.of(1, 2, 3) : cryptoBinary('scalar');
    },
    { slots: 1, random: (count) => new Uint8Array(count) },
  );
  expect(crypto.simd).toBe(false);
  expect(asked).toEqual(['simd', 'scalar']);
});
