/** SHA-256 (FIPS 180-4): the keys and the Finished messages of TLS 1.2. */

/** FIPS 180-4 §4.2.2. */
// biome-ignore format: a table
const K: u32 = <u32>memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16);
/** The last sixteen words of the message schedule, and the same with the constants of their rounds added. */
const words: u32 = <u32>memory.data(64, 16);
const terms: u32 = <u32>memory.data(64, 16);

/** FIPS 180-4 §5.3.3. */
export function sha256Init(state: u32): void {
  store<u32>(state, 0x6a09_e667);
  store<u32>(state, 0xbb67_ae85, 4);
  store<u32>(state, 0x3c6e_f372, 8);
  store<u32>(state, 0xa54f_f53a, 12);
  store<u32>(state, 0x510e_527f, 16);
  store<u32>(state, 0x9b05_688c, 20);
  store<u32>(state, 0x1f83_d9ab, 24);
  store<u32>(state, 0x5be0_cd19, 28);
}

/**
 * FIPS 180-4 §6.2.2, `count` blocks of 64 bytes at `at`. The schedule is made four words at a time, twelve rounds before
 * they are wanted: beside the rounds, which wait for each other.
 */
export function sha256Blocks(state: u32, at: u32, count: u32): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  for (; count > 0; count--) {
    for (let i: u32 = 0; i < 64; i += 16) take(at + i, i);
    for (let k = K + 64; k < K + 256; k += 64) {
      h = first(e, f, g, h + load<u32>(terms));
      d += h;
      h = second(a, b, c, h);
      g = first(d, e, f, g + load<u32>(terms, 4));
      c += g;
      g = second(h, a, b, g);
      f = first(c, d, e, f + load<u32>(terms, 8));
      b += f;
      f = second(g, h, a, f);
      e = first(b, c, d, e + load<u32>(terms, 12));
      a += e;
      e = second(f, g, h, e);
      extend(k, 0);
      d = first(a, b, c, d + load<u32>(terms, 16));
      h += d;
      d = second(e, f, g, d);
      c = first(h, a, b, c + load<u32>(terms, 20));
      g += c;
      c = second(d, e, f, c);
      b = first(g, h, a, b + load<u32>(terms, 24));
      f += b;
      b = second(c, d, e, b);
      a = first(f, g, h, a + load<u32>(terms, 28));
      e += a;
      a = second(b, c, d, a);
      extend(k + 16, 16);
      h = first(e, f, g, h + load<u32>(terms, 32));
      d += h;
      h = second(a, b, c, h);
      g = first(d, e, f, g + load<u32>(terms, 36));
      c += g;
      g = second(h, a, b, g);
      f = first(c, d, e, f + load<u32>(terms, 40));
      b += f;
      f = second(g, h, a, f);
      e = first(b, c, d, e + load<u32>(terms, 44));
      a += e;
      e = second(f, g, h, e);
      extend(k + 32, 32);
      d = first(a, b, c, d + load<u32>(terms, 48));
      h += d;
      d = second(e, f, g, d);
      c = first(h, a, b, c + load<u32>(terms, 52));
      g += c;
      c = second(d, e, f, c);
      b = first(g, h, a, b + load<u32>(terms, 56));
      f += b;
      b = second(c, d, e, b);
      a = first(f, g, h, a + load<u32>(terms, 60));
      e += a;
      a = second(b, c, d, a);
      extend(k + 48, 48);
    }
    h = first(e, f, g, h + load<u32>(terms));
    d += h;
    h = second(a, b, c, h);
    g = first(d, e, f, g + load<u32>(terms, 4));
    c += g;
    g = second(h, a, b, g);
    f = first(c, d, e, f + load<u32>(terms, 8));
    b += f;
    f = second(g, h, a, f);
    e = first(b, c, d, e + load<u32>(terms, 12));
    a += e;
    e = second(f, g, h, e);
    d = first(a, b, c, d + load<u32>(terms, 16));
    h += d;
    d = second(e, f, g, d);
    c = first(h, a, b, c + load<u32>(terms, 20));
    g += c;
    c = second(d, e, f, c);
    b = first(g, h, a, b + load<u32>(terms, 24));
    f += b;
    b = second(c, d, e, b);
    a = first(f, g, h, a + load<u32>(terms, 28));
    e += a;
    a = second(b, c, d, a);
    h = first(e, f, g, h + load<u32>(terms, 32));
    d += h;
    h = second(a, b, c, h);
    g = first(d, e, f, g + load<u32>(terms, 36));
    c += g;
    g = second(h, a, b, g);
    f = first(c, d, e, f + load<u32>(terms, 40));
    b += f;
    f = second(g, h, a, f);
    e = first(b, c, d, e + load<u32>(terms, 44));
    a += e;
    e = second(f, g, h, e);
    d = first(a, b, c, d + load<u32>(terms, 48));
    h += d;
    d = second(e, f, g, d);
    c = first(h, a, b, c + load<u32>(terms, 52));
    g += c;
    c = second(d, e, f, c);
    b = first(g, h, a, b + load<u32>(terms, 56));
    f += b;
    b = second(c, d, e, b);
    a = first(f, g, h, a + load<u32>(terms, 60));
    e += a;
    a = second(b, c, d, a);
    a += load<u32>(state);
    b += load<u32>(state, 4);
    c += load<u32>(state, 8);
    d += load<u32>(state, 12);
    e += load<u32>(state, 16);
    f += load<u32>(state, 20);
    g += load<u32>(state, 24);
    h += load<u32>(state, 28);
    store<u32>(state, a);
    store<u32>(state, b, 4);
    store<u32>(state, c, 8);
    store<u32>(state, d, 12);
    store<u32>(state, e, 16);
    store<u32>(state, f, 20);
    store<u32>(state, g, 24);
    store<u32>(state, h, 28);
    at += 64;
  }
  memory.fill(words, 0, 64);
  memory.fill(terms, 0, 64);
}

