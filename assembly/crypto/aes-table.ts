/**
 * AES (FIPS 197) with tables, for the build without SIMD. Its tables are indexed by secrets: on a processor that somebody
 * else shares, what it takes from the cache tells of the key. `aes-vector.ts` has none, and is its twin.
 */

/** SubBytes, its inverse, and each with MixColumns, or its inverse, of a column of which the first byte is it. */
const S: u32 = <u32>memory.data(256);
const INVERSE_S: u32 = <u32>memory.data(256);
const T: u32 = <u32>memory.data(1024);
const INVERSE_T: u32 = <u32>memory.data(1024);

export function initTables(): void {
  // Powers of 3, a generator of the field, and of its inverse 0xf6: each is the other's inverse (FIPS 197 §4.2).
  let power: u32 = 1;
  let inverse: u32 = 1;
  do {
    power ^= double(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    inverse &= 0xff;
    if (inverse & 0x80) inverse ^= 0x09;
    setEntry(power, inverse);
  } while (power != 1);
  setEntry(0, 0);
}

function setEntry(x: u32, inverse: u32): void {
  // FIPS 197 §5.1.1.
  let y = inverse;
  for (let i: u32 = 1; i <= 4; i++) y ^= ((inverse << i) | (inverse >> (8 - i))) & 0xff;
  y ^= 0x63;
  store<u8>(S + x, <u8>y);
  store<u8>(INVERSE_S + y, <u8>x);
  const y2 = double(y);
  store<u32>(T + x * 4, y2 | (y << 8) | (y << 16) | ((y2 ^ y) << 24));
  const x2 = double(x);
  const x4 = double(x2);
  const x8 = double(x4);
  store<u32>(INVERSE_T + y * 4, (x8 ^ x4 ^ x2) | ((x8 ^ x) << 8) | ((x8 ^ x4 ^ x) << 16) | ((x8 ^ x2 ^ x) << 24));
}

@inline
function double(x: u32): u32 {
  return ((x << 1) ^ ((x >> 7) * 0x11b)) & 0xff;
}

/** SubBytes of four bytes. */
export function subWord(word: u32): u32 {
  return (
    <u32>load<u8>(S + (word & 255)) | (<u32>load<u8>(S + ((word >> 8) & 255)) << 8) |
    (<u32>load<u8>(S + ((word >> 16) & 255)) << 16) | (<u32>load<u8>(S + (word >> 24)) << 24)
  );
}

/** Nothing: the round keys are used as they are. */
export function prepareEncryption(_keys: u32, _rounds: u32): void {}

export function prepareDecryption(_keys: u32, _rounds: u32): void {}

export function cbcEncrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  let a = load<u32>(iv);
  let b = load<u32>(iv, 4);
  let c = load<u32>(iv, 8);
  let d = load<u32>(iv, 12);
  for (const end = at + length; at < end; at += 16) {
    a ^= load<u32>(at) ^ load<u32>(keys);
    b ^= load<u32>(at, 4) ^ load<u32>(keys, 4);
    c ^= load<u32>(at, 8) ^ load<u32>(keys, 8);
    d ^= load<u32>(at, 12) ^ load<u32>(keys, 12);
    let key = keys + 16;
    for (const last = keys + rounds * 16; key < last; key += 16) {
      const a1 = column(a, b, c, d) ^ load<u32>(key);
      const b1 = column(b, c, d, a) ^ load<u32>(key, 4);
      const c1 = column(c, d, a, b) ^ load<u32>(key, 8);
      d = column(d, a, b, c) ^ load<u32>(key, 12);
      a = a1;
      b = b1;
      c = c1;
    }
    const a1 = lastColumn(a, b, c, d) ^ load<u32>(key);
    const b1 = lastColumn(b, c, d, a) ^ load<u32>(key, 4);
    const c1 = lastColumn(c, d, a, b) ^ load<u32>(key, 8);
    d = lastColumn(d, a, b, c) ^ load<u32>(key, 12);
    a = a1;
    b = b1;
    c = c1;
    store<u32>(at, a);
    store<u32>(at, b, 4);
    store<u32>(at, c, 8);
    store<u32>(at, d, 12);
  }
  store<u32>(iv, a);
  store<u32>(iv, b, 4);
  store<u32>(iv, c, 8);
  store<u32>(iv, d, 12);
}

