import type { FrameCodec } from '../../../engine/codec/codec.ts';
import { pakoCodec } from '../../../engine/codec/pako.ts';
import { Core } from '../../../engine/core.ts';
import { coreBinary } from '../../sim/host.ts';

export const CODECS = ['simd', 'scalar', 'pako'] as const;

/** Each codec that a node may have. */
export function makeCodec(name: (typeof CODECS)[number]): FrameCodec {
  if (name === 'pako') return pakoCodec();
  const core = new Core(coreBinary, {
    sizes: { smallFrames: 64, largeFrames: 4, outBuffers: 2 },
    random: (count) => new Uint8Array(count),
    scalar: name === 'scalar',
  });
  if (core.build !== name) throw new Error(`expected the ${name} build, got ${core.build}`);
  return core.codec;
}
