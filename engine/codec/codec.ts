/**
 * Compression of single frames, `protocol/data-plane.md` §2: each is a zlib stream (RFC 1950) of its own. There are two
 * that behave alike: the core's, and one in JavaScript for a runtime where the core's does not work.
 */
export interface FrameCodec {
  readonly name: CodecName;
  /** The zlib stream of a frame of up to 65,536 bytes: at most 36 bytes longer. A view, valid until the next call. */
  deflate(frame: Uint8Array): Uint8Array;
  /**
   * What a zlib stream holds, up to `limit` bytes, at most 65,536; what follows the stream is ignored. A view, valid until
   * the next call, or why there is none.
   */
  inflate(block: Uint8Array, limit: number): Uint8Array | InflateCause;
}

export type CodecName = 'wasm' | 'pako';

/** Why a block is not inflated, in the order of `assembly/deflate/inflate.ts`. */
export const INFLATE_CAUSES = [
  'not a zlib stream',
  'a preset dictionary is needed',
  'unknown block type',
  'damaged stored block',
  'impossible code lengths',
  'impossible symbol',
  'a distance reaches too far back',
  'cut short',
  'longer than allowed',
  'wrong checksum',
] as const;

export type InflateCause = (typeof INFLATE_CAUSES)[number];
