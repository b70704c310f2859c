/** AES-128 and AES-256 (FIPS 197) in CBC (SP 800-38A §6.2). With SIMD nothing is looked up by secrets. */

import * as tables from './aes-table';
import * as vectors from './aes-vector';

export const AES_BLOCK: u32 = 16;
/** Round keys of AES-256. */
export const AES_KEY_BYTES: u32 = 240;

export function initAes(): void {
  if (ASC_FEATURE_SIMD) vectors.initTables();
  else tables.initTables();
}

/** @param length 16 or 32. */
@inline
export function aesRounds(length: u32): u32 {
  return length / 4 + 6;
}

/** Round keys for encryption, of a key of `length` bytes. */
export function aesEncryptKey(keys: u32, key: u32, length: u32): void {
  expand(keys, key, length);
  if (ASC_FEATURE_SIMD) vectors.prepareEncryption(keys, aesRounds(length));
  else tables.prepareEncryption(keys, aesRounds(length));
}

/** Round keys for decryption: the other way round, those in between with InvMixColumns (FIPS 197 §5.3.5). */
export function aesDecryptKey(keys: u32, key: u32, length: u32): void {
  const rounds = aesRounds(length);
  expand(keys, key, length);
  for (let i: u32 = 0, j = rounds; i < j; i++, j--) {
    for (let word: u32 = 0; word < 16; word += 4) {
      const first = keys + i * 16 + word;
      const second = keys + j * 16 + word;
      const kept = load<u32>(first);
      store<u32>(first, load<u32>(second));
      store<u32>(second, kept);
    }
  }
  for (let at = keys + 16; at < keys + rounds * 16; at += 4) store<u32>(at, inverseMixColumn(load<u32>(at)));
  if (ASC_FEATURE_SIMD) vectors.prepareDecryption(keys, rounds);
  else tables.prepareDecryption(keys, rounds);
}

/** In place, `length` a multiple of 16; `iv` is the last block of the cipher text then. */
export function aesCbcEncrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  if (ASC_FEATURE_SIMD) vectors.cbcEncrypt(keys, rounds, iv, at, length);
  else tables.cbcEncrypt(keys, rounds, iv, at, length);
}

/** Two messages of one length, each with an IV of its own. */
export function aesCbcEncryptTwo(keys: u32, rounds: u32, iv: u32, at: u32, iv2: u32, at2: u32, length: u32): void {
  if (ASC_FEATURE_SIMD) {
    vectors.cbcEncryptTwo(keys, rounds, iv, at, iv2, at2, length);
  } else {
    tables.cbcEncrypt(keys, rounds, iv, at, length);
    tables.cbcEncrypt(keys, rounds, iv2, at2, length);
  }
}

export function aesCbcDecrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  if (ASC_FEATURE_SIMD) vectors.cbcDecrypt(keys, rounds, iv, at, length);
  else tables.cbcDecrypt(keys, rounds, iv, at, length);
}

/** FIPS 197 §5.2. */
function expand(keys: u32, key: u32, length: u32): void {
  memory.copy(keys, key, length);
  const words = length / 4;
  let constant: u32 = 1;
  for (let i = words; i < (aesRounds(length) + 1) * 4; i++) {
    let word = load<u32>(keys + i * 4 - 4);
    if (i % words == 0) {
      word = subWord(rotr<u32>(word, 8)) ^ constant;
      constant = (constant << 1) ^ ((constant >> 7) * 0x11b);
    } else if (words == 8 && i % words == 4) {
      word = subWord(word);
    }
    store<u32>(keys + i * 4, load<u32>(keys + (i - words) * 4) ^ word);
  }
}

function subWord(word: u32): u32 {
  return ASC_FEATURE_SIMD ? vectors.subWord(word) : tables.subWord(word);
}

/** FIPS 197 §5.3.3, all four bytes of a column at once. */
function inverseMixColumn(word: u32): u32 {
  const x2 = double(word);
  const x4 = double(x2);
  const x8 = double(x4);
  const x9 = x8 ^ word;
  return x8 ^ x4 ^ x2 ^ rotr<u32>(x9 ^ x2, 8) ^ rotr<u32>(x9 ^ x4, 16) ^ rotr<u32>(x9, 24);
}

@inline
function double(word: u32): u32 {
  return ((word & 0x7f7f_7f7f) << 1) ^ (((word >> 7) & 0x0101_0101) * 0x1b);
}
