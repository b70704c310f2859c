/** SHA-1 (FIPS 180, RFC 3174). Broken as a hash; records and their keys are made with HMAC-SHA-1, nothing else may use it. */

/** RFC 3174 §6.1. */
export function sha1Init(state: u32): void {
  store<u32>(state, 0x6745_2301);
  store<u32>(state, 0xefcd_ab89, 4);
  store<u32>(state, 0x98ba_dcfe, 8);
  store<u32>(state, 0x1032_5476, 12);
  store<u32>(state, 0xc3d2_e1f0, 16);
}

/** What a round takes off the state in `vectorBlocks`: its constant and its word, both less than zero, of the last 32 rounds. */
const terms: u32 = <u32>memory.data(128, 16);

/** RFC 3174 §6.2, `count` blocks of 64 bytes at `at`. */
export function sha1Blocks(state: u32, at: u32, count: u32): void {
  if (ASC_FEATURE_SIMD) vectorBlocks(state, at, count);
  else scalarBlocks(state, at, count);
}

/**
 * Four words of the schedule at a time, sixteen rounds before they are wanted: they are made beside the rounds, which wait
 * for each other, and what a round wants of them goes through memory, because registers are few. A round takes away
 * instead of adding: runtimes put sums into another order, and the state that comes last has to be added last.
 */
