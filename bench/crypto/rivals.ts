/** The primitives as others have them: the runtime itself, and libraries in JavaScript and WebAssembly. */

import crypto, {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { cbc } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { createHMAC, createMD5, createSHA1, createSHA256 } from 'hash-wasm';
import sodium from 'libsodium-wrappers';
import forge from 'node-forge';
import { type BlockCipher, type Digest, messageBytes, type Primitive, RECIPES } from './primitives.ts';

export { nativeRc4, opensslSpeed } from './native.ts';
export type { Primitive } from './primitives.ts';

export interface Rival {
  readonly name: string;
  /** Once, on a whole message. */
  readonly run: () => void;
  /** Of the message: what was asked for, in CBC up to the next whole block. */
  readonly bytes: number;
}

/** What came out is given back, in whatever form the library has it. */
type Operation = () => unknown;
/** By name; undefined where there is none here. */
type Operations = Readonly<Record<string, Operation | undefined>>;

const TAG_BYTES = 16;
const NOBLE_HASHES = { md5, sha1, sha256 };
const HASH_WASM = { md5: createMD5, sha1: createSHA1, sha256: createSHA256 };
const FORGE_CIPHERS = {
  'aes-128-cbc': 'AES-CBC',
  'aes-256-cbc': 'AES-CBC',
  'des-cbc': 'DES-CBC',
  'des-ede3-cbc': '3DES-CBC',
} as const;

/** Those that there are here, made ready: only what each message needs is left to `run`. */
export async function rivals(primitive: Primitive, bytes: number): Promise<Rival[]> {
  const recipe = RECIPES[primitive];
  const length = messageBytes(recipe, bytes);
  const operations = await operationsOf();
  return Object.entries(operations).flatMap(([name, run]) => (run === undefined ? [] : [{ name, run, bytes: length }]));

  function operationsOf(): Operations | Promise<Operations> {
    const message = pattern(length, 1);
    switch (recipe.kind) {
      case 'hash':
        return hashes(recipe.digest, message);
      case 'hmac':
        return hmacs(recipe.digest, message);
      case 'rc4':
        return { 'node:crypto': nodeRc4(message) };
      case 'cbc':
        return cbcs(recipe.cipher, recipe.decrypt, message);
      case 'aead':
        return recipe.decrypt ? openers(message) : sealers(message);
    }
  }
}

async function hashes(digest: Digest, message: Uint8Array): Promise<Operations> {
  const text = binary(message);
  const forged = forge.md[digest].create();
  const wasm = await HASH_WASM[digest]();
  const noble = NOBLE_HASHES[digest];
  return {
    'node:crypto': nodeHash(digest, message),
    // The types leave out that a digest can be used again.
    'node-forge': () => (forged as typeof forged & { start(): typeof forged }).start().update(text).digest(),
    'hash-wasm': () => wasm.init().update(message).digest('binary'),
    '@noble/hashes': () => noble(message),
  };
}

async function hmacs(digest: Digest, message: Uint8Array): Promise<Operations> {
  const key = pattern(20, 2);
  const text = binary(message);
  const forged = forge.hmac.create();
  const wasm = await createHMAC(HASH_WASM[digest](), key);
  const noble = hmac.create(NOBLE_HASHES[digest], key);
  forged.start(digest, binary(key));
  return {
    'node:crypto': nodeHmac(digest, createSecretKey(key), message),
    'node-forge': () => {
      // The digest and the key of before. The types know only the second null.
      forged.start(null as never, null);
      forged.update(text);
      return forged.digest();
    },
    'hash-wasm': () => wasm.init().update(message).digest('binary'),
    '@noble/hashes': () => noble.clone().update(message).digest(),
  };
}

/** What is decrypted need not have been encrypted: without padding any blocks will do. */
function cbcs(cipher: BlockCipher, decrypt: boolean, message: Uint8Array): Operations {
  const key = pattern(cipher.keyBytes, 2);
  const iv = pattern(cipher.blockBytes, 3);
  const aes = cipher.name.startsWith('aes-');
  return {
    'node:crypto': nodeCbc(cipher, decrypt, createSecretKey(key), iv, message),
    'node-forge': forgeCbc(cipher, decrypt, key, iv, message),
    '@noble/ciphers': aes ? nobleCbc(decrypt, key, iv, message) : undefined,
  };
}

function forgeCbc(cipher: BlockCipher, decrypt: boolean, key: Uint8Array, iv: Uint8Array, message: Uint8Array) {
  const make = decrypt ? forge.cipher.createDecipher : forge.cipher.createCipher;
  const forged = make(FORGE_CIPHERS[cipher.name], binary(key));
  const start = { iv: binary(iv) };
  const text = binary(message);
  return () => {
    forged.start(start);
    // It takes all whole blocks; only padding would need a finish.
    forged.update(forge.util.createBuffer(text));
    return forged.output;
  };
}

/** Its ciphers are for one message each, and schedule the key for it. */
function nobleCbc(decrypt: boolean, key: Uint8Array, iv: Uint8Array, message: Uint8Array): Operation {
  const output = new Uint8Array(message.length);
  const options = { disablePadding: true };
  return decrypt
    ? () => cbc(key, iv, options).decrypt(message, output)
    : () => cbc(key, iv, options).encrypt(message, output);
}

async function sealers(message: Uint8Array): Promise<Operations> {
  await sodium.ready;
  const { key, nonce } = aeadSecrets();
  const output = new Uint8Array(message.length + TAG_BYTES);
  return {
    'node:crypto': nodeSeal(createSecretKey(key), nonce, message),
    'libsodium-wrappers': () => sodium.crypto_aead_chacha20poly1305_ietf_encrypt(message, null, null, nonce, key),
    '@noble/ciphers': () => chacha20poly1305(key, nonce).encrypt(message, output),
  };
}

async function openers(message: Uint8Array): Promise<Operations> {
  await sodium.ready;
  const { key, nonce } = aeadSecrets();
  const sealed = chacha20poly1305(key, nonce).encrypt(message);
  const output = new Uint8Array(message.length);
  return {
    'node:crypto': nodeOpen(createSecretKey(key), nonce, sealed),
    'libsodium-wrappers': () => sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, null, nonce, key),
    '@noble/ciphers': () => chacha20poly1305(key, nonce).decrypt(sealed, output),
  };
}

