/** ChaCha20 (RFC 8439 §2.3, §2.4). Nothing is looked up by secrets. */

/** The sixteen words of RFC 8439 §2.3; the counter is word 12. */
export const CHACHA_BYTES: u32 = 64;

/** Key stream for the last bytes of a message. */
const stream: u32 = <u32>memory.data(256, 16);
/** Every word turned left by eight bits: as a constant of `shuffle` it would be put together anew each time. */
// biome-ignore format: a table
const TURN_8: u32 = <u32>memory.data<u8>([3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14], 16);

/** `key`: 32 bytes; `nonce`: 12. */
export function chachaInit(state: u32, key: u32, nonce: u32, counter: u32): void {
  store<u32>(state, 0x6170_7865);
  store<u32>(state, 0x3320_646e, 4);
  store<u32>(state, 0x7962_2d32, 8);
  store<u32>(state, 0x6b20_6574, 12);
  for (let i: u32 = 0; i < 32; i += 8) store<u64>(state + i, load<u64>(key + i), 16);
  store<u32>(state, counter, 48);
  store<u32>(state, load<u32>(nonce), 52);
  store<u64>(state, load<u64>(nonce, 4), 56);
}

/** Encrypts or decrypts in place from the start of a block on, and counts on. */
export function chacha20(state: u32, at: u32, length: u32): void {
  if (ASC_FEATURE_SIMD) {
    const whole = length & ~255;
    if (whole > 0) fourBlocks(state, at, whole);
    at += whole;
    length -= whole;
    if (length > 64) {
      // One by one these would take longer; of three and a part all four are made.
      const next = load<u32>(state, 48) + (length + 63) / 64;
      if (length > 128) {
        for (let i: u32 = 0; i < 256; i += 16) v128.store(stream + i, i32x4.splat(0));
        fourBlocks(state, stream, 256);
      } else {
        twoBlocks(state, stream);
      }
      store<u32>(state, next, 48);
      xorStream(at, length);
      length = 0;
    }
  }
  while (length > 0) {
    chachaBlock(state, stream);
    const part: u32 = length < 64 ? length : 64;
    xorStream(at, part);
    at += part;
    length -= part;
  }
  memory.fill(stream, 0, 256);
}

function xorStream(at: u32, length: u32): void {
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) store<u64>(at + i, load<u64>(at + i) ^ load<u64>(stream + i));
  for (; i < length; i++) store<u8>(at + i, load<u8>(at + i) ^ load<u8>(stream + i));
}

