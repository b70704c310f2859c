/** Inputs of every algorithm that a world makes up, with what the module and what its reference make of them. */

import { type BlockCipher, Cbc, ChaCha20Poly1305, chacha20, poly1305, Rc4 } from '../../../engine/crypto/ciphers.ts';
import { type Crypto, HASHES, type HashName } from '../../../engine/crypto/module.ts';
import { RecordReader, RecordWriter } from '../../../engine/crypto/records.ts';
import type { World } from '../../sim/world.ts';
import { join } from '../core/rig.ts';
import { DATA, read } from './record-rig.ts';
import { leastPadding, makeKeys, RecordTwin, recordsOf, SSL3, SUITES, type Suite, VERSIONS } from './record-twin.ts';
import * as reference from './references.ts';

export interface Input {
  run(crypto: Crypto): Uint8Array;
  expected(): Uint8Array;
}

export type Algorithm = (world: World) => Input;

/** Mostly short, where the ends of blocks are; sometimes long, where loops are. */
function length(world: World): number {
  const chance = world.chance();
  return world.pick(chance < 0.5 ? 100 : chance < 0.9 ? 600 : 4_000);
}

/** Cuts at up to two places. */
function cut(world: World, bytes: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const [a, b] = [world.pick(bytes.length + 1), world.pick(bytes.length + 1)].toSorted((x, y) => x - y) as [
    number,
    number,
  ];
  return [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)];
}

function hash(name: HashName): Algorithm {
  return (world) => {
    const bytes = world.bytes(length(world));
    const parts = cut(world, bytes);
    return {
      run: (crypto) => crypto.digest(name, ...parts),
      expected: () => reference.digest(name, bytes),
    };
  };
}

function mac(name: HashName): Algorithm {
  return (world) => {
    const key = world.bytes(world.pick(100));
    const bytes = world.bytes(length(world));
    const parts = cut(world, bytes);
    return {
      run(crypto) {
        const hmac = crypto.hmac(name, key);
        const tag = hmac.digest(...parts);
        hmac.release();
        return tag;
      },
      expected: () => reference.hmac(name, key, bytes),
    };
  };
}

function cbc(name: BlockCipher, way: 'encrypt' | 'decrypt'): Algorithm {
  const block = reference.BLOCK_BYTES[name];
  return (world) => {
    const key = world.bytes(reference.KEY_BYTES[name]);
    const iv = world.bytes(block);
    const bytes = world.bytes(block * world.pick(world.chance() < 0.9 ? 20 : 100));
    const first = block * world.pick(bytes.length / block + 1);
    return {
      run(crypto) {
        const cipher = new Cbc(crypto, name, way, key, iv);
        const output = bytes.slice();
        cipher.apply(output.subarray(0, first));
        cipher.apply(output.subarray(first));
        cipher.release();
        return output;
      },
      expected: () => reference.cbc(name, way, key, iv, bytes),
    };
  };
}

function rc4(world: World): Input {
  const key = world.bytes(world.chance() < 0.5 ? 16 : 1 + world.pick(256));
  const bytes = world.bytes(length(world));
  const parts = cut(world, bytes);
  return {
    run(crypto) {
      const cipher = new Rc4(crypto, key);
      const output = Buffer.concat(parts.map((part) => cipher.apply(part.slice())));
      cipher.release();
      return output;
    },
    expected: () => reference.rc4(key, bytes),
  };
}

function chacha(world: World): Input {
  const [key, nonce, counter] = [world.bytes(32), world.bytes(12), world.pick(0xffff_ff00)];
  const bytes = world.bytes(length(world));
  return {
    run: (crypto) => chacha20(crypto, key, nonce, counter, bytes.slice()),
    expected: () => reference.chacha20(key, nonce, counter, bytes),
  };
}

function poly(world: World): Input {
  const key = world.bytes(32);
  const bytes = world.bytes(length(world));
  // Carries go far when most bits are set.
  if (world.chance() < 0.3) for (let i = 0; i < bytes.length; i++) bytes[i]! |= world.chance() < 0.9 ? 0xff : 0;
  if (world.chance() < 0.3) key.fill(0xff, 0, 16);
  return {
    run: (crypto) => poly1305(crypto, key, bytes),
    expected: () => reference.poly1305(key, bytes),
  };
}

