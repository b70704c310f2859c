/**
 * RC4 (RFC 6229 has its vectors): each byte is an exchange in a table of 256 bytes, at a place that depends on the key.
 * Its first bytes are biased; TLS forbids it (RFC 7465), and peers of old have nothing else.
 */

/** The table, then i and j. */
export const RC4_BYTES: u32 = 264;
export const RC4_I: u32 = 256;
export const RC4_J: u32 = 260;

/** `length`: 1 to 256 bytes. */
export function rc4Key(state: u32, key: u32, length: u32): void {
  for (let i: u32 = 0; i < 256; i++) store<u8>(state + i, <u8>i);
  let j: u32 = 0;
  let k: u32 = 0;
  for (let i: u32 = 0; i < 256; i++) {
    const x = <u32>load<u8>(state + i);
    j = (j + x + <u32>load<u8>(key + k)) & 255;
    store<u8>(state + i, load<u8>(state + j));
    store<u8>(state + j, <u8>x);
    if (++k == length) k = 0;
  }
  store<u32>(state, 0, RC4_I);
  store<u32>(state, 0, RC4_J);
}

/** Encrypts or decrypts in place. */
export function rc4(state: u32, at: u32, length: u32): void {
  let i = load<u32>(state, RC4_I);
  let j = load<u32>(state, RC4_J);
  const end = at + length;
  // Eight at a time: one write instead of eight, so that the table is all that is stored to.
  for (const last = at + (length & ~7); at < last; at += 8) {
    let stream: u64 = 0;
    for (let n: u64 = 0; n < 64; n += 8) {
      i = (i + 1) & 255;
      const x = <u32>load<u8>(state + i);
      j = (j + x) & 255;
      const y = <u32>load<u8>(state + j);
      store<u8>(state + i, <u8>y);
      store<u8>(state + j, <u8>x);
      stream |= <u64>load<u8>(state + ((x + y) & 255)) << n;
    }
    store<u64>(at, load<u64>(at) ^ stream);
  }
  for (; at < end; at++) {
    i = (i + 1) & 255;
    const x = <u32>load<u8>(state + i);
    j = (j + x) & 255;
    const y = <u32>load<u8>(state + j);
    store<u8>(state + i, <u8>y);
    store<u8>(state + j, <u8>x);
    store<u8>(at, load<u8>(at) ^ load<u8>(state + ((x + y) & 255)));
  }
  store<u32>(state, i, RC4_I);
  store<u32>(state, j, RC4_J);
}