function vectorBlocks(state: u32, at: u32, count: u32): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (; count > 0; count--) {
    const w0 = message(at);
    v128.store(terms, term(w0, 0x5a82_7999));
    const w1 = message(at + 16);
    v128.store(terms, term(w1, 0x5a82_7999), 16);
    const w2 = message(at + 32);
    v128.store(terms, term(w2, 0x5a82_7999), 32);
    const w3 = message(at + 48);
    v128.store(terms, term(w3, 0x5a82_7999), 48);
    const w4 = next(w0, w1, w2, w3);
    v128.store(terms, term(w4, 0x5a82_7999), 64);
    e = choose(a, b, c, d, e - load<u32>(terms));
    b = rotl<u32>(b, 30);
    d = choose(e, a, b, c, d - load<u32>(terms, 4));
    a = rotl<u32>(a, 30);
    c = choose(d, e, a, b, c - load<u32>(terms, 8));
    e = rotl<u32>(e, 30);
    b = choose(c, d, e, a, b - load<u32>(terms, 12));
    d = rotl<u32>(d, 30);
    const w5 = next(w1, w2, w3, w4);
    v128.store(terms, term(w5, 0x6ed9_eba1), 80);
    a = choose(b, c, d, e, a - load<u32>(terms, 16));
    c = rotl<u32>(c, 30);
    e = choose(a, b, c, d, e - load<u32>(terms, 20));
    b = rotl<u32>(b, 30);
    d = choose(e, a, b, c, d - load<u32>(terms, 24));
    a = rotl<u32>(a, 30);
    c = choose(d, e, a, b, c - load<u32>(terms, 28));
    e = rotl<u32>(e, 30);
    const w6 = next(w2, w3, w4, w5);
    v128.store(terms, term(w6, 0x6ed9_eba1), 96);
    b = choose(c, d, e, a, b - load<u32>(terms, 32));
    d = rotl<u32>(d, 30);
    a = choose(b, c, d, e, a - load<u32>(terms, 36));
    c = rotl<u32>(c, 30);
    e = choose(a, b, c, d, e - load<u32>(terms, 40));
    b = rotl<u32>(b, 30);
    d = choose(e, a, b, c, d - load<u32>(terms, 44));
    a = rotl<u32>(a, 30);
    const w7 = next(w3, w4, w5, w6);
    v128.store(terms, term(w7, 0x6ed9_eba1), 112);
    c = choose(d, e, a, b, c - load<u32>(terms, 48));
    e = rotl<u32>(e, 30);
    b = choose(c, d, e, a, b - load<u32>(terms, 52));
    d = rotl<u32>(d, 30);
    a = choose(b, c, d, e, a - load<u32>(terms, 56));
    c = rotl<u32>(c, 30);
    e = choose(a, b, c, d, e - load<u32>(terms, 60));
    b = rotl<u32>(b, 30);
    const w8 = nextOf32(w0, w1, w4, w6, w7);
    v128.store(terms, term(w8, 0x6ed9_eba1));
    d = choose(e, a, b, c, d - load<u32>(terms, 64));
    a = rotl<u32>(a, 30);
    c = choose(d, e, a, b, c - load<u32>(terms, 68));
    e = rotl<u32>(e, 30);
    b = choose(c, d, e, a, b - load<u32>(terms, 72));
    d = rotl<u32>(d, 30);
    a = choose(b, c, d, e, a - load<u32>(terms, 76));
    c = rotl<u32>(c, 30);
    const w9 = nextOf32(w1, w2, w5, w7, w8);
    v128.store(terms, term(w9, 0x6ed9_eba1), 16);
    e = parity(a, b, c, d, e - load<u32>(terms, 80));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 84));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 88));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 92));
    d = rotl<u32>(d, 30);
    const w10 = nextOf32(w2, w3, w6, w8, w9);
    v128.store(terms, term(w10, 0x8f1b_bcdc), 32);
    a = parity(b, c, d, e, a - load<u32>(terms, 96));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 100));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 104));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 108));
    e = rotl<u32>(e, 30);
    const w11 = nextOf32(w3, w4, w7, w9, w10);
    v128.store(terms, term(w11, 0x8f1b_bcdc), 48);
    b = parity(c, d, e, a, b - load<u32>(terms, 112));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 116));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 120));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 124));
    a = rotl<u32>(a, 30);
    const w12 = nextOf32(w4, w5, w8, w10, w11);
    v128.store(terms, term(w12, 0x8f1b_bcdc), 64);
    c = parity(d, e, a, b, c - load<u32>(terms));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 4));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 8));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 12));
    b = rotl<u32>(b, 30);
    const w13 = nextOf32(w5, w6, w9, w11, w12);
    v128.store(terms, term(w13, 0x8f1b_bcdc), 80);
    d = parity(e, a, b, c, d - load<u32>(terms, 16));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 20));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 24));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 28));
    c = rotl<u32>(c, 30);
    const w14 = nextOf32(w6, w7, w10, w12, w13);
    v128.store(terms, term(w14, 0x8f1b_bcdc), 96);
    e = majority(a, b, c, d, e - load<u32>(terms, 32));
    b = rotl<u32>(b, 30);
    d = majority(e, a, b, c, d - load<u32>(terms, 36));
    a = rotl<u32>(a, 30);
    c = majority(d, e, a, b, c - load<u32>(terms, 40));
    e = rotl<u32>(e, 30);
    b = majority(c, d, e, a, b - load<u32>(terms, 44));
    d = rotl<u32>(d, 30);
    const w15 = nextOf32(w7, w8, w11, w13, w14);
    v128.store(terms, term(w15, 0xca62_c1d6), 112);
    a = majority(b, c, d, e, a - load<u32>(terms, 48));
    c = rotl<u32>(c, 30);
    e = majority(a, b, c, d, e - load<u32>(terms, 52));
    b = rotl<u32>(b, 30);
    d = majority(e, a, b, c, d - load<u32>(terms, 56));
    a = rotl<u32>(a, 30);
    c = majority(d, e, a, b, c - load<u32>(terms, 60));
    e = rotl<u32>(e, 30);
    const w16 = nextOf32(w8, w9, w12, w14, w15);
    v128.store(terms, term(w16, 0xca62_c1d6));
    b = majority(c, d, e, a, b - load<u32>(terms, 64));
    d = rotl<u32>(d, 30);
    a = majority(b, c, d, e, a - load<u32>(terms, 68));
    c = rotl<u32>(c, 30);
    e = majority(a, b, c, d, e - load<u32>(terms, 72));
    b = rotl<u32>(b, 30);
    d = majority(e, a, b, c, d - load<u32>(terms, 76));
    a = rotl<u32>(a, 30);
    const w17 = nextOf32(w9, w10, w13, w15, w16);
    v128.store(terms, term(w17, 0xca62_c1d6), 16);
    c = majority(d, e, a, b, c - load<u32>(terms, 80));
    e = rotl<u32>(e, 30);
    b = majority(c, d, e, a, b - load<u32>(terms, 84));
    d = rotl<u32>(d, 30);
    a = majority(b, c, d, e, a - load<u32>(terms, 88));
    c = rotl<u32>(c, 30);
    e = majority(a, b, c, d, e - load<u32>(terms, 92));
    b = rotl<u32>(b, 30);
    const w18 = nextOf32(w10, w11, w14, w16, w17);
    v128.store(terms, term(w18, 0xca62_c1d6), 32);
    d = majority(e, a, b, c, d - load<u32>(terms, 96));
    a = rotl<u32>(a, 30);
    c = majority(d, e, a, b, c - load<u32>(terms, 100));
    e = rotl<u32>(e, 30);
    b = majority(c, d, e, a, b - load<u32>(terms, 104));
    d = rotl<u32>(d, 30);
    a = majority(b, c, d, e, a - load<u32>(terms, 108));
    c = rotl<u32>(c, 30);
    const w19 = nextOf32(w11, w12, w15, w17, w18);
    v128.store(terms, term(w19, 0xca62_c1d6), 48);
    e = parity(a, b, c, d, e - load<u32>(terms, 112));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 116));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 120));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 124));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 4));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 8));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 12));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 16));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 20));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 24));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 28));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 32));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 36));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 40));
    c = rotl<u32>(c, 30);
    e = parity(a, b, c, d, e - load<u32>(terms, 44));
    b = rotl<u32>(b, 30);
    d = parity(e, a, b, c, d - load<u32>(terms, 48));
    a = rotl<u32>(a, 30);
    c = parity(d, e, a, b, c - load<u32>(terms, 52));
    e = rotl<u32>(e, 30);
    b = parity(c, d, e, a, b - load<u32>(terms, 56));
    d = rotl<u32>(d, 30);
    a = parity(b, c, d, e, a - load<u32>(terms, 60));
    c = rotl<u32>(c, 30);
    a += load<u32>(state);
    b += load<u32>(state, 4);
    c += load<u32>(state, 8);
    d += load<u32>(state, 12);
    e += load<u32>(state, 16);
    store<u32>(state, a);
    store<u32>(state, b, 4);
    store<u32>(state, c, 8);
    store<u32>(state, d, 12);
    store<u32>(state, e, 16);
    at += 64;
  }
  memory.fill(terms, 0, 128);
}

