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
/**
 * FIPS 197 §5.1.2, and with every column turned by one, two, three rows; then the inverse likewise. They are looked up by
 * like everything else: as constants of `shuffle` they would be put together anew each time.
 */
// biome-ignore format: a table
const ROWS: u32 = <u32>memory.data<u8>([
  0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11,
  5, 10, 15, 0, 9, 14, 3, 4, 13, 2, 7, 8, 1, 6, 11, 12,
  10, 15, 0, 5, 14, 3, 4, 9, 2, 7, 8, 13, 6, 11, 12, 1,
  15, 0, 5, 10, 3, 4, 9, 14, 7, 8, 13, 2, 11, 12, 1, 6,
  0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3,
  13, 10, 7, 0, 1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12,
  10, 7, 0, 13, 14, 11, 4, 1, 2, 15, 8, 5, 6, 3, 12, 9,
  7, 0, 13, 10, 11, 4, 1, 14, 15, 8, 5, 2, 3, 12, 9, 6,
], 16);
const INVERSE_ROWS: u32 = 64;
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
  const bytes = into(E_IN, i32x4.splat(word));
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  return i32x4.extract_lane(look(E_OUT, inverseOf(bytes, inverse, aOver), otherOf(bytes, inverse, aOver)), 0) ^ 0x6363_6363;
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

/** A block waits for the one before; it is handed on in our form, and what is done to it in AES's form is done beside it. */
export function cbcEncrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  const inverse = v128.load(TABLES, INVERSE);
  const aOver = v128.load(TABLES, A_OVER);
  const one = v128.load(TABLES, E_1);
  const one2 = v128.load(TABLES, E_1 + 16);
  const two = v128.load(TABLES, E_2);
  const two2 = v128.load(TABLES, E_2 + 16);
  const rows = v128.load(ROWS);
  const rows1 = v128.load(ROWS, 16);
  const rows2 = v128.load(ROWS, 32);
  const rows3 = v128.load(ROWS, 48);
  const last = keys + rounds * 16;
  const lastKey = v128.load(last);
  // The last key of a block and the first one of the next.
  const between = into(E_IN, v128.xor(v128.load(keys), lastKey));
  let s = into(E_IN, v128.xor(v128.load(iv), lastKey));
  for (const end = at + length; at < end; at += 16) {
    s = v128.xor(s, v128.xor(into(E_IN, v128.load(at)), between));
    let key = keys + 16;
    for (;;) {
      const io = inverseOf(s, inverse, aOver);
      const jo = otherOf(s, inverse, aOver);
      const s1 = v128.xor(v128.swizzle(one, io), v128.swizzle(one2, jo));
      if (key == last) {
        v128.store(at, v128.xor(v128.swizzle(look(E_OUT, io, jo), rows), lastKey));
        s = v128.swizzle(s1, rows);
        break;
      }
      const s2 = v128.xor(v128.swizzle(two, io), v128.swizzle(two2, jo));
      s = v128.xor(
        v128.xor(v128.xor(v128.swizzle(s2, rows), v128.load(key)), v128.swizzle(s1, rows2)),
        v128.xor(v128.swizzle(v128.xor(s1, s2), rows1), v128.swizzle(s1, rows3)),
      );
      key += 16;
    }
  }
  if (length > 0) v128.store(iv, v128.load(at - 16));
}

