/** Known answers of DES and triple DES, each in CBC with an IV of zeros, which for one block is ECB. */
import { describe, expect, test } from 'vitest';
import { Cbc } from '../../../engine/crypto/ciphers.ts';
import type { Crypto } from '../../../engine/crypto/module.ts';
import { BUILDS } from '../core/rig.ts';
import { ascii, hex, hexOf } from './bytes.ts';
import { PERMUTATION_OPERATION, SUBSTITUTION_TABLE, VARIABLE_KEY, VARIABLE_PLAINTEXT } from './des-tables.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const ZEROS = '0000000000000000';

type Crypt = (way: 'encrypt' | 'decrypt', key: string, iv: string, text: string) => string;

function ofModule(crypto: Crypto): Crypt {
  return (way, key, iv, text) => {
    const cipher = new Cbc(crypto, key.length === 16 ? 'des' : '3des', way, hex(key), hex(iv));
    const out = hexOf(cipher.apply(hex(text)));
    cipher.release();
    return out;
  };
}

function ofReference(cbc: typeof reference.cbc): Crypt {
  return (way, key, iv, text) => hexOf(cbc(key.length === 16 ? 'des' : '3des', way, hex(key), hex(iv), hex(text)));
}

/** The tables were typed in: others have to know them, too. */
const SUBJECTS: [name: string, crypt: Crypt][] = [
  ...BUILDS.map((build): [string, Crypt] => [build, ofModule(rig(build))]),
  ['node:crypto', ofReference(reference.cbc)],
  ['node-forge', ofReference(reference.forgeCbc)],
];

/** DES and triple DES, both ways. */
function check(crypt: Crypt, key: string, plain: string, sealed: string): void {
  for (const keys of [key, key.repeat(3)]) {
    expect(crypt('encrypt', keys, ZEROS, plain), `${keys} of ${plain}`).toBe(sealed);
    expect(crypt('decrypt', keys, ZEROS, sealed), `${keys} of ${sealed}`).toBe(plain);
  }
}

/** A word of 64 bits in which only this one, counted from the left, is set; on top of `others`. */
function bit(place: number, others = 0n): string {
  return ((1n << BigInt(63 - place)) | others).toString(16).padStart(16, '0');
}

describe.each(SUBJECTS)('%s: DES', (_name, crypt) => {
  test('SP 800-17 table A.1 and SP 800-20 table A.1: variable plain text', () => {
    expect(VARIABLE_PLAINTEXT).toHaveLength(64);
    for (const [i, sealed] of VARIABLE_PLAINTEXT.entries()) check(crypt, '0101010101010101', bit(i), sealed);
  });

  test('SP 800-17 table A.2 and SP 800-20 table A.2: variable key', () => {
    expect(VARIABLE_KEY).toHaveLength(56);
    for (const [i, sealed] of VARIABLE_KEY.entries()) {
      // Seven bits of each byte count; the eighth makes the parity odd.
      const byte = Math.floor(i / 7);
      const parity = 0x0101010101010101n & ~(1n << BigInt(56 - 8 * byte));
      check(crypt, bit(byte * 8 + (i % 7), parity), ZEROS, sealed);
    }
  });

  test('SP 800-17 table A.3 and SP 800-20 table A.3: permutation operation', () => {
    expect(PERMUTATION_OPERATION).toHaveLength(32);
    for (const [key, sealed] of PERMUTATION_OPERATION) check(crypt, key, ZEROS, sealed);
  });

  test('SP 800-17 table A.4 and SP 800-20 table A.4: substitution table', () => {
    expect(SUBSTITUTION_TABLE).toHaveLength(19);
    for (const [key, plain, sealed] of SUBSTITUTION_TABLE) check(crypt, key, plain, sealed);
  });

  test('the bits for the parity do not count', () => {
    for (const [key, plain, sealed] of SUBSTITUTION_TABLE) {
      const others = hexOf(hex(key).map((byte) => byte ^ 1));
      check(crypt, others, plain, sealed);
    }
  });

  test('FIPS 81 appendix C: CBC', () => {
    const plain = hexOf(ascii('Now is the time for all '));
    const sealed = 'e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6';
    for (const key of ['0123456789abcdef', '0123456789abcdef'.repeat(3)]) {
      expect(crypt('encrypt', key, '1234567890abcdef', plain)).toBe(sealed);
      expect(crypt('decrypt', key, '1234567890abcdef', sealed)).toBe(plain);
    }
  });

  test('SP 800-67 appendix B.1: three different keys', () => {
    const key = '0123456789abcdef23456789abcdef01456789abcdef0123';
    // "The qufck brown fox jump", as it stands there; in ECB.
    const plain = hexOf(ascii('The qufck brown fox jump')).match(/.{16}/g)!;
    const sealed = ['a826fd8ce53b855f', 'cce21c8112256fe6', '68d5c05dd9b6b900'];
    expect(plain.map((block) => crypt('encrypt', key, ZEROS, block))).toEqual(sealed);
    expect(sealed.map((block) => crypt('decrypt', key, ZEROS, block))).toEqual(plain);
  });
});
