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
]);
/** Message schedule of one block. */
const schedule: u32 = <u32>memory.data(64 * 4);

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

/** FIPS 180-4 §6.2.2, `count` blocks of 64 bytes at `at`. */
export function sha256Blocks(state: u32, at: u32, count: u32): void {
  for (; count > 0; count--) {
    block(state, at);
    at += 64;
  }
  memory.fill(schedule, 0, 256);
}

function block(state: u32, at: u32): void {
  for (let t: u32 = 0; t < 16; t++) store<u32>(schedule + t * 4, bswap<u32>(load<u32>(at + t * 4)));
  for (let t: u32 = 16; t < 64; t++) {
    const w = schedule + t * 4;
    const w2 = load<u32>(w - 8);
    const w15 = load<u32>(w - 60);
    const s0 = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >> 3);
    const s1 = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >> 10);
    store<u32>(w, load<u32>(w - 64) + s0 + load<u32>(w - 28) + s1);
  }
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  for (let t: u32 = 0; t < 64; t++) {
    const s1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25);
    const t1 = h + s1 + (g ^ (e & (f ^ g))) + load<u32>(K + t * 4) + load<u32>(schedule + t * 4);
    const s0 = rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22);
    const t2 = s0 + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}
