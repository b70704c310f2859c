/**
 * The interface of the crypto module, and nothing else. Arguments are trusted: `engine/crypto/`, the only caller, checks
 * them. Addresses are those of its own memory; a slot is a number.
 */

import { aeadOpen, aeadSeal, TAG_BYTES } from './aead';
import { aesCbcDecrypt, aesCbcEncrypt, aesDecryptKey, aesEncryptKey, aesRounds, initAes } from './aes';
import { chacha20, CHACHA_BYTES, chachaBlock, chachaInit } from './chacha20';
import { sameBytes } from './constant-time';
import { desCbcDecrypt, desCbcEncrypt, desKey, initDes, tripleDesKey } from './des';
import { seedDrbg } from './drbg';
import { CONTEXT_BYTES, hashFinal, hashInit, hashUpdate as updateHash } from './hash';
import { BATCH_ENTRY, OPEN, OPEN_BYTES, SCRATCH, SCRATCH_BYTES, SEAL, SEAL_BYTES, SLOT_BYTES, SLOTS } from './layout';
import { hmacKey as makeHmacKey, MAC_KEY_BYTES, macFinish, macStart } from './mac';
import { polyFinal, polyInit, polyUpdate } from './poly1305';
import { rc4 as applyRc4, rc4Key as makeRc4Key } from './rc4';
import { dataOffset, initRecords, openedFrom, openedType, openRecords as openRun, PLAIN_MAX, recordBytes, sealRun } from './record';
import { sha0 as sha0Into } from './sha0';

export { BATCH_ENTRY, OPEN, OPEN_BYTES, openedFrom, openedType, PLAIN_MAX, SCRATCH, SCRATCH_BYTES, SEAL, SEAL_BYTES, SLOT_BYTES, SLOTS };

/** 1 in the build with SIMD. */
export const SIMD: u32 = ASC_FEATURE_SIMD ? 1 : 0;

/** Ciphers in CBC. */
const AES: u32 = 1;
const DES: u32 = 2;

/** Of a slot that holds a cipher: which, rounds or stages, the way, the IV, the round keys. */
const CIPHER: u32 = 0;
const STAGES: u32 = 4;
const DECRYPTS: u32 = 8;
const CIPHER_IV: u32 = 16;
const ROUND_KEYS: u32 = 32;

/** Of a slot that holds ChaCha20: its state, a block of key stream, and how much of that was used; 0: none is there. */
const CHACHA_USED: u32 = 2 * CHACHA_BYTES;

@inline
function at(slot: u32): u32 {
  return SLOTS + slot * SLOT_BYTES;
}

/** Once, before anything else, on fresh memory. 32 secret random bytes are in SCRATCH. */
export function init(): void {
  initAes();
  initDes();
  seedDrbg(SCRATCH);
  memory.fill(SCRATCH, 0, 32);
}

/** Forgets what a slot holds. */
export function wipe(slot: u32): void {
  memory.fill(at(slot), 0, SLOT_BYTES);
}

/** Forgets what the one-shot calls left. */
export function wipeScratch(length: u32): void {
  memory.fill(SCRATCH, 0, length);
}

/** SHA-0 of `length` bytes in SCRATCH, to SCRATCH. */
export function sha0(length: u32): void {
  sha0Into(SCRATCH, length, SCRATCH);
}

export function hashStart(slot: u32, kind: u32): void {
  hashInit(at(slot), kind);
}

export function hashUpdate(slot: u32, from: u32, length: u32): void {
  updateHash(at(slot), from, length);
}

export function hashFinish(slot: u32, output: u32): void {
  hashFinal(at(slot), output);
}

/** The stream goes on in both. */
export function hashCopy(from: u32, to: u32): void {
  memory.copy(at(to), at(from), CONTEXT_BYTES);
}

/** RFC 2104. */
export function hmacKey(slot: u32, kind: u32, key: u32, length: u32): void {
  makeHmacKey(at(slot), kind, key, length);
}

/** Begins a message; `hmacUpdate` takes it in, `hmacFinish` writes its MAC. */
export function hmacStart(slot: u32): void {
  macStart(at(slot), at(slot) + MAC_KEY_BYTES);
}

export function hmacUpdate(slot: u32, from: u32, length: u32): void {
  updateHash(at(slot) + MAC_KEY_BYTES, from, length);
}

export function hmacFinish(slot: u32, output: u32): void {
  macFinish(at(slot), at(slot) + MAC_KEY_BYTES, output);
}

export function rc4Key(slot: u32, key: u32, length: u32): void {
  makeRc4Key(at(slot), key, length);
}

export function rc4(slot: u32, from: u32, length: u32): void {
  applyRc4(at(slot), from, length);
}

