/**
 * Protection of TLS records: SSL 3.0 (RFC 6101 §5.2), TLS 1.0 (RFC 2246 §6.2), 1.1 (RFC 4346 §6.2) and 1.2 (RFC 5246
 * §6.2), MAC first and then the cipher. One slot is one direction of one connection.
 */

import { AES_BLOCK, aesCbcDecrypt, aesCbcEncrypt, aesCbcEncryptTwo, aesDecryptKey, aesEncryptKey, aesRounds } from './aes';
import { equalMask, lessMask, sameBytes } from './constant-time';
import { desCbcDecrypt, desCbcEncrypt, desKey, tripleDesKey } from './des';
import { randomBlock } from './drbg';
import { BLOCK_BYTES, CONTEXT_BYTES, digestBytes, hashSkip, hashUpdate, MD5, SHA1, waitingBytes } from './hash';
import { hiddenCopy, hiddenMac } from './hidden-mac';
import { hmacKey, macFinish, macStart, ssl3MacKey } from './mac';
import { rc4, rc4Key } from './rc4';
import { rc4Md5Blocks } from './rc4-md5';

/** What `openRecords` answers: it is one answer for whatever is wrong. */
export const REFUSED: i32 = -1;

/** Type, version, length (RFC 5246 §6.2.1). */
export const HEADER_BYTES: u32 = 5;
/** RFC 5246 §6.2.1. */
export const PLAIN_MAX: u32 = 0x4000;
/** RFC 5246 §6.2.3. */
const PROTECTED_MAX: u32 = PLAIN_MAX + 2048;

const SSL3: u32 = 0x300;
const TLS1: u32 = 0x301;
const TLS11: u32 = 0x302;

/** IANA's numbers of the cipher suites; 0 is no protection (RFC 5246 §A.5). */
const RC4_MD5: u32 = 0x0004;
const RC4_SHA: u32 = 0x0005;
const DES_SHA: u32 = 0x0009;
const TRIPLE_DES_SHA: u32 = 0x000a;
const AES128_SHA: u32 = 0x002f;
const AES256_SHA: u32 = 0x0035;

/** Of a slot. */
const SUITE: u32 = 0;
const VERSION: u32 = 4;
const MAC_SIZE: u32 = 8;
/** 1: a stream. */
const BLOCK: u32 = 12;
const SEQUENCE: u32 = 16;
const DEAD: u32 = 24;
const IV: u32 = 32;
const MAC_KEY: u32 = 48;
const CIPHER_KEY: u32 = 272;

/** Sequence number, type, version, length: what the MAC covers in front of the data. */
const prefix: u32 = <u32>memory.data(16);
const secondIv: u32 = <u32>memory.data(16);
const context: u32 = <u32>memory.data(112);
const computed: u32 = <u32>memory.data(32);
const received: u32 = <u32>memory.data(32);

/** What `openRecords` found: of which type, and how many bytes of input it took. */
export let openedType: u32 = 0;
export let openedFrom: u32 = 0;

/** `keys`: MAC key, cipher key, IV, one behind the other as far as the suite has them. */
export function initRecords(slot: u32, suite: u32, version: u32, keys: u32, decrypt: bool): void {
  store<u32>(slot, suite, SUITE);
  store<u32>(slot, version, VERSION);
  store<u64>(slot, 0, SEQUENCE);
  store<u32>(slot, 0, DEAD);
  store<u32>(slot, 1, BLOCK);
  store<u32>(slot, 0, MAC_SIZE);
  if (suite == 0) return;
  const hash = suite == RC4_MD5 ? MD5 : SHA1;
  const size = digestBytes(hash);
  store<u32>(slot, size, MAC_SIZE);
  if (version == SSL3) ssl3MacKey(slot + MAC_KEY, hash, keys);
  else hmacKey(slot + MAC_KEY, hash, keys, size);
  const key = keys + size;
  const schedule = slot + CIPHER_KEY;
  let keyBytes: u32 = 16;
  if (suite == RC4_MD5 || suite == RC4_SHA) {
    rc4Key(schedule, key, 16);
  } else if (suite == DES_SHA) {
    keyBytes = 8;
    store<u32>(slot, 8, BLOCK);
    desKey(schedule, key, decrypt);
  } else if (suite == TRIPLE_DES_SHA) {
    keyBytes = 24;
    store<u32>(slot, 8, BLOCK);
    tripleDesKey(schedule, key, decrypt);
  } else {
    if (suite == AES256_SHA) keyBytes = 32;
    store<u32>(slot, 16, BLOCK);
    if (decrypt) aesDecryptKey(schedule, key, keyBytes);
    else aesEncryptKey(schedule, key, keyBytes);
  }
  if (version < TLS11) memory.copy(slot + IV, key + keyBytes, load<u32>(slot, BLOCK));
}