/** Written out, so that state and schedule are locals. */
function scalarBlocks(state: u32, at: u32, count: u32): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (; count > 0; count--) {
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    const e0 = e;
    let w0 = bswap<u32>(load<u32>(at));
    e = choose(a, b, c, d, e + (w0 + 0x5a82_7999));
    b = rotl<u32>(b, 30);
    let w1 = bswap<u32>(load<u32>(at, 4));
    d = choose(e, a, b, c, d + (w1 + 0x5a82_7999));
    a = rotl<u32>(a, 30);
    let w2 = bswap<u32>(load<u32>(at, 8));
    c = choose(d, e, a, b, c + (w2 + 0x5a82_7999));
    e = rotl<u32>(e, 30);
    let w3 = bswap<u32>(load<u32>(at, 12));
    b = choose(c, d, e, a, b + (w3 + 0x5a82_7999));
    d = rotl<u32>(d, 30);
    let w4 = bswap<u32>(load<u32>(at, 16));
    a = choose(b, c, d, e, a + (w4 + 0x5a82_7999));
    c = rotl<u32>(c, 30);
    let w5 = bswap<u32>(load<u32>(at, 20));
    e = choose(a, b, c, d, e + (w5 + 0x5a82_7999));
    b = rotl<u32>(b, 30);
    let w6 = bswap<u32>(load<u32>(at, 24));
    d = choose(e, a, b, c, d + (w6 + 0x5a82_7999));
    a = rotl<u32>(a, 30);
    let w7 = bswap<u32>(load<u32>(at, 28));
    c = choose(d, e, a, b, c + (w7 + 0x5a82_7999));
    e = rotl<u32>(e, 30);
    let w8 = bswap<u32>(load<u32>(at, 32));
    b = choose(c, d, e, a, b + (w8 + 0x5a82_7999));
    d = rotl<u32>(d, 30);
    let w9 = bswap<u32>(load<u32>(at, 36));
    a = choose(b, c, d, e, a + (w9 + 0x5a82_7999));
    c = rotl<u32>(c, 30);
    let w10 = bswap<u32>(load<u32>(at, 40));
    e = choose(a, b, c, d, e + (w10 + 0x5a82_7999));
    b = rotl<u32>(b, 30);
    let w11 = bswap<u32>(load<u32>(at, 44));
    d = choose(e, a, b, c, d + (w11 + 0x5a82_7999));
    a = rotl<u32>(a, 30);
    let w12 = bswap<u32>(load<u32>(at, 48));
    c = choose(d, e, a, b, c + (w12 + 0x5a82_7999));
    e = rotl<u32>(e, 30);
    let w13 = bswap<u32>(load<u32>(at, 52));
    b = choose(c, d, e, a, b + (w13 + 0x5a82_7999));
    d = rotl<u32>(d, 30);
    let w14 = bswap<u32>(load<u32>(at, 56));
    a = choose(b, c, d, e, a + (w14 + 0x5a82_7999));
    c = rotl<u32>(c, 30);
    let w15 = bswap<u32>(load<u32>(at, 60));
    e = choose(a, b, c, d, e + (w15 + 0x5a82_7999));
    b = rotl<u32>(b, 30);
    w0 = rotl<u32>(w0 ^ w2 ^ w8 ^ w13, 1);
    d = choose(e, a, b, c, d + (w0 + 0x5a82_7999));
    a = rotl<u32>(a, 30);
    w1 = rotl<u32>(w1 ^ w3 ^ w9 ^ w14, 1);
    c = choose(d, e, a, b, c + (w1 + 0x5a82_7999));
    e = rotl<u32>(e, 30);
    w2 = rotl<u32>(w2 ^ w4 ^ w10 ^ w15, 1);
    b = choose(c, d, e, a, b + (w2 + 0x5a82_7999));
    d = rotl<u32>(d, 30);
    w3 = rotl<u32>(w3 ^ w5 ^ w11 ^ w0, 1);
    a = choose(b, c, d, e, a + (w3 + 0x5a82_7999));
    c = rotl<u32>(c, 30);
    w4 = rotl<u32>(w4 ^ w6 ^ w12 ^ w1, 1);
    e = parity(a, b, c, d, e + (w4 + 0x6ed9_eba1));
    b = rotl<u32>(b, 30);
    w5 = rotl<u32>(w5 ^ w7 ^ w13 ^ w2, 1);
    d = parity(e, a, b, c, d + (w5 + 0x6ed9_eba1));
    a = rotl<u32>(a, 30);
    w6 = rotl<u32>(w6 ^ w8 ^ w14 ^ w3, 1);
    c = parity(d, e, a, b, c + (w6 + 0x6ed9_eba1));
    e = rotl<u32>(e, 30);
    w7 = rotl<u32>(w7 ^ w9 ^ w15 ^ w4, 1);
    b = parity(c, d, e, a, b + (w7 + 0x6ed9_eba1));
    d = rotl<u32>(d, 30);
    w8 = rotl<u32>(w8 ^ w10 ^ w0 ^ w5, 1);
    a = parity(b, c, d, e, a + (w8 + 0x6ed9_eba1));
    c = rotl<u32>(c, 30);
    w9 = rotl<u32>(w9 ^ w11 ^ w1 ^ w6, 1);
    e = parity(a, b, c, d, e + (w9 + 0x6ed9_eba1));
    b = rotl<u32>(b, 30);
    w10 = rotl<u32>(w10 ^ w12 ^ w2 ^ w7, 1);
    d = parity(e, a, b, c, d + (w10 + 0x6ed9_eba1));
    a = rotl<u32>(a, 30);
    w11 = rotl<u32>(w11 ^ w13 ^ w3 ^ w8, 1);
    c = parity(d, e, a, b, c + (w11 + 0x6ed9_eba1));
    e = rotl<u32>(e, 30);
    w12 = rotl<u32>(w12 ^ w14 ^ w4 ^ w9, 1);
    b = parity(c, d, e, a, b + (w12 + 0x6ed9_eba1));
    d = rotl<u32>(d, 30);
    w13 = rotl<u32>(w13 ^ w15 ^ w5 ^ w10, 1);
    a = parity(b, c, d, e, a + (w13 + 0x6ed9_eba1));
    c = rotl<u32>(c, 30);
    w14 = rotl<u32>(w14 ^ w0 ^ w6 ^ w11, 1);
    e = parity(a, b, c, d, e + (w14 + 0x6ed9_eba1));
    b = rotl<u32>(b, 30);
    w15 = rotl<u32>(w15 ^ w1 ^ w7 ^ w12, 1);
    d = parity(e, a, b, c, d + (w15 + 0x6ed9_eba1));
    a = rotl<u32>(a, 30);
    w0 = rotl<u32>(w0 ^ w2 ^ w8 ^ w13, 1);
    c = parity(d, e, a, b, c + (w0 + 0x6ed9_eba1));
    e = rotl<u32>(e, 30);
    w1 = rotl<u32>(w1 ^ w3 ^ w9 ^ w14, 1);
    b = parity(c, d, e, a, b + (w1 + 0x6ed9_eba1));
    d = rotl<u32>(d, 30);
    w2 = rotl<u32>(w2 ^ w4 ^ w10 ^ w15, 1);
    a = parity(b, c, d, e, a + (w2 + 0x6ed9_eba1));
    c = rotl<u32>(c, 30);
    w3 = rotl<u32>(w3 ^ w5 ^ w11 ^ w0, 1);
    e = parity(a, b, c, d, e + (w3 + 0x6ed9_eba1));
    b = rotl<u32>(b, 30);
    w4 = rotl<u32>(w4 ^ w6 ^ w12 ^ w1, 1);
    d = parity(e, a, b, c, d + (w4 + 0x6ed9_eba1));
    a = rotl<u32>(a, 30);
    w5 = rotl<u32>(w5 ^ w7 ^ w13 ^ w2, 1);
    c = parity(d, e, a, b, c + (w5 + 0x6ed9_eba1));
    e = rotl<u32>(e, 30);
    w6 = rotl<u32>(w6 ^ w8 ^ w14 ^ w3, 1);
    b = parity(c, d, e, a, b + (w6 + 0x6ed9_eba1));
    d = rotl<u32>(d, 30);
    w7 = rotl<u32>(w7 ^ w9 ^ w15 ^ w4, 1);
    a = parity(b, c, d, e, a + (w7 + 0x6ed9_eba1));
    c = rotl<u32>(c, 30);
    w8 = rotl<u32>(w8 ^ w10 ^ w0 ^ w5, 1);
    e = majority(a, b, c, d, e + (w8 + 0x8f1b_bcdc));
    b = rotl<u32>(b, 30);
    w9 = rotl<u32>(w9 ^ w11 ^ w1 ^ w6, 1);
    d = majority(e, a, b, c, d + (w9 + 0x8f1b_bcdc));
    a = rotl<u32>(a, 30);
    w10 = rotl<u32>(w10 ^ w12 ^ w2 ^ w7, 1);
    c = majority(d, e, a, b, c + (w10 + 0x8f1b_bcdc));
    e = rotl<u32>(e, 30);
    w11 = rotl<u32>(w11 ^ w13 ^ w3 ^ w8, 1);
    b = majority(c, d, e, a, b + (w11 + 0x8f1b_bcdc));
    d = rotl<u32>(d, 30);
    w12 = rotl<u32>(w12 ^ w14 ^ w4 ^ w9, 1);
    a = majority(b, c, d, e, a + (w12 + 0x8f1b_bcdc));
    c = rotl<u32>(c, 30);
    w13 = rotl<u32>(w13 ^ w15 ^ w5 ^ w10, 1);
    e = majority(a, b, c, d, e + (w13 + 0x8f1b_bcdc));
    b = rotl<u32>(b, 30);
    w14 = rotl<u32>(w14 ^ w0 ^ w6 ^ w11, 1);
    d = majority(e, a, b, c, d + (w14 + 0x8f1b_bcdc));
    a = rotl<u32>(a, 30);
    w15 = rotl<u32>(w15 ^ w1 ^ w7 ^ w12, 1);
    c = majority(d, e, a, b, c + (w15 + 0x8f1b_bcdc));
    e = rotl<u32>(e, 30);
    w0 = rotl<u32>(w0 ^ w2 ^ w8 ^ w13, 1);
    b = majority(c, d, e, a, b + (w0 + 0x8f1b_bcdc));
    d = rotl<u32>(d, 30);
    w1 = rotl<u32>(w1 ^ w3 ^ w9 ^ w14, 1);
    a = majority(b, c, d, e, a + (w1 + 0x8f1b_bcdc));
    c = rotl<u32>(c, 30);
    w2 = rotl<u32>(w2 ^ w4 ^ w10 ^ w15, 1);
    e = majority(a, b, c, d, e + (w2 + 0x8f1b_bcdc));
    b = rotl<u32>(b, 30);
    w3 = rotl<u32>(w3 ^ w5 ^ w11 ^ w0, 1);
    d = majority(e, a, b, c, d + (w3 + 0x8f1b_bcdc));
    a = rotl<u32>(a, 30);
    w4 = rotl<u32>(w4 ^ w6 ^ w12 ^ w1, 1);
    c = majority(d, e, a, b, c + (w4 + 0x8f1b_bcdc));
    e = rotl<u32>(e, 30);
    w5 = rotl<u32>(w5 ^ w7 ^ w13 ^ w2, 1);
    b = majority(c, d, e, a, b + (w5 + 0x8f1b_bcdc));
    d = rotl<u32>(d, 30);
    w6 = rotl<u32>(w6 ^ w8 ^ w14 ^ w3, 1);
    a = majority(b, c, d, e, a + (w6 + 0x8f1b_bcdc));
    c = rotl<u32>(c, 30);
    w7 = rotl<u32>(w7 ^ w9 ^ w15 ^ w4, 1);
    e = majority(a, b, c, d, e + (w7 + 0x8f1b_bcdc));
    b = rotl<u32>(b, 30);
    w8 = rotl<u32>(w8 ^ w10 ^ w0 ^ w5, 1);
    d = majority(e, a, b, c, d + (w8 + 0x8f1b_bcdc));
    a = rotl<u32>(a, 30);
    w9 = rotl<u32>(w9 ^ w11 ^ w1 ^ w6, 1);
    c = majority(d, e, a, b, c + (w9 + 0x8f1b_bcdc));
    e = rotl<u32>(e, 30);
    w10 = rotl<u32>(w10 ^ w12 ^ w2 ^ w7, 1);
    b = majority(c, d, e, a, b + (w10 + 0x8f1b_bcdc));
    d = rotl<u32>(d, 30);
    w11 = rotl<u32>(w11 ^ w13 ^ w3 ^ w8, 1);
    a = majority(b, c, d, e, a + (w11 + 0x8f1b_bcdc));
    c = rotl<u32>(c, 30);
    w12 = rotl<u32>(w12 ^ w14 ^ w4 ^ w9, 1);
    e = parity(a, b, c, d, e + (w12 + 0xca62_c1d6));
    b = rotl<u32>(b, 30);
    w13 = rotl<u32>(w13 ^ w15 ^ w5 ^ w10, 1);
    d = parity(e, a, b, c, d + (w13 + 0xca62_c1d6));
    a = rotl<u32>(a, 30);
    w14 = rotl<u32>(w14 ^ w0 ^ w6 ^ w11, 1);
    c = parity(d, e, a, b, c + (w14 + 0xca62_c1d6));
    e = rotl<u32>(e, 30);
    w15 = rotl<u32>(w15 ^ w1 ^ w7 ^ w12, 1);
    b = parity(c, d, e, a, b + (w15 + 0xca62_c1d6));
    d = rotl<u32>(d, 30);
    w0 = rotl<u32>(w0 ^ w2 ^ w8 ^ w13, 1);
    a = parity(b, c, d, e, a + (w0 + 0xca62_c1d6));
    c = rotl<u32>(c, 30);
    w1 = rotl<u32>(w1 ^ w3 ^ w9 ^ w14, 1);
    e = parity(a, b, c, d, e + (w1 + 0xca62_c1d6));
    b = rotl<u32>(b, 30);
    w2 = rotl<u32>(w2 ^ w4 ^ w10 ^ w15, 1);
    d = parity(e, a, b, c, d + (w2 + 0xca62_c1d6));
    a = rotl<u32>(a, 30);
    w3 = rotl<u32>(w3 ^ w5 ^ w11 ^ w0, 1);
    c = parity(d, e, a, b, c + (w3 + 0xca62_c1d6));
    e = rotl<u32>(e, 30);
    w4 = rotl<u32>(w4 ^ w6 ^ w12 ^ w1, 1);
    b = parity(c, d, e, a, b + (w4 + 0xca62_c1d6));
    d = rotl<u32>(d, 30);
    w5 = rotl<u32>(w5 ^ w7 ^ w13 ^ w2, 1);
    a = parity(b, c, d, e, a + (w5 + 0xca62_c1d6));
    c = rotl<u32>(c, 30);
    w6 = rotl<u32>(w6 ^ w8 ^ w14 ^ w3, 1);
    e = parity(a, b, c, d, e + (w6 + 0xca62_c1d6));
    b = rotl<u32>(b, 30);
    w7 = rotl<u32>(w7 ^ w9 ^ w15 ^ w4, 1);
    d = parity(e, a, b, c, d + (w7 + 0xca62_c1d6));
    a = rotl<u32>(a, 30);
    w8 = rotl<u32>(w8 ^ w10 ^ w0 ^ w5, 1);
    c = parity(d, e, a, b, c + (w8 + 0xca62_c1d6));
    e = rotl<u32>(e, 30);
    w9 = rotl<u32>(w9 ^ w11 ^ w1 ^ w6, 1);
    b = parity(c, d, e, a, b + (w9 + 0xca62_c1d6));
    d = rotl<u32>(d, 30);
    w10 = rotl<u32>(w10 ^ w12 ^ w2 ^ w7, 1);
    a = parity(b, c, d, e, a + (w10 + 0xca62_c1d6));
    c = rotl<u32>(c, 30);
    w11 = rotl<u32>(w11 ^ w13 ^ w3 ^ w8, 1);
    e = parity(a, b, c, d, e + (w11 + 0xca62_c1d6));
    b = rotl<u32>(b, 30);
    w12 = rotl<u32>(w12 ^ w14 ^ w4 ^ w9, 1);
    d = parity(e, a, b, c, d + (w12 + 0xca62_c1d6));
    a = rotl<u32>(a, 30);
    w13 = rotl<u32>(w13 ^ w15 ^ w5 ^ w10, 1);
    c = parity(d, e, a, b, c + (w13 + 0xca62_c1d6));
    e = rotl<u32>(e, 30);
    w14 = rotl<u32>(w14 ^ w0 ^ w6 ^ w11, 1);
    b = parity(c, d, e, a, b + (w14 + 0xca62_c1d6));
    d = rotl<u32>(d, 30);
    w15 = rotl<u32>(w15 ^ w1 ^ w7 ^ w12, 1);
    a = parity(b, c, d, e, a + (w15 + 0xca62_c1d6));
    c = rotl<u32>(c, 30);
    a += a0;
    b += b0;
    c += c0;
    d += d0;
    e += e0;
    at += 64;
  }
  store<u32>(state, a);
  store<u32>(state, b, 4);
  store<u32>(state, c, 8);
  store<u32>(state, d, 12);
  store<u32>(state, e, 16);
}

