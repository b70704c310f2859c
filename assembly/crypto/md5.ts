/** MD5 (RFC 1321). Broken as a hash; the protocol's old suites authenticate records with HMAC-MD5, nothing else may use it. */

/** RFC 1321 §3.3. */
export function md5Init(state: u32): void {
  store<u32>(state, 0x6745_2301);
  store<u32>(state, 0xefcd_ab89, 4);
  store<u32>(state, 0x98ba_dcfe, 8);
  store<u32>(state, 0x1032_5476, 12);
}

/**
 * RFC 1321 §3.4, `count` blocks of 64 bytes at `at`; written out, because the words of the state then stay in registers.
 * Each step waits for the one before: what that has changed is added last, and function G is the sum of its two halves.
 */
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
    a = b + rotl<u32>((a + (load<u32>(at) + 0xd76aa478)) + (d ^ (b & (c ^ d))), 7);
    d = a + rotl<u32>((d + (load<u32>(at, 4) + 0xe8c7b756)) + (c ^ (a & (b ^ c))), 12);
    c = d + rotl<u32>((c + (load<u32>(at, 8) + 0x242070db)) + (b ^ (d & (a ^ b))), 17);
    b = c + rotl<u32>((b + (load<u32>(at, 12) + 0xc1bdceee)) + (a ^ (c & (d ^ a))), 22);
    a = b + rotl<u32>((a + (load<u32>(at, 16) + 0xf57c0faf)) + (d ^ (b & (c ^ d))), 7);
    d = a + rotl<u32>((d + (load<u32>(at, 20) + 0x4787c62a)) + (c ^ (a & (b ^ c))), 12);
    c = d + rotl<u32>((c + (load<u32>(at, 24) + 0xa8304613)) + (b ^ (d & (a ^ b))), 17);
    b = c + rotl<u32>((b + (load<u32>(at, 28) + 0xfd469501)) + (a ^ (c & (d ^ a))), 22);
    a = b + rotl<u32>((a + (load<u32>(at, 32) + 0x698098d8)) + (d ^ (b & (c ^ d))), 7);
    d = a + rotl<u32>((d + (load<u32>(at, 36) + 0x8b44f7af)) + (c ^ (a & (b ^ c))), 12);
    c = d + rotl<u32>((c + (load<u32>(at, 40) + 0xffff5bb1)) + (b ^ (d & (a ^ b))), 17);
    b = c + rotl<u32>((b + (load<u32>(at, 44) + 0x895cd7be)) + (a ^ (c & (d ^ a))), 22);
    a = b + rotl<u32>((a + (load<u32>(at, 48) + 0x6b901122)) + (d ^ (b & (c ^ d))), 7);
    d = a + rotl<u32>((d + (load<u32>(at, 52) + 0xfd987193)) + (c ^ (a & (b ^ c))), 12);
    c = d + rotl<u32>((c + (load<u32>(at, 56) + 0xa679438e)) + (b ^ (d & (a ^ b))), 17);
    b = c + rotl<u32>((b + (load<u32>(at, 60) + 0x49b40821)) + (a ^ (c & (d ^ a))), 22);
    a = b + rotl<u32>((a + (load<u32>(at, 4) + 0xf61e2562) + (c & ~d)) + (b & d), 5);
    d = a + rotl<u32>((d + (load<u32>(at, 24) + 0xc040b340) + (b & ~c)) + (a & c), 9);
    c = d + rotl<u32>((c + (load<u32>(at, 44) + 0x265e5a51) + (a & ~b)) + (d & b), 14);
    b = c + rotl<u32>((b + (load<u32>(at) + 0xe9b6c7aa) + (d & ~a)) + (c & a), 20);
    a = b + rotl<u32>((a + (load<u32>(at, 20) + 0xd62f105d) + (c & ~d)) + (b & d), 5);
    d = a + rotl<u32>((d + (load<u32>(at, 40) + 0x02441453) + (b & ~c)) + (a & c), 9);
    c = d + rotl<u32>((c + (load<u32>(at, 60) + 0xd8a1e681) + (a & ~b)) + (d & b), 14);
    b = c + rotl<u32>((b + (load<u32>(at, 16) + 0xe7d3fbc8) + (d & ~a)) + (c & a), 20);
    a = b + rotl<u32>((a + (load<u32>(at, 36) + 0x21e1cde6) + (c & ~d)) + (b & d), 5);
    d = a + rotl<u32>((d + (load<u32>(at, 56) + 0xc33707d6) + (b & ~c)) + (a & c), 9);
    c = d + rotl<u32>((c + (load<u32>(at, 12) + 0xf4d50d87) + (a & ~b)) + (d & b), 14);
    b = c + rotl<u32>((b + (load<u32>(at, 32) + 0x455a14ed) + (d & ~a)) + (c & a), 20);
    a = b + rotl<u32>((a + (load<u32>(at, 52) + 0xa9e3e905) + (c & ~d)) + (b & d), 5);
    d = a + rotl<u32>((d + (load<u32>(at, 8) + 0xfcefa3f8) + (b & ~c)) + (a & c), 9);
    c = d + rotl<u32>((c + (load<u32>(at, 28) + 0x676f02d9) + (a & ~b)) + (d & b), 14);
    b = c + rotl<u32>((b + (load<u32>(at, 48) + 0x8d2a4c8a) + (d & ~a)) + (c & a), 20);
    a = b + rotl<u32>((a + (load<u32>(at, 20) + 0xfffa3942)) + ((c ^ d) ^ b), 4);
    d = a + rotl<u32>((d + (load<u32>(at, 32) + 0x8771f681)) + ((b ^ c) ^ a), 11);
    c = d + rotl<u32>((c + (load<u32>(at, 44) + 0x6d9d6122)) + ((a ^ b) ^ d), 16);
    b = c + rotl<u32>((b + (load<u32>(at, 56) + 0xfde5380c)) + ((d ^ a) ^ c), 23);
    a = b + rotl<u32>((a + (load<u32>(at, 4) + 0xa4beea44)) + ((c ^ d) ^ b), 4);
    d = a + rotl<u32>((d + (load<u32>(at, 16) + 0x4bdecfa9)) + ((b ^ c) ^ a), 11);
    c = d + rotl<u32>((c + (load<u32>(at, 28) + 0xf6bb4b60)) + ((a ^ b) ^ d), 16);
    b = c + rotl<u32>((b + (load<u32>(at, 40) + 0xbebfbc70)) + ((d ^ a) ^ c), 23);
    a = b + rotl<u32>((a + (load<u32>(at, 52) + 0x289b7ec6)) + ((c ^ d) ^ b), 4);
    d = a + rotl<u32>((d + (load<u32>(at) + 0xeaa127fa)) + ((b ^ c) ^ a), 11);
    c = d + rotl<u32>((c + (load<u32>(at, 12) + 0xd4ef3085)) + ((a ^ b) ^ d), 16);
    b = c + rotl<u32>((b + (load<u32>(at, 24) + 0x04881d05)) + ((d ^ a) ^ c), 23);
    a = b + rotl<u32>((a + (load<u32>(at, 36) + 0xd9d4d039)) + ((c ^ d) ^ b), 4);
    d = a + rotl<u32>((d + (load<u32>(at, 48) + 0xe6db99e5)) + ((b ^ c) ^ a), 11);
    c = d + rotl<u32>((c + (load<u32>(at, 60) + 0x1fa27cf8)) + ((a ^ b) ^ d), 16);
    b = c + rotl<u32>((b + (load<u32>(at, 8) + 0xc4ac5665)) + ((d ^ a) ^ c), 23);
    a = b + rotl<u32>((a + (load<u32>(at) + 0xf4292244)) + (c ^ (b | ~d)), 6);
    d = a + rotl<u32>((d + (load<u32>(at, 28) + 0x432aff97)) + (b ^ (a | ~c)), 10);
    c = d + rotl<u32>((c + (load<u32>(at, 56) + 0xab9423a7)) + (a ^ (d | ~b)), 15);
    b = c + rotl<u32>((b + (load<u32>(at, 20) + 0xfc93a039)) + (d ^ (c | ~a)), 21);
    a = b + rotl<u32>((a + (load<u32>(at, 48) + 0x655b59c3)) + (c ^ (b | ~d)), 6);
    d = a + rotl<u32>((d + (load<u32>(at, 12) + 0x8f0ccc92)) + (b ^ (a | ~c)), 10);
    c = d + rotl<u32>((c + (load<u32>(at, 40) + 0xffeff47d)) + (a ^ (d | ~b)), 15);
    b = c + rotl<u32>((b + (load<u32>(at, 4) + 0x85845dd1)) + (d ^ (c | ~a)), 21);
    a = b + rotl<u32>((a + (load<u32>(at, 32) + 0x6fa87e4f)) + (c ^ (b | ~d)), 6);
    d = a + rotl<u32>((d + (load<u32>(at, 60) + 0xfe2ce6e0)) + (b ^ (a | ~c)), 10);
    c = d + rotl<u32>((c + (load<u32>(at, 24) + 0xa3014314)) + (a ^ (d | ~b)), 15);
    b = c + rotl<u32>((b + (load<u32>(at, 52) + 0x4e0811a1)) + (d ^ (c | ~a)), 21);
    a = b + rotl<u32>((a + (load<u32>(at, 16) + 0xf7537e82)) + (c ^ (b | ~d)), 6);
    d = a + rotl<u32>((d + (load<u32>(at, 44) + 0xbd3af235)) + (b ^ (a | ~c)), 10);
    c = d + rotl<u32>((c + (load<u32>(at, 8) + 0x2ad7d2bb)) + (a ^ (d | ~b)), 15);
    b = c + rotl<u32>((b + (load<u32>(at, 36) + 0xeb86d391)) + (d ^ (c | ~a)), 21);
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
