/**
 * DES and triple DES (FIPS 46-3), encrypt-decrypt-encrypt with three keys. S-boxes and permutation P are one table, which
 * is indexed by secrets. DES can be searched through in hours; triple DES has blocks of 64 bits (RFC 8429).
 */

/** FIPS 46-3, appendix 1: S1 to S8, each row by row. */
// biome-ignore format: a table
const S_BOXES: u32 = <u32>memory.data<u8>([
  14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
  4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
  15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
  0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
  10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
  13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
  7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
  10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
  2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
  4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
  12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
  9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
  4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
  1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
  13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
  7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
]);
/** FIPS 46-3, function f: the bit that goes to each place, from 1 on. */
// biome-ignore format: a table
const P: u32 = <u32>memory.data<u8>([
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
]);
/** FIPS 46-3, key schedule. */
// biome-ignore format: a table
const PC1: u32 = <u32>memory.data<u8>([
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
]);
// biome-ignore format: a table
const PC2: u32 = <u32>memory.data<u8>([
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
  41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
]);
/** Bit n: the halves of the key turn by one place before round n, and not by two. */
const TURNS_BY_ONE: u32 = 0b1000_0001_0000_0011;

/** Sixteen round keys: two words for each. */
export const DES_KEY_BYTES: u32 = 128;
export const DES_BLOCK: u32 = 8;

/** For each S-box, and each of its inputs, what it adds to the other half: P applied, turned left by one bit. */
const SP: u32 = <u32>memory.data(8 * 64 * 4);

export function initDes(): void {
  for (let box: u32 = 0; box < 8; box++) {
    for (let input: u32 = 0; input < 64; input++) {
      const row = ((input >> 4) & 2) | (input & 1);
      const word = <u32>load<u8>(S_BOXES + box * 64 + row * 16 + ((input >> 1) & 15)) << (28 - 4 * box);
      let permuted: u32 = 0;
      for (let i: u32 = 0; i < 32; i++) permuted |= ((word >> (32 - <u32>load<u8>(P + i))) & 1) << (31 - i);
      store<u32>(SP + box * 256 + input * 4, rotl<u32>(permuted, 1));
    }
  }
}

/** Round keys for one of DES's two ways of 8 bytes at `key`; decryption has the same in the other order. */
export function desKey(schedule: u32, key: u32, decrypt: bool): void {
  const bits = bswap<u64>(load<u64>(key));
  let c: u32 = 0;
  let d: u32 = 0;
  for (let i: u32 = 0; i < 28; i++) {
    c = (c << 1) | <u32>((bits >> (64 - <u64>load<u8>(PC1 + i))) & 1);
    d = (d << 1) | <u32>((bits >> (64 - <u64>load<u8>(PC1 + 28 + i))) & 1);
  }
  for (let round: u32 = 0; round < 16; round++) {
    const turn: u32 = (TURNS_BY_ONE >> round) & 1 ? 1 : 2;
    c = ((c << turn) | (c >> (28 - turn))) & 0x0fff_ffff;
    d = ((d << turn) | (d >> (28 - turn))) & 0x0fff_ffff;
    const cd = (<u64>c << 28) | <u64>d;
    // Six bits for each S-box; those for S1, S3, S5, S7 in one word, the others in the second, as `round` wants them.
    let odd: u32 = 0;
    let even: u32 = 0;
    for (let box: u32 = 0; box < 8; box++) {
      let six: u32 = 0;
      for (let i: u32 = 0; i < 6; i++) {
        six = (six << 1) | <u32>((cd >> (56 - <u64>load<u8>(PC2 + box * 6 + i))) & 1);
      }
      const shift = 24 - (box >> 1) * 8;
      if (box & 1) even |= six << shift;
      else odd |= six << shift;
    }
    const place = schedule + (decrypt ? 15 - round : round) * 8;
    store<u32>(place, odd);
    store<u32>(place, even, 4);
  }
}

/** Round keys of triple DES of 24 bytes at `key`: three schedules in the order of their use. */
export function tripleDesKey(schedule: u32, key: u32, decrypt: bool): void {
  desKey(schedule, key + (decrypt ? 16 : 0), decrypt);
  desKey(schedule + DES_KEY_BYTES, key + 8, !decrypt);
  desKey(schedule + 2 * DES_KEY_BYTES, key + (decrypt ? 0 : 16), decrypt);
}

/** CBC in place, `length` a multiple of 8; `iv` is the last block of the cipher text then. `stages`: 1 or 3. */
export function desCbcEncrypt(schedule: u32, stages: u32, iv: u32, at: u32, length: u32): void {
  let previous = load<u64>(iv);
  for (const end = at + length; at < end; at += DES_BLOCK) {
    previous = crypt(schedule, stages, load<u64>(at) ^ previous);
    store<u64>(at, previous);
  }
  store<u64>(iv, previous);
}