/** RFC 8439 §2.3.1: one block of key stream; the counter goes up. */
export function chachaBlock(state: u32, output: u32): void {
  let x0 = load<u32>(state);
  let x1 = load<u32>(state, 4);
  let x2 = load<u32>(state, 8);
  let x3 = load<u32>(state, 12);
  let x4 = load<u32>(state, 16);
  let x5 = load<u32>(state, 20);
  let x6 = load<u32>(state, 24);
  let x7 = load<u32>(state, 28);
  let x8 = load<u32>(state, 32);
  let x9 = load<u32>(state, 36);
  let x10 = load<u32>(state, 40);
  let x11 = load<u32>(state, 44);
  let x12 = load<u32>(state, 48);
  let x13 = load<u32>(state, 52);
  let x14 = load<u32>(state, 56);
  let x15 = load<u32>(state, 60);
  for (let round: u32 = 0; round < 10; round++) {
    x0 += x4;
    x12 = rotl<u32>(x12 ^ x0, 16);
    x8 += x12;
    x4 = rotl<u32>(x4 ^ x8, 12);
    x0 += x4;
    x12 = rotl<u32>(x12 ^ x0, 8);
    x8 += x12;
    x4 = rotl<u32>(x4 ^ x8, 7);
    x1 += x5;
    x13 = rotl<u32>(x13 ^ x1, 16);
    x9 += x13;
    x5 = rotl<u32>(x5 ^ x9, 12);
    x1 += x5;
    x13 = rotl<u32>(x13 ^ x1, 8);
    x9 += x13;
    x5 = rotl<u32>(x5 ^ x9, 7);
    x2 += x6;
    x14 = rotl<u32>(x14 ^ x2, 16);
    x10 += x14;
    x6 = rotl<u32>(x6 ^ x10, 12);
    x2 += x6;
    x14 = rotl<u32>(x14 ^ x2, 8);
    x10 += x14;
    x6 = rotl<u32>(x6 ^ x10, 7);
    x3 += x7;
    x15 = rotl<u32>(x15 ^ x3, 16);
    x11 += x15;
    x7 = rotl<u32>(x7 ^ x11, 12);
    x3 += x7;
    x15 = rotl<u32>(x15 ^ x3, 8);
    x11 += x15;
    x7 = rotl<u32>(x7 ^ x11, 7);
    x0 += x5;
    x15 = rotl<u32>(x15 ^ x0, 16);
    x10 += x15;
    x5 = rotl<u32>(x5 ^ x10, 12);
    x0 += x5;
    x15 = rotl<u32>(x15 ^ x0, 8);
    x10 += x15;
    x5 = rotl<u32>(x5 ^ x10, 7);
    x1 += x6;
    x12 = rotl<u32>(x12 ^ x1, 16);
    x11 += x12;
    x6 = rotl<u32>(x6 ^ x11, 12);
    x1 += x6;
    x12 = rotl<u32>(x12 ^ x1, 8);
    x11 += x12;
    x6 = rotl<u32>(x6 ^ x11, 7);
    x2 += x7;
    x13 = rotl<u32>(x13 ^ x2, 16);
    x8 += x13;
    x7 = rotl<u32>(x7 ^ x8, 12);
    x2 += x7;
    x13 = rotl<u32>(x13 ^ x2, 8);
    x8 += x13;
    x7 = rotl<u32>(x7 ^ x8, 7);
    x3 += x4;
    x14 = rotl<u32>(x14 ^ x3, 16);
    x9 += x14;
    x4 = rotl<u32>(x4 ^ x9, 12);
    x3 += x4;
    x14 = rotl<u32>(x14 ^ x3, 8);
    x9 += x14;
    x4 = rotl<u32>(x4 ^ x9, 7);
  }
  store<u32>(output, x0 + load<u32>(state));
  store<u32>(output, x1 + load<u32>(state, 4), 4);
  store<u32>(output, x2 + load<u32>(state, 8), 8);
  store<u32>(output, x3 + load<u32>(state, 12), 12);
  store<u32>(output, x4 + load<u32>(state, 16), 16);
  store<u32>(output, x5 + load<u32>(state, 20), 20);
  store<u32>(output, x6 + load<u32>(state, 24), 24);
  store<u32>(output, x7 + load<u32>(state, 28), 28);
  store<u32>(output, x8 + load<u32>(state, 32), 32);
  store<u32>(output, x9 + load<u32>(state, 36), 36);
  store<u32>(output, x10 + load<u32>(state, 40), 40);
  store<u32>(output, x11 + load<u32>(state, 44), 44);
  store<u32>(output, x12 + load<u32>(state, 48), 48);
  store<u32>(output, x13 + load<u32>(state, 52), 52);
  store<u32>(output, x14 + load<u32>(state, 56), 56);
  store<u32>(output, x15 + load<u32>(state, 60), 60);
  store<u32>(state, load<u32>(state, 48) + 1, 48);
}

/**
 * Four blocks at a time, `length` a multiple of 256: three with a row of the state in a vector each, and one in words
 * beside them, because a processor has units for either.
 */
