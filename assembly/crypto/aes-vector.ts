/**
 * AES (FIPS 197) without tables in memory, for the build with SIMD: sixteen bytes at a time, every S-box a handful of
 * looks into vectors of sixteen nibbles, which lie in registers. Nothing depends on secrets but what is computed. After
 * M. Hamburg, "Accelerating AES with Vector Permute Instructions" (CHES 2009); the constants are worked out at the start.
 *
 * The field of 256 is built on the field of 16: a byte is k + i z, with nibbles k and i, and z * z = A z + A. Then, with
 * j = i + k and divisions by 0 giving "infinity", whose nibble shows as 0x80 and turns every later look into 0,
 *   io = 1 / (1/i + A/k) + j  and  jo = 1 / (1/j + A/k) + i
 * are the inverses of two nibbles of which the inverse of k + i z, and so SubBytes, is a linear function. It is looked up
 * in both and added, already multiplied by what MixColumns wants, and already in the form that the next round wants.
 */

/** Low and high nibble to the nibbles of a byte, and what is looked up: sixteen bytes each. */
const TABLES: u32 = <u32>memory.data(16 * 32, 16);
const INVERSE: u32 = 0;
const A_OVER: u32 = 16;
/** Encryption: the way in, S in AES's form for the last round, S and 2 S in ours. Each for the one nibble and the other. */
const E_IN: u32 = 32;
const E_OUT: u32 = 64;
const E_1: u32 = 96;
const E_2: u32 = 128;
/** Decryption: the way in, inverse S in AES's form, and 14, 11, 13 and 9 times it in ours. */
const D_IN: u32 = 160;
const D_OUT: u32 = 192;
const D_14: u32 = 224;
const D_11: u32 = 256;
const D_13: u32 = 288;
const D_9: u32 = 320;

const INFINITY: u32 = 0x80;
/** Only for `initTables`: a byte of AES in our form, and back. */
const toOurs: u32 = <u32>memory.data(256);
const fromOurs: u32 = <u32>memory.data(256);

/** Some nibble for which z * z = A z + A has no solution among the nibbles. */
let A: u32 = 1;

export function initTables(): void {
  while (hasRoot(A)) A++;
  findForm();
  for (let n: u32 = 0; n < 16; n++) {
    put(INVERSE, n, n == 0 ? INFINITY : invert4(n));
    put(A_OVER, n, n == 0 ? INFINITY : multiply4(A, invert4(n)));
    putIn(E_IN, n, n);
    putIn(E_IN + 16, n, n << 4);
    put(D_IN, n, ours(inverseAffine(n)));
    put(D_IN + 16, n, ours(inverseAffine(n << 4)));
    // The inverse of k + i z is (k + A i + i z) / N; io = N / (k + A i), jo = N / (k + A i + A k).
    const p = n == 0 ? 0 : invert4(n);
    const once = invert4(A);
    const twice = multiply4(once, once);
    putOut(n, 0, aes((multiply4(p, once ^ twice) << 4) | p));
    putOut(n, 16, aes(multiply4(p, twice) << 4));
  }
  memory.fill(toOurs, 0, 256);
  memory.fill(fromOurs, 0, 256);
}

/** SubBytes of four bytes. */
export function subWord(word: u32): u32 {
  const s = into(E_IN, i32x4.splat(word));
  const nibble = i8x16.splat(15);
  const k = v128.and(s, nibble);
  const i = v128.and(v128.shr<u32>(s, 4), nibble);
  const j = v128.xor(i, k);
  const ak = v128.swizzle(v128.load(TABLES, A_OVER), k);
  const inverse = v128.load(TABLES, INVERSE);
  const iak = v128.xor(v128.swizzle(inverse, i), ak);
  const jak = v128.xor(v128.swizzle(inverse, j), ak);
  const io = v128.xor(v128.swizzle(inverse, iak), j);
  const jo = v128.xor(v128.swizzle(inverse, jak), i);
  return i32x4.extract_lane(look(E_OUT, io, jo), 0) ^ 0x6363_6363;
}

/** To round keys in our form: 0x63 of SubBytes, which MixColumns leaves as it is, is added there. */
export function prepareEncryption(keys: u32, rounds: u32): void {
  const constant = i8x16.splat(0x63);
  for (let round: u32 = 1; round <= rounds; round++) {
    const at = keys + round * 16;
    const key = v128.xor(v128.load(at), constant);
    v128.store(at, round < rounds ? into(E_IN, key) : key);
  }
}