function aead(way: 'seal' | 'open'): Algorithm {
  return (world) => {
    const [key, nonce, additional] = [world.bytes(32), world.bytes(12), world.bytes(world.pick(50))];
    const bytes = world.bytes(length(world));
    const sealed = way === 'open' ? reference.seal(key, nonce, additional, bytes) : bytes;
    return {
      run(crypto) {
        const cipher = new ChaCha20Poly1305(crypto, key);
        const [output] = cipher[way]([{ nonce, additional, bytes: sealed }]);
        cipher.release();
        return output!.slice();
      },
      expected: () => (way === 'open' ? bytes : reference.seal(key, nonce, additional, bytes)),
    };
  };
}

/** Several records of a random suite and version; the twin opens them, or made them with any padding. */
function records(way: 'seal' | 'open'): Algorithm {
  return (world) => {
    const suite = SUITES[world.pick(SUITES.length)]!;
    const version = VERSIONS[world.pick(VERSIONS.length)]!;
    const keys = makeKeys(suite, world);
    const parts = Array.from({ length: 1 + world.pick(3) }, () => world.bytes(1 + length(world)));
    const twin = new RecordTwin(suite, version, keys);
    if (way === 'seal')
      return { run: (crypto) => sealed(crypto, suite, version, keys, parts), expected: () => join(...parts) };
    const stream = join(
      ...parts.map((part) => {
        const longest = version === SSL3 ? suite.block : 256;
        const padding = leastPadding(suite, part.length) + suite.block * world.pick(longest / suite.block);
        return twin.seal(DATA, part, suite.block === 1 ? {} : { padding, iv: world.bytes(suite.block) });
      }),
    );
    // No more than ten of them: each costs a call.
    const piece = Math.ceil(stream.length / 10) + world.pick(stream.length);
    return { run: (crypto) => opened(crypto, suite, version, keys, stream, piece), expected: () => join(...parts) };
  };
}

function sealed(crypto: Crypto, suite: Suite, version: number, keys: Uint8Array, parts: Uint8Array[]): Uint8Array {
  const writer = new RecordWriter(crypto);
  writer.protect(suite.id, version, keys);
  const stream = join(...parts.map((part) => writer.seal(DATA, part).slice()));
  writer.release();
  const twin = new RecordTwin(suite, version, keys);
  return join(...recordsOf(stream).map((record) => twin.open(record)!.data));
}

function opened(
  crypto: Crypto,
  suite: Suite,
  version: number,
  keys: Uint8Array,
  stream: Uint8Array,
  piece: number,
): Uint8Array {
  const reader = new RecordReader(crypto);
  reader.protect(suite.id, version, keys);
  const found: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += piece) {
    const { result, delivered } = read(reader, stream.subarray(at, at + piece), at % 2 === 0);
    if (result !== 'read') throw new Error(`${suite.name}, 0x${version.toString(16)}: ${result}`);
    found.push(...delivered.map(({ data }) => data));
  }
  reader.release();
  return join(...found);
}

const HASH_NAMES = Object.keys(HASHES) as HashName[];
const BLOCK_CIPHERS = Object.keys(reference.KEY_BYTES) as BlockCipher[];

export const ALGORITHMS: [name: string, algorithm: Algorithm][] = [
  ...HASH_NAMES.map((name): [string, Algorithm] => [name, hash(name)]),
  ...HASH_NAMES.map((name): [string, Algorithm] => [`hmac-${name}`, mac(name)]),
  ['rc4', rc4],
  ...BLOCK_CIPHERS.flatMap((name): [string, Algorithm][] => [
    [`${name}, encryption`, cbc(name, 'encrypt')],
    [`${name}, decryption`, cbc(name, 'decrypt')],
  ]),
  ['chacha20', chacha],
  ['poly1305', poly],
  ['chacha20-poly1305, sealing', aead('seal')],
  ['chacha20-poly1305, opening', aead('open')],
  ['records, sealing', records('seal')],
  ['records, opening', records('open')],
];
