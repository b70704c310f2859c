/** The client's side of a handshake with RSA key exchange (RFC 5246 §7.3, RFC 6101 §5.5). */

import type { Certificates } from '../host.ts';
import { equalBytes } from '../login/password.ts';
import { TlsProblem } from './alerts.ts';
import { concat, number, Reader, vector } from './bytes.ts';
import { LegacyTls, type TlsOptions } from './connection.ts';
import { buildClientHello, MESSAGES, parseServerHello, RANDOM_BYTES } from './hello.ts';
import { masterSecret, type Secrets } from './keys.ts';
import { PREMASTER_BYTES } from './premaster.ts';
import type { SessionCache, TlsSession } from './sessions.ts';
import { SSL3, type Suite, TLS1, VERSION_NAMES, type Version } from './suites.ts';

export interface TlsClientOptions extends TlsOptions {
  readonly certificates: Certificates;
  /** In the order of preference. */
  readonly suites: readonly Suite[];
  readonly minimum: Version;
  /** The last that one of the suites has, when absent. */
  readonly maximum?: Version;
  /** The name or address for SNI. */
  readonly host: string;
  readonly sessions: SessionCache;
  /** What sessions are kept for: host, port and what else decides whether they are the same server's. */
  readonly place: string;
}

export class LegacyTlsClient extends LegacyTls {
  readonly #options: TlsClientOptions;
  readonly #maximum: Version;
  readonly #random: Uint8Array;
  #expects: 'hello' | 'certificate' | 'done' | 'change' | 'finished' | 'nothing' = 'hello';
  #asked = false;
  /** A copy: the cache may forget it, and wipe it, before the server answers. */
  readonly #offered: TlsSession | undefined;
  #sessionId: Uint8Array = new Uint8Array(0);
  #secrets: Secrets | undefined;
  #suite: Suite | undefined;
  #own: Uint8Array | undefined;

