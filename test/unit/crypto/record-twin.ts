/**
 * A plain twin of the protection of records: SSL 3.0 (RFC 6101 §5.2.3), TLS 1.0 (RFC 2246 §6.2.3), 1.1 and 1.2 (RFC 4346
 * and RFC 5246 §6.2.3). It seals what a peer may send, and what none may.
 */

import type { BlockCipher } from '../../../engine/crypto/ciphers.ts';
import type { HashName } from '../../../engine/crypto/module.ts';
import type { World } from '../../sim/world.ts';
import { join } from '../core/rig.ts';
import { viewOf } from './bytes.ts';
import * as reference from './references.ts';
import { Rc4Twin } from './twins.ts';

export interface Suite {
  readonly id: number;
  readonly name: string;
  readonly hash: HashName;
  readonly mac: number;
  /** Of the cipher. */
  readonly key: number;
  /** Undefined: RC4. */
  readonly cipher: BlockCipher | undefined;
  /** 1 for a stream. */
  readonly block: number;
}

/** RFC 5246 appendix C, RFC 2246 appendix C. */
export const SUITES: readonly Suite[] = [
  { id: 0x0004, name: 'RC4-MD5', hash: 'md5', mac: 16, key: 16, cipher: undefined, block: 1 },
  { id: 0x0005, name: 'RC4-SHA', hash: 'sha1', mac: 20, key: 16, cipher: undefined, block: 1 },
  { id: 0x0009, name: 'DES-CBC-SHA', hash: 'sha1', mac: 20, key: 8, cipher: 'des', block: 8 },
  { id: 0x000a, name: 'DES-CBC3-SHA', hash: 'sha1', mac: 20, key: 24, cipher: '3des', block: 8 },
  { id: 0x002f, name: 'AES128-SHA', hash: 'sha1', mac: 20, key: 16, cipher: 'aes-128', block: 16 },
  { id: 0x0035, name: 'AES256-SHA', hash: 'sha1', mac: 20, key: 32, cipher: 'aes-256', block: 16 },
];

export const [RC4_MD5, , , TRIPLE_DES, AES128] = SUITES as readonly [Suite, Suite, Suite, Suite, Suite, Suite];

export const SSL3 = 0x300;
export const TLS1 = 0x301;
export const TLS11 = 0x302;
export const TLS12 = 0x303;
export const VERSIONS: readonly number[] = [SSL3, TLS1, TLS11, TLS12];

export const HEADER_BYTES = 5;

/** MAC key, cipher key and IV, one behind the other. */
export function makeKeys(suite: Suite, world: World): Uint8Array<ArrayBuffer> {
  return world.bytes(suite.mac + suite.key + (suite.block === 1 ? 0 : suite.block));
}

/** Bytes of a record in front of what is encrypted. */
export function headBytes(suite: Suite, version: number): number {
  return HEADER_BYTES + (suite.block > 1 && version >= TLS11 ? suite.block : 0);
}

/** The shortest padding: its length byte's value. */
export function leastPadding(suite: Suite, length: number): number {
  return suite.block - 1 - ((length + suite.mac) % suite.block);
}

export interface SealOptions {
  /** The value of the last byte; the least when absent. With that byte it has to fill the last block. */
  readonly padding?: number;
  /** Of TLS 1.1 and above; zeros when absent. */
  readonly iv?: Uint8Array;
  /** Changes data, MAC and padding before they are encrypted. */
  readonly spoil?: (plain: Uint8Array) => void;
}

/** One direction of a connection, either end of it. */
export class RecordTwin {
  readonly #suite: Suite;
  readonly #version: number;
  readonly #macKey: Uint8Array;
  readonly #key: Uint8Array;
  readonly #stream: Rc4Twin | undefined;
  #iv: Uint8Array;
  #sequence: bigint;

  /** @param sequence Of the next record. */
  constructor(suite: Suite, version: number, keys: Uint8Array, sequence = 0) {
    this.#suite = suite;
    this.#version = version;
    this.#macKey = keys.slice(0, suite.mac);
    this.#key = keys.slice(suite.mac, suite.mac + suite.key);
    this.#iv = keys.slice(suite.mac + suite.key);
    this.#stream = suite.cipher === undefined ? new Rc4Twin(this.#key) : undefined;
    this.#sequence = BigInt(sequence);
  }

