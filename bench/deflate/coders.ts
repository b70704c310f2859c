/** Who deflates and inflates frames, one at a time: what we have, and what others have. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { unzlibSync, zlibSync } from 'fflate';
import { pakoCodec } from '../../engine/codec/pako.ts';
import { Core } from '../../engine/core.ts';
import { projectRoot } from '../../lab/runtime.ts';

export interface Coder {
  readonly name: string;
  /** The zlib stream; valid until the next call. */
  deflate(frame: Uint8Array): Uint8Array;
  inflate(block: Uint8Array, limit: number): Uint8Array;
}

export function coders(): Coder[] {
  return [core('simd'), core('scalar'), zlib(), pako(), fflate()];
}

function core(build: 'simd' | 'scalar'): Coder {
  const file = build === 'simd' ? 'core.wasm' : 'core.scalar.wasm';
  const made = new Core(() => readFileSync(join(projectRoot, 'build', file)), {
    sizes: { smallFrames: 16, largeFrames: 4, outBuffers: 2 },
    random: (count) => new Uint8Array(count),
    scalar: build === 'scalar',
  });
  return { name: `core, ${build}`, deflate: made.codec.deflate, inflate: taken(made.codec.inflate) };
}

function zlib(): Coder {
  return {
    name: 'node:zlib',
    deflate: (frame) => deflateSync(frame, { level: 1 }),
    inflate: (block) => inflateSync(block),
  };
}

function pako(): Coder {
  const codec = pakoCodec();
  return { name: 'pako', deflate: codec.deflate, inflate: taken(codec.inflate) };
}

function fflate(): Coder {
  return {
    name: 'fflate',
    deflate: (frame) => zlibSync(frame, { level: 1 }),
    inflate: (block) => unzlibSync(block),
  };
}

function taken(inflate: (block: Uint8Array, limit: number) => Uint8Array | string) {
  return (block: Uint8Array, limit: number): Uint8Array => {
    const frame = inflate(block, limit);
    if (typeof frame === 'string') throw new Error(`a block was refused: ${frame}`);
    return frame;
  };
}
