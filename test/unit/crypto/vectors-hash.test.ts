/** Digests that the standards print. */
import { describe, expect, test } from 'vitest';
import type { HashName } from '../../../engine/crypto/module.ts';
import { BUILDS } from '../core/rig.ts';
import { ascii, hexOf } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const MILLION = 'a'.repeat(1_000_000);
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '1234567890';
/** 448 bits: with the padding it no longer fits in one block. */
const LONGER = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq';

// biome-ignore format: a table
const VECTORS: [source: string, hash: HashName, input: string, digest: string][] = [
  ['RFC 1321 A.5, ""', 'md5', '', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['RFC 1321 A.5, "a"', 'md5', 'a', '0cc175b9c0f1b6a831c399e269772661'],
  ['RFC 1321 A.5, "abc"', 'md5', 'abc', '900150983cd24fb0d6963f7d28e17f72'],
  ['RFC 1321 A.5, "message digest"', 'md5', 'message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  ['RFC 1321 A.5, the alphabet', 'md5', ALPHABET, 'c3fcd3d76192e4007dfb496cca67e13b'],
  ['RFC 1321 A.5, both alphabets and digits', 'md5', `${ALPHABET.toUpperCase()}${ALPHABET}0123456789`, 'd174ab98d277d9f5a5611c2c9f419d9f'],
  ['RFC 1321 A.5, digits eight times', 'md5', DIGITS.repeat(8), '57edf4a22be3c955ac49da2e2107b67a'],
  ['RFC 3174 §7.3, TEST1', 'sha1', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['RFC 3174 §7.3, TEST2', 'sha1', LONGER, '84983e441c3bd26ebaae4aa1f95129e5e54670f1'],
  ['RFC 3174 §7.3, TEST3', 'sha1', MILLION, '34aa973cd4c4daa4f61eeb2bdbad27316534016f'],
  ['RFC 3174 §7.3, TEST4', 'sha1', '01234567'.repeat(80), 'dea356a2cddd90c7a7ecedc5ebb563934f460452'],
  ['FIPS 180-2 B.1', 'sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['FIPS 180-2 B.2', 'sha256', LONGER, '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
  ['FIPS 180-2 B.3', 'sha256', MILLION, 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
];

describe.each(BUILDS)('%s: digests of the standards', (build) => {
  const crypto = rig(build);

  test.each(VECTORS)('%s: %s', (_source, hash, input, digest) => {
    const bytes = ascii(input);
    expect(hexOf(crypto.digest(hash, bytes))).toBe(digest);
    expect(hexOf(crypto.hash(hash).update(bytes).digest())).toBe(digest);
  });
});

// They were typed in: somebody else has to know them, too.
test.each(VECTORS)('node:crypto: %s: %s', (_source, hash, input, digest) => {
  expect(hexOf(reference.digest(hash, ascii(input)))).toBe(digest);
});