/** Bytes of a record in front of its data. */
@inline
function headBytes(slot: u32): u32 {
  const block = load<u32>(slot, BLOCK);
  return HEADER_BYTES + (block > 1 && load<u32>(slot, VERSION) >= TLS11 ? block : 0);
}

/** Bytes of a record with so many of data. */
export function recordBytes(slot: u32, length: u32): u32 {
  const block = load<u32>(slot, BLOCK);
  const sealed = length + load<u32>(slot, MAC_SIZE);
  return headBytes(slot) + (block == 1 ? sealed : (sealed + block) & ~(block - 1));
}

/** Where the data of a record has to be, from its beginning, for `sealRecord`. */
export function dataOffset(slot: u32): u32 {
  return headBytes(slot);
}

/**
 * Protects in place records that lie one behind the other at `at`, each as long as `recordBytes` says and its data in its
 * place: the first with `first` bytes of data, the others with PLAIN_MAX, `length` in all. Returns the bytes of them all.
 */
export function sealRun(slot: u32, type: u32, at: u32, first: u32, length: u32): u32 {
  const start = at;
  const pairs = isAes(load<u32>(slot, SUITE)) && load<u32>(slot, VERSION) >= TLS11;
  let part = first;
  do {
    length -= part;
    const bytes = prepareRecord(slot, type, at, part);
    if (pairs && length > 0) {
      // Records with IVs of their own do not wait for each other.
      const next: u32 = length < PLAIN_MAX ? length : PLAIN_MAX;
      length -= next;
      const bytes2 = prepareRecord(slot, type, at + bytes, next);
      encryptTwo(slot, at, bytes, at + bytes, bytes2);
      at += bytes + bytes2;
    } else {
      encryptRecord(slot, at, bytes);
      at += bytes;
    }
    part = length < PLAIN_MAX ? length : PLAIN_MAX;
  } while (length > 0);
  return at - start;
}

/** Of an RC4-MD5 record, what was encrypted on the way. */
let encrypted: u32 = 0;

/** All but encryption of the record at `at`, in which `length` bytes of data are in their place. Returns the bytes of the record. */
function prepareRecord(slot: u32, type: u32, at: u32, length: u32): u32 {
  const size = load<u32>(slot, MAC_SIZE);
  const block = load<u32>(slot, BLOCK);
  const head = headBytes(slot);
  const data = at + head;
  let end = data + length;
  encrypted = 0;
  if (size > 0) {
    startMac(slot, type, length);
    if (load<u32>(slot, SUITE) == RC4_MD5) encrypted = hashAndEncrypt(slot + CIPHER_KEY, data, length);
    else hashUpdate(context, data, length);
    macFinish(slot + MAC_KEY, context, end);
    end += size;
  }
  store<u64>(slot, load<u64>(slot, SEQUENCE) + 1, SEQUENCE);
  if (block > 1) {
    const padding = block - ((end - data) & (block - 1));
    memory.fill(end, <u8>(padding - 1), padding);
    end += padding;
    if (head > HEADER_BYTES) {
      // RFC 4346 §6.2.3.2 (2)(a): a random IV goes in front. It has 16 bytes, and there may be room for 8.
      randomBlock(slot + IV);
      memory.copy(at + HEADER_BYTES, slot + IV, block);
    }
  }
  writeHeader(at, type, load<u32>(slot, VERSION), end - at - HEADER_BYTES);
  return end - at;
}

function encryptRecord(slot: u32, at: u32, bytes: u32): void {
  const block = load<u32>(slot, BLOCK);
  const head = headBytes(slot);
  if (block > 1) {
    if (head > HEADER_BYTES) memory.copy(slot + IV, at + HEADER_BYTES, block);
    cbcEncrypt(slot, load<u32>(slot, SUITE), at + head, bytes - head);
  } else if (load<u32>(slot, MAC_SIZE) > 0) {
    rc4(slot + CIPHER_KEY, at + head + encrypted, bytes - head - encrypted);
  }
}

/** Two records of AES that begin with their IVs. */
function encryptTwo(slot: u32, at: u32, bytes: u32, at2: u32, bytes2: u32): void {
  const head = headBytes(slot);
  const rounds = aesRounds(load<u32>(slot, SUITE) == AES128_SHA ? 16 : 32);
  const keys = slot + CIPHER_KEY;
  const length = bytes - head;
  const length2 = bytes2 - head;
  const both = length < length2 ? length : length2;
  memory.copy(slot + IV, at + HEADER_BYTES, AES_BLOCK);
  memory.copy(secondIv, at2 + HEADER_BYTES, AES_BLOCK);
  aesCbcEncryptTwo(keys, rounds, slot + IV, at + head, secondIv, at2 + head, both);
  aesCbcEncrypt(keys, rounds, slot + IV, at + head + both, length - both);
  aesCbcEncrypt(keys, rounds, secondIv, at2 + head + both, length2 - both);
}

