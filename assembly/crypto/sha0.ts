/**
 * SHA-0 (FIPS 180, 1993): SHA-1 without the rotation in the message schedule, `protocol/control-plane.md` §4.3. Broken
 * as a hash; the protocol's passwords need it, nothing else may use it.
 */

const BLOCK: u32 = 64;
/** Message schedule of one block, then the last block with its padding. */
const schedule: u32 = <u32>memory.data(80 * 4);
const tail: u32 = <u32>memory.data(128);

let h0: u32 = 0;
let h1: u32 = 0;
let h2: u32 = 0;
let h3: u32 = 0;
let h4: u32 = 0;

/** Hashes `length` bytes at `input` and writes 20 bytes to `output`; leaves no trace of the input behind. */
export function sha0(input: u32, length: u32, output: u32): void {
  h0 = 0x6745_2301;
  h1 = 0xefcd_ab89;
  h2 = 0x98ba_dcfe;
  h3 = 0x1032_5476;
  h4 = 0xc3d2_e1f0;
  const whole = length & ~(BLOCK - 1);
  for (let at: u32 = 0; at < whole; at += BLOCK) block(input + at);
  const rest = length - whole;
  const padded: u32 = rest < 56 ? 64 : 128;
  memory.fill(tail, 0, 128);
  memory.copy(tail, input + whole, rest);
  store<u8>(tail + rest, 0x80);
  store<u64>(tail + padded - 8, bswap<u64>(<u64>length << 3));
  for (let at: u32 = 0; at < padded; at += BLOCK) block(tail + at);
  store<u32>(output, bswap<u32>(h0));
  store<u32>(output, bswap<u32>(h1), 4);
  store<u32>(output, bswap<u32>(h2), 8);
  store<u32>(output, bswap<u32>(h3), 12);
  store<u32>(output, bswap<u32>(h4), 16);
  memory.fill(tail, 0, 128);
  memory.fill(schedule, 0, 320);
}

function block(at: u32): void {
  for (let t: u32 = 0; t < 16; t++) store<u32>(schedule + t * 4, bswap<u32>(load<u32>(at + t * 4)));
  for (let t: u32 = 16; t < 80; t++) {
    const w = schedule + t * 4;
    store<u32>(w, load<u32>(w - 12) ^ load<u32>(w - 32) ^ load<u32>(w - 56) ^ load<u32>(w - 64));
  }
  let a = h0;
  let b = h1;
  let c = h2;
  let d = h3;
  let e = h4;
  for (let t: u32 = 0; t < 80; t++) {
    let f: u32;
    let k: u32;
    if (t < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a82_7999;
    } else if (t < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9_eba1;
    } else if (t < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1b_bcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62_c1d6;
    }
    const next = rotl<u32>(a, 5) + f + e + k + load<u32>(schedule + t * 4);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  h0 += a;
  h1 += b;
  h2 += c;
  h3 += d;
  h4 += e;
}
