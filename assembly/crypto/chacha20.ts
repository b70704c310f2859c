/** ChaCha20 (RFC 8439 §2.3, §2.4). Nothing is looked up by secrets. */

/** The sixteen words of RFC 8439 §2.3; the counter is word 12. */
export const CHACHA_BYTES: u32 = 64;

/** One block of key stream. */
const stream: u32 = <u32>memory.data(64, 16);

/** `key`: 32 bytes; `nonce`: 12. */
export function chachaInit(state: u32, key: u32, nonce: u32, counter: u32): void {
  store<u32>(state, 0x6170_7865);
  store<u32>(state, 0x3320_646e, 4);
  store<u32>(state, 0x7962_2d32, 8);
  store<u32>(state, 0x6b20_6574, 12);
  memory.copy(state + 16, key, 32);
  store<u32>(state, counter, 48);
  memory.copy(state + 52, nonce, 12);
}

/** Encrypts or decrypts in place from the start of a block on, and counts on. */
export function chacha20(state: u32, at: u32, length: u32): void {
  if (ASC_FEATURE_SIMD) {
    const whole = length & ~255;
    if (whole > 0) fourBlocks(state, at, whole);
    at += whole;
    length -= whole;
  }
  while (length > 0) {
    chachaBlock(state, stream);
    const part: u32 = length < 64 ? length : 64;
    let i: u32 = 0;
    for (; i + 8 <= part; i += 8) store<u64>(at + i, load<u64>(at + i) ^ load<u64>(stream + i));
    for (; i < part; i++) store<u8>(at + i, load<u8>(at + i) ^ load<u8>(stream + i));
    at += part;
    length -= part;
  }
  memory.fill(stream, 0, 64);
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

/** Four blocks at a time, each word of the four in one vector; `length` a multiple of 256. */
function fourBlocks(state: u32, at: u32, length: u32): void {
  for (const end = at + length; at < end; at += 256) {
    let v0 = i32x4.splat(load<u32>(state));
    let v1 = i32x4.splat(load<u32>(state, 4));
    let v2 = i32x4.splat(load<u32>(state, 8));
    let v3 = i32x4.splat(load<u32>(state, 12));
    let v4 = i32x4.splat(load<u32>(state, 16));
    let v5 = i32x4.splat(load<u32>(state, 20));
    let v6 = i32x4.splat(load<u32>(state, 24));
    let v7 = i32x4.splat(load<u32>(state, 28));
    let v8 = i32x4.splat(load<u32>(state, 32));
    let v9 = i32x4.splat(load<u32>(state, 36));
    let v10 = i32x4.splat(load<u32>(state, 40));
    let v11 = i32x4.splat(load<u32>(state, 44));
    let v12 = i32x4.add(i32x4.splat(load<u32>(state, 48)), i32x4(0, 1, 2, 3));
    let v13 = i32x4.splat(load<u32>(state, 52));
    let v14 = i32x4.splat(load<u32>(state, 56));
    let v15 = i32x4.splat(load<u32>(state, 60));
    for (let round: u32 = 0; round < 10; round++) {
      v0 = i32x4.add(v0, v4);
      v12 = turn16(v128.xor(v12, v0));
      v8 = i32x4.add(v8, v12);
      v4 = turn12(v128.xor(v4, v8));
      v0 = i32x4.add(v0, v4);
      v12 = turn8(v128.xor(v12, v0));
      v8 = i32x4.add(v8, v12);
      v4 = turn7(v128.xor(v4, v8));
      v1 = i32x4.add(v1, v5);
      v13 = turn16(v128.xor(v13, v1));
      v9 = i32x4.add(v9, v13);
      v5 = turn12(v128.xor(v5, v9));
      v1 = i32x4.add(v1, v5);
      v13 = turn8(v128.xor(v13, v1));
      v9 = i32x4.add(v9, v13);
      v5 = turn7(v128.xor(v5, v9));
      v2 = i32x4.add(v2, v6);
      v14 = turn16(v128.xor(v14, v2));
      v10 = i32x4.add(v10, v14);
      v6 = turn12(v128.xor(v6, v10));
      v2 = i32x4.add(v2, v6);
      v14 = turn8(v128.xor(v14, v2));
      v10 = i32x4.add(v10, v14);
      v6 = turn7(v128.xor(v6, v10));
      v3 = i32x4.add(v3, v7);
      v15 = turn16(v128.xor(v15, v3));
      v11 = i32x4.add(v11, v15);
      v7 = turn12(v128.xor(v7, v11));
      v3 = i32x4.add(v3, v7);
      v15 = turn8(v128.xor(v15, v3));
      v11 = i32x4.add(v11, v15);
      v7 = turn7(v128.xor(v7, v11));
      v0 = i32x4.add(v0, v5);
      v15 = turn16(v128.xor(v15, v0));
      v10 = i32x4.add(v10, v15);
      v5 = turn12(v128.xor(v5, v10));
      v0 = i32x4.add(v0, v5);
      v15 = turn8(v128.xor(v15, v0));
      v10 = i32x4.add(v10, v15);
      v5 = turn7(v128.xor(v5, v10));
      v1 = i32x4.add(v1, v6);
      v12 = turn16(v128.xor(v12, v1));
      v11 = i32x4.add(v11, v12);
      v6 = turn12(v128.xor(v6, v11));
      v1 = i32x4.add(v1, v6);
      v12 = turn8(v128.xor(v12, v1));
      v11 = i32x4.add(v11, v12);
      v6 = turn7(v128.xor(v6, v11));
      v2 = i32x4.add(v2, v7);
      v13 = turn16(v128.xor(v13, v2));
      v8 = i32x4.add(v8, v13);
      v7 = turn12(v128.xor(v7, v8));
      v2 = i32x4.add(v2, v7);
      v13 = turn8(v128.xor(v13, v2));
      v8 = i32x4.add(v8, v13);
      v7 = turn7(v128.xor(v7, v8));
      v3 = i32x4.add(v3, v4);
      v14 = turn16(v128.xor(v14, v3));
      v9 = i32x4.add(v9, v14);
      v4 = turn12(v128.xor(v4, v9));
      v3 = i32x4.add(v3, v4);
      v14 = turn8(v128.xor(v14, v3));
      v9 = i32x4.add(v9, v14);
      v4 = turn7(v128.xor(v4, v9));
    }
    xorFour(at + 0, i32x4.add(v0, i32x4.splat(load<u32>(state, 0))), i32x4.add(v1, i32x4.splat(load<u32>(state, 4))),
      i32x4.add(v2, i32x4.splat(load<u32>(state, 8))), i32x4.add(v3, i32x4.splat(load<u32>(state, 12))));
    xorFour(at + 16, i32x4.add(v4, i32x4.splat(load<u32>(state, 16))), i32x4.add(v5, i32x4.splat(load<u32>(state, 20))),
      i32x4.add(v6, i32x4.splat(load<u32>(state, 24))), i32x4.add(v7, i32x4.splat(load<u32>(state, 28))));
    xorFour(at + 32, i32x4.add(v8, i32x4.splat(load<u32>(state, 32))), i32x4.add(v9, i32x4.splat(load<u32>(state, 36))),
      i32x4.add(v10, i32x4.splat(load<u32>(state, 40))), i32x4.add(v11, i32x4.splat(load<u32>(state, 44))));
    xorFour(at + 48, i32x4.add(v12, i32x4.add(i32x4.splat(load<u32>(state, 48)), i32x4(0, 1, 2, 3))), i32x4.add(v13, i32x4.splat(load<u32>(state, 52))),
      i32x4.add(v14, i32x4.splat(load<u32>(state, 56))), i32x4.add(v15, i32x4.splat(load<u32>(state, 60))));
    store<u32>(state, load<u32>(state, 48) + 4, 48);
  }
}

/** Four words of four blocks: turned round, they are 16 bytes of each block. */
@inline
function xorFour(at: u32, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  xorInto(at, v128.shuffle<u64>(ab, cd, 0, 2));
  xorInto(at + 64, v128.shuffle<u64>(ab, cd, 1, 3));
  xorInto(at + 128, v128.shuffle<u64>(ab2, cd2, 0, 2));
  xorInto(at + 192, v128.shuffle<u64>(ab2, cd2, 1, 3));
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
function turn8(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}

@inline
function turn7(v: v128): v128 {
  return v128.or(v128.shl<u32>(v, 7), v128.shr<u32>(v, 25));
}