/**
 * Opens records at `at`, as long as they are whole, all of one type and no more than `most`, and puts their data at `to`, which may be
 * `at`, one behind the other. Returns the bytes of data, or REFUSED, and then it always will; sets `openedType` and
 * `openedFrom`.
 */
export function openRecords(slot: u32, at: u32, length: u32, to: u32, most: u32): i32 {
  openedFrom = 0;
  openedType = 0;
  if (load<u32>(slot, DEAD) != 0) return REFUSED;
  const start = to;
  while (most > 0 && length - openedFrom >= HEADER_BYTES) {
    const record = at + openedFrom;
    const type = <u32>load<u8>(record);
    const bytes = (<u32>load<u8>(record, 3) << 8) | <u32>load<u8>(record, 4);
    if (!isPlausible(slot, record, type, bytes)) return refuse(slot);
    if (length - openedFrom - HEADER_BYTES < bytes) break;
    if (openedType != 0 && type != openedType) break;
    const opened = openRecord(slot, type, record + HEADER_BYTES, bytes);
    if (opened < 0) return refuse(slot);
    memory.copy(to, record + headBytes(slot), opened);
    to += opened;
    openedType = type;
    openedFrom += HEADER_BYTES + bytes;
    most--;
  }
  return to - start;
}

function refuse(slot: u32): i32 {
  store<u32>(slot, 1, DEAD);
  return REFUSED;
}

function isPlausible(slot: u32, record: u32, type: u32, bytes: u32): bool {
  // change_cipher_spec, alert, handshake, application_data.
  if (type < 20 || type > 23 || bytes > PROTECTED_MAX) return false;
  const version = (<u32>load<u8>(record, 1) << 8) | <u32>load<u8>(record, 2);
  // The first records come before a version was agreed upon (RFC 5246 §E.1).
  if (load<u32>(slot, SUITE) == 0) return version >> 8 == 3 && bytes <= PLAIN_MAX;
  return version == load<u32>(slot, VERSION);
}

/** Opens one record in place, without its header: the bytes of data, or less than 0. */
function openRecord(slot: u32, type: u32, at: u32, bytes: u32): i32 {
  const size = load<u32>(slot, MAC_SIZE);
  if (size == 0) return bytes;
  const block = load<u32>(slot, BLOCK);
  if (block > 1) return openBlocks(slot, type, at, bytes, block, size);
  if (bytes < size || bytes - size > PLAIN_MAX) return REFUSED;
  const length = bytes - size;
  startMac(slot, type, length);
  if (load<u32>(slot, SUITE) == RC4_MD5) {
    decryptAndHash(slot + CIPHER_KEY, at, bytes, length);
  } else {
    rc4(slot + CIPHER_KEY, at, bytes);
    hashUpdate(context, at, length);
  }
  macFinish(slot + MAC_KEY, context, computed);
  store<u64>(slot, load<u64>(slot, SEQUENCE) + 1, SEQUENCE);
  return sameBytes(computed, at + length, size) == 0 ? REFUSED : length;
}

/** MD5 of the data into `context`, and RC4 of as much of it as is hashed by then: returns how much. */
function hashAndEncrypt(key: u32, data: u32, length: u32): u32 {
  const fill = BLOCK_BYTES - waitingBytes(context);
  if (length < fill + 2 * BLOCK_BYTES) {
    hashUpdate(context, data, length);
    return 0;
  }
  const blocks = (length - fill) / BLOCK_BYTES;
  const stitched = (blocks - 1) * BLOCK_BYTES;
  hashUpdate(context, data, fill + BLOCK_BYTES);
  rc4(key, data, fill);
  // RC4 follows MD5 at a distance of one block.
  rc4Md5Blocks(context, data + fill + BLOCK_BYTES, key, data + fill, blocks - 1);
  hashSkip(context, stitched);
  hashUpdate(context, data + fill + BLOCK_BYTES + stitched, length - fill - BLOCK_BYTES - stitched);
  return fill + stitched;
}

