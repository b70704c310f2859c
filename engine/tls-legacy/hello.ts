/** ClientHello and ServerHello (RFC 5246 §7.4.1, RFC 6101 §5.6.1), and the ClientHello of SSL 2.0 (RFC 5246 §E.2). */

import { TlsProblem } from './alerts.ts';
import { concat, number, Reader, vector } from './bytes.ts';
import { RENEGOTIATION_SCSV, type Version } from './suites.ts';

/** RFC 5246 §7.4. */
export const MESSAGES = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const RANDOM_BYTES = 32;
const SESSION_ID_MAX = 32;

/** RFC 6066 §3, RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.1, RFC 5746 §3.2. */
const SERVER_NAME = 0;
const SIGNATURE_ALGORITHMS = 13;
const SUPPORTED_VERSIONS = 43;
const RENEGOTIATION_INFO = 0xff01;

export interface ClientHello {
  /** The highest that the client has, as the field says: 0x303 for TLS 1.3 too. */
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  /** Whether TLS 1.3 is among its versions (RFC 8446 §4.2.1). */
  readonly tls13: boolean;
  /** It knows secure renegotiation (RFC 5746). */
  readonly renegotiationInfo: boolean;
}

/** @param body Without the header of the message. Throws a `TlsProblem`. */
export function parseClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body, 'ClientHello');
  const version = reader.number(2);
  const random = reader.take(RANDOM_BYTES).slice();
  const sessionId = reader.vector(1).slice();
  if (sessionId.length > SESSION_ID_MAX) throw new TlsProblem('decode_error', 'its session id is too long');
  const suites = numbers(reader.vector(2), 2);
  const compressions = reader.vector(1);
  if (!compressions.includes(0)) throw new TlsProblem('illegal_parameter', 'it wants every record compressed');
  const extensions = parseExtensions(reader);
  return {
    ...{ version, random, sessionId, suites },
    tls13: offersTls13(extensions.get(SUPPORTED_VERSIONS)),
    renegotiationInfo: checkRenegotiation(extensions.get(RENEGOTIATION_INFO)) || suites.includes(RENEGOTIATION_SCSV),
  };
}

/** The ClientHello of SSL 2.0, by which a client that knows both asks for SSL 3.0 or later. */
export function parseV2Hello(body: Uint8Array): ClientHello {
  const reader = new Reader(body, 'ClientHello of SSL 2.0');
  reader.take(1);
  const version = reader.number(2);
  const [suiteBytes, sessionBytes, challengeBytes] = [reader.number(2), reader.number(2), reader.number(2)];
  if (suiteBytes % 3 !== 0 || sessionBytes !== 0 || challengeBytes < 16 || challengeBytes > 32) {
    throw new TlsProblem('illegal_parameter', 'its ClientHello of SSL 2.0 has impossible lengths');
  }
  const suites = numbers(reader.take(suiteBytes), 3);
  const challenge = reader.take(challengeBytes);
  reader.end();
  const random = new Uint8Array(RANDOM_BYTES);
  random.set(challenge, RANDOM_BYTES - challenge.length);
  const renegotiationInfo = suites.includes(RENEGOTIATION_SCSV);
  return { version, random, sessionId: new Uint8Array(0), suites, tls13: false, renegotiationInfo };
}

export interface ClientHelloFields {
  readonly version: Version;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  /** For SNI, as SoftEther sends it: address literals too (`protocol/control-plane.md` §1.2). */
  readonly host: string;
}

export function buildClientHello({ version, random, sessionId, suites, host }: ClientHelloFields): Uint8Array {
  const hello = concat(
    number(version, 2),
    random,
    vector(1, sessionId),
    vector(2, ...[...suites, RENEGOTIATION_SCSV].map((suite) => number(suite, 2))),
    vector(1, number(0, 1)),
  );
  // Servers of SSL 3.0 do not know extensions.
  if (version < 0x301) return hello;
  const name = new TextEncoder().encode(host);
  const extensions = [extension(SERVER_NAME, vector(2, number(0, 1), vector(2, name)))];
  if (version === 0x303) extensions.push(extension(SIGNATURE_ALGORITHMS, vector(2, SIGNATURES)));
  return concat(hello, vector(2, ...extensions));
}

/** RSA with SHA-256, 384, 512 and 1: what a certificate of such a server may be signed with. */
const SIGNATURES = Uint8Array.of(4, 1, 5, 1, 6, 1, 2, 1);

export interface ServerHello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: number;
}

export function parseServerHello(body: Uint8Array): ServerHello {
  const reader = new Reader(body, 'ServerHello');
  const version = reader.number(2);
  const random = reader.take(RANDOM_BYTES).slice();
  const sessionId = reader.vector(1).slice();
  if (sessionId.length > SESSION_ID_MAX) throw new TlsProblem('decode_error', 'its session id is too long');
  const suite = reader.number(2);
  if (reader.number(1) !== 0) throw new TlsProblem('illegal_parameter', 'it compresses records, which was not offered');
  checkRenegotiation(parseExtensions(reader).get(RENEGOTIATION_INFO));
  return { version, random, sessionId, suite };
}

export function buildServerHello(hello: ServerHello, renegotiationInfo: boolean): Uint8Array {
  const { version, random, sessionId, suite } = hello;
  const body = concat(number(version, 2), random, vector(1, sessionId), number(suite, 2), number(0, 1));
  // RFC 5746 §3.6: nothing was negotiated before.
  return renegotiationInfo ? concat(body, vector(2, extension(RENEGOTIATION_INFO, vector(1)))) : body;
}

/** A handshake message: type, length, body (RFC 5246 §7.4). */
export function message(type: number, body: Uint8Array): Uint8Array {
  return concat(number(type, 1), vector(3, body));
}

function extension(type: number, body: Uint8Array): Uint8Array {
  return concat(number(type, 2), vector(2, body));
}

function parseExtensions(reader: Reader): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  // RFC 6101 §5.6.1.2 allows anything behind a ClientHello of SSL 3.0; later it is a vector.
  if (reader.left === 0) return found;
  const extensions = new Reader(reader.vector(2), 'extensions');
  reader.end();
  while (extensions.left > 0) {
    const type = extensions.number(2);
    if (found.has(type)) throw new TlsProblem('illegal_parameter', `it sends extension ${type} twice`);
    found.set(type, extensions.vector(2));
  }
  return found;
}

/** RFC 5746 §3.4: on a first handshake it is empty. Returns whether it is there. */
function checkRenegotiation(body: Uint8Array | undefined): boolean {
  if (body === undefined) return false;
  if (body.length !== 1 || body[0] !== 0) {
    throw new TlsProblem('handshake_failure', 'it goes on from a handshake that was never made');
  }
  return true;
}

function offersTls13(body: Uint8Array | undefined): boolean {
  if (body === undefined) return false;
  return numbers(new Reader(body, 'supported_versions').vector(1), 2).includes(0x304);
}

function numbers(bytes: Uint8Array, size: 2 | 3): number[] {
  if (bytes.length % size !== 0) throw new TlsProblem('decode_error', 'a list of it ends in the middle of an entry');
  const reader = new Reader(bytes, 'list');
  return Array.from({ length: bytes.length / size }, () => reader.number(size));
}
