import { constants, deflateRawSync, deflateSync, inflateSync } from 'node:zlib';
import { deflate as pakoDeflate, inflate as pakoInflate } from 'pako';
import { describe, expect, test } from 'vitest';
import { chooseCodec } from '../../../engine/codec/choose.ts';
import type { FrameCodec } from '../../../engine/codec/codec.ts';
import { World } from '../../sim/world.ts';
import { join } from '../core/rig.ts';
import { CODECS, makeCodec } from './codecs.ts';
import { KINDS } from './samples.ts';

/** `assembly/deflate/deflate.ts`, zlibBound. */
const bound = (length: number) => length + 6 + 5 * (2 + Math.floor(length / 16_384));
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Fails without printing 64 KiB. */
function expectRoundTrip(codec: FrameCodec, frame: Uint8Array, about: string): void {
  const block = codec.deflate(frame).slice();
  if (!same(inflateSync(block), frame)) throw new Error(`${about}: zlib inflates something else`);
  if (!same(pakoInflate(block), frame)) throw new Error(`${about}: pako inflates something else`);
  const back = codec.inflate(block, frame.length);
  if (typeof back === 'string' || !same(back, frame)) throw new Error(`${about}: ${back}`);
  if (block.length > bound(frame.length)) throw new Error(`${about}: ${block.length} bytes, more than the bound`);
  if (!same(codec.deflate(frame), block)) throw new Error(`${about}: not the same the second time`);
}

describe.each(CODECS)('%s', (name) => {
  const codec = makeCodec(name);

  test.each(Object.keys(KINDS))('%s: every length from 0 to 4096, and back', (kind) => {
    const step = name === 'pako' ? 7 : 1;
    for (let length = 0; length <= 4_096; length += step) {
      expectRoundTrip(codec, KINDS[kind]!(length, length), `${length} bytes`);
    }
  });

  test.each(Object.keys(KINDS))('%s: every length from 0 to 4096 as zlib and pako deflate it', (kind) => {
    const step = name === 'pako' ? 7 : 1;
    for (let length = 0; length <= 4_096; length += step) {
      const frame = KINDS[kind]!(length, length);
      // Of pako every eighth: it takes a hundred times as long.
      const blocks = [deflateSync(frame, { level: length % 10 }), ...(length % 8 === 0 ? [pakoDeflate(frame)] : [])];
      for (const block of blocks) {
        const back = codec.inflate(block, length);
        if (typeof back === 'string' || !same(back, frame)) throw new Error(`${length} bytes: ${back}`);
      }
    }
  });

  test.each(Object.keys(KINDS))('%s: super-frames of up to 64 KiB', (kind) => {
    for (const length of [9_000, 16_383, 16_384, 16_385, 32_768, 40_000, 65_000, 65_535, 65_536]) {
      expectRoundTrip(codec, KINDS[kind]!(length, length), `${length} bytes`);
    }
  });

  test.each(Object.keys(KINDS))('%s: what zlib makes of it, in every kind of block', (kind) => {
    const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_DEFAULT_STRATEGY } = constants;
    for (let length = 0; length < 3_000; length += 1 + Math.floor(length / 12)) {
      const frame = KINDS[kind]!(length, length + 1);
      for (const strategy of [Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE]) {
        for (const level of [0, 1, 6, 9]) {
          for (const windowBits of [9, 15]) {
            const back = codec.inflate(deflateSync(frame, { level, strategy, windowBits }), 3_000);
            if (typeof back === 'string' || !same(back, frame))
              throw new Error(`${length}, ${level}, ${strategy}: ${back}`);
          }
        }
      }
    }
  });

  test('the limit is exact', () => {
    for (const length of [1, 15, 600, 1_599, 1_600, 1_601, 40_000]) {
      for (const kind of Object.keys(KINDS)) {
        const frame = KINDS[kind]!(length, 5);
        const block = deflateSync(frame);
        expect(codec.inflate(block, length), `${kind}, ${length}`).toHaveLength(length);
        expect(codec.inflate(block, length - 1), `${kind}, ${length}`).toBe('longer than allowed');
      }
    }
  });

  test('what follows the stream is ignored', () => {
    const frame = KINDS.words!(500, 1);
    expect(codec.inflate(join(deflateSync(frame), Uint8Array.of(1, 2, 3)), 1_600)).toEqual(frame);
  });

  test('a stream that is cut short is refused at every length', () => {
    for (const kind of ['words', 'random', 'zeros']) {
      const block = deflateSync(KINDS[kind]!(700, 3));
      for (let length = 0; length < block.length; length++) {
        expect(typeof codec.inflate(block.subarray(0, length), 1_600), `${kind}, ${length}`).toBe('string');
      }
    }
  });

  test('every kind of damage has its cause', () => {
    const bits = (text: string) => {
      const all = text.replaceAll(' ', '');
      return Uint8Array.from({ length: Math.ceil(all.length / 8) }, (_, i) =>
        Number.parseInt([...all.slice(i * 8, i * 8 + 8).padEnd(8, '0')].toReversed().join(''), 2),
      );
    };
    const zlib = (body: Uint8Array) => join(Uint8Array.of(0x78, 0x9c), body, new Uint8Array(16));
    // Bits in the order in which they are read; Huffman codes from their most significant bit.
    const cases: [cause: string, block: Uint8Array][] = [
      ['not a zlib stream', Uint8Array.of(0x78, 0x9d, 3, 0, 0, 0, 0, 1)],
      ['not a zlib stream', Uint8Array.of(0x88, 0x1c, 3, 0, 0, 0, 0, 1)],
      ['not a zlib stream', Uint8Array.of(0x79, 0x9b, 3, 0, 0, 0, 0, 1)],
      ['not a zlib stream', deflateRawSync(KINDS.words!(100, 1))],
      ['a preset dictionary is needed', Uint8Array.of(0x78, 0xbb, 0, 0, 0, 1, 3, 0)],
      ['unknown block type', zlib(bits('1 11'))],
      ['damaged stored block', zlib(Uint8Array.of(1, 4, 0, 0xfa, 0xff))],
      // 287 litlens, 31 distances.
      ['impossible code lengths', zlib(bits('1 01 01111 00000 0000'))],
      ['impossible code lengths', zlib(bits('1 01 00000 01111 0000'))],
      // A length code of three codes of one bit.
      ['impossible code lengths', zlib(bits('1 01 00000 00000 0000 100 100 100 000'))],
      // Of one code only.
      ['impossible code lengths', zlib(bits('1 01 00000 00000 0000 100 000 000 000'))],
      // A repetition with nothing before it: 16 and 0 have one bit each.
      ['impossible code lengths', zlib(bits('1 01 00000 00000 0000 100 000 000 100 1'))],
      // No end of block: nothing but zeros.
      ['impossible code lengths', zlib(bits('1 01 00000 00000 0000 000 000 100 100 1 1111111 1 1110110'))],
      // Litlen 286, which the fixed code has and nothing means.
      ['impossible symbol', zlib(bits('1 10 11000110'))],
      // Distance 30 likewise, behind a literal and a length of three.
      ['impossible symbol', zlib(bits('1 10 00110000 0000001 11110'))],
      ['a distance reaches too far back', zlib(bits('1 10 00110000 0000001 00001'))],
      ['cut short', Uint8Array.of(0x78, 0x9c)],
      ['wrong checksum', Uint8Array.of(0x78, 0x9c, 3, 0, 0, 0, 0, 2)],
    ];
    for (const [cause, block] of cases) {
      expect(() => inflateSync(block), Buffer.from(block).toString('hex')).toThrow();
      expect(codec.inflate(block, 1_600), Buffer.from(block).toString('hex')).toBe(cause);
    }
  });

  test('a code with a single distance, or none, is taken', () => {
    // Runs have one distance only; text without repetitions has none.
    for (const frame of [new Uint8Array(1_400).fill(7), KINDS.random!(200, 4).map((byte) => byte & 0x3f)]) {
      expectRoundTrip(codec, frame, 'one or no distance');
      expect(codec.inflate(deflateSync(frame, { strategy: constants.Z_DEFAULT_STRATEGY }), 1_600)).toEqual(frame);
    }
  });

  test('random frames grow by eleven bytes at most', () => {
    for (const length of [60, 320, 1_400, 1_514, 1_600]) {
      for (let seed = 0; seed < 50; seed++) {
        expect(codec.deflate(KINDS.random!(length, seed)).length - length).toBeLessThanOrEqual(11);
      }
    }
  });

  test('what one frame was is not seen in the next', () => {
    const world = new World(9);
    const frames = Array.from({ length: 200 }, (_, i) => {
      const kinds = Object.values(KINDS);
      return kinds[i % kinds.length]!(world.pick(3_000), i);
    });
    const alone = frames.map((frame) => makeCodecOnce(name).deflate(frame).slice());
    for (const [i, frame] of frames.entries()) expect(same(codec.deflate(frame), alone[i]!), `frame ${i}`).toBe(true);
  });
});