/** RC4 of the record at `data`, and MD5 of its first `length` bytes into `context`. */
function decryptAndHash(key: u32, data: u32, bytes: u32, length: u32): void {
  const fill = BLOCK_BYTES - waitingBytes(context);
  if (length < fill + 2 * BLOCK_BYTES) {
    rc4(key, data, bytes);
    hashUpdate(context, data, length);
    return;
  }
  const blocks = (length - fill - BLOCK_BYTES) / BLOCK_BYTES;
  const stitched = blocks * BLOCK_BYTES;
  // RC4 is one block ahead.
  const ahead = fill + BLOCK_BYTES;
  rc4(key, data, ahead);
  hashUpdate(context, data, fill);
  rc4Md5Blocks(context, data + fill, key, data + ahead, blocks);
  hashSkip(context, stitched);
  rc4(key, data + ahead + stitched, bytes - ahead - stitched);
  hashUpdate(context, data + fill + stitched, length - fill - stitched);
}

function openBlocks(slot: u32, type: u32, at: u32, bytes: u32, block: u32, size: u32): i32 {
  const version = load<u32>(slot, VERSION);
  const explicit: u32 = version >= TLS11 ? block : 0;
  // Nothing here is a secret yet. One byte of padding is there in every case.
  if ((bytes & (block - 1)) != 0 || bytes < explicit + size + 1) return REFUSED;
  if (explicit > 0) {
    memory.copy(slot + IV, at, block);
    at += block;
    bytes -= block;
  }
  cbcDecrypt(slot, load<u32>(slot, SUITE), at, bytes);

  const longest = bytes - size - 1;
  let padding = <u32>load<u8>(at + bytes - 1);
  let right = ~lessMask(longest, padding);
  if (version == SSL3) {
    // RFC 6101 §5.2.3.2: less than a block, of any content. That is what POODLE uses, and nothing can be done about it.
    right &= lessMask(padding, block);
  } else {
    const look: u32 = bytes - 1 < 255 ? bytes - 1 : 255;
    for (let i: u32 = 1; i <= look; i++) {
      right &= equalMask(<u32>load<u8>(at + bytes - 1 - i), padding) | lessMask(padding, i);
    }
  }
  // A wrong padding counts as none (RFC 5246 §6.2.3.2), and the MAC is made all the same.
  padding &= right;
  const length = longest - padding;
  startMac(slot, type, length);
  hiddenMac(slot + MAC_KEY, context, at, length, longest, computed);
  hiddenCopy(at, length, longest, size, received);
  right &= sameBytes(computed, received, size);
  right &= ~lessMask(PLAIN_MAX, length);
  store<u64>(slot, load<u64>(slot, SEQUENCE) + 1, SEQUENCE);
  memory.fill(computed, 0, 32);
  memory.fill(received, 0, 32);
  return right == 0 ? REFUSED : length;
}

/** Begins the MAC of a record. `length` may be a secret. */
function startMac(slot: u32, type: u32, length: u32): void {
  macStart(slot + MAC_KEY, context);
  store<u64>(prefix, bswap<u64>(load<u64>(slot, SEQUENCE)));
  store<u8>(prefix, <u8>type, 8);
  // SSL 3.0 leaves the version out (RFC 6101 §5.2.3.1).
  const version = load<u32>(slot, VERSION);
  const at: u32 = version == SSL3 ? 9 : 11;
  if (version != SSL3) store<u16>(prefix, bswap<u16>(<u16>version), 9);
  store<u16>(prefix + at, bswap<u16>(<u16>length));
  hashUpdate(context, prefix, at + 2);
}

@inline
function isAes(suite: u32): bool {
  return suite == AES128_SHA || suite == AES256_SHA;
}

function writeHeader(at: u32, type: u32, version: u32, length: u32): void {
  store<u8>(at, <u8>type);
  store<u16>(at, bswap<u16>(<u16>(version == 0 ? TLS1 : version)), 1);
  store<u16>(at, bswap<u16>(<u16>length), 3);
}

function cbcEncrypt(slot: u32, suite: u32, at: u32, length: u32): void {
  const keys = slot + CIPHER_KEY;
  if (suite == AES128_SHA) aesCbcEncrypt(keys, aesRounds(16), slot + IV, at, length);
  else if (suite == AES256_SHA) aesCbcEncrypt(keys, aesRounds(32), slot + IV, at, length);
  else desCbcEncrypt(keys, suite == DES_SHA ? 1 : 3, slot + IV, at, length);
}

function cbcDecrypt(slot: u32, suite: u32, at: u32, length: u32): void {
  const keys = slot + CIPHER_KEY;
  if (suite == AES128_SHA) aesCbcDecrypt(keys, aesRounds(16), slot + IV, at, length);
  else if (suite == AES256_SHA) aesCbcDecrypt(keys, aesRounds(32), slot + IV, at, length);
  else desCbcDecrypt(keys, suite == DES_SHA ? 1 : 3, slot + IV, at, length);
}
