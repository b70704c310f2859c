/** AES-128 and AES-256 as FIPS 197 and SP 800-38A print them. */
import { describe, expect, test } from 'vitest';
import { Cbc } from '../../../engine/crypto/ciphers.ts';
import { BUILDS } from '../core/rig.ts';
import { hex, hexOf } from './bytes.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const ZEROS = '00'.repeat(16);
const COUNTING = '000102030405060708090a0b0c0d0e0f';
/** SP 800-38A appendix F: the plain text of all examples. */
const PLAIN = [
  '6bc1bee22e409f96e93d7e117393172a',
  'ae2d8a571e03ac9c9eb76fac45af8e51',
  '30c81c46a35ce411e5fbc1191a0a52ef',
  'f69f2445df4f9b17ad2b417be66c3710',
].join('');

const VECTORS: [source: string, key: string, iv: string, plain: string, sealed: string][] = [
  // One block with an IV of zeros is the cipher itself.
  [
    'FIPS 197 appendix B',
    '2b7e151628aed2a6abf7158809cf4f3c',
    ZEROS,
    '3243f6a8885a308d313198a2e0370734',
    '3925841d02dc09fbdc118597196a0b32',
  ],
  ['FIPS 197 appendix C.1', COUNTING, ZEROS, '00112233445566778899aabbccddeeff', '69c4e0d86a7b0430d8cdb78070b4c55a'],
  [
    'FIPS 197 appendix C.3',
    `${COUNTING}101112131415161718191a1b1c1d1e1f`,
    ZEROS,
    '00112233445566778899aabbccddeeff',
    '8ea2b7ca516745bfeafc49904b496089',
  ],
  [
    'SP 800-38A F.2.1 and F.2.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    COUNTING,
    PLAIN,
    [
      '7649abac8119b246cee98e9b12e9197d',
      '5086cb9b507219ee95db113a917678b2',
      '73bed6b8e3c1743b7116e69e22229516',
      '3ff1caa1681fac09120eca307586e1a7',
    ].join(''),
  ],
  [
    'SP 800-38A F.2.5 and F.2.6',
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    COUNTING,
    PLAIN,
    [
      'f58c4c04d6e5f1ba779eabfb5f7bfbd6',
      '9cfc4e967edb808d679f777bc6702c7d',
      '39f23369a9d9bacfa530e26304231461',
      'b2eb05e2c39be9fcda6c19078c6a9d1b',
    ].join(''),
  ],
];

describe.each(BUILDS)('%s: AES', (build) => {
  const crypto = rig(build);

  test.each(VECTORS)('%s', (_source, key, iv, plain, sealed) => {
    const name = key.length === 32 ? 'aes-128' : 'aes-256';
    const encrypt = new Cbc(crypto, name, 'encrypt', hex(key), hex(iv));
    expect(hexOf(encrypt.apply(hex(plain)))).toBe(sealed);
    encrypt.release();
    const decrypt = new Cbc(crypto, name, 'decrypt', hex(key), hex(iv));
    expect(hexOf(decrypt.apply(hex(sealed)))).toBe(plain);
    decrypt.release();
  });
});

// They were typed in: others have to know them, too.
test.each(VECTORS)('node:crypto and node-forge: %s', (_source, key, iv, plain, sealed) => {
  const name = key.length === 32 ? 'aes-128' : 'aes-256';
  for (const cbc of [reference.cbc, reference.forgeCbc]) {
    expect(hexOf(cbc(name, 'encrypt', hex(key), hex(iv), hex(plain)))).toBe(sealed);
    expect(hexOf(cbc(name, 'decrypt', hex(key), hex(iv), hex(sealed)))).toBe(plain);
  }
});
