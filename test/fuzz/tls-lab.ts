/**
 * Connections of this program's own TLS that are the same at every run: with random numbers, certificate and RSA of their
 * own, so that what one side said in a good conversation can be played to the other one again.
 */

import { Crypto } from '../../engine/crypto/module.ts';
import type { Certificates, Random, RsaKey } from '../../engine/host.ts';
import { LegacyTlsClient, type TlsClientOptions } from '../../engine/tls-legacy/client.ts';
import type { LegacyTls } from '../../engine/tls-legacy/connection.ts';
import { LegacyTlsServer, type TlsServerOptions } from '../../engine/tls-legacy/server.ts';
import { hex, SessionCache, type TlsSession } from '../../engine/tls-legacy/sessions.ts';
import { SSL3, SUITES, type Suite, TLS12, VERSIONS, type Version } from '../../engine/tls-legacy/suites.ts';
import { cryptoBinary } from '../sim/host.ts';
import { join } from '../unit/core/rig.ts';
import { CERTIFICATE } from '../unit/tls/harness.ts';
import { Rng } from './rng.ts';
import { check } from './target.ts';

export interface Combination {
  readonly version: Version;
  readonly suite: Suite;
}

export const COMBINATIONS: readonly Combination[] = VERSIONS.flatMap((version) =>
  SUITES.filter(({ last }) => version <= last).map((suite) => ({ version, suite })),
);

/** A session of each combination, which both sides know. */
export const SESSIONS: readonly TlsSession[] = COMBINATIONS.map(({ version, suite }, i) => ({
  id: new Uint8Array(32).fill(0x77).fill(i, 0, 1),
  ...{ version, suite, master: new Uint8Array(48).fill(0x11).fill(i, 0, 1), chain: [CERTIFICATE] },
}));

/** A cache that is full of them at the beginning of each run, without the work. */
class KnownSessions extends SessionCache {
  readonly #find: (key: string) => TlsSession | undefined;
  readonly #gone = new Set<string>();

  constructor(find: (key: string) => TlsSession | undefined) {
    super();
    this.#find = find;
  }

  override get(key: string): TlsSession | undefined {
    const found = this.#gone.has(key) ? undefined : this.#find(key);
    return found === undefined ? undefined : { ...found, master: found.master.slice() };
  }

  override set(): void {}

  override delete(key: string): void {
    this.#gone.add(key);
  }
}

const BY_ID = new Map(SESSIONS.map((session) => [hex(session.id), session]));

const CLIENT_SEED = 21;
const SERVER_SEED = 22;
const ENCRYPTED_BYTES = 256;
/** The clients' random is 32 bytes, and their next 46 are the secret. */
const SECRET = (() => {
  const random = randomOf(CLIENT_SEED);
  random(32);
  return random(46);
})();

function randomOf(seed: number): Random {
  const rng = new Rng(seed);
  return (count) => rng.bytes(count);
}

/** "Encrypts" to a text that says the version, and nothing else. */
const certificates: Certificates = {
  rsaKey: () => undefined,
  encrypt(certificate, secret) {
    if (Buffer.compare(certificate, CERTIFICATE) !== 0) throw new Error('it is another one');
    return new Uint8Array(ENCRYPTED_BYTES).fill(0x99).fill(secret[0]!, 0, 1).fill(secret[1]!, 1, 2);
  },
  // TLS asks for none of these.
  facts: () => undefined,
  verify: () => false,
  issued: () => false,
};

/** A block that is right for such a text, and one that is wrong for any other. */
const key: RsaKey = {
  decrypt(encrypted) {
    const right = encrypted.length === ENCRYPTED_BYTES && encrypted.subarray(2).every((byte) => byte === 0x99);
    const block = new Uint8Array(ENCRYPTED_BYTES).fill(0x55);
    block.set([0, right ? 2 : 1]);
    block[ENCRYPTED_BYTES - 49] = 0;
    block.set(encrypted.subarray(0, 2), ENCRYPTED_BYTES - 48);
    block.set(SECRET, ENCRYPTED_BYTES - 46);
    return block;
  },
  sign: () => new Uint8Array(0),
};

export class FuzzLab {
  readonly crypto: Crypto;

  constructor(build: 'simd' | 'scalar') {
    this.crypto = new Crypto(cryptoBinary, { slots: 16, scalar: build === 'scalar', random: randomOf(23) });
  }

  client(session?: TlsSession, options: Partial<TlsClientOptions> = {}): LegacyTlsClient {
    return new LegacyTlsClient({
      ...{ crypto: this.crypto, random: randomOf(CLIENT_SEED), now: 0, certificates, suites: SUITES, minimum: SSL3 },
      ...{ host: 'localhost', place: '', sessions: new KnownSessions(() => session) },
      ...options,
    });
  }

  server(options: Partial<TlsServerOptions> = {}): LegacyTlsServer {
    return new LegacyTlsServer({
      ...{ crypto: this.crypto, random: randomOf(SERVER_SEED), now: 0, key, certificates: [CERTIFICATE] },
      ...{ suites: SUITES, minimum: SSL3, highest: TLS12, sessions: new KnownSessions((id) => BY_ID.get(id)) },
      ...options,
    });
  }
}