// The two sums of a round: what is added to d, and the new a. What is there first is added first.

@inline
function first(e: u32, f: u32, g: u32, sum: u32): u32 {
  return sum + (g ^ (e & (f ^ g))) + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25));
}

@inline
function second(a: u32, b: u32, c: u32, sum: u32): u32 {
  return sum + (((a ^ b) & (b ^ c)) ^ b) + (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22));
}

/** Four words of the message to place `i`. */
@inline
function take(at: u32, i: u32): void {
  if (ASC_FEATURE_SIMD) {
    const bytes = v128.load(at);
    put(i, K + i, v128.shuffle<u8>(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  } else {
    for (let n: u32 = 0; n < 16; n += 4) putWord(i + n, K + i + n, bswap<u32>(load<u32>(at + n)));
  }
}

/** The next four words of the schedule, in place of those of sixteen rounds ago. `k`: their constants. */
@inline
function extend(k: u32, i: u32): void {
  if (ASC_FEATURE_SIMD) {
    const a = v128.load(words + i);
    const b = v128.load(words + ((i + 16) & 63));
    const c = v128.load(words + ((i + 32) & 63));
    const d = v128.load(words + ((i + 48) & 63));
    const sum = i32x4.add(
      i32x4.add(a, v128.shuffle<u32>(c, d, 1, 2, 3, 4)),
      sigma0(v128.shuffle<u32>(a, b, 1, 2, 3, 4)),
    );
    // The last two words need the first two.
    const half = i32x4.add(
      sum,
      v128.swizzle(
        sigma1(v128.shuffle<u32>(d, d, 2, 2, 3, 3)),
        i8x16(0, 1, 2, 3, 8, 9, 10, 11, -1, -1, -1, -1, -1, -1, -1, -1),
      ),
    );
    const other = v128.swizzle(
      sigma1(v128.shuffle<u32>(half, half, 0, 0, 1, 1)),
      i8x16(-1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 8, 9, 10, 11),
    );
    put(i, k, i32x4.add(half, other));
  } else {
    extendWord(k, i);
    extendWord(k + 4, i + 4);
    extendWord(k + 8, i + 8);
    extendWord(k + 12, i + 12);
  }
}

@inline
function put(i: u32, k: u32, four: v128): void {
  v128.store(words + i, four);
  v128.store(terms + i, i32x4.add(four, v128.load(k)));
}

@inline
function sigma0(x: v128): v128 {
  return v128.xor(
    v128.xor(v128.xor(i32x4.shr_u(x, 3), i32x4.shr_u(x, 7)), v128.xor(i32x4.shr_u(x, 18), i32x4.shl(x, 25))),
    i32x4.shl(x, 14),
  );
}

/** Of two words that stand twice each: a rotation is a shift of both together. */
@inline
function sigma1(x: v128): v128 {
  return v128.xor(v128.xor(i32x4.shr_u(x, 10), i64x2.shr_u(x, 17)), i64x2.shr_u(x, 19));
}

@inline
function extendWord(k: u32, i: u32): void {
  const w2 = load<u32>(words + ((i + 56) & 63));
  const w15 = load<u32>(words + ((i + 4) & 63));
  const s0 = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >> 3);
  const s1 = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >> 10);
  putWord(i, k, load<u32>(words + i) + load<u32>(words + ((i + 36) & 63)) + s0 + s1);
}

@inline
function putWord(i: u32, k: u32, word: u32): void {
  store<u32>(words + i, word);
  store<u32>(terms + i, word + load<u32>(k));
}
