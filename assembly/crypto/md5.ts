/** MD5 (RFC 1321). Broken as a hash; the protocol's old suites authenticate records with HMAC-MD5, nothing else may use it. */

/** RFC 1321 §3.3. */
export function md5Init(state: u32): void {
  store<u32>(state, 0x6745_2301);
  store<u32>(state, 0xefcd_ab89, 4);
  store<u32>(state, 0x98ba_dcfe, 8);
  store<u32>(state, 0x1032_5476, 12);
}

/** RFC 1321 §3.4, `count` blocks of 64 bytes at `at`; written out, because the words of the state then stay in registers. */
export function md5Blocks(state: u32, at: u32, count: u32): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  for (; count > 0; count--) {
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    a = b + rotl<u32>(a + (d ^ (b & (c ^ d))) + load<u32>(at) + 0xd76aa478, 7);
    d = a + rotl<u32>(d + (c ^ (a & (b ^ c))) + load<u32>(at, 4) + 0xe8c7b756, 12);
    c = d + rotl<u32>(c + (b ^ (d & (a ^ b))) + load<u32>(at, 8) + 0x242070db, 17);
    b = c + rotl<u32>(b + (a ^ (c & (d ^ a))) + load<u32>(at, 12) + 0xc1bdceee, 22);
    a = b + rotl<u32>(a + (d ^ (b & (c ^ d))) + load<u32>(at, 16) + 0xf57c0faf, 7);
    d = a + rotl<u32>(d + (c ^ (a & (b ^ c))) + load<u32>(at, 20) + 0x4787c62a, 12);
    c = d + rotl<u32>(c + (b ^ (d & (a ^ b))) + load<u32>(at, 24) + 0xa8304613, 17);
    b = c + rotl<u32>(b + (a ^ (c & (d ^ a))) + load<u32>(at, 28) + 0xfd469501, 22);
    a = b + rotl<u32>(a + (d ^ (b & (c ^ d))) + load<u32>(at, 32) + 0x698098d8, 7);
    d = a + rotl<u32>(d + (c ^ (a & (b ^ c))) + load<u32>(at, 36) + 0x8b44f7af, 12);
    c = d + rotl<u32>(c + (b ^ (d & (a ^ b))) + load<u32>(at, 40) + 0xffff5bb1, 17);
    b = c + rotl<u32>(b + (a ^ (c & (d ^ a))) + load<u32>(at, 44) + 0x895cd7be, 22);
    a = b + rotl<u32>(a + (d ^ (b & (c ^ d))) + load<u32>(at, 48) + 0x6b901122, 7);
    d = a + rotl<u32>(d + (c ^ (a & (b ^ c))) + load<u32>(at, 52) + 0xfd987193, 12);
    c = d + rotl<u32>(c + (b ^ (d & (a ^ b))) + load<u32>(at, 56) + 0xa679438e, 17);
    b = c + rotl<u32>(b + (a ^ (c & (d ^ a))) + load<u32>(at, 60) + 0x49b40821, 22);
    a = b + rotl<u32>(a + (c ^ (d & (b ^ c))) + load<u32>(at, 4) + 0xf61e2562, 5);
    d = a + rotl<u32>(d + (b ^ (c & (a ^ b))) + load<u32>(at, 24) + 0xc040b340, 9);
    c = d + rotl<u32>(c + (a ^ (b & (d ^ a))) + load<u32>(at, 44) + 0x265e5a51, 14);
    b = c + rotl<u32>(b + (d ^ (a & (c ^ d))) + load<u32>(at) + 0xe9b6c7aa, 20);
    a = b + rotl<u32>(a + (c ^ (d & (b ^ c))) + load<u32>(at, 20) + 0xd62f105d, 5);
    d = a + rotl<u32>(d + (b ^ (c & (a ^ b))) + load<u32>(at, 40) + 0x02441453, 9);
    c = d + rotl<u32>(c + (a ^ (b & (d ^ a))) + load<u32>(at, 60) + 0xd8a1e681, 14);
    b = c + rotl<u32>(b + (d ^ (a & (c ^ d))) + load<u32>(at, 16) + 0xe7d3fbc8, 20);
    a = b + rotl<u32>(a + (c ^ (d & (b ^ c))) + load<u32>(at, 36) + 0x21e1cde6, 5);
    d = a + rotl<u32>(d + (b ^ (c & (a ^ b))) + load<u32>(at, 56) + 0xc33707d6, 9);
    c = d + rotl<u32>(c + (a ^ (b & (d ^ a))) + load<u32>(at, 12) + 0xf4d50d87, 14);
    b = c + rotl<u32>(b + (d ^ (a & (c ^ d))) + load<u32>(at, 32) + 0x455a14ed, 20);
    a = b + rotl<u32>(a + (c ^ (d & (b ^ c))) + load<u32>(at, 52) + 0xa9e3e905, 5);
    d = a + rotl<u32>(d + (b ^ (c & (a ^ b))) + load<u32>(at, 8) + 0xfcefa3f8, 9);
    c = d + rotl<u32>(c + (a ^ (b & (d ^ a))) + load<u32>(at, 28) + 0x676f02d9, 14);
    b = c + rotl<u32>(b + (d ^ (a & (c ^ d))) + load<u32>(at, 48) + 0x8d2a4c8a, 20);
    a = b + rotl<u32>(a + (b ^ c ^ d) + load<u32>(at, 20) + 0xfffa3942, 4);
    d = a + rotl<u32>(d + (a ^ b ^ c) + load<u32>(at, 32) + 0x8771f681, 11);
    c = d + rotl<u32>(c + (d ^ a ^ b) + load<u32>(at, 44) + 0x6d9d6122, 16);
    b = c + rotl<u32>(b + (c ^ d ^ a) + load<u32>(at, 56) + 0xfde5380c, 23);
    a = b + rotl<u32>(a + (b ^ c ^ d) + load<u32>(at, 4) + 0xa4beea44, 4);
    d = a + rotl<u32>(d + (a ^ b ^ c) + load<u32>(at, 16) + 0x4bdecfa9, 11);
    c = d + rotl<u32>(c + (d ^ a ^ b) + load<u32>(at, 28) + 0xf6bb4b60, 16);
    b = c + rotl<u32>(b + (c ^ d ^ a) + load<u32>(at, 40) + 0xbebfbc70, 23);
    a = b + rotl<u32>(a + (b ^ c ^ d) + load<u32>(at, 52) + 0x289b7ec6, 4);
    d = a + rotl<u32>(d + (a ^ b ^ c) + load<u32>(at) + 0xeaa127fa, 11);
    c = d + rotl<u32>(c + (d ^ a ^ b) + load<u32>(at, 12) + 0xd4ef3085, 16);
    b = c + rotl<u32>(b + (c ^ d ^ a) + load<u32>(at, 24) + 0x04881d05, 23);
    a = b + rotl<u32>(a + (b ^ c ^ d) + load<u32>(at, 36) + 0xd9d4d039, 4);
    d = a + rotl<u32>(d + (a ^ b ^ c) + load<u32>(at, 48) + 0xe6db99e5, 11);
    c = d + rotl<u32>(c + (d ^ a ^ b) + load<u32>(at, 60) + 0x1fa27cf8, 16);
    b = c + rotl<u32>(b + (c ^ d ^ a) + load<u32>(at, 8) + 0xc4ac5665, 23);
    a = b + rotl<u32>(a + (c ^ (b | ~d)) + load<u32>(at) + 0xf4292244, 6);
    d = a + rotl<u32>(d + (b ^ (a | ~c)) + load<u32>(at, 28) + 0x432aff97, 10);
    c = d + rotl<u32>(c + (a ^ (d | ~b)) + load<u32>(at, 56) + 0xab9423a7, 15);
    b = c + rotl<u32>(b + (d ^ (c | ~a)) + load<u32>(at, 20) + 0xfc93a039, 21);
    a = b + rotl<u32>(a + (c ^ (b | ~d)) + load<u32>(at, 48) + 0x655b59c3, 6);
    d = a + rotl<u32>(d + (b ^ (a | ~c)) + load<u32>(at, 12) + 0x8f0ccc92, 10);
    c = d + rotl<u32>(c + (a ^ (d | ~b)) + load<u32>(at, 40) + 0xffeff47d, 15);
    b = c + rotl<u32>(b + (d ^ (c | ~a)) + load<u32>(at, 4) + 0x85845dd1, 21);
    a = b + rotl<u32>(a + (c ^ (b | ~d)) + load<u32>(at, 32) + 0x6fa87e4f, 6);
    d = a + rotl<u32>(d + (b ^ (a | ~c)) + load<u32>(at, 60) + 0xfe2ce6e0, 10);
    c = d + rotl<u32>(c + (a ^ (d | ~b)) + load<u32>(at, 24) + 0xa3014314, 15);
    b = c + rotl<u32>(b + (d ^ (c | ~a)) + load<u32>(at, 52) + 0x4e0811a1, 21);
    a = b + rotl<u32>(a + (c ^ (b | ~d)) + load<u32>(at, 16) + 0xf7537e82, 6);
    d = a + rotl<u32>(d + (b ^ (a | ~c)) + load<u32>(at, 44) + 0xbd3af235, 10);
    c = d + rotl<u32>(c + (a ^ (d | ~b)) + load<u32>(at, 8) + 0x2ad7d2bb, 15);
    b = c + rotl<u32>(b + (d ^ (c | ~a)) + load<u32>(at, 36) + 0xeb86d391, 21);
    a += a0;
    b += b0;
    c += c0;
    d += d0;
    at += 64;
  }
  store<u32>(state, a);
  store<u32>(state, b, 4);
  store<u32>(state, c, 8);
  store<u32>(state, d, 12);
}
