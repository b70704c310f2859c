/** The server's side of a handshake with RSA key exchange (RFC 5246 §7.3, RFC 6101 §5.5). */

import type { RsaKey } from '../host.ts';
import { TlsProblem } from './alerts.ts';
import { concat, vector } from './bytes.ts';
import { LegacyTls, type TlsOptions } from './connection.ts';
import { buildServerHello, type ClientHello, MESSAGES, parseClientHello, parseV2Hello, RANDOM_BYTES } from './hello.ts';
import { masterSecret, type Secrets } from './keys.ts';
import { PREMASTER_BYTES, premasterOf } from './premaster.ts';
import { hex, type SessionCache, type TlsSession } from './sessions.ts';
import { FALLBACK_SCSV, SSL3, SUITES, type Suite, TLS12, VERSIONS, type Version } from './suites.ts';

export interface TlsServerOptions extends TlsOptions {
  readonly key: RsaKey;
  /** In DER, the server's own first. */
  readonly certificates: readonly Uint8Array[];
  /** In the administrator's order of preference. */
  readonly suites: readonly Suite[];
  readonly minimum: Version;
  /** TLS 1.2 when absent. */
  readonly maximum?: Version;
  /** The highest of the listener, whichever engine serves it: a client must not be led below it (RFC 7507). */
  readonly highest: number;
  readonly sessions: SessionCache;
}

/** The version and the suite that a client gets; undefined when there is none in common. */
export function agree(
  hello: Pick<ClientHello, 'version' | 'suites'>,
  suites: readonly Suite[],
  minimum: Version,
  maximum: Version = TLS12,
): { readonly version: Version; readonly suite: Suite } | undefined {
  for (const version of VERSIONS.toReversed()) {
    if (version > Math.min(hello.version, maximum) || version < minimum) continue;
    const suite = suites.find(({ id, last }) => version <= last && hello.suites.includes(id));
    if (suite !== undefined) return { version, suite };
  }
  return undefined;
}

export class LegacyTlsServer extends LegacyTls {
  readonly #options: TlsServerOptions;
  #expects: 'hello' | 'exchange' | 'change' | 'finished' | 'nothing' = 'hello';
  #first: Uint8Array | undefined = new Uint8Array(0);
  #hello: ClientHello | undefined;
  #secrets: Secrets | undefined;
  #suite: Suite | undefined;
  #own: Uint8Array | undefined;
  #sessionId: Uint8Array = new Uint8Array(0);
  readonly #random: Uint8Array;

  constructor(options: TlsServerOptions) {
    super('server', options);
    this.#options = options;
    this.#random = options.random(RANDOM_BYTES);
  }