/** Blocks do not wait for each other here: two at a time. */
export function desCbcDecrypt(schedule: u32, stages: u32, iv: u32, at: u32, length: u32): void {
  let previous = load<u64>(iv);
  const end = at + length;
  for (; at + 16 <= end; at += 16) {
    const first = load<u64>(at);
    const second = load<u64>(at, 8);
    const start = initial(first);
    let l = <u32>start;
    let r = <u32>(start >> 32);
    const start2 = initial(second);
    let l2 = <u32>start2;
    let r2 = <u32>(start2 >> 32);
    const last = schedule + stages * DES_KEY_BYTES;
    for (let keys = schedule; keys < last; keys += DES_KEY_BYTES) {
      for (let key: u32 = 0; key < DES_KEY_BYTES; key += 16) {
        let odd = load<u32>(keys + key);
        let even = load<u32>(keys + key, 4);
        l ^= f(r, odd, even);
        l2 ^= f(r2, odd, even);
        odd = load<u32>(keys + key, 8);
        even = load<u32>(keys + key, 12);
        r ^= f(l, odd, even);
        r2 ^= f(l2, odd, even);
      }
      let kept = l;
      l = r;
      r = kept;
      kept = l2;
      l2 = r2;
      r2 = kept;
    }
    store<u64>(at, final(l, r) ^ previous);
    store<u64>(at, final(l2, r2) ^ first, 8);
    previous = second;
  }
  for (; at < end; at += DES_BLOCK) {
    const block = load<u64>(at);
    store<u64>(at, crypt(schedule, stages, block) ^ previous);
    previous = block;
  }
  store<u64>(iv, previous);
}

/** One block. Between two stages the permutations IP and its inverse cancel out. */
function crypt(schedule: u32, stages: u32, block: u64): u64 {
  const start = initial(block);
  let l = <u32>start;
  let r = <u32>(start >> 32);
  for (const end = schedule + stages * DES_KEY_BYTES; schedule < end; schedule += DES_KEY_BYTES) {
    for (let key: u32 = 0; key < DES_KEY_BYTES; key += 16) {
      l ^= f(r, load<u32>(schedule + key), load<u32>(schedule + key, 4));
      r ^= f(l, load<u32>(schedule + key, 8), load<u32>(schedule + key, 12));
    }
    const kept = l;
    l = r;
    r = kept;
  }
  return final(l, r);
}

/** IP of a block: the left half, and above it the right one, both turned left by one bit. */
@inline
function initial(block: u64): u64 {
  let l = bswap<u32>(<u32>block);
  let r = bswap<u32>(<u32>(block >> 32));
  // Five exchanges of bits between the halves, each in both at once.
  let t = ((l >> 4) ^ r) & 0x0f0f_0f0f;
  r ^= t;
  l ^= t << 4;
  t = ((l >> 16) ^ r) & 0x0000_ffff;
  r ^= t;
  l ^= t << 16;
  t = ((r >> 2) ^ l) & 0x3333_3333;
  l ^= t;
  r ^= t << 2;
  t = ((r >> 8) ^ l) & 0x00ff_00ff;
  l ^= t;
  r ^= t << 8;
  t = ((l >> 1) ^ r) & 0x5555_5555;
  r ^= t;
  l ^= t << 1;
  return <u64>rotl<u32>(l, 1) | (<u64>rotl<u32>(r, 1) << 32);
}

/** The same the other way round: the block of two halves. */
@inline
function final(l: u32, r: u32): u64 {
  l = rotr<u32>(l, 1);
  r = rotr<u32>(r, 1);
  let t = ((l >> 1) ^ r) & 0x5555_5555;
  r ^= t;
  l ^= t << 1;
  t = ((r >> 8) ^ l) & 0x00ff_00ff;
  l ^= t;
  r ^= t << 8;
  t = ((r >> 2) ^ l) & 0x3333_3333;
  l ^= t;
  r ^= t << 2;
  t = ((l >> 16) ^ r) & 0x0000_ffff;
  r ^= t;
  l ^= t << 16;
  t = ((l >> 4) ^ r) & 0x0f0f_0f0f;
  r ^= t;
  l ^= t << 4;
  return <u64>bswap<u32>(l) | (<u64>bswap<u32>(r) << 32);
}

/**
 * The halves are turned left by one bit, so that expansion E is two looks at the same word. What was looked up is added in
 * pairs, and where the table is stands in the load itself: a round waits for the one before.
 */
@inline
function f(half: u32, odd: u32, even: u32): u32 {
  const a = rotr<u32>(half, 4) ^ odd;
  const b = half ^ even;
  return (
    ((load<u32>((b >> 22) & 0xfc, SP + 256) ^ load<u32>((b >> 14) & 0xfc, SP + 768)) ^
      (load<u32>((b >> 6) & 0xfc, SP + 1280) ^ load<u32>((b << 2) & 0xfc, SP + 1792))) ^
    ((load<u32>((a >> 22) & 0xfc, SP) ^ load<u32>((a >> 14) & 0xfc, SP + 512)) ^
      (load<u32>((a >> 6) & 0xfc, SP + 1024) ^ load<u32>((a << 2) & 0xfc, SP + 1536)))
  );
}
