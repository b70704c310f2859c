/** Decides which TLS engine takes a connection, and makes this program's own one for it. */

import { fromBase64 } from '../base64.ts';
import type { Crypto } from '../crypto/module.ts';
import type { Certificates, Clock, Random, RsaKey, TlsEndpoint, TlsSelector } from '../host.ts';
import { TlsProblem } from './alerts.ts';
import { concat } from './bytes.ts';
import type { TlsChoice } from './choice.ts';
import { type ClientHello, MESSAGES, parseClientHello, parseV2Hello } from './hello.ts';
import { agree, LegacyTlsServer } from './server.ts';
import { SessionCache } from './sessions.ts';
import { FALLBACK_SCSV, RENEGOTIATION_SCSV, SUITES, TLS12 } from './suites.ts';

const TLS13 = 0x304;
/** A ClientHello has some hundred bytes; what needs more than that is for the runtime to judge. */
const LOOK_BYTES = 16_384;
const HEADER_BYTES = 5;
const HANDSHAKE = 22;

export interface LegacyListenerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly certificates: Certificates;
  /** PEM, the server's own certificate first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

/** Sessions are kept for all connections of a listener. */
export class LegacyListener implements TlsSelector {
  readonly only: boolean;
  readonly #options: LegacyListenerOptions;
  readonly #legacy: NonNullable<TlsChoice['legacy']>;
  readonly #highest: number;
  readonly #sessions = new SessionCache();
  readonly #chain: readonly Uint8Array[];
  readonly #key: RsaKey;

  /** Throws when the key is not for RSA. */
  constructor(choice: TlsChoice & { legacy: object }, options: LegacyListenerOptions) {
    this.#options = options;
    this.#legacy = choice.legacy;
    this.only = choice.modern === undefined;
    const last = Math.max(...choice.legacy.suites.map((suite) => suite.last));
    this.#highest = this.only ? last : TLS13;
    this.#chain = readChain(options.certificate);
    const key = options.certificates.rsaKey(options.key);
    if (key === undefined) {
      const names = choice.legacy.suites.map(({ name }) => name).join(', ');
      throw new Error(`${names} need a private key for RSA, and the one of tls.key is for another algorithm`);
    }
    this.#key = key;
  }

  /** By the first bytes of a connection: which engine takes it, or undefined when there are too few of them. */
  choose(first: Uint8Array): 'runtime' | 'engine' | undefined {
    if (this.only) return 'engine';
    const hello = lookForHello(first);
    if (hello === 'more') return first.length < LOOK_BYTES ? undefined : 'runtime';
    // What is no ClientHello gets the runtime's answer.
    if (hello === undefined || isModern(hello)) return 'runtime';
    const { suites, minimum } = this.#legacy;
    return agree(hello, suites, minimum) === undefined ? 'runtime' : 'engine';
  }

  open(): TlsEndpoint {
    const { crypto, random, clock } = this.#options;
    return new LegacyTlsServer({
      ...{ crypto, random, now: clock.now(), key: this.#key, certificates: this.#chain, sessions: this.#sessions },
      ...{ suites: this.#legacy.suites, minimum: this.#legacy.minimum, highest: this.#highest },
    });
  }
}

/** TLS 1.3, or 1.2 with something that only the runtime has. */
function isModern({ tls13, version, suites }: ClientHello): boolean {
  if (tls13) return true;
  // Those of SSL 2.0 have three bytes, and the runtime has none of them.
  return version >= TLS12 && suites.some((suite) => suite <= 0xffff && !OWN.has(suite) && !isGrease(suite));
}

const OWN: ReadonlySet<number> = new Set([...SUITES.map(({ id }) => id), FALLBACK_SCSV, RENEGOTIATION_SCSV]);

/** RFC 8701 §2. */
function isGrease(suite: number): boolean {
  return (suite & 0x0f0f) === 0x0a0a && suite >> 8 === (suite & 0xff);
}

/** The ClientHello, which may be cut into several records; undefined when it is none. */
function lookForHello(bytes: Uint8Array): ClientHello | 'more' | undefined {
  try {
    return isV2(bytes) ? lookForV2(bytes) : lookForV3(bytes);
  } catch (error) {
    if (error instanceof TlsProblem) return undefined;
    throw error;
  }
}

function isV2(bytes: Uint8Array): boolean {
  return bytes.length > 0 && (bytes[0]! & 0x80) !== 0;
}

function lookForV2(bytes: Uint8Array): ClientHello | 'more' | undefined {
  if (bytes.length < 3) return 'more';
  if (bytes[2] !== MESSAGES.clientHello) return undefined;
  const end = 2 + (((bytes[0]! & 0x7f) << 8) | bytes[1]!);
  return bytes.length < end ? 'more' : parseV2Hello(bytes.subarray(2, end));
}

function lookForV3(bytes: Uint8Array): ClientHello | 'more' | undefined {
  /** Type and length of the message. Nothing else of it is touched before it is whole: somebody may send it byte by byte. */
  const head: number[] = [];
  let found = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE) return undefined;
    if (bytes.length - at < HEADER_BYTES) return 'more';
    if (bytes[at + 1] !== 3) return undefined;
    const start = at + HEADER_BYTES;
    at = start + ((bytes[at + 3]! << 8) | bytes[at + 4]!);
    if (at > bytes.length) return 'more';
    for (let i = start; i < at && head.length < 4; i++) head.push(bytes[i]!);
    found += at - start;
    if (head.length > 0 && head[0] !== MESSAGES.clientHello) return undefined;
    if (head.length < 4) continue;
    const length = (head[1]! << 16) | (head[2]! << 8) | head[3]!;
    if (found >= 4 + length) return parseClientHello(dataOf(bytes.subarray(0, at)).subarray(4, 4 + length));
  }
  return 'more';
}

/** Of whole records. */
function dataOf(records: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < records.length; ) {
    const end = at + HEADER_BYTES + ((records[at + 3]! << 8) | records[at + 4]!);
    parts.push(records.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return concat(...parts);
}

/** The certificates of a PEM in DER. */
function readChain(pem: string): Uint8Array[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => fromBase64(block.replace(/-----[^-]+-----|\s/g, '')));
}