function fourBlocks(state: u32, at: u32, length: u32): void {
  const eight = v128.load(TURN_8);
  for (const end = at + length; at < end; at += 256) {
    let a0 = v128.load(state);
    let b0 = v128.load(state, 16);
    let c0 = v128.load(state, 32);
    let d0 = v128.load(state, 48);
    let a1 = v128.load(state);
    let b1 = v128.load(state, 16);
    let c1 = v128.load(state, 32);
    let d1 = i32x4.add(v128.load(state, 48), i32x4(1, 0, 0, 0));
    let a2 = v128.load(state);
    let b2 = v128.load(state, 16);
    let c2 = v128.load(state, 32);
    let d2 = i32x4.add(v128.load(state, 48), i32x4(2, 0, 0, 0));
    let x0 = load<u32>(state);
    let x1 = load<u32>(state, 4);
    let x2 = load<u32>(state, 8);
    let x3 = load<u32>(state, 12);
    let x4 = load<u32>(state, 16);
    let x5 = load<u32>(state, 20);
    let x6 = load<u32>(state, 24);
    let x7 = load<u32>(state, 28);
    let x8 = load<u32>(state, 32);
    let x9 = load<u32>(state, 36);
    let x10 = load<u32>(state, 40);
    let x11 = load<u32>(state, 44);
    let x12 = load<u32>(state, 48) + 3;
    let x13 = load<u32>(state, 52);
    let x14 = load<u32>(state, 56);
    let x15 = load<u32>(state, 60);
    for (let round: u32 = 0; round < 10; round++) {
      a0 = i32x4.add(a0, b0);
      d0 = turn16(v128.xor(d0, a0));
      c0 = i32x4.add(c0, d0);
      b0 = turn12(v128.xor(b0, c0));
      a0 = i32x4.add(a0, b0);
      d0 = v128.swizzle(v128.xor(d0, a0), eight);
      c0 = i32x4.add(c0, d0);
      b0 = turn7(v128.xor(b0, c0));
      b0 = v128.shuffle<u32>(b0, b0, 1, 2, 3, 0);
      c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
      d0 = v128.shuffle<u32>(d0, d0, 3, 0, 1, 2);
      x0 += x4;
      x12 = rotl<u32>(x12 ^ x0, 16);
      x8 += x12;
      x4 = rotl<u32>(x4 ^ x8, 12);
      x0 += x4;
      x12 = rotl<u32>(x12 ^ x0, 8);
      x8 += x12;
      x4 = rotl<u32>(x4 ^ x8, 7);
      a1 = i32x4.add(a1, b1);
      d1 = turn16(v128.xor(d1, a1));
      c1 = i32x4.add(c1, d1);
      b1 = turn12(v128.xor(b1, c1));
      a1 = i32x4.add(a1, b1);
      d1 = v128.swizzle(v128.xor(d1, a1), eight);
      c1 = i32x4.add(c1, d1);
      b1 = turn7(v128.xor(b1, c1));
      b1 = v128.shuffle<u32>(b1, b1, 1, 2, 3, 0);
      c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
      d1 = v128.shuffle<u32>(d1, d1, 3, 0, 1, 2);
      x1 += x5;
      x13 = rotl<u32>(x13 ^ x1, 16);
      x9 += x13;
      x5 = rotl<u32>(x5 ^ x9, 12);
      x1 += x5;
      x13 = rotl<u32>(x13 ^ x1, 8);
      x9 += x13;
      x5 = rotl<u32>(x5 ^ x9, 7);
      a2 = i32x4.add(a2, b2);
      d2 = turn16(v128.xor(d2, a2));
      c2 = i32x4.add(c2, d2);
      b2 = turn12(v128.xor(b2, c2));
      a2 = i32x4.add(a2, b2);
      d2 = v128.swizzle(v128.xor(d2, a2), eight);
      c2 = i32x4.add(c2, d2);
      b2 = turn7(v128.xor(b2, c2));
      b2 = v128.shuffle<u32>(b2, b2, 1, 2, 3, 0);
      c2 = v128.shuffle<u32>(c2, c2, 2, 3, 0, 1);
      d2 = v128.shuffle<u32>(d2, d2, 3, 0, 1, 2);
      x2 += x6;
      x14 = rotl<u32>(x14 ^ x2, 16);
      x10 += x14;
      x6 = rotl<u32>(x6 ^ x10, 12);
      x2 += x6;
      x14 = rotl<u32>(x14 ^ x2, 8);
      x10 += x14;
      x6 = rotl<u32>(x6 ^ x10, 7);
      x3 += x7;
      x15 = rotl<u32>(x15 ^ x3, 16);
      x11 += x15;
      x7 = rotl<u32>(x7 ^ x11, 12);
      x3 += x7;
      x15 = rotl<u32>(x15 ^ x3, 8);
      x11 += x15;
      x7 = rotl<u32>(x7 ^ x11, 7);
      a0 = i32x4.add(a0, b0);
      d0 = turn16(v128.xor(d0, a0));
      c0 = i32x4.add(c0, d0);
      b0 = turn12(v128.xor(b0, c0));
      a0 = i32x4.add(a0, b0);
      d0 = v128.swizzle(v128.xor(d0, a0), eight);
      c0 = i32x4.add(c0, d0);
      b0 = turn7(v128.xor(b0, c0));
      b0 = v128.shuffle<u32>(b0, b0, 3, 0, 1, 2);
      c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
      d0 = v128.shuffle<u32>(d0, d0, 1, 2, 3, 0);
      x0 += x5;
      x15 = rotl<u32>(x15 ^ x0, 16);
      x10 += x15;
      x5 = rotl<u32>(x5 ^ x10, 12);
      x0 += x5;
      x15 = rotl<u32>(x15 ^ x0, 8);
      x10 += x15;
      x5 = rotl<u32>(x5 ^ x10, 7);
      a1 = i32x4.add(a1, b1);
      d1 = turn16(v128.xor(d1, a1));
      c1 = i32x4.add(c1, d1);
      b1 = turn12(v128.xor(b1, c1));
      a1 = i32x4.add(a1, b1);
      d1 = v128.swizzle(v128.xor(d1, a1), eight);
      c1 = i32x4.add(c1, d1);
      b1 = turn7(v128.xor(b1, c1));
      b1 = v128.shuffle<u32>(b1, b1, 3, 0, 1, 2);
      c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
      d1 = v128.shuffle<u32>(d1, d1, 1, 2, 3, 0);
      x1 += x6;
      x12 = rotl<u32>(x12 ^ x1, 16);
      x11 += x12;
      x6 = rotl<u32>(x6 ^ x11, 12);
      x1 += x6;
      x12 = rotl<u32>(x12 ^ x1, 8);
      x11 += x12;
      x6 = rotl<u32>(x6 ^ x11, 7);
      a2 = i32x4.add(a2, b2);
      d2 = turn16(v128.xor(d2, a2));
      c2 = i32x4.add(c2, d2);
      b2 = turn12(v128.xor(b2, c2));
      a2 = i32x4.add(a2, b2);
      d2 = v128.swizzle(v128.xor(d2, a2), eight);
      c2 = i32x4.add(c2, d2);
      b2 = turn7(v128.xor(b2, c2));
      b2 = v128.shuffle<u32>(b2, b2, 3, 0, 1, 2);
      c2 = v128.shuffle<u32>(c2, c2, 2, 3, 0, 1);
      d2 = v128.shuffle<u32>(d2, d2, 1, 2, 3, 0);
      x2 += x7;
      x13 = rotl<u32>(x13 ^ x2, 16);
      x8 += x13;
      x7 = rotl<u32>(x7 ^ x8, 12);
      x2 += x7;
      x13 = rotl<u32>(x13 ^ x2, 8);
      x8 += x13;
      x7 = rotl<u32>(x7 ^ x8, 7);
      x3 += x4;
      x14 = rotl<u32>(x14 ^ x3, 16);
      x9 += x14;
      x4 = rotl<u32>(x4 ^ x9, 12);
      x3 += x4;
      x14 = rotl<u32>(x14 ^ x3, 8);
      x9 += x14;
      x4 = rotl<u32>(x4 ^ x9, 7);
    }
    xorInto(at, i32x4.add(a0, v128.load(state)));
    xorInto(at + 16, i32x4.add(b0, v128.load(state, 16)));
    xorInto(at + 32, i32x4.add(c0, v128.load(state, 32)));
    xorInto(at + 48, i32x4.add(d0, v128.load(state, 48)));
    xorInto(at + 64, i32x4.add(a1, v128.load(state)));
    xorInto(at + 80, i32x4.add(b1, v128.load(state, 16)));
    xorInto(at + 96, i32x4.add(c1, v128.load(state, 32)));
    xorInto(at + 112, i32x4.add(d1, i32x4.add(v128.load(state, 48), i32x4(1, 0, 0, 0))));
    xorInto(at + 128, i32x4.add(a2, v128.load(state)));
    xorInto(at + 144, i32x4.add(b2, v128.load(state, 16)));
    xorInto(at + 160, i32x4.add(c2, v128.load(state, 32)));
    xorInto(at + 176, i32x4.add(d2, i32x4.add(v128.load(state, 48), i32x4(2, 0, 0, 0))));
    xorWords(at + 192, x0 + load<u32>(state), x1 + load<u32>(state, 4));
    xorWords(at + 200, x2 + load<u32>(state, 8), x3 + load<u32>(state, 12));
    xorWords(at + 208, x4 + load<u32>(state, 16), x5 + load<u32>(state, 20));
    xorWords(at + 216, x6 + load<u32>(state, 24), x7 + load<u32>(state, 28));
    xorWords(at + 224, x8 + load<u32>(state, 32), x9 + load<u32>(state, 36));
    xorWords(at + 232, x10 + load<u32>(state, 40), x11 + load<u32>(state, 44));
    xorWords(at + 240, x12 + load<u32>(state, 48) + 3, x13 + load<u32>(state, 52));
    xorWords(at + 248, x14 + load<u32>(state, 56), x15 + load<u32>(state, 60));
    store<u32>(state, load<u32>(state, 48) + 4, 48);
  }
}

