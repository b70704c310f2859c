import { constants, deflateSync, inflateSync } from 'node:zlib';
import { Z_FINISH, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2, zlibInflateReset } from 'pako';
import type { FrameCodec } from '../../engine/codec/codec.ts';
import { pakoCodec } from '../../engine/codec/pako.ts';
import { makeCodec } from '../unit/codec/codecs.ts';
import { KINDS } from '../unit/codec/samples.ts';
import type { Build } from '../unit/core/rig.ts';
import { check, type Target } from './target.ts';

/** `protocol/data-plane.md` §2. */
const LIMIT = 1_600;
const MAX_BYTES = 3_200;

/** Zlib streams as peers send them: what the core makes of one is what zlib makes of it, in JavaScript and in C. */
export function inflateTarget(build: Build): Target {
  const codec = makeCodec(build);
  const pako = pakoCodec();
  return {
    name: build === 'simd' ? 'inflate' : `inflate-${build}`,
    seeds: seeds(),
    maxBytes: MAX_BYTES,
    // Without it most would fail at their checksum, and that is looked at last.
    repair: (rng, bytes) => (rng.oneIn(8) ? Uint8Array.from(bytes) : mendChecksum(bytes)),
    run(input) {
      compare(codec.inflate(input, LIMIT), pako.inflate(input, LIMIT));
      roundTrip(codec, input);
    },
  };
}

function compare(ours: Uint8Array | string, theirs: Uint8Array | string): void {
  if (typeof theirs === 'string' || typeof ours === 'string') {
    const refused = typeof theirs === 'string' && typeof ours === 'string';
    const text = (answer: Uint8Array | string) => (typeof answer === 'string' ? answer : `${answer.length} bytes`);
    check(refused, `the core says "${text(ours)}", zlib "${text(theirs)}"`);
    return;
  }
  check(Buffer.compare(ours, theirs) === 0, 'the core inflates to something else than zlib');
}

/** Any bytes are a frame: what the core deflates, zlib inflates. */
function roundTrip(codec: FrameCodec, frame: Uint8Array): void {
  const block = codec.deflate(frame).slice();
  check(block.length <= frame.length + 16, 'a frame has grown by more than its bound');
  check(Buffer.compare(inflateSync(block), frame) === 0, 'zlib inflates to something else');
  const back = codec.inflate(block, MAX_BYTES);
  check(typeof back !== 'string' && Buffer.compare(back, frame) === 0, 'the core inflates to something else');
}

const raw = new ZStream();
zlibInflateInit2(raw, -15);
const output = new Uint8Array(LIMIT + 1);

/** Puts the right checksum behind the deflate stream, if there is one. */
function mendChecksum(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const mended = Uint8Array.from(bytes);
  zlibInflateReset(raw);
  Object.assign(raw, { input: mended, next_in: 2, avail_in: Math.max(0, mended.length - 2) });
  Object.assign(raw, { output, next_out: 0, avail_out: output.length });
  if (zlibInflate(raw, Z_FINISH) !== Z_STREAM_END) return mended;
  const end = raw.next_in;
  const whole = new Uint8Array(Math.max(mended.length, end + 4));
  whole.set(mended);
  let a = 1;
  let b = 0;
  for (const byte of output.subarray(0, raw.next_out)) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  new DataView(whole.buffer).setUint32(end, ((b << 16) | a) >>> 0);
  return whole;
}

function seeds(): Uint8Array[] {
  const { Z_FIXED, Z_HUFFMAN_ONLY, Z_DEFAULT_STRATEGY } = constants;
  const frames = Object.values(KINDS).flatMap((make) => [0, 1, 60, 400, 1_599].map((length) => make(length, 3)));
  const streams = frames.flatMap((frame) => [
    deflateSync(frame, { level: 1 }),
    deflateSync(frame, { level: 9 }),
    ...[Z_FIXED, Z_HUFFMAN_ONLY].map((strategy) => deflateSync(frame, { strategy })),
    deflateSync(frame, { level: 0, strategy: Z_DEFAULT_STRATEGY }),
  ]);
  // Not buffers: a slice of one is no copy.
  return streams.map((stream) => Uint8Array.from(stream));
}
