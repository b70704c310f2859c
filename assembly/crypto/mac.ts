/**
 * HMAC (RFC 2104) and the MAC of SSL 3.0 (RFC 6101 §5.2.3.1). Both hash the key and a pad in front of the message, and
 * again in front of that digest; a MAC key holds the two contexts behind key and pad, so that a message begins with a copy.
 */

import { BLOCK_BYTES, CONTEXT_BYTES, digestBytes, hashFinal, hashInit, hashKind, hashUpdate, MD5 } from './hash';

/** Of a MAC key: the inner context, then the outer one. */
export const MAC_KEY_BYTES: u32 = 2 * CONTEXT_BYTES;

const pad: u32 = <u32>memory.data(64);
const digest: u32 = <u32>memory.data(32);

/** Makes a MAC key of `length` bytes, any number. */
export function hmacKey(mac: u32, kind: u32, key: u32, length: u32): void {
  memory.fill(pad, 0, BLOCK_BYTES);
  if (length > BLOCK_BYTES) {
    hashInit(mac, kind);
    hashUpdate(mac, key, length);
    hashFinal(mac, pad);
  } else {
    memory.copy(pad, key, length);
  }
  xorPad(0x36);
  hashInit(mac, kind);
  hashUpdate(mac, pad, BLOCK_BYTES);
  // From the one pad to the other.
  xorPad(0x36 ^ 0x5c);
  hashInit(mac + CONTEXT_BYTES, kind);
  hashUpdate(mac + CONTEXT_BYTES, pad, BLOCK_BYTES);
  memory.fill(pad, 0, BLOCK_BYTES);
}

/** Likewise for SSL 3.0; the key is as long as the digest. */
export function ssl3MacKey(mac: u32, kind: u32, key: u32): void {
  const length: u32 = kind == MD5 ? 48 : 40;
  memory.fill(pad, 0x36, length);
  hashInit(mac, kind);
  hashUpdate(mac, key, digestBytes(kind));
  hashUpdate(mac, pad, length);
  memory.fill(pad, 0x5c, length);
  hashInit(mac + CONTEXT_BYTES, kind);
  hashUpdate(mac + CONTEXT_BYTES, key, digestBytes(kind));
  hashUpdate(mac + CONTEXT_BYTES, pad, length);
}

/** Begins a message. What belongs to it is hashed with `hashUpdate` into `context`. */
@inline
export function macStart(mac: u32, context: u32): void {
  memory.copy(context, mac, CONTEXT_BYTES);
}

/** Writes the MAC of the message to `output` and wipes the context. */
export function macFinish(mac: u32, context: u32, output: u32): void {
  hashFinal(context, digest);
  macOuter(mac, digest, context, output);
}

/** The second half: the MAC of which `inner` is the inner digest, which is wiped. */
export function macOuter(mac: u32, inner: u32, context: u32, output: u32): void {
  memory.copy(context, mac + CONTEXT_BYTES, CONTEXT_BYTES);
  hashUpdate(context, inner, digestBytes(hashKind(context)));
  memory.fill(inner, 0, digestBytes(hashKind(context)));
  hashFinal(context, output);
}

function xorPad(byte: u8): void {
  const word: u64 = 0x0101_0101_0101_0101 * <u64>byte;
  for (let i: u32 = 0; i < BLOCK_BYTES; i += 8) store<u64>(pad + i, load<u64>(pad + i) ^ word);
}