/** Likewise for the equivalent inverse cipher (FIPS 197 §5.3.5), where it comes in front. */
export function prepareDecryption(keys: u32, rounds: u32): void {
  const constant = i8x16.splat(0x63);
  for (let round: u32 = 0; round < rounds; round++) {
    const at = keys + round * 16;
    const key = v128.xor(v128.load(at), constant);
    v128.store(at, round == 0 ? key : into(D_IN, key));
  }
}

export function cbcEncrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  const nibble = i8x16.splat(15);
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  const one = v128.load(TABLES, E_1);
  const one2 = v128.load(TABLES, E_1 + 16);
  const two = v128.load(TABLES, E_2);
  const two2 = v128.load(TABLES, E_2 + 16);
  const last = keys + rounds * 16;
  let s = v128.load(iv);
  for (const end = at + length; at < end; at += 16) {
    s = into(E_IN, v128.xor(v128.xor(s, v128.load(at)), v128.load(keys)));
    let key = keys + 16;
    for (;;) {
      const k = v128.and(s, nibble);
      const i = v128.and(v128.shr<u32>(s, 4), nibble);
      const j = v128.xor(i, k);
      const ak = v128.swizzle(aOver, k);
      const io = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, i), ak)), j);
      const jo = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, j), ak)), i);
      if (key == last) {
        s = v128.xor(shiftRows(look(E_OUT, io, jo)), v128.load(key));
        break;
      }
      const s1 = v128.xor(v128.swizzle(one, io), v128.swizzle(one2, jo));
      const s2 = v128.xor(v128.swizzle(two, io), v128.swizzle(two2, jo));
      s = v128.xor(
        v128.xor(shiftRows(s2), shiftRows1(v128.xor(s1, s2))),
        v128.xor(v128.xor(shiftRows2(s1), shiftRows3(s1)), v128.load(key)),
      );
      key += 16;
    }
    v128.store(at, s);
  }
  v128.store(iv, s);
}

/**
 * Two messages of one length at the same time: in each a block waits for the one before it, and a processor does the one's
 * work while the other waits.
 */
export function cbcEncryptTwo(keys: u32, rounds: u32, iv: u32, at: u32, iv2: u32, at2: u32, length: u32): void {
  const nibble = i8x16.splat(15);
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  const last = keys + rounds * 16;
  const apart = at2 - at;
  let s = v128.load(iv);
  let t = v128.load(iv2);
  for (const end = at + length; at < end; at += 16) {
    const first = v128.load(keys);
    s = into(E_IN, v128.xor(v128.xor(s, v128.load(at)), first));
    t = into(E_IN, v128.xor(v128.xor(t, v128.load(at + apart)), first));
    for (let key = keys + 16; ; key += 16) {
      const sk = v128.and(s, nibble);
      const tk = v128.and(t, nibble);
      const si = v128.and(v128.shr<u32>(s, 4), nibble);
      const ti = v128.and(v128.shr<u32>(t, 4), nibble);
      const sj = v128.xor(si, sk);
      const tj = v128.xor(ti, tk);
      const sa = v128.swizzle(aOver, sk);
      const ta = v128.swizzle(aOver, tk);
      const so = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, si), sa)), sj);
      const to = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, ti), ta)), tj);
      const sp = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, sj), sa)), si);
      const tp = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, tj), ta)), ti);
      if (key == last) {
        s = v128.xor(shiftRows(look(E_OUT, so, sp)), v128.load(key));
        t = v128.xor(shiftRows(look(E_OUT, to, tp)), v128.load(key));
        break;
      }
      const s1 = look(E_1, so, sp);
      const t1 = look(E_1, to, tp);
      const s2 = look(E_2, so, sp);
      const t2 = look(E_2, to, tp);
      s = v128.xor(
        v128.xor(shiftRows(s2), shiftRows1(v128.xor(s1, s2))),
        v128.xor(v128.xor(shiftRows2(s1), shiftRows3(s1)), v128.load(key)),
      );
      t = v128.xor(
        v128.xor(shiftRows(t2), shiftRows1(v128.xor(t1, t2))),
        v128.xor(v128.xor(shiftRows2(t1), shiftRows3(t1)), v128.load(key)),
      );
    }
    v128.store(at, s);
    v128.store(at + apart, t);
  }
  v128.store(iv, s);
  v128.store(iv2, t);
}