/** Two blocks, of which the counter is left as it is. */
function twoBlocks(state: u32, at: u32): void {
  const eight = v128.load(TURN_8);
  let a0 = v128.load(state);
  let b0 = v128.load(state, 16);
  let c0 = v128.load(state, 32);
  let d0 = v128.load(state, 48);
  let a1 = v128.load(state);
  let b1 = v128.load(state, 16);
  let c1 = v128.load(state, 32);
  let d1 = i32x4.add(v128.load(state, 48), i32x4(1, 0, 0, 0));
  for (let round: u32 = 0; round < 10; round++) {
    a0 = i32x4.add(a0, b0);
    d0 = turn16(v128.xor(d0, a0));
    c0 = i32x4.add(c0, d0);
    b0 = turn12(v128.xor(b0, c0));
    a0 = i32x4.add(a0, b0);
    d0 = v128.swizzle(v128.xor(d0, a0), eight);
    c0 = i32x4.add(c0, d0);
    b0 = turn7(v128.xor(b0, c0));
    b0 = v128.shuffle<u32>(b0, b0, 1, 2, 3, 0);
    c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
    d0 = v128.shuffle<u32>(d0, d0, 3, 0, 1, 2);
    a1 = i32x4.add(a1, b1);
    d1 = turn16(v128.xor(d1, a1));
    c1 = i32x4.add(c1, d1);
    b1 = turn12(v128.xor(b1, c1));
    a1 = i32x4.add(a1, b1);
    d1 = v128.swizzle(v128.xor(d1, a1), eight);
    c1 = i32x4.add(c1, d1);
    b1 = turn7(v128.xor(b1, c1));
    b1 = v128.shuffle<u32>(b1, b1, 1, 2, 3, 0);
    c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
    d1 = v128.shuffle<u32>(d1, d1, 3, 0, 1, 2);
    a0 = i32x4.add(a0, b0);
    d0 = turn16(v128.xor(d0, a0));
    c0 = i32x4.add(c0, d0);
    b0 = turn12(v128.xor(b0, c0));
    a0 = i32x4.add(a0, b0);
    d0 = v128.swizzle(v128.xor(d0, a0), eight);
    c0 = i32x4.add(c0, d0);
    b0 = turn7(v128.xor(b0, c0));
    b0 = v128.shuffle<u32>(b0, b0, 3, 0, 1, 2);
    c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
    d0 = v128.shuffle<u32>(d0, d0, 1, 2, 3, 0);
    a1 = i32x4.add(a1, b1);
    d1 = turn16(v128.xor(d1, a1));
    c1 = i32x4.add(c1, d1);
    b1 = turn12(v128.xor(b1, c1));
    a1 = i32x4.add(a1, b1);
    d1 = v128.swizzle(v128.xor(d1, a1), eight);
    c1 = i32x4.add(c1, d1);
    b1 = turn7(v128.xor(b1, c1));
    b1 = v128.shuffle<u32>(b1, b1, 3, 0, 1, 2);
    c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
    d1 = v128.shuffle<u32>(d1, d1, 1, 2, 3, 0);
  }
  v128.store(at, i32x4.add(a0, v128.load(state)));
  v128.store(at, i32x4.add(b0, v128.load(state, 16)), 16);
  v128.store(at, i32x4.add(c0, v128.load(state, 32)), 32);
  v128.store(at, i32x4.add(d0, v128.load(state, 48)), 48);
  v128.store(at, i32x4.add(a1, v128.load(state)), 64);
  v128.store(at, i32x4.add(b1, v128.load(state, 16)), 80);
  v128.store(at, i32x4.add(c1, v128.load(state, 32)), 96);
  v128.store(at, i32x4.add(d1, i32x4.add(v128.load(state, 48), i32x4(1, 0, 0, 0))), 112);
}

@inline
function xorWords(at: u32, low: u32, high: u32): void {
  store<u64>(at, load<u64>(at) ^ (<u64>low | (<u64>high << 32)));
}

@inline
function xorInto(at: u32, bytes: v128): void {
  v128.store(at, v128.xor(v128.load(at), bytes));
}

@inline
function turn16(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

@inline
function turn12(v: v128): v128 {
  return v128.or(v128.shl<u32>(v, 12), v128.shr<u32>(v, 20));
}

@inline
function turn7(v: v128): v128 {
  return v128.or(v128.shl<u32>(v, 7), v128.shr<u32>(v, 25));
}
