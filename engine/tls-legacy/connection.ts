/**
 * One TLS connection of the legacy versions, without any I/O: bytes in, bytes out. The two sides differ in their handshakes
 * (`client.ts`, `server.ts`); records, alerts and the end are the same and are here.
 */

import { type Crypto, NoRoomForKeys } from '../crypto/module.ts';
import { RECORD_TYPES, RecordReader, RecordWriter, SEAL_BYTES_MAX } from '../crypto/records.ts';
import type { ChannelSecurity, Random, TlsEndpoint } from '../host.ts';
import { ALERTS, type AlertName, alertText, FATAL, TlsProblem, WARNING } from './alerts.ts';
import { concat, Pending } from './bytes.ts';
import { MESSAGES, message } from './hello.ts';
import { finishedData, keyBlock, type Secrets, type Side } from './keys.ts';
import { SSL3, type Suite, VERSION_NAMES, type Version } from './suites.ts';

/** Bytes of all messages of a handshake; a chain of a few certificates has 10,000. */
const HANDSHAKE_BYTES_MAX = 0x1_0000;
/** Warnings, and wishes for another handshake, that a peer may send before it is a nuisance. */
const PATIENCE = 4;

/** How a connection came to its end, in words for a person: what is in front of "(TLS)" says who did what. */
export interface TlsFailure {
  readonly code: AlertName | 'closed';
  readonly message: string;
}

export interface TlsOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  /** Milliseconds of the host's clock, for how long sessions are kept. */
  readonly now: number;
}

export abstract class LegacyTls implements TlsEndpoint {
  /** Present once the handshake is over. */
  security: ChannelSecurity | undefined;
  /** The peer's certificates in DER, its own first; of a server only. */
  chain: readonly Uint8Array[] = [];
  /** Whether the peer has said close_notify. */
  peerClosed = false;
  /** Why it failed; undefined as long as it has not. */
  failure: TlsFailure | undefined;
  /** Whether keys and certificate were those of an earlier connection. */
  resumed = false;
  protected readonly options: TlsOptions;
  protected readonly writer: RecordWriter;
  readonly #reader: RecordReader;
  readonly #side: Side;
  #output: Uint8Array[] = [];
  #messages: Uint8Array[] = [];
  #messageBytes = 0;
  /** What came of a handshake message that is not complete. */
  readonly #fragment = new Pending();
  /** The first byte of an alert whose second one has not come. */
  #level: number | undefined;
  #nuisances = 0;
  #closing = false;
  #released = false;
  #single = false;
  /** What the peer's next change_cipher_spec makes valid. */
  #next: { suite: Suite; version: Version; keys: Uint8Array } | undefined;

  constructor(side: Side, options: TlsOptions) {
    this.options = options;
    this.#side = side;
    this.writer = new RecordWriter(options.crypto);
    try {
      this.#reader = new RecordReader(options.crypto);
    } catch (error) {
      this.writer.release();
      throw error;
    }
  }

  /** Whether the handshake is over, and neither side has ended the connection. */
  get open(): boolean {
    return this.security !== undefined && this.failure === undefined && !this.#closing && !this.peerClosed;
  }

  /** From now on each record is delivered by itself, so that the caller can stop behind any of them. */
  deliverSingly(): void {
    this.#single = true;
  }

