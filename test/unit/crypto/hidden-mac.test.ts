/**
 * The MAC of a record whose length is a secret (`assembly/crypto/hidden-mac.ts`): every length of data with every padding,
 * which moves the end of the data over all places of the blocks, and what may be data over all their number.
 */
import { describe, expect, test } from 'vitest';
import type { Crypto } from '../../../engine/crypto/module.ts';
import { RecordReader } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { mustEqual } from './bytes.ts';
import { DATA, read, slotTakenNext } from './record-rig.ts';
import {
  AES128,
  leastPadding,
  makeKeys,
  RC4_MD5,
  RecordTwin,
  SSL3,
  type Suite,
  TLS1,
  TLS12,
  TRIPLE_DES,
  VERSIONS,
} from './record-twin.ts';
import { rig } from './rig.ts';

const INPUT = new World(71).bytes(0x4000);
/** No suite has it, so no peer can ask for it; but it is in the module. */
const AES_MD5: Suite = { ...AES128, name: 'AES128-MD5', hash: 'md5', mac: 16 };

/** Of a direction's slot, `assembly/crypto/record.ts`: bytes of the MAC, and its key up to the cipher's. */
const MAC_SIZE = 8;
const MAC_KEY = 48;
const CIPHER_KEY = 272;

function open(crypto: Crypto, suite: Suite, version: number, keys: Uint8Array): RecordReader {
  const slot = slotTakenNext(crypto);
  const reader = new RecordReader(crypto);
  if (suite !== AES_MD5) {
    reader.protect(suite.id, version, keys);
    return reader;
  }
  // The MAC of one suite and the cipher of another, in one slot.
  const { bytes } = crypto;
  reader.protect(RC4_MD5.id, version, keys.subarray(0, 32));
  const macSize = bytes.slice(slot + MAC_SIZE, slot + MAC_SIZE + 4);
  const macKey = bytes.slice(slot + MAC_KEY, slot + CIPHER_KEY);
  // Its MAC key is longer by four bytes, which are not used.
  reader.protect(AES128.id, version, Uint8Array.from([0, 0, 0, 0, ...keys]));
  bytes.set(macSize, slot + MAC_SIZE);
  bytes.set(macKey, slot + MAC_KEY);
  return reader;
}

/** Values of the last byte that fit: all of them with blocks of 16. */
function paddingsOf(suite: Suite, version: number, length: number): number[] {
  const least = leastPadding(suite, length);
  if (version === SSL3) return [least];
  const all = Array.from({ length: 256 / suite.block }, (_, i) => least + i * suite.block);
  // Of the shorter blocks every fourth, each in its turn: both sides make triple DES of them.
  return suite.block === 16 ? all : all.filter((_, i) => i % 4 === length % 4);
}

describe.each(BUILDS)('%s: hidden MAC', (build) => {
  const crypto = rig(build);

  /** One connection with all of them, so that a wrong state after a record shows at the next. */
  function check(suite: Suite, version: number, lengths: readonly number[]): void {
    const world = new World(72);
    const keys = makeKeys(suite, world);
    const twin = new RecordTwin(suite, version, keys);
    const reader = open(crypto, suite, version, keys);
    for (const length of lengths) {
      const data = INPUT.subarray(0, length);
      for (const padding of paddingsOf(suite, version, length)) {
        const record = twin.seal(DATA, data, { padding, iv: world.bytes(suite.block) });
        const { result, delivered } = read(reader, record);
        if (result !== 'read') throw new Error(`${length} bytes, padding ${padding}: ${result}`);
        mustEqual(delivered[0]!.data, data, () => `${length} bytes, padding ${padding}`);
      }
    }
    reader.release();
  }

  const FIRST_300 = Array.from({ length: 301 }, (_, i) => i);
  const LARGE = [1_000, 1_400, 4_095, 0x4000 - 65, 0x4000 - 64, 0x4000 - 9, 0x4000 - 1, 0x4000];

  test.each([
    ['SHA-1 in TLS 1.2, blocks of 16', AES128, TLS12],
    ['SHA-1 in TLS 1.0, blocks of 8', TRIPLE_DES, TLS1],
    ['SHA-1 in SSL 3.0, blocks of 16', AES128, SSL3],
    ['SHA-1 in SSL 3.0, blocks of 8', TRIPLE_DES, SSL3],
    ['MD5 in TLS 1.2, blocks of 16', AES_MD5, TLS12],
    ['MD5 in SSL 3.0, blocks of 16', AES_MD5, SSL3],
  ] as const)('%s: data of 0 to 300 bytes, with every padding', (_name, suite, version) => {
    check(suite, version, FIRST_300);
  });

  test.each(VERSIONS)('the largest records of version %i', (version) => {
    check(AES128, version, LARGE);
    check(AES_MD5, version, LARGE);
  });

  test.each([
    ['SHA-1', AES128],
    ['MD5', AES_MD5],
  ] as const)('%s: every bit of the MAC counts, wherever it lies', (_name, suite) => {
    const keys = makeKeys(suite, new World(73));
    // As many lengths as the MAC has places in what is looked at.
    for (let length = 40; length < 40 + suite.mac; length++) {
      for (let bit = 0; bit < suite.mac * 8; bit++) {
        const reader = open(crypto, suite, TLS12, keys);
        const record = new RecordTwin(suite, TLS12, keys).seal(DATA, INPUT.subarray(0, length), {
          padding: leastPadding(suite, length) + 32,
          spoil(plain) {
            plain[length + (bit >> 3)]! ^= 1 << (bit & 7);
          },
        });
        if (read(reader, record).result !== 'refused') throw new Error(`${length} bytes, bit ${bit}: not refused`);
        reader.release();
      }
    }
    expect(crypto.slotsFree).toBe(64);
  });
});