  /** A ClientHello of SSL 2.0 has a header of its own (RFC 5246 §E.2): high bit, length, type. */
  protected override takeFirst(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#first === undefined) return bytes;
    const first = concat(this.#first, bytes);
    if (first.length === 0) return undefined;
    if ((first[0]! & 0x80) === 0) {
      this.#first = undefined;
      return first;
    }
    const length = ((first[0]! & 0x7f) << 8) | (first[1] ?? 0);
    if (first.length > 2 && (first[2] !== MESSAGES.clientHello || length > V2_HELLO_MAX)) throw NO_TLS;
    if (first.length < 3 || first.length < 2 + length) {
      this.#first = first;
      return undefined;
    }
    this.#first = undefined;
    const body = first.subarray(2, 2 + length);
    this.note(body);
    this.#handleHello(parseV2Hello(body));
    return first.subarray(2 + length);
  }

  protected handleMessage(type: number, body: Uint8Array): void {
    if (type === MESSAGES.clientHello && this.#expects === 'hello') this.#handleHello(parseClientHello(body));
    else if (type === MESSAGES.clientKeyExchange && this.#expects === 'exchange') this.#handleExchange(body);
    else if (type === MESSAGES.finished && this.#expects === 'finished') this.#handleFinished(body);
    else throw new TlsProblem('unexpected_message', `it sends message ${type} where ${this.#expects} is expected`);
  }

  protected handleChange(): void {
    if (this.#expects !== 'change') throw new TlsProblem('unexpected_message', 'it changes its keys too early');
    this.#expects = 'finished';
  }

  protected forget(failed = false): void {
    if (failed && this.#sessionId.length > 0) this.#options.sessions.delete(hex(this.#sessionId));
    this.#secrets?.master.fill(0);
    this.#own?.fill(0);
    this.#secrets = undefined;
    this.#own = undefined;
  }

  #handleHello(hello: ClientHello): void {
    const { suites, minimum, maximum, highest, sessions, now } = this.#options;
    // RFC 7507 §3.
    if (hello.suites.includes(FALLBACK_SCSV) && hello.version < highest) {
      throw new TlsProblem('inappropriate_fallback', 'it was led to a version lower than both sides have');
    }
    const agreed = agree(hello, suites, minimum, maximum);
    if (agreed === undefined) throw refusal(hello, minimum);
    const { version, suite } = agreed;
    this.#hello = hello;
    this.writer.announce(version);
    const known = hello.sessionId.length > 0 ? sessions.get(hex(hello.sessionId), now) : undefined;
    if (known !== undefined && known.version === version && this.#offers(hello, known))
      return this.#resume(hello, known);

    this.#suite = suite;
    this.#sessionId = this.options.random(RANDOM_BYTES);
    this.#sendHello(hello, version, suite);
    const certificates = this.#options.certificates.map((certificate) => vector(3, certificate));
    this.send(MESSAGES.certificate, vector(3, ...certificates));
    this.send(MESSAGES.serverHelloDone, new Uint8Array(0));
    this.#secrets = {
      version,
      master: new Uint8Array(0),
      clientRandom: hello.random,
      serverRandom: this.#random,
    };
    this.#expects = 'exchange';
  }

  #offers(hello: ClientHello, { suite }: TlsSession): boolean {
    return hello.suites.includes(suite.id) && this.#options.suites.includes(suite);
  }

  #sendHello(hello: ClientHello, version: Version, suite: Suite): void {
    const fields = { version, random: this.#random, sessionId: this.#sessionId, suite: suite.id };
    this.send(MESSAGES.serverHello, buildServerHello(fields, hello.renegotiationInfo));
  }

  /** RFC 5246 §7.3, figure 2: we are the first to change the keys. */
  #resume(hello: ClientHello, session: TlsSession): void {
    this.resumed = true;
    this.#suite = session.suite;
    this.#sessionId = session.id;
    this.#sendHello(hello, session.version, session.suite);
    const secrets = {
      version: session.version,
      master: session.master.slice(),
      clientRandom: hello.random,
      serverRandom: this.#random,
    };
    this.#secrets = secrets;
    const { own } = this.prepare(secrets, session.suite);
    this.sendFinished(secrets, session.suite, own);
    this.#expects = 'change';
  }

  #handleExchange(body: Uint8Array): void {
    const { key, random, crypto } = this.#options;
    const { version, clientRandom, serverRandom } = this.#secrets!;
    const substitute = random(PREMASTER_BYTES);
    // RFC 5246 §7.4.7.1: TLS puts the length in front, SSL 3.0 does not.
    const encrypted = version === SSL3 ? body : body.subarray(2);
    const stated = version === SSL3 ? encrypted.length : ((body[0] ?? 0) << 8) | (body[1] ?? 0);
    if (stated !== encrypted.length) throw new TlsProblem('decode_error', 'its ClientKeyExchange has a wrong length');
    const block = key.decrypt(encrypted);
    const premaster = premasterOf(block, this.#hello!.version, substitute);
    block.fill(0);
    const master = masterSecret(crypto, version, premaster, clientRandom, serverRandom);
    premaster.fill(0);
    this.#secrets = { version, master, clientRandom, serverRandom };
    this.#own = this.prepare(this.#secrets, this.#suite!).own;
    this.#expects = 'change';
  }

  #handleFinished(body: Uint8Array): void {
    const secrets = this.#secrets!;
    const suite = this.#suite!;
    this.checkFinished(secrets, body);
    this.#expects = 'nothing';
    if (!this.resumed) {
      // Ours speaks of the client's too.
      this.noteFinished(body);
      this.sendFinished(secrets, suite, this.#own!);
      const { version } = secrets;
      const session = { id: this.#sessionId, version, suite, master: secrets.master.slice(), chain: [] };
      this.#options.sessions.set(hex(session.id), session, this.#options.now);
    }
    this.opened(secrets.version, suite);
  }
}

/** Longer ones have more suites than there are. */
const V2_HELLO_MAX = 4_096;
const NO_TLS = new TlsProblem('decode_error', 'it does not speak TLS');

function refusal(hello: ClientHello, minimum: Version): TlsProblem {
  if (hello.version < minimum) {
    return new TlsProblem('protocol_version', `it has no version from 0x${minimum.toString(16)} on`);
  }
  const names = hello.suites.flatMap((id) => SUITES.find((suite) => suite.id === id)?.name ?? []);
  const what = names.length > 0 ? `only ${names.join(', ')}` : 'none that this engine has';
  return new TlsProblem('handshake_failure', `it offers no algorithm that is allowed here: ${what}`);
}