  /**
   * Takes what came. `deliver` gets data that was protected, a view that is valid during the call; when it returns false,
   * what is behind that record stays as it is: see `takeRest`. Then look at `failure`, `peerClosed`, `security` and
   * `takeOutput`.
   */
  receive(bytes: Uint8Array, deliver: (data: Uint8Array) => boolean): void {
    if (this.failure !== undefined || this.#released || this.peerClosed) return;
    // A handshake that we gave up does not go on.
    if (this.#closing && this.security === undefined) return;
    try {
      const rest = this.security === undefined ? this.takeFirst(bytes) : bytes;
      if (rest === undefined) return;
      const many = (): boolean => this.security !== undefined && !this.#single;
      const result = this.#reader.read(rest, many, (type, data) => this.#handle(type, data, deliver));
      // What it is that does not fit is nobody's business: the answer is always the same.
      if (result === 'refused') throw new TlsProblem('bad_record_mac', 'a record of it is damaged, or not its own');
    } catch (error) {
      this.#failWith(error);
    }
  }

  /** Records with as much of `bytes` as one call takes; a view that is valid until the next. Only when open. */
  seal(bytes: Uint8Array): { readonly records: Uint8Array; readonly taken: number } {
    const part = bytes.subarray(0, SEAL_BYTES_MAX);
    return { records: this.writer.seal(RECORD_TYPES.data, part), taken: part.length };
  }

  /** What is to be sent of handshake and alerts; undefined when there is nothing. */
  takeOutput(): Uint8Array | undefined {
    if (this.#output.length === 0) return undefined;
    const output = concat(...this.#output);
    this.#output = [];
    return output;
  }

  /** Says close_notify; nothing is sealed afterwards. */
  close(): void {
    if (this.#closing || this.failure !== undefined || this.#released) return;
    this.#closing = true;
    this.#alert(WARNING, 'close_notify');
  }

  /** The TCP connection has ended. */
  handleEnd(): void {
    if (this.failure !== undefined || this.security !== undefined) return;
    this.failure = { code: 'closed', message: 'it closed the connection during the handshake' };
  }

  /** Bytes that came and were not opened. */
  takeRest(): Uint8Array {
    return this.#reader.takeRest();
  }

  /** Forgets all keys. Nothing may be called afterwards. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.writer.release();
    this.#reader.release();
    this.forget();
  }

  // What the sides implement.

  /** A handshake message. Throws a `TlsProblem`. */
  protected abstract handleMessage(type: number, body: Uint8Array): void;

  /** The peer's records are protected from now on. Throws when it is too early for that. */
  protected abstract handleChange(): void;

  /** Wipes secrets of the handshake. @param failed The session must not be resumed. */
  protected abstract forget(failed?: boolean): void;

  /** Bytes in front of the first record that are no record. Undefined: more have to come. */
  protected takeFirst(bytes: Uint8Array): Uint8Array | undefined {
    return bytes;
  }

  // What the sides call.

  /** Sends a handshake message. */
  protected send(type: number, body: Uint8Array): void {
    const bytes = message(type, body);
    this.note(bytes);
    this.#output.push(this.writer.seal(RECORD_TYPES.handshake, bytes).slice());
  }

  /** A message that Finished speaks of. */
  protected note(bytes: Uint8Array): void {
    this.#messageBytes += bytes.length;
    if (this.#messageBytes > HANDSHAKE_BYTES_MAX) {
      throw new TlsProblem('decode_error', `its handshake has more than ${HANDSHAKE_BYTES_MAX} bytes`);
    }
    this.#messages.push(bytes.slice());
  }

  /** The keys that both sides' change_cipher_spec make valid. */
  protected prepare(secrets: Secrets, suite: Suite): { readonly own: Uint8Array } {
    const keys = keyBlock(this.options.crypto, secrets, suite);
    const peer = this.#side === 'client' ? 'server' : 'client';
    this.#next = { suite, version: secrets.version, keys: keys[peer] };
    return { own: keys[this.#side] };
  }

  /** Sends change_cipher_spec and Finished. `own` is wiped. */
  protected sendFinished(secrets: Secrets, suite: Suite, own: Uint8Array): void {
    this.#output.push(this.writer.seal(RECORD_TYPES.changeCipherSpec, Uint8Array.of(1)).slice());
    this.writer.protect(suite.id, secrets.version, own);
    own.fill(0);
    this.send(MESSAGES.finished, finishedData(this.options.crypto, secrets, this.#side, this.#messages));
  }

  /** Throws unless the peer has seen the same handshake. To be called before its message is noted. */
  protected checkFinished(secrets: Secrets, body: Uint8Array): void {
    const { crypto } = this.options;
    const peer = this.#side === 'client' ? 'server' : 'client';
    if (!crypto.same(body, finishedData(crypto, secrets, peer, this.#messages))) {
      throw new TlsProblem('decrypt_error', 'the keys of the two sides differ: its Finished message is wrong');
    }
  }

  /** Sends an alert that ends nothing. */
  protected warn(name: AlertName): void {
    this.#alert(WARNING, name);
  }

  /** The peer's Finished message, where ours comes behind it. */
  protected noteFinished(body: Uint8Array): void {
    this.note(message(MESSAGES.finished, body));
  }

  protected opened(version: Version, suite: Suite): void {
    this.security = { protocol: VERSION_NAMES[version], cipher: suite.name };
    this.#messages = [];
    this.forget();
  }

  #handle(type: number, data: Uint8Array, deliver: (data: Uint8Array) => boolean): boolean {
    switch (type) {
      case RECORD_TYPES.data:
        if (this.security === undefined)
          throw new TlsProblem('unexpected_message', 'it sends data during the handshake');
        if (data.length === 0) return true;
        // Whoever has something to say is no nuisance.
        this.#nuisances = 0;
        return deliver(data);
      case RECORD_TYPES.handshake:
        this.#handleHandshake(data);
        return true;
      case RECORD_TYPES.alert:
        return this.#handleAlerts(data);
      default:
        this.#handleChangeRecord(data);
        return true;
    }
  }

  #handleHandshake(data: Uint8Array): void {
    this.#refuseEmpty(data);
    this.#fragment.push(data);
    const { bytes } = this.#fragment;
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (length > HANDSHAKE_BYTES_MAX) {
        throw new TlsProblem('decode_error', `a handshake message of it has ${length} bytes`);
      }
      if (bytes.length - at < 4 + length) break;
      this.#dispatch(bytes.subarray(at, at + 4 + length));
      at += 4 + length;
    }
    if (at > 0) this.#fragment.shift(at);
  }

  /** RFC 5246 §6.2.1. After the handshake, records of a row come as one, so that none of them is seen to be empty. */
  #refuseEmpty(data: Uint8Array): void {
    if (data.length === 0 && this.security === undefined) {
      throw new TlsProblem('unexpected_message', 'it sends an empty record');
    }
  }

  #dispatch(bytes: Uint8Array): void {
    const [type, body] = [bytes[0]!, bytes.subarray(4)];
    if (this.security === undefined) {
      // RFC 5246 §7.4.1.1: it is not part of the handshake, and we are in one.
      if (type === MESSAGES.helloRequest && this.#side === 'client') return this.#bear();
      // Finished is checked against what came before it, and whoever says it last notes the other's first.
      if (type !== MESSAGES.finished) this.note(bytes);
      this.handleMessage(type, body);
      return;
    }
    const wish = this.#side === 'client' ? MESSAGES.helloRequest : MESSAGES.clientHello;
    if (type !== wish) throw new TlsProblem('unexpected_message', `it sends message ${type} after the handshake`);
    this.#bear();
    // RFC 5746 §4.1 does not want it from peers that do not know that RFC, and we want it from nobody.
    if (this.security.protocol !== VERSION_NAMES[SSL3]) this.#alert(WARNING, 'no_renegotiation');
    else if (this.#side === 'server') throw new TlsProblem('handshake_failure', 'it wants another handshake');
  }

  #handleChangeRecord(data: Uint8Array): void {
    const within = this.#fragment.bytes.length > 0 || this.#level !== undefined;
    if (data.length !== 1 || data[0] !== 1 || within || this.security !== undefined) {
      throw new TlsProblem('unexpected_message', 'it changes its keys when it must not');
    }
    this.handleChange();
    const next = this.#next;
    if (next === undefined) throw new TlsProblem('unexpected_message', 'it changes its keys before there are any');
    this.#next = undefined;
    this.#reader.protect(next.suite.id, next.version, next.keys);
    next.keys.fill(0);
  }

  /** Records may join and cut them, like handshake messages. */
  #handleAlerts(data: Uint8Array): boolean {
    this.#refuseEmpty(data);
    for (const byte of data) {
      const level = this.#level;
      this.#level = level === undefined ? byte : undefined;
      if (level !== undefined && !this.#handleAlert(level, byte)) return false;
    }
    return true;
  }

  #handleAlert(level: number, code: number): boolean {
    if (code === ALERTS.close_notify) {
      this.peerClosed = true;
      if (this.security === undefined) this.handleEnd();
      return false;
    }
    if (level === WARNING) {
      this.#bear();
      return true;
    }
    this.failure = { code: 'handshake_failure', message: `it refuses: ${alertText(code)}` };
    this.forget(true);
    return false;
  }

  /** Whoever goes on and on about nothing is cut off. */
  #bear(): void {
    if (++this.#nuisances > PATIENCE)
      throw new TlsProblem('unexpected_message', 'it sends one warning after the other');
  }

  #failWith(error: unknown): void {
    // Many handshakes at a time may want more keys than there are places: that is no mistake of ours, nor of the peer.
    const alert = error instanceof NoRoomForKeys ? 'internal_error' : undefined;
    if (alert === undefined && !(error instanceof TlsProblem)) throw error;
    const code = alert ?? (error as TlsProblem).alert;
    this.failure = { code, message: (error as Error).message };
    this.#alert(FATAL, code);
    this.forget(true);
  }

  #alert(level: number, name: AlertName): void {
    // Nothing is said after close_notify (RFC 5246 §7.2.1).
    if (this.#closing && name !== 'close_notify') return;
    this.#output.push(this.writer.seal(RECORD_TYPES.alert, Uint8Array.of(level, ALERTS[name])).slice());
  }
}
