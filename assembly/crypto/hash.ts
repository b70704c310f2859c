/**
 * MD5, SHA-1 and SHA-256 over a stream: what has been hashed, and what waits for its block to be full, lies in a context
 * of the caller's. A context that is copied in the middle of its stream goes on as two.
 */

import { md5Blocks, md5Init } from './md5';
import { sha1Blocks, sha1Init } from './sha1';
import { sha256Blocks, sha256Init } from './sha256';

export const MD5: u32 = 1;
export const SHA1: u32 = 2;
export const SHA256: u32 = 3;

/** Bytes of the longest digest. */
export const DIGEST_MAX: u32 = 32;
export const BLOCK_BYTES: u32 = 64;

/** The state (32), then: */
const TOTAL: u32 = 32;
const KIND: u32 = 40;
const WAITING: u32 = 48;
export const CONTEXT_BYTES: u32 = 112;

@inline
export function digestBytes(kind: u32): u32 {
  return kind == MD5 ? 16 : kind == SHA1 ? 20 : 32;
}

export function hashInit(context: u32, kind: u32): void {
  store<u64>(context, 0, TOTAL);
  store<u32>(context, kind, KIND);
  if (kind == MD5) md5Init(context);
  else if (kind == SHA1) sha1Init(context);
  else sha256Init(context);
}

export function hashUpdate(context: u32, at: u32, length: u32): void {
  const waiting = waitingBytes(context);
  store<u64>(context, load<u64>(context, TOTAL) + length, TOTAL);
  if (waiting > 0) {
    const room = BLOCK_BYTES - waiting;
    const fits = length < room ? length : room;
    memory.copy(context + WAITING + waiting, at, fits);
    if (fits < room) return;
    compress(context, context + WAITING, 1);
    at += fits;
    length -= fits;
  }
  const blocks = length / BLOCK_BYTES;
  if (blocks > 0) compress(context, at, blocks);
  memory.copy(context + WAITING, at + blocks * BLOCK_BYTES, length % BLOCK_BYTES);
}

/** So many bytes, whole blocks, were compressed into the state by somebody else while none were waiting. */
@inline
export function hashSkip(context: u32, bytes: u32): void {
  store<u64>(context, load<u64>(context, TOTAL) + bytes, TOTAL);
}

/** Writes the digest to `output` and wipes the context. */
export function hashFinal(context: u32, output: u32): void {
  const kind = hashKind(context);
  const waiting = waitingBytes(context);
  const end = context + WAITING;
  store<u8>(end + waiting, 0x80);
  memory.fill(end + waiting + 1, 0, BLOCK_BYTES - 1 - waiting);
  if (waiting >= BLOCK_BYTES - 8) {
    compress(context, end, 1);
    memory.fill(end, 0, BLOCK_BYTES);
  }
  store<u64>(end + BLOCK_BYTES - 8, lengthField(kind, load<u64>(context, TOTAL)));
  compress(context, end, 1);
  writeDigest(kind, context, output);
  memory.fill(context, 0, CONTEXT_BYTES);
}

@inline
export function hashKind(context: u32): u32 {
  return load<u32>(context, KIND);
}

/** Bytes so far. */
@inline
export function hashedBytes(context: u32): u64 {
  return load<u64>(context, TOTAL);
}

/** Bytes that wait for their block to be full, and where they are. */
@inline
export function waitingBytes(context: u32): u32 {
  return <u32>load<u64>(context, TOTAL) % BLOCK_BYTES;
}

@inline
export function waitingAt(context: u32): u32 {
  return context + WAITING;
}

/** The last eight bytes of the padding: the bits of the whole stream, as the hash writes them. */
@inline
export function lengthField(kind: u32, bytes: u64): u64 {
  return kind == MD5 ? bytes << 3 : bswap<u64>(bytes << 3);
}

/** Runs `count` blocks through the state, which a context begins with. */
export function compress(context: u32, at: u32, count: u32): void {
  compressState(hashKind(context), context, at, count);
}

export function compressState(kind: u32, state: u32, at: u32, count: u32): void {
  if (kind == MD5) md5Blocks(state, at, count);
  else if (kind == SHA1) sha1Blocks(state, at, count);
  else sha256Blocks(state, at, count);
}

/** The state as the bytes of a digest. */
export function writeDigest(kind: u32, state: u32, output: u32): void {
  for (let i: u32 = 0; i < digestBytes(kind); i += 4) {
    const word = load<u32>(state + i);
    store<u32>(output + i, kind == MD5 ? word : bswap<u32>(word));
  }
}
