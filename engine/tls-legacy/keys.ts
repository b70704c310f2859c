/** From the premaster secret to keys and Finished messages: RFC 5246 §5, §6.3, §7.4.9; RFC 2246 §5; RFC 6101 §6. */

import type { Crypto, HashName } from '../crypto/module.ts';
import { concat } from './bytes.ts';
import { SSL3, type Suite, TLS12, type Version } from './suites.ts';

export const MASTER_BYTES = 48;
const FINISHED_BYTES = 12;

/** What keys are made of. */
export interface Secrets {
  readonly version: Version;
  readonly master: Uint8Array;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
}

export type Side = 'client' | 'server';

/** The premaster secret is the caller's to wipe. */
export function masterSecret(
  crypto: Crypto,
  version: Version,
  premaster: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Uint8Array {
  const seed = concat(clientRandom, serverRandom);
  if (version === SSL3) return ssl3Bytes(crypto, premaster, seed, MASTER_BYTES);
  return prf(crypto, version, premaster, 'master secret', seed, MASTER_BYTES);
}

/** For each side what it sends with: MAC key, cipher key and IV, one behind the other. */
export function keyBlock(crypto: Crypto, secrets: Secrets, suite: Suite): Readonly<Record<Side, Uint8Array>> {
  const { version, master, clientRandom, serverRandom } = secrets;
  const parts = [suite.macBytes, suite.keyBytes, suite.ivBytes];
  const length = 2 * parts.reduce((sum, part) => sum + part, 0);
  const seed = concat(serverRandom, clientRandom);
  const block =
    version === SSL3
      ? ssl3Bytes(crypto, master, seed, length)
      : prf(crypto, version, master, 'key expansion', seed, length);
  const sides: Record<Side, Uint8Array[]> = { client: [], server: [] };
  let at = 0;
  for (const part of parts) {
    for (const side of ['client', 'server'] as const) {
      sides[side].push(block.subarray(at, at + part));
      at += part;
    }
  }
  const keys = { client: concat(...sides.client), server: concat(...sides.server) };
  block.fill(0);
  return keys;
}

/** What the Finished message of `side` says of all handshake messages before it. */
export function finishedData(
  crypto: Crypto,
  secrets: Secrets,
  side: Side,
  messages: readonly Uint8Array[],
): Uint8Array {
  const { version, master } = secrets;
  if (version === SSL3) {
    const sender = new TextEncoder().encode(side === 'client' ? 'CLNT' : 'SRVR');
    return concat(
      ssl3Hash(crypto, 'md5', 48, master, [...messages, sender]),
      ssl3Hash(crypto, 'sha1', 40, master, [...messages, sender]),
    );
  }
  const hashes: HashName[] = version === TLS12 ? ['sha256'] : ['md5', 'sha1'];
  const seed = concat(...hashes.map((hash) => crypto.digest(hash, ...messages)));
  return prf(crypto, version, master, `${side} finished`, seed, FINISHED_BYTES);
}

function prf(
  crypto: Crypto,
  version: Version,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelled = concat(new TextEncoder().encode(label), seed);
  if (version === TLS12) return expand(crypto, 'sha256', secret, labelled, length);
  // RFC 2246 §5: the halves share a byte when the length is odd.
  const half = (secret.length + 1) >>> 1;
  const output = expand(crypto, 'md5', secret.subarray(0, half), labelled, length);
  const other = expand(crypto, 'sha1', secret.subarray(secret.length - half), labelled, length);
  for (let i = 0; i < length; i++) output[i]! ^= other[i]!;
  other.fill(0);
  return output;
}

/** P_hash, RFC 5246 §5. */
function expand(crypto: Crypto, hash: HashName, secret: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  const hmac = crypto.hmac(hash, secret);
  let a = hmac.digest(seed);
  for (let at = 0; at < length; ) {
    const part = hmac.digest(a, seed);
    output.set(part.subarray(0, length - at), at);
    at += part.length;
    part.fill(0);
    a = hmac.digest(a);
  }
  hmac.release();
  return output;
}

/** RFC 6101 §6.1 and §6.2.2: MD5 of the secret and SHA-1 of 'A', 'BB', 'CCC' and so on in front of it. */
function ssl3Bytes(crypto: Crypto, secret: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  for (let at = 0, round = 0; at < length; at += 16, round++) {
    const salt = new Uint8Array(round + 1).fill(0x41 + round);
    const part = crypto.digest('md5', secret, crypto.digest('sha1', salt, secret, seed));
    output.set(part.subarray(0, length - at), at);
    part.fill(0);
  }
  return output;
}

/** RFC 6101 §5.6.9. */
function ssl3Hash(
  crypto: Crypto,
  hash: HashName,
  padBytes: number,
  master: Uint8Array,
  messages: readonly Uint8Array[],
): Uint8Array {
  const pad = (byte: number): Uint8Array => new Uint8Array(padBytes).fill(byte);
  const inner = crypto.digest(hash, ...messages, master, pad(0x36));
  return crypto.digest(hash, master, pad(0x5c), inner);
}