  seal(type: number, data: Uint8Array, { padding, iv, spoil }: SealOptions = {}): Uint8Array<ArrayBuffer> {
    const { block } = this.#suite;
    let plain = join(data, this.#mac(type, data));
    if (block > 1) {
      const fill = padding ?? leastPadding(this.#suite, data.length);
      plain = join(plain, new Uint8Array(fill + 1).fill(fill));
    }
    spoil?.(plain);
    const front = this.#explicit ? (iv ?? new Uint8Array(block)) : new Uint8Array(0);
    if (this.#explicit) this.#iv = front;
    const sealed = this.#encrypt(plain);
    return join(this.#header(type, front.length + sealed.length), front, sealed);
  }

  /** Of exactly one record; undefined when it is not what the other end sealed. */
  open(record: Uint8Array): { type: number; data: Uint8Array } | undefined {
    const { mac, block } = this.#suite;
    const type = record[0]!;
    let sealed = record.subarray(HEADER_BYTES);
    if (!viewOf(record.subarray(0, HEADER_BYTES)).equals(this.#header(type, sealed.length))) return undefined;
    if (this.#explicit) {
      this.#iv = sealed.slice(0, block);
      sealed = sealed.subarray(block);
    }
    if (sealed.length % block !== 0) return undefined;
    const plain = this.#decrypt(sealed);
    const padding = this.#paddingOf(plain);
    if (padding === undefined) return undefined;
    const length = plain.length - padding - mac;
    const data = plain.slice(0, length);
    if (!viewOf(this.#mac(type, data)).equals(plain.subarray(length, length + mac))) return undefined;
    return { type, data };
  }

  get #explicit(): boolean {
    return headBytes(this.#suite, this.#version) > HEADER_BYTES;
  }

  /** Its bytes and the length byte. */
  #paddingOf(plain: Uint8Array): number | undefined {
    const { mac, block } = this.#suite;
    if (plain.length < mac) return undefined;
    if (block === 1) return 0;
    const value = plain.at(-1)!;
    if (plain.length < mac + value + 1) return undefined;
    const content = plain.subarray(plain.length - 1 - value);
    // SSL 3.0 says nothing of the content, and that the padding is no longer than a block.
    const right = this.#version === SSL3 ? value < block : content.every((byte) => byte === value);
    return right ? value + 1 : undefined;
  }

  #mac(type: number, data: Uint8Array): Uint8Array {
    const prefix = Buffer.alloc(13);
    prefix.writeBigUInt64BE(this.#sequence++);
    prefix[8] = type;
    prefix.writeUInt16BE(this.#version, 9);
    prefix.writeUInt16BE(data.length, 11);
    const { hash } = this.#suite;
    if (this.#version !== SSL3) return reference.hmac(hash, this.#macKey, prefix, data);
    // RFC 6101 §5.2.3.1; the version is left out.
    const pad = (byte: number) => new Uint8Array(hash === 'md5' ? 48 : 40).fill(byte);
    const inner = [prefix.subarray(0, 9), prefix.subarray(11), data];
    return reference.digest(hash, this.#macKey, pad(0x5c), reference.digest(hash, this.#macKey, pad(0x36), ...inner));
  }

  #encrypt(plain: Uint8Array): Uint8Array {
    const { cipher, block } = this.#suite;
    if (cipher === undefined) return this.#stream!.apply(plain);
    const sealed = reference.cbc(cipher, 'encrypt', this.#key, this.#iv, plain);
    this.#iv = sealed.slice(-block);
    return sealed;
  }

  #decrypt(sealed: Uint8Array): Uint8Array {
    const { cipher, block } = this.#suite;
    if (cipher === undefined) return this.#stream!.apply(sealed);
    const plain = reference.cbc(cipher, 'decrypt', this.#key, this.#iv, sealed);
    if (sealed.length > 0) this.#iv = sealed.slice(-block);
    return plain;
  }

  #header(type: number, length: number): Uint8Array {
    return Uint8Array.of(type, this.#version >> 8, this.#version & 0xff, length >> 8, length & 0xff);
  }
}

/** The whole records of a stream. */
export function recordsOf(stream: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + HEADER_BYTES + ((stream[at + 3]! << 8) | stream[at + 4]!);
    if (end > stream.length) throw new Error('the last record is cut off');
    records.push(stream.slice(at, end));
    at = end;
  }
  return records;
}
