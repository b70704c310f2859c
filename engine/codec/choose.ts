import type { FrameCodec } from './codec.ts';

/** Text with repetitions, and bytes without any. */
const SAMPLE = Uint8Array.from({ length: 600 }, (_, i) => (i < 400 ? 97 + ((i * i) % 7) : (i * 151 + (i >> 3)) & 0xff));

/**
 * The first of the codecs that gives back what it was given, and refuses what is damaged. A codec that cannot run throws,
 * or answers wrongly: either way it is not used, and frames are not lost to it.
 */
export function chooseCodec(codecs: readonly (() => FrameCodec)[]): FrameCodec {
  for (const make of codecs) {
    const codec = attempt(make);
    if (codec !== undefined && works(codec)) return codec;
  }
  throw new Error('no codec for compressed frames works in this runtime');
}

function works(codec: FrameCodec): boolean {
  return (
    attempt(() => {
      const block = codec.deflate(SAMPLE).slice();
      const frame = codec.inflate(block, SAMPLE.length);
      if (typeof frame === 'string' || !SAMPLE.every((byte, i) => frame[i] === byte)) return false;
      block[block.length - 1] = block[block.length - 1]! ^ 1;
      return typeof codec.inflate(block, SAMPLE.length) === 'string';
    }) === true
  );
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
