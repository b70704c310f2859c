/** HMACs that the RFCs print. */
import { describe, expect, test } from 'vitest';
import type { HashName } from '../../../engine/crypto/module.ts';
import { BUILDS } from '../core/rig.ts';
import { ascii, counting, hexOf } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const filled = (byte: number, count: number): Uint8Array => new Uint8Array(count).fill(byte);

const HI = ascii('Hi There');
const JEFE = ascii('Jefe');
const NOTHING = ascii('what do ya want for nothing?');
const TRUNCATION = ascii('Test With Truncation');
const LARGER_KEY = ascii('Test Using Larger Than Block-Size Key - Hash Key First');
const LARGER_DATA = ascii('Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data');

type Vector = [source: string, hash: HashName, key: Uint8Array, data: Uint8Array, digest: string];

// biome-ignore format: a table
const VECTORS: Vector[] = [
  // RFC 2104, appendix: the first three of RFC 2202, with MD5.
  ['RFC 2104 appendix and RFC 2202 §2, case 1', 'md5', filled(0x0b, 16), HI, '9294727a3638bb1c13f48ef8158bfc9d'],
  ['RFC 2104 appendix and RFC 2202 §2, case 2', 'md5', JEFE, NOTHING, '750c783e6ab0b503eaa86e310a5db738'],
  ['RFC 2104 appendix and RFC 2202 §2, case 3', 'md5', filled(0xaa, 16), filled(0xdd, 50), '56be34521d144c88dbb8c733f0e8b3f6'],
  ['RFC 2202 §2, case 4', 'md5', counting(25, 1), filled(0xcd, 50), '697eaf0aca3a3aea3a75164746ffaa79'],
  ['RFC 2202 §2, case 5', 'md5', filled(0x0c, 16), TRUNCATION, '56461ef2342edc00f9bab995690efd4c'],
  ['RFC 2202 §2, case 6', 'md5', filled(0xaa, 80), LARGER_KEY, '6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd'],
  ['RFC 2202 §2, case 7', 'md5', filled(0xaa, 80), LARGER_DATA, '6f630fad67cda0ee1fb1f562db3aa53e'],
  ['RFC 2202 §3, case 1', 'sha1', filled(0x0b, 20), HI, 'b617318655057264e28bc0b6fb378c8ef146be00'],
  ['RFC 2202 §3, case 2', 'sha1', JEFE, NOTHING, 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
  ['RFC 2202 §3, case 3', 'sha1', filled(0xaa, 20), filled(0xdd, 50), '125d7342b9ac11cd91a39af48aa17b4f63f175d3'],
  ['RFC 2202 §3, case 4', 'sha1', counting(25, 1), filled(0xcd, 50), '4c9007f4026250c6bc8414f9bf50c86c2d7235da'],
  ['RFC 2202 §3, case 5', 'sha1', filled(0x0c, 20), TRUNCATION, '4c1a03424b55e07fe7f27be1d58bb9324a9a5a04'],
  ['RFC 2202 §3, case 6', 'sha1', filled(0xaa, 80), LARGER_KEY, 'aa4ae5e15272d00e95705637ce8a3b55ed402112'],
  ['RFC 2202 §3, case 7', 'sha1', filled(0xaa, 80), LARGER_DATA, 'e8e99d0f45237d786d6bbaa7965c7808bbff1a91'],
  ['RFC 4231 §4.2', 'sha256', filled(0x0b, 20), HI, 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  ['RFC 4231 §4.3', 'sha256', JEFE, NOTHING, '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  ['RFC 4231 §4.4', 'sha256', filled(0xaa, 20), filled(0xdd, 50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
  ['RFC 4231 §4.5', 'sha256', counting(25, 1), filled(0xcd, 50), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
  ['RFC 4231 §4.7', 'sha256', filled(0xaa, 131), LARGER_KEY, '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
];

describe.each(BUILDS)('%s: HMACs of the standards', (build) => {
  const crypto = rig(build);

  test.each(VECTORS)('%s: %s', (_source, hash, key, data, digest) => {
    const hmac = crypto.hmac(hash, key);
    expect(hexOf(hmac.digest(data))).toBe(digest);
    // The key is still there for the next message.
    expect(hexOf(hmac.digest(data.subarray(0, 3), data.subarray(3)))).toBe(digest);
    hmac.release();
  });
});

// They were typed in: somebody else has to know them, too.
test.each(VECTORS)('node:crypto: %s: %s', (_source, hash, key, data, digest) => {
  expect(hexOf(reference.hmac(hash, key, data))).toBe(digest);
});