/**
 * Two messages of one length at the same time: in each a block waits for the one before it, and a processor does the one's
 * work while the other waits. Constant shuffles here, and not looks into ROWS as above: one runtime is a quarter faster so, the
 * other a tenth slower.
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

/** Blocks do not wait for each other here: four at a time, table by table, because registers are few. */
export function cbcDecrypt(keys: u32, rounds: u32, iv: u32, at: u32, length: u32): void {
  const last = keys + rounds * 16;
  const end = at + length;
  let previous = v128.load(iv);
  for (; at + 64 <= end; at += 64) {
    const firstKey = v128.load(keys);
    const first = v128.load(at);
    const second = v128.load(at, 16);
    const third = v128.load(at, 32);
    const fourth = v128.load(at, 48);
    let a = into(D_IN, v128.xor(first, firstKey));
    let b = into(D_IN, v128.xor(second, firstKey));
    let c = into(D_IN, v128.xor(third, firstKey));
    let d = into(D_IN, v128.xor(fourth, firstKey));
    let key = keys + 16;
    for (;;) {
      const inverse = v128.load(TABLES, INVERSE);
      const aOver = v128.load(TABLES, A_OVER);
      const a1 = inverseOf(a, inverse, aOver);
      const a2 = otherOf(a, inverse, aOver);
      const b1 = inverseOf(b, inverse, aOver);
      const b2 = otherOf(b, inverse, aOver);
      const c1 = inverseOf(c, inverse, aOver);
      const c2 = otherOf(c, inverse, aOver);
      const d1 = inverseOf(d, inverse, aOver);
      const d2 = otherOf(d, inverse, aOver);
      const round = v128.load(key);
      if (key == last) {
        v128.store(at, v128.xor(turn(D_OUT, a1, a2, 0), v128.xor(round, previous)));
        v128.store(at, v128.xor(turn(D_OUT, b1, b2, 0), v128.xor(round, first)), 16);
        v128.store(at, v128.xor(turn(D_OUT, c1, c2, 0), v128.xor(round, second)), 32);
        v128.store(at, v128.xor(turn(D_OUT, d1, d2, 0), v128.xor(round, third)), 48);
        break;
      }
      a = v128.xor(round, turn(D_14, a1, a2, 0));
      b = v128.xor(round, turn(D_14, b1, b2, 0));
      c = v128.xor(round, turn(D_14, c1, c2, 0));
      d = v128.xor(round, turn(D_14, d1, d2, 0));
      a = v128.xor(a, turn(D_11, a1, a2, 16));
      b = v128.xor(b, turn(D_11, b1, b2, 16));
      c = v128.xor(c, turn(D_11, c1, c2, 16));
      d = v128.xor(d, turn(D_11, d1, d2, 16));
      a = v128.xor(a, turn(D_13, a1, a2, 32));
      b = v128.xor(b, turn(D_13, b1, b2, 32));
      c = v128.xor(c, turn(D_13, c1, c2, 32));
      d = v128.xor(d, turn(D_13, d1, d2, 32));
      a = v128.xor(a, turn(D_9, a1, a2, 48));
      b = v128.xor(b, turn(D_9, b1, b2, 48));
      c = v128.xor(c, turn(D_9, c1, c2, 48));
      d = v128.xor(d, turn(D_9, d1, d2, 48));
      key += 16;
    }
    previous = fourth;
  }
  for (; at < end; at += 16) {
    const block = v128.load(at);
    let s = into(D_IN, v128.xor(block, v128.load(keys)));
    let key = keys + 16;
    for (;;) {
      const inverse = v128.load(TABLES, INVERSE);
      const aOver = v128.load(TABLES, A_OVER);
      const io = inverseOf(s, inverse, aOver);
      const jo = otherOf(s, inverse, aOver);
      const round = v128.load(key);
      if (key == last) {
        v128.store(at, v128.xor(turn(D_OUT, io, jo, 0), v128.xor(round, previous)));
        break;
      }
      s = v128.xor(
        v128.xor(turn(D_14, io, jo, 0), turn(D_11, io, jo, 16)),
        v128.xor(v128.xor(turn(D_13, io, jo, 32), turn(D_9, io, jo, 48)), round),
      );
      key += 16;
    }
    previous = block;
  }
  v128.store(iv, previous);
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

/** A look, and the rows turned. */
@inline
function turn(table: u32, io: v128, jo: v128, rows: u32): v128 {
  return v128.swizzle(look(table, io, jo), v128.load(ROWS + INVERSE_ROWS + rows));
}

/** The two nibbles that the inverse of a byte is looked up by: io and jo. */
@inline
function inverseOf(s: v128, inverse: v128, aOver: v128): v128 {
  const k = v128.and(s, i8x16.splat(15));
  const i = v128.and(v128.shr<u32>(s, 4), i8x16.splat(15));
  return v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, i), v128.swizzle(aOver, k))), v128.xor(i, k));
}

@inline
function otherOf(s: v128, inverse: v128, aOver: v128): v128 {
  const k = v128.and(s, i8x16.splat(15));
  const i = v128.and(v128.shr<u32>(s, 4), i8x16.splat(15));
  return v128.xor(v128.swizzle(inverse, v128.xor(v128.swizzle(inverse, v128.xor(i, k)), v128.swizzle(aOver, k))), i);
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