  /** Its first output is there at once. */
  constructor(options: TlsClientOptions) {
    super('client', options);
    this.#options = options;
    const { suites, minimum, host, random, sessions, place, now } = options;
    this.#random = random(RANDOM_BYTES);
    const last = suites.reduce<Version>((most, suite) => (suite.last > most ? suite.last : most), SSL3);
    this.#maximum = options.maximum !== undefined && options.maximum < last ? options.maximum : last;
    // A server may not care for a newer version in the header of the first record (RFC 5246 §E.1).
    this.writer.announce(minimum > TLS1 ? TLS1 : minimum);
    const session = sessions.get(place, now);
    const usable =
      session !== undefined &&
      session.version >= minimum &&
      session.version <= this.#maximum &&
      suites.includes(session.suite);
    this.#offered = usable ? { ...session, master: session.master.slice() } : undefined;
    this.send(
      MESSAGES.clientHello,
      buildClientHello({
        ...{ random: this.#random, sessionId: this.#offered?.id ?? new Uint8Array(0), host },
        version: this.#maximum,
        suites: suites.map(({ id }) => id),
      }),
    );
  }

  protected handleMessage(type: number, body: Uint8Array): void {
    const { serverHello, certificate, serverHelloDone, finished } = MESSAGES;
    if (type === serverHello && this.#expects === 'hello') this.#handleHello(body);
    else if (type === certificate && this.#expects === 'certificate') this.#handleCertificate(body);
    else if (type === MESSAGES.certificateRequest && this.#expects === 'done' && !this.#asked) this.#asked = true;
    else if (type === serverHelloDone && this.#expects === 'done') this.#handleDone(body);
    else if (type === finished && this.#expects === 'finished') this.#handleFinished(body);
    else throw new TlsProblem('unexpected_message', `it sends message ${type} where ${this.#expects} is expected`);
  }

  protected handleChange(): void {
    if (this.#expects !== 'change') throw new TlsProblem('unexpected_message', 'it changes its keys too early');
    this.#expects = 'finished';
  }

  protected forget(failed = false): void {
    if (failed) this.#options.sessions.delete(this.#options.place);
    this.#offered?.master.fill(0);
    this.#secrets?.master.fill(0);
    this.#own?.fill(0);
    this.#secrets = undefined;
    this.#own = undefined;
  }

  #handleHello(body: Uint8Array): void {
    const { suites, minimum } = this.#options;
    const hello = parseServerHello(body);
    if (hello.version < minimum) {
      const offered = VERSION_NAMES[hello.version as Version] ?? `version 0x${hello.version.toString(16)}`;
      throw new TlsProblem(
        'protocol_version',
        `it offers ${offered}, and the minimum here is ${VERSION_NAMES[minimum]}`,
      );
    }
    if (hello.version > this.#maximum) {
      throw new TlsProblem('protocol_version', 'it chooses a version that was not offered');
    }
    const version = hello.version as Version;
    const suite = suites.find(({ id }) => id === hello.suite);
    if (suite === undefined || version > suite.last) {
      throw new TlsProblem('illegal_parameter', 'it chooses an algorithm that was not offered');
    }
    this.#suite = suite;
    this.#sessionId = hello.sessionId;
    this.writer.announce(version);
    const known = this.#offered;
    const randoms = { version, clientRandom: this.#random, serverRandom: hello.random };
    if (known === undefined || !equalBytes(hello.sessionId, known.id)) {
      this.#secrets = { ...randoms, master: new Uint8Array(0) };
      this.#expects = 'certificate';
      return;
    }
    if (known.version !== version || known.suite !== suite) {
      throw new TlsProblem('illegal_parameter', 'it resumes a session with other parameters');
    }
    this.resumed = true;
    this.chain = known.chain;
    this.#secrets = { ...randoms, master: known.master.slice() };
    this.#own = this.prepare(this.#secrets, suite).own;
    this.#expects = 'change';
  }

  #handleCertificate(body: Uint8Array): void {
    const reader = new Reader(body, 'Certificate');
    const list = new Reader(reader.vector(3), 'list of certificates');
    reader.end();
    const chain: Uint8Array[] = [];
    while (list.left > 0) chain.push(list.vector(3).slice());
    if (chain.length === 0) throw new TlsProblem('bad_certificate', 'it has no certificate');
    this.chain = chain;
    this.#expects = 'done';
  }

  #handleDone(body: Uint8Array): void {
    new Reader(body, 'ServerHelloDone').end();
    const { certificates, crypto, random } = this.#options;
    const { version, clientRandom, serverRandom } = this.#secrets!;
    if (this.#asked) {
      // We have none: RFC 5246 §7.4.6, RFC 6101 §5.6.6.
      if (version === SSL3) this.warn('no_certificate');
      else this.send(MESSAGES.certificate, vector(3));
    }
    // RFC 5246 §7.4.7.1: the version that was offered, not the one that was chosen.
    const premaster = concat(number(this.#maximum, 2), random(PREMASTER_BYTES - 2));
    let encrypted: Uint8Array;
    try {
      encrypted = certificates.encrypt(this.chain[0]!, premaster);
    } catch (error) {
      throw new TlsProblem('bad_certificate', `its certificate cannot be used: ${(error as Error).message}`);
    }
    this.send(MESSAGES.clientKeyExchange, version === SSL3 ? encrypted : vector(2, encrypted));
    const master = masterSecret(crypto, version, premaster, clientRandom, serverRandom);
    premaster.fill(0);
    this.#secrets = { version, master, clientRandom, serverRandom };
    const { own } = this.prepare(this.#secrets, this.#suite!);
    this.sendFinished(this.#secrets, this.#suite!, own);
    this.#expects = 'change';
  }

  #handleFinished(body: Uint8Array): void {
    const { sessions, place, now } = this.#options;
    const secrets = this.#secrets!;
    const suite = this.#suite!;
    this.checkFinished(secrets, body);
    this.#expects = 'nothing';
    if (this.resumed) {
      this.noteFinished(body);
      this.sendFinished(secrets, suite, this.#own!);
    } else if (this.#sessionId.length > 0) {
      const { version } = secrets;
      const session = { id: this.#sessionId, version, suite, master: secrets.master.slice(), chain: this.chain };
      sessions.set(place, session, now);
    }
    this.opened(secrets.version, suite);
  }
}
