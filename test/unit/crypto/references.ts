/** What the module is compared with: node:crypto where the runtime has the algorithm, else a library or a twin. */

import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { poly1305 as noblePoly1305 } from '@noble/ciphers/_poly1305.js';
import { chacha20poly1305 as nobleAead, chacha20 as nobleChacha20 } from '@noble/ciphers/chacha.js';
import forge from 'node-forge';
import type { BlockCipher } from '../../../engine/crypto/ciphers.ts';
import type { HashName } from '../../../engine/crypto/module.ts';
import { viewOf } from './bytes.ts';
import { Rc4Twin } from './twins.ts';

const NODE_NAMES: Record<BlockCipher, string> = {
  'aes-128': 'aes-128-cbc',
  'aes-256': 'aes-256-cbc',
  des: 'des-cbc',
  '3des': 'des-ede3-cbc',
};
const FORGE_NAMES: Record<BlockCipher, forge.cipher.Algorithm> = {
  'aes-128': 'AES-CBC',
  'aes-256': 'AES-CBC',
  des: 'DES-CBC',
  '3des': '3DES-CBC',
};
const TAG = { authTagLength: 16 } as const;

export const KEY_BYTES: Record<BlockCipher, number> = { 'aes-128': 16, 'aes-256': 32, des: 8, '3des': 24 };
export const BLOCK_BYTES: Record<BlockCipher, number> = { 'aes-128': 16, 'aes-256': 16, des: 8, '3des': 8 };

/** Node has no RC4 and no DES, Bun no ChaCha20: it shows when a cipher is made, not in a list of names. */
const has = {
  rc4: can(() => createCipheriv('rc4', new Uint8Array(16), null)),
  des: can(() => createCipheriv('des-cbc', new Uint8Array(8), new Uint8Array(8))),
  chacha20: can(() => createCipheriv('chacha20', new Uint8Array(32), new Uint8Array(16))),
  aead: can(() => createCipheriv('chacha20-poly1305', new Uint8Array(32), new Uint8Array(12), TAG)),
};

/** Not a Buffer, of which `slice` is no copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function can(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

export function digest(hash: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const made = createHash(hash);
  for (const part of parts) made.update(part);
  return plain(made.digest());
}

export function hmac(hash: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const made = createHmac(hash, key);
  for (const part of parts) made.update(part);
  return plain(made.digest());
}

export function rc4(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  // Keys of other lengths are refused by node:crypto.
  if (has.rc4 && key.length === 16) return plain(createCipheriv('rc4', key, null).update(bytes));
  return new Rc4Twin(key).apply(bytes);
}

/** Whole blocks. */
export function cbc(
  name: BlockCipher,
  way: 'encrypt' | 'decrypt',
  key: Uint8Array,
  iv: Uint8Array,
  bytes: Uint8Array,
): Uint8Array {
  if (name === 'des' && !has.des) return forgeCbc(name, way, key, iv, bytes);
  const cipher = (way === 'encrypt' ? createCipheriv : createDecipheriv)(NODE_NAMES[name], key, iv);
  return plain(cipher.setAutoPadding(false).update(bytes));
}

/** The same in JavaScript. */
export function forgeCbc(
  name: BlockCipher,
  way: 'encrypt' | 'decrypt',
  key: Uint8Array,
  iv: Uint8Array,
  bytes: Uint8Array,
): Uint8Array {
  const buffer = (of: Uint8Array) => forge.util.createBuffer(viewOf(of).toString('latin1'));
  const make = way === 'encrypt' ? forge.cipher.createCipher : forge.cipher.createDecipher;
  const cipher = make(FORGE_NAMES[name], buffer(key));
  cipher.start({ iv: buffer(iv) });
  cipher.update(buffer(bytes));
  // Its types do not know of the argument: what pads, or takes the padding away.
  (cipher as unknown as { finish(pad: () => boolean): boolean }).finish(() => true);
  return plain(Buffer.from(cipher.output.getBytes(), 'latin1'));
}

export function chacha20(key: Uint8Array, nonce: Uint8Array, counter: number, bytes: Uint8Array): Uint8Array {
  if (!has.chacha20) return nobleChacha20(key, nonce, bytes, undefined, counter);
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(counter);
  iv.set(nonce, 4);
  return plain(createCipheriv('chacha20', key, iv).update(bytes));
}

export function poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
  return noblePoly1305(message, key);
}

/** Cipher text and tag. */
export function seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (!has.aead) return nobleAead(key, nonce, additional).encrypt(bytes);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, TAG);
  cipher.setAAD(additional, { plaintextLength: bytes.length });
  const sealed = cipher.update(bytes);
  cipher.final();
  return plain(Buffer.concat([sealed, cipher.getAuthTag()]));
}
