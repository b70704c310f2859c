import {
  Z_DATA_ERROR,
  Z_FINISH,
  Z_NEED_DICT,
  Z_STREAM_END,
  ZStream,
  zlibDeflate,
  zlibDeflateInit,
  zlibDeflateReset,
  zlibInflate,
  zlibInflateInit,
  zlibInflateReset,
} from 'pako';
import type { FrameCodec, InflateCause } from './codec.ts';

/** The same setting as the core's: the fastest. */
const LEVEL = 1;
/** The largest frame that may be asked for, and what a stream may add to it. */
const OUTPUT_BYTES = 65_536 + 64;

/** Messages of zlib by what they mean; the rest is about code lengths. */
const CAUSES: readonly (readonly [RegExp, InflateCause])[] = [
  [/header check|compression method|window size/, 'not a zlib stream'],
  [/block type/, 'unknown block type'],
  [/stored block/, 'damaged stored block'],
  [/invalid literal\/length code|invalid distance code/, 'impossible symbol'],
  [/too far back/, 'a distance reaches too far back'],
  [/data check/, 'wrong checksum'],
];

/** The codec in JavaScript: pako, with one state for all frames. */
export function pakoCodec(): FrameCodec {
  const output = new Uint8Array(OUTPUT_BYTES);
  const packer = new ZStream();
  zlibDeflateInit(packer, LEVEL);
  const unpacker = new ZStream();
  zlibInflateInit(unpacker);
  const begin = (stream: ZStream, input: Uint8Array, room: number): void => {
    stream.input = input;
    stream.next_in = 0;
    stream.avail_in = input.length;
    stream.output = output;
    stream.next_out = 0;
    stream.avail_out = room;
  };
  return {
    name: 'pako',
    deflate(frame) {
      zlibDeflateReset(packer);
      begin(packer, frame, output.length);
      zlibDeflate(packer, Z_FINISH);
      return output.subarray(0, packer.next_out);
    },
    inflate(block, limit) {
      zlibInflateReset(unpacker);
      begin(unpacker, block, limit);
      const status = zlibInflate(unpacker, Z_FINISH);
      if (status === Z_STREAM_END) return output.subarray(0, unpacker.next_out);
      if (status === Z_NEED_DICT) return 'a preset dictionary is needed';
      if (status !== Z_DATA_ERROR) return unpacker.avail_in > 0 ? 'longer than allowed' : 'cut short';
      return CAUSES.find(([message]) => message.test(unpacker.msg))?.[1] ?? 'impossible code lengths';
    },
  };
}