export function cbcDecrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  let previous = v128.load(iv);
  const nibble = i8x16.splat(15);
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  const last = keys + rounds * 16;
  // Two blocks at a time: none waits for another.
  for (const end = at + (length & ~31); at < end; at += 32) {
    const block = v128.load(at);
    const block2 = v128.load(at, 16);
    const first = v128.load(keys);
    let s = into(D_IN, v128.xor(block, first));
    let t = into(D_IN, v128.xor(block2, first));
    for (let key = keys + 16; ; key += 16) {
      const sk = v128.and(s, nibble);
      const tk = v128.and(t, nibble);
      const si = v128.and(v128.shr<u32>(s, 4), nibble);
      const ti = v128.and(v128.shr<u32>(t, 4), nibble);
      const sj = v128.xor(si, sk);
      const tj = v128.xor(ti, tk);
      const sa = v128.swizzle(aOver, sk);
      const ta = v128.swizzle(aOver, tk);
      const so = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, si), sa)), sj);
      const to = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, ti), ta)), tj);
      const sp = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, sj), sa)), si);
      const tp = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, tj), ta)), ti);
      if (key == last) {
        s = v128.xor(inverseShiftRows(look(D_OUT, so, sp)), v128.load(key));
        t = v128.xor(inverseShiftRows(look(D_OUT, to, tp)), v128.load(key));
        break;
      }
      s = v128.xor(
        v128.xor(inverseShiftRows(look(D_14, so, sp)), inverseShiftRows1(look(D_11, so, sp))),
        v128.xor(v128.xor(inverseShiftRows2(look(D_13, so, sp)), inverseShiftRows3(look(D_9, so, sp))), v128.load(key)),
      );
      t = v128.xor(
        v128.xor(inverseShiftRows(look(D_14, to, tp)), inverseShiftRows1(look(D_11, to, tp))),
        v128.xor(v128.xor(inverseShiftRows2(look(D_13, to, tp)), inverseShiftRows3(look(D_9, to, tp))), v128.load(key)),
      );
    }
    v128.store(at, v128.xor(s, previous));
    v128.store(at, v128.xor(t, block), 16);
    previous = block2;
  }
  for (const end = at + (length & 31); at < end; at += 16) {
    const block = v128.load(at);
    v128.store(at, v128.xor(decrypt(keys, rounds, block), previous));
    previous = block;
  }
  v128.store(iv, previous);
}

@inline
function decrypt(keys: u32, rounds: u32, block: v128): v128 {
  const nibble = i8x16.splat(15);
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  const last = keys + rounds * 16;
  let s = into(D_IN, v128.xor(block, v128.load(keys)));
  let key = keys + 16;
  for (;;) {
    const k = v128.and(s, nibble);
    const i = v128.and(v128.shr<u32>(s, 4), nibble);
    const j = v128.xor(i, k);
    const ak = v128.swizzle(aOver, k);
    const io = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, i), ak)), j);
    const jo = v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, j), ak)), i);
    if (key == last) {
      s = v128.xor(inverseShiftRows(look(D_OUT, io, jo)), v128.load(key));
      break;
    }
    s = v128.xor(
      v128.xor(inverseShiftRows(look(D_14, io, jo)), inverseShiftRows1(look(D_11, io, jo))),
      v128.xor(v128.xor(inverseShiftRows2(look(D_13, io, jo)), inverseShiftRows3(look(D_9, io, jo))), v128.load(key)),
    );
    key += 16;
  }
  return s;
}

/** A byte in another form: a look for each of its nibbles. */
@inline
function into(table: u32, bytes: v128): v128 {
  const nibble = i8x16.splat(15);
  return look(table, v128.and(bytes, nibble), v128.and(v128.shr<u32>(bytes, 4), nibble));
}

@inline
function look(table: u32, one: v128, other: v128): v128 {
  return v128.xor(v128.swizzle(v128.load(TABLES + table), one), v128.swizzle(v128.load(TABLES + table, 16), other));
}

/** FIPS 197 §5.1.2; with a number, and then every column turned by so many rows. */
@inline
function shiftRows(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

@inline
function shiftRows1(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 5, 10, 15, 0, 9, 14, 3, 4, 13, 2, 7, 8, 1, 6, 11, 12);
}

@inline
function shiftRows2(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 10, 15, 0, 5, 14, 3, 4, 9, 2, 7, 8, 13, 6, 11, 12, 1);
}