const fresh = new Map<string, FrameCodec>();
/** Making one for each frame would take a minute; one that has seen nothing but other frames must not show it either. */
function makeCodecOnce(name: (typeof CODECS)[number]): FrameCodec {
  const codec = fresh.get(name) ?? makeCodec(name);
  fresh.set(name, codec);
  return codec;
}

describe('the choice', () => {
  const broken = (change: Partial<FrameCodec>) => () => ({ ...makeCodec('pako'), name: 'wasm' as const, ...change });

  test('is the first that works', () => {
    expect(chooseCodec([() => makeCodec('simd'), () => makeCodec('pako')]).name).toBe('wasm');
  });

  test.each<[string, () => FrameCodec]>([
    [
      'cannot be made',
      () => {
        throw new Error('no WebAssembly');
      },
    ],
    [
      'traps',
      broken({
        deflate: () => {
          throw new WebAssembly.RuntimeError('unreachable');
        },
      }),
    ],
    ['gives back something else', broken({ inflate: (_, limit) => new Uint8Array(limit) })],
    ['takes what is damaged', broken({ inflate: (block, limit) => intact(block, limit) })],
  ])('passes over one that %s', (_case, make) => {
    expect(chooseCodec([make, () => makeCodec('pako')]).name).toBe('pako');
    expect(() => chooseCodec([make])).toThrow('no codec');
  });

  /** Inflates without looking at the checksum. */
  function intact(block: Uint8Array, limit: number) {
    const frame = makeCodec('pako').inflate(block, limit);
    if (typeof frame !== 'string') return frame;
    const mended = block.slice();
    mended[mended.length - 1] = mended[mended.length - 1]! ^ 1;
    return makeCodec('pako').inflate(mended, limit);
  }
});