/** `key`: 16 or 32 bytes of AES; 8 or 24 of DES. */
export function cbcKey(slot: u32, cipher: u32, key: u32, length: u32, iv: u32, decrypts: bool): void {
  const keys = at(slot) + ROUND_KEYS;
  store<u32>(at(slot), cipher, CIPHER);
  store<u32>(at(slot), cipher == AES ? aesRounds(length) : length == 8 ? 1 : 3, STAGES);
  store<u32>(at(slot), decrypts ? 1 : 0, DECRYPTS);
  memory.copy(at(slot) + CIPHER_IV, iv, cipher == AES ? 16 : 8);
  if (cipher == AES) {
    if (decrypts) aesDecryptKey(keys, key, length);
    else aesEncryptKey(keys, key, length);
  } else if (length == 8) {
    desKey(keys, key, decrypts);
  } else {
    tripleDesKey(keys, key, decrypts);
  }
}

/** In place; whole blocks. The next call goes on where this one ends. */
export function cbc(slot: u32, from: u32, length: u32): void {
  const iv = at(slot) + CIPHER_IV;
  const keys = at(slot) + ROUND_KEYS;
  const stages = load<u32>(at(slot), STAGES);
  const decrypts = load<u32>(at(slot), DECRYPTS) != 0;
  if (load<u32>(at(slot), CIPHER) == AES) {
    if (decrypts) aesCbcDecrypt(keys, stages, iv, from, length);
    else aesCbcEncrypt(keys, stages, iv, from, length);
  } else if (decrypts) {
    desCbcDecrypt(keys, stages, iv, from, length);
  } else {
    desCbcEncrypt(keys, stages, iv, from, length);
  }
}

/** RFC 8439 §2.4; `key` 32 bytes, `nonce` 12. */
export function chachaStart(slot: u32, key: u32, nonce: u32, counter: u32): void {
  chachaInit(at(slot), key, nonce, counter);
  store<u32>(at(slot), 0, CHACHA_USED);
}

/** In place. The next call goes on where this one ends, also in the middle of a block. */
export function chacha(slot: u32, from: u32, length: u32): void {
  const state = at(slot);
  const stream = state + CHACHA_BYTES;
  let used = load<u32>(state, CHACHA_USED);
  for (; used != 0 && length > 0; length--, from++) {
    store<u8>(from, load<u8>(from) ^ load<u8>(stream + used));
    used = (used + 1) & 63;
  }
  const whole = length & ~63;
  chacha20(state, from, whole);
  from += whole;
  length -= whole;
  if (length > 0) {
    chachaBlock(state, stream);
    for (; used < length; used++) store<u8>(from + used, load<u8>(from + used) ^ load<u8>(stream + used));
  }
  store<u32>(state, used, CHACHA_USED);
}

/** RFC 8439 §2.5; `key` 32 bytes, for one message. */
export function polyStart(slot: u32, key: u32): void {
  polyInit(at(slot), key);
}

export function polyMore(slot: u32, from: u32, length: u32): void {
  polyUpdate(at(slot), from, length);
}

/** Writes 16 bytes. */
export function polyFinish(slot: u32, output: u32): void {
  polyFinal(at(slot), output);
}

/** A key of 32 bytes. */
export function aeadKey(slot: u32, key: u32): void {
  memory.copy(at(slot), key, 32);
}

/** Seals `count` messages of a table; each has room for its tag behind it. */
export function sealBatch(slot: u32, table: u32, count: u32): void {
  for (const end = table + count * BATCH_ENTRY; table < end; table += BATCH_ENTRY) {
    aeadSeal(at(slot), load<u32>(table, 8), load<u32>(table, 12), load<u32>(table, 16), load<u32>(table), load<u32>(table, 4));
  }
}

/** Opens `count` messages of a table, whose lengths are without the tags; an answer of 1 says that it was right. */
export function openBatch(slot: u32, table: u32, count: u32): void {
  for (const end = table + count * BATCH_ENTRY; table < end; table += BATCH_ENTRY) {
    const right = aeadOpen(at(slot), load<u32>(table, 8), load<u32>(table, 12), load<u32>(table, 16), load<u32>(table), load<u32>(table, 4));
    store<u32>(table, right ? 1 : 0, 20);
  }
}

/** 1 when both are the same, in a time that does not tell how far. */
export function same(a: u32, b: u32, length: u32): u32 {
  return sameBytes(a, b, length) & 1;
}

/** One direction of a connection. `keys`: MAC key, cipher key and IV of the suite, one behind the other. */
export function recordKey(slot: u32, suite: u32, version: u32, keys: u32, decrypts: bool): void {
  initRecords(at(slot), suite, version, keys, decrypts);
}

/** Bytes of a record with so many of data. */
export function recordSize(slot: u32, length: u32): u32 {
  return recordBytes(at(slot), length);
}

/** Bytes in front of its data. */
export function recordHead(slot: u32): u32 {
  return dataOffset(at(slot));
}

/** See `record.ts`. */
export function sealRecords(slot: u32, type: u32, from: u32, first: u32, length: u32): u32 {
  return sealRun(at(slot), type, from, first, length);
}

/** See `record.ts`. */
export function openRecords(slot: u32, from: u32, length: u32, to: u32, most: u32): i32 {
  return openRun(at(slot), from, length, to, most);
}

export { TAG_BYTES };