@inline
function shiftRows3(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 15, 0, 5, 10, 3, 4, 9, 14, 7, 8, 13, 2, 11, 12, 1, 6);
}

@inline
function inverseShiftRows(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
}

@inline
function inverseShiftRows1(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 13, 10, 7, 0, 1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12);
}

@inline
function inverseShiftRows2(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 10, 7, 0, 13, 14, 11, 4, 1, 2, 15, 8, 5, 6, 3, 12, 9);
}

@inline
function inverseShiftRows3(s: v128): v128 {
  return v128.shuffle<u8>(s, s, 7, 0, 13, 10, 11, 4, 1, 14, 15, 8, 5, 2, 3, 12, 9, 6);
}

// From here on: working the constants out.

function put(table: u32, n: u32, value: u32): void {
  store<u8>(TABLES + table + n, <u8>value);
}

function putIn(table: u32, n: u32, byte: u32): void {
  put(table, n, ours(byte));
}

/** @param inverse The inverse, in AES's form, of a byte of which nibble `n` is the one, or (`half` 16) the other part. */
function putOut(n: u32, half: u32, inverse: u32): void {
  const s = affine(inverse);
  put(E_OUT + half, n, s);
  putIn(E_1 + half, n, s);
  putIn(E_2 + half, n, multiply8(2, s));
  put(D_OUT + half, n, inverse);
  put(D_14 + half, n, ours(inverseAffine(multiply8(14, inverse))));
  put(D_11 + half, n, ours(inverseAffine(multiply8(11, inverse))));
  put(D_13 + half, n, ours(inverseAffine(multiply8(13, inverse))));
  put(D_9 + half, n, ours(inverseAffine(multiply8(9, inverse))));
}

/** Finds a byte of our form that is a root of AES's polynomial: it stands for 2. */
function findForm(): void {
  let root: u32 = 2;
  while (polynomial(root) != 0) root++;
  for (let byte: u32 = 0; byte < 256; byte++) {
    let value: u32 = 0;
    let power: u32 = 1;
    for (let bit: u32 = 0; bit < 8; bit++) {
      if ((byte >> bit) & 1) value ^= power;
      power = multiplyOurs(power, root);
    }
    store<u8>(toOurs + byte, <u8>value);
    store<u8>(fromOurs + value, <u8>byte);
  }
}

/** x ** 8 + x ** 4 + x ** 3 + x + 1 (FIPS 197 §4.2). */
function polynomial(x: u32): u32 {
  const x2 = multiplyOurs(x, x);
  const x4 = multiplyOurs(x2, x2);
  return multiplyOurs(x4, x4) ^ x4 ^ multiplyOurs(x2, x) ^ x ^ 1;
}

function ours(byte: u32): u32 {
  return <u32>load<u8>(toOurs + byte);
}

function aes(byte: u32): u32 {
  return <u32>load<u8>(fromOurs + byte);
}

function hasRoot(a: u32): bool {
  for (let z: u32 = 0; z < 16; z++) if ((multiply4(z, z) ^ multiply4(a, z) ^ a) == 0) return true;
  return false;
}

/** Modulo x ** 4 + x + 1. */
function multiply4(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (let bit: u32 = 0; bit < 4; bit++) {
    if ((b >> bit) & 1) product ^= a;
    a = ((a << 1) ^ ((a >> 3) * 0x13)) & 15;
  }
  return product;
}

function invert4(a: u32): u32 {
  let inverse: u32 = 1;
  while (multiply4(a, inverse) != 1) inverse++;
  return inverse;
}

function multiplyOurs(a: u32, b: u32): u32 {
  const high = multiply4(a >> 4, b >> 4);
  const k = multiply4(a & 15, b & 15) ^ multiply4(A, high);
  const i = multiply4(a >> 4, b & 15) ^ multiply4(b >> 4, a & 15) ^ multiply4(A, high);
  return (i << 4) | k;
}

function multiply8(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (let bit: u32 = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= a;
    a = ((a << 1) ^ ((a >> 7) * 0x11b)) & 0xff;
  }
  return product;
}

/** FIPS 197 §5.1.1 without its constant. */
function affine(x: u32): u32 {
  let y = x;
  for (let i: u32 = 1; i <= 4; i++) y ^= ((x << i) | (x >> (8 - i))) & 0xff;
  return y;
}

function inverseAffine(y: u32): u32 {
  let x: u32 = 0;
  while (affine(x) != y) x++;
  return x;
}