function aeadSecrets() {
  return { key: pattern(32, 2), nonce: pattern(12, 3) };
}

function nodeHash(digest: Digest, message: Uint8Array): Operation | undefined {
  // Faster, and not on every runtime: an import of the name alone would fail there.
  if (typeof crypto.hash === 'function') return probed(() => crypto.hash(digest, message, 'buffer'));
  return probed(() => createHash(digest).update(message).digest());
}

function nodeHmac(digest: Digest, key: KeyObject, message: Uint8Array): Operation | undefined {
  return probed(() => createHmac(digest, key).update(message).digest());
}

/** One stream that goes on from message to message, as in a tunnel. */
function nodeRc4(message: Uint8Array): Operation | undefined {
  try {
    const stream = createCipheriv('rc4', createSecretKey(pattern(16, 2)), null);
    return probed(() => stream.update(message));
  } catch {
    return undefined;
  }
}

function nodeCbc(cipher: BlockCipher, decrypt: boolean, key: KeyObject, iv: Uint8Array, message: Uint8Array) {
  const make = decrypt ? createDecipheriv : createCipheriv;
  return probed(() => {
    const made = make(cipher.name, key, iv);
    made.setAutoPadding(false);
    const output = made.update(message);
    made.final();
    return output;
  });
}

function nodeSeal(key: KeyObject, nonce: Uint8Array, message: Uint8Array): Operation | undefined {
  return probed(() => {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
    const output = cipher.update(message);
    cipher.final();
    return [output, cipher.getAuthTag()];
  });
}

function nodeOpen(key: KeyObject, nonce: Uint8Array, sealed: Uint8Array): Operation | undefined {
  const body = sealed.subarray(0, -TAG_BYTES);
  const tag = sealed.subarray(-TAG_BYTES);
  return probed(() => {
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(tag);
    const output = decipher.update(body);
    decipher.final();
    return output;
  });
}

/** Which algorithms a runtime says it has is not always what it has: whoever fails once is not there. */
function probed(operation: Operation): Operation | undefined {
  try {
    operation();
    return operation;
  } catch {
    return undefined;
  }
}

/** Bytes that are the same each time, and of other values for another seed. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 167 + seed * 59 + (i >> 8)) & 0xff);
}

/** As node-forge takes bytes. */
function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