/** The round keys are those of the equivalent inverse cipher (FIPS 197 §5.3.5). */
export function cbcDecrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  let ivLow = load<u64>(iv);
  let ivHigh = load<u64>(iv, 8);
  for (const end = at + length; at < end; at += 16) {
    const low = load<u64>(at);
    const high = load<u64>(at, 8);
    let a = <u32>low ^ load<u32>(keys);
    let b = <u32>(low >> 32) ^ load<u32>(keys, 4);
    let c = <u32>high ^ load<u32>(keys, 8);
    let d = <u32>(high >> 32) ^ load<u32>(keys, 12);
    let key = keys + 16;
    for (const last = keys + rounds * 16; key < last; key += 16) {
      const a1 = inverseColumn(a, d, c, b) ^ load<u32>(key);
      const b1 = inverseColumn(b, a, d, c) ^ load<u32>(key, 4);
      const c1 = inverseColumn(c, b, a, d) ^ load<u32>(key, 8);
      d = inverseColumn(d, c, b, a) ^ load<u32>(key, 12);
      a = a1;
      b = b1;
      c = c1;
    }
    const a1 = lastInverseColumn(a, d, c, b) ^ load<u32>(key);
    const b1 = lastInverseColumn(b, a, d, c) ^ load<u32>(key, 4);
    const c1 = lastInverseColumn(c, b, a, d) ^ load<u32>(key, 8);
    const d1 = lastInverseColumn(d, c, b, a) ^ load<u32>(key, 12);
    store<u64>(at, (<u64>a1 | (<u64>b1 << 32)) ^ ivLow);
    store<u64>(at, (<u64>c1 | (<u64>d1 << 32)) ^ ivHigh, 8);
    ivLow = low;
    ivHigh = high;
  }
  store<u64>(iv, ivLow);
  store<u64>(iv, ivHigh, 8);
}

// Where a table is stands in the load itself, so that no sum is needed for it.

@inline
function column(a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    load<u32>((a & 255) << 2, T) ^ rotl<u32>(load<u32>((b >> 6) & 0x3fc, T), 8) ^
    rotl<u32>(load<u32>((c >> 14) & 0x3fc, T), 16) ^ rotl<u32>(load<u32>((d >> 22) & 0x3fc, T), 24)
  );
}

@inline
function inverseColumn(a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    load<u32>((a & 255) << 2, INVERSE_T) ^ rotl<u32>(load<u32>((b >> 6) & 0x3fc, INVERSE_T), 8) ^
    rotl<u32>(load<u32>((c >> 14) & 0x3fc, INVERSE_T), 16) ^ rotl<u32>(load<u32>((d >> 22) & 0x3fc, INVERSE_T), 24)
  );
}

@inline
function lastColumn(a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    <u32>load<u8>(a & 255, S) | (<u32>load<u8>((b >> 8) & 255, S) << 8) |
    (<u32>load<u8>((c >> 16) & 255, S) << 16) | (<u32>load<u8>(d >> 24, S) << 24)
  );
}

@inline
function lastInverseColumn(a: u32, b: u32, c: u32, d: u32): u32 {
  return (
    <u32>load<u8>(a & 255, INVERSE_S) | (<u32>load<u8>((b >> 8) & 255, INVERSE_S) << 8) |
    (<u32>load<u8>((c >> 16) & 255, INVERSE_S) << 16) | (<u32>load<u8>(d >> 24, INVERSE_S) << 24)
  );
}