// The new word of the state, RFC 3174 §5 and §6.1: `sum` is there first, the word `a` last.

@inline
function choose(a: u32, b: u32, c: u32, d: u32, sum: u32): u32 {
  return sum + (d ^ (b & (c ^ d))) + rotl<u32>(a, 5);
}

@inline
function parity(a: u32, b: u32, c: u32, d: u32, sum: u32): u32 {
  return sum + (c ^ d ^ b) + rotl<u32>(a, 5);
}

@inline
function majority(a: u32, b: u32, c: u32, d: u32, sum: u32): u32 {
  return sum + (((b ^ d) & (c ^ d)) ^ d) + rotl<u32>(a, 5);
}

/** Four words of the message. */
@inline
function message(at: u32): v128 {
  const bytes = v128.load(at);
  return v128.shuffle<u8>(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

@inline
function term(words: v128, constant: u32): v128 {
  return i32x4.sub(i32x4.splat(-constant), words);
}

/** Four words of the schedule of the sixteen in front of them. The last needs the first, which is put in later. */
@inline
function next(a: v128, b: v128, c: v128, d: v128): v128 {
  const words = v128.xor(
    v128.xor(a, v128.shuffle<u32>(a, b, 2, 3, 4, 5)),
    v128.xor(c, v128.swizzle(d, i8x16(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1))),
  );
  const turned = i32x4.sub(i32x4.add(words, words), i32x4.lt_s(words, i32x4.splat(0)));
  const first = v128.swizzle(turn2(words), i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3));
  return v128.xor(turned, first);
}

/** Likewise of those 32, 28, 16, 8 and 4 words in front, where none needs another: the schedule twice over. */
@inline
function nextOf32(a: v128, b: v128, e: v128, g: v128, h: v128): v128 {
  return turn2(v128.xor(v128.xor(a, b), v128.xor(e, v128.shuffle<u32>(g, h, 2, 3, 4, 5))));
}

/** Turned left by two bits; a sum is less than a shift in Bun. */
@inline
function turn2(words: v128): v128 {
  const twice = i32x4.add(words, words);
  return v128.or(i32x4.add(twice, twice), i32x4.shr_u(words, 30));
}