/** What the two sides of a good conversation said: the handshake, and what came behind it. */
export interface Conversation {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/**
 * A whole handshake of two ends, and then `more` of both of them.
 * @param more What each end sends once it is open.
 */
export function converse(
  client: LegacyTls,
  server: LegacyTls,
  more: (end: LegacyTls) => Uint8Array[] = () => [],
): Conversation {
  const said = { client: [] as Uint8Array[], server: [] as Uint8Array[] };
  const carry = (from: LegacyTls, to: LegacyTls, list: Uint8Array[]): boolean => {
    const bytes = from.takeOutput();
    if (bytes === undefined) return false;
    list.push(bytes);
    to.receive(bytes, () => true);
    return true;
  };
  while (carry(client, server, said.client) || carry(server, client, said.server));
  check(client.open && server.open, 'a handshake that was to be recorded has failed');
  said.client.push(...more(client));
  said.server.push(...more(server));
  client.release();
  server.release();
  return { client: join(...said.client), server: join(...said.server) };
}

/** What came of some bytes. */
export interface Outcome {
  readonly failure: string;
  readonly state: string;
  readonly output: Uint8Array;
  readonly delivered: Uint8Array;
}

/** Nothing that is answered to strangers is longer: a flight with the certificate, Finished, some alerts. */
const OUTPUT_MAX = 4_096;
const JUNK = [new Uint8Array(40).fill(0x17), Uint8Array.of(21, 3, 1, 0, 2, 2, 40), Uint8Array.of(22, 3, 1, 0, 1, 0)];

/** Plays bytes to an end, with all that must be true of any. */
export function play(crypto: Crypto, make: () => LegacyTls, parts: readonly Uint8Array[]): Outcome {
  const free = crypto.slotsFree;
  const tls = make();
  const output: Uint8Array[] = [];
  const delivered: Uint8Array[] = [];
  const take = (): void => {
    const bytes = tls.takeOutput();
    if (bytes !== undefined) output.push(bytes);
  };
  const deliver = (data: Uint8Array): boolean => {
    check(tls.security !== undefined, 'data is delivered before the handshake is over');
    delivered.push(data.slice());
    return true;
  };
  take();
  for (const part of parts) {
    tls.receive(part, deliver);
    take();
  }
  const { failure, peerClosed, security, resumed } = tls;
  const outcome: Outcome = {
    failure: failure === undefined ? '' : `${failure.code}: ${failure.message}`,
    state: JSON.stringify({ peerClosed, security, resumed, open: tls.open, chain: tls.chain.length }),
    ...{ output: join(...output), delivered: join(...delivered) },
  };
  check(outcome.output.length <= OUTPUT_MAX, `${outcome.output.length} bytes were answered`);
  if (failure !== undefined || peerClosed) {
    for (const junk of JUNK) tls.receive(junk, deliver);
    tls.handleEnd();
    check(tls.takeOutput() === undefined, 'it answers after its end');
    check(tls.failure === failure && join(...delivered).length === outcome.delivered.length, 'its end is not the end');
    check(!tls.open, 'it is open after its end');
  }
  tls.release();
  check(crypto.slotsFree === free, `${free - crypto.slotsFree} slots are missing`);
  return outcome;
}

/** Cuts an input in some places; a few bytes of it come one by one. */
export function cuts(rng: Rng, bytes: Uint8Array): Uint8Array[] {
  const places = new Set<number>();
  const count = rng.of([0, 1, 2, 5, 15]);
  for (let i = 0; i < count; i++) places.add(rng.below(bytes.length + 1));
  const from = rng.below(bytes.length + 1);
  for (let at = from; at < from + 12; at++) places.add(Math.min(at, bytes.length));
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const end of [...places, bytes.length].sort((a, b) => a - b)) {
    // Now and then there is nothing in one.
    parts.push(bytes.subarray(start, end));
    start = end;
  }
  return parts;
}

/** The same bytes, whole and in pieces. */
export function compare(whole: Outcome, cut: Outcome): void {
  // What is in one delivery with a damaged record is neither delivered nor heard.
  const damaged = whole.failure.startsWith('bad_record_mac');
  const lost = damaged ? cut.delivered.length - whole.delivered.length : 0;
  const common = cut.delivered.subarray(0, cut.delivered.length - lost);
  check(lost >= 0 && Buffer.compare(common, whole.delivered) === 0, 'cut in pieces something else is delivered');
  if (damaged && (cut.failure !== '' || cut.state.includes('"peerClosed":true'))) return;
  if (whole.failure !== cut.failure) {
    throw new Error(`cut in pieces it ends as "${cut.failure}", and whole as "${whole.failure}"`);
  }
  check(whole.state === cut.state, `cut in pieces it is ${cut.state}, and whole ${whole.state}`);
  check(shapeOf(whole.output) === shapeOf(cut.output), 'cut in pieces it is answered in another way');
}

/** Whether an end spoke the last word itself: an alert, and the last record of all. */
export function checkAlerts({ failure, output }: Outcome): void {
  const records = recordsOf(output);
  const alerts = records.filter((record) => record[0] === 21).length;
  const refused = failure !== '' && !/^closed: |: it refuses: /.test(failure);
  check(alerts <= 5 && (!refused || records.at(-1)?.[0] === 21), `${alerts} alerts, and "${failure}"`);
  // In clear they can be read.
  let inClear = 0;
  for (const record of records) {
    if (record[0] === 20) break;
    if (record[0] === 21 && record[5] === 2) inClear++;
  }
  check(inClear <= 1, `${inClear} fatal alerts`);
}

/** Output with all that does not depend on the IVs, which are random. */
function shapeOf(output: Uint8Array): string {
  let inClear = true;
  const records = recordsOf(output).map((record) => {
    const text = Buffer.from(inClear ? record : record.subarray(0, 5)).toString('latin1');
    if (record[0] === 20) inClear = false;
    return text;
  });
  return records.join('|');
}

/** Whole records; it throws when there is anything else. */
export function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + ((bytes[at + 3]! << 8) | bytes[at + 4]!);
    check(bytes[at]! >= 20 && bytes[at]! <= 23 && bytes[at + 1] === 3 && end <= bytes.length, 'no record was sent');
    records.push(bytes.subarray(at, end));
    at = end;
  }
  return records;
}
