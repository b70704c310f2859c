/** An end of a connection that a test drives by hand: it says anything at any time, under the keys that are valid then. */

import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { Crypto, Slot } from '../../../engine/crypto/module.ts';
import { RECORD_TYPES, RecordReader } from '../../../engine/crypto/records.ts';
import { ALERTS, alertText } from '../../../engine/tls-legacy/alerts.ts';
import { concat, number, vector } from '../../../engine/tls-legacy/bytes.ts';
import { MESSAGES, message } from '../../../engine/tls-legacy/hello.ts';
import { finishedData, keyBlock, masterSecret, type Secrets, type Side } from '../../../engine/tls-legacy/keys.ts';
import {
  SSL3,
  SUITES,
  type Suite,
  suiteOf,
  TLS1,
  TLS11,
  TLS12,
  type Version,
} from '../../../engine/tls-legacy/suites.ts';
import { CERTIFICATE, type TlsLab } from './harness.ts';
import { CERTIFICATE_PEM, KEY_PEM } from './identity.ts';

export interface Protocol {
  readonly version: Version;
  readonly suite: Suite;
}

/** One of each way to protect records and to make keys. */
export const PROTOCOLS: readonly (Protocol & { name: string })[] = [
  { version: SSL3, suite: suiteOf('RC4-MD5'), name: 'SSLv3 RC4-MD5' },
  { version: TLS1, suite: suiteOf('DES-CBC3-SHA'), name: 'TLSv1 DES-CBC3-SHA' },
  { version: TLS11, suite: suiteOf('RC4-SHA'), name: 'TLSv1.1 RC4-SHA' },
  { version: TLS12, suite: suiteOf('AES256-SHA'), name: 'TLSv1.2 AES256-SHA' },
];
export const NEWEST = PROTOCOLS[3]!;

const { handshake, alert, changeCipherSpec, data } = RECORD_TYPES;
export const NOTHING: Uint8Array = new Uint8Array(0);
export const PRIVATE_KEY = createPrivateKey(KEY_PEM);
export const PUBLIC_KEY = createPublicKey(CERTIFICATE_PEM);

/** A record without protection. */
export function plainRecord(type: number, body: Uint8Array, version: number = TLS1): Uint8Array {
  return concat(number(type, 1), number(version, 2), vector(2, body));
}

/** What was said in records without protection, in other records of `size` bytes each; one record when absent. */
export function recut(records: Uint8Array, size = Number.POSITIVE_INFINITY): Uint8Array {
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < records.length; ) {
    const length = (records[at + 3]! << 8) | records[at + 4]!;
    bodies.push(records.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const all = concat(...bodies);
  const cut: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += size) cut.push(plainRecord(handshake, all.subarray(at, at + size)));
  return concat(...cut);
}

export type Heard =
  | { readonly kind: 'message'; readonly type: number; readonly body: Uint8Array }
  | { readonly kind: 'alert'; readonly level: number; readonly name: string }
  | { readonly kind: 'change' }
  | { readonly kind: 'data'; readonly data: Uint8Array };

export interface HelloFields {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly compressions: Uint8Array;
  /** With their length in front; nothing when absent. */
  readonly extensions: Uint8Array;
}

export function clientHelloBody(fields: Partial<HelloFields> = {}): Uint8Array {
  const { version = TLS12, random = new Uint8Array(32).fill(1), sessionId = NOTHING, extensions = NOTHING } = fields;
  const { suites = SUITES.map(({ id }) => id), compressions = Uint8Array.of(0) } = fields;
  return concat(
    number(version, 2),
    random,
    vector(1, sessionId),
    vector(2, ...suites.map((suite) => number(suite, 2))),
    vector(1, compressions),
    extensions,
  );
}

export interface V2Fields {
  readonly version: number;
  readonly suites: readonly number[];
  readonly sessionId: Uint8Array;
  readonly challenge: Uint8Array;
  readonly type: number;
  readonly suiteBytes: number;
  readonly behind: Uint8Array;
}

/** Without its header of two bytes. */
export function v2HelloBody(fields: Partial<V2Fields> = {}): Uint8Array {
  const { version = TLS12, suites = SUITES.map(({ id }) => id), sessionId = NOTHING, type = 1 } = fields;
  const { challenge = new Uint8Array(32).fill(7), behind = NOTHING } = fields;
  return concat(
    number(type, 1),
    number(version, 2),
    number(fields.suiteBytes ?? suites.length * 3, 2),
    number(sessionId.length, 2),
    number(challenge.length, 2),
    ...suites.map((suite) => number(suite, 3)),
    sessionId,
    challenge,
    behind,
  );
}

export function v2Record(body: Uint8Array): Uint8Array {
  return concat(number(0x8000 | body.length, 2), body);
}

export function extension(type: number, body: Uint8Array): Uint8Array {
  return concat(number(type, 2), vector(2, body));
}

export interface ServerHelloFields {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: number;
  readonly compression: number;
  readonly behind: Uint8Array;
}

export abstract class Hand {
  readonly crypto: Crypto;
  readonly side: Side;
  readonly version: Version;
  readonly suite: Suite;
  /** As Finished speaks of them. */
  readonly messages: Uint8Array[] = [];
  clientRandom: Uint8Array = new Uint8Array(32).fill(1);
  serverRandom: Uint8Array = new Uint8Array(32).fill(2);
  sessionId: Uint8Array = NOTHING;
  master: Uint8Array | undefined;
  /** What came and was understood. */
  readonly heard: Heard[] = [];
  readonly #slot: Slot;
  readonly #reader: RecordReader;
  #protected = false;
  #fragment: Uint8Array = NOTHING;

  constructor(lab: TlsLab, side: Side, { version, suite }: Protocol) {
    this.crypto = lab.crypto;
    this.side = side;
    this.version = version;
    this.suite = suite;
    this.#slot = lab.crypto.takeSlot();
    this.#reader = new RecordReader(lab.crypto);
  }

  get peer(): Side {
    return this.side === 'client' ? 'server' : 'client';
  }

  get secrets(): Secrets {
    const { version, clientRandom, serverRandom } = this;
    return { version, clientRandom, serverRandom, master: this.master! };
  }

  /** One record of any type and content. */
  record(type: number, body: Uint8Array): Uint8Array {
    if (!this.#protected) return plainRecord(type, body, this.version);
    const { bytes, wasm } = this.crypto;
    const at = wasm.SEAL.value;
    bytes.set(body, at + wasm.recordHead(this.#slot.number));
    const length = wasm.sealRecords(this.#slot.number, type, at, body.length, body.length);
    return bytes.slice(at, at + length);
  }

  /** A handshake message in a record. */
  say(type: number, body: Uint8Array): Uint8Array {
    const bytes = message(type, body);
    this.note(type, bytes);
    return this.record(handshake, bytes);
  }

  note(type: number, bytes: Uint8Array): void {
    if (type !== MESSAGES.helloRequest) this.messages.push(bytes);
  }

  alert(level: number, name: keyof typeof ALERTS): Uint8Array {
    return this.record(alert, Uint8Array.of(level, ALERTS[name]));
  }

  data(bytes: Uint8Array): Uint8Array {
    return this.record(data, bytes);
  }

  /** ChangeCipherSpec; what is said later is protected. */
  change(): Uint8Array {
    const record = this.record(changeCipherSpec, Uint8Array.of(1));
    this.protect();
    return record;
  }

  protect(): void {
    const { crypto } = this;
    const keys = keyBlock(crypto, this.secrets, this.suite)[this.side];
    crypto.toScratch('test', keys);
    crypto.wasm.recordKey(this.#slot.number, this.suite.id, this.version, crypto.scratch, 0);
    this.#protected = true;
  }

  finishedBody(side: Side = this.side): Uint8Array {
    return finishedData(this.crypto, this.secrets, side, this.messages);
  }

  finished(): Uint8Array {
    return this.say(MESSAGES.finished, this.finishedBody());
  }

  setPremaster(premaster: Uint8Array): void {
    this.master = masterSecret(this.crypto, this.version, premaster, this.clientRandom, this.serverRandom);
  }

  /** Opens what the other end has sent, and returns what is new. */
  hear(bytes: Uint8Array | undefined): Heard[] {
    const before = this.heard.length;
    if (bytes !== undefined) {
      const result = this.#reader.read(
        bytes,
        () => false,
        (type, body) => {
          this.#take(type, body.slice());
          return true;
        },
      );
      if (result !== 'read') throw new Error('a record of the other end cannot be opened');
      if (this.#reader.within) throw new Error('the other end has sent a part of a record');
    }
    return this.heard.slice(before);
  }

  release(): void {
    this.#slot.give();
    this.#reader.release();
  }

  protected abstract handle(type: number, body: Uint8Array): void;

  #take(type: number, body: Uint8Array): void {
    if (type === handshake) this.#takeMessages(body);
    else if (type === alert) {
      if (body.length !== 2) throw new Error('an alert without two bytes');
      this.heard.push({ kind: 'alert', level: body[0]!, name: alertText(body[1]!) });
    } else if (type === data) this.heard.push({ kind: 'data', data: body });
    else {
      this.heard.push({ kind: 'change' });
      this.#reader.protect(this.suite.id, this.version, keyBlock(this.crypto, this.secrets, this.suite)[this.peer]);
    }
  }

  #takeMessages(body: Uint8Array): void {
    this.#fragment = concat(this.#fragment, body);
    while (this.#fragment.length >= 4) {
      const length = (this.#fragment[1]! << 16) | (this.#fragment[2]! << 8) | this.#fragment[3]!;
      if (this.#fragment.length < 4 + length) return;
      const bytes = this.#fragment.slice(0, 4 + length);
      this.#fragment = this.#fragment.slice(4 + length);
      this.handle(bytes[0]!, bytes.subarray(4));
      this.note(bytes[0]!, bytes);
      this.heard.push({ kind: 'message', type: bytes[0]!, body: bytes.subarray(4) });
    }
  }
}

export class ClientHand extends Hand {
  /** Of the ClientHello. */
  offered: number;

  constructor(lab: TlsLab, protocol: Protocol = NEWEST) {
    super(lab, 'client', protocol);
    this.offered = protocol.version;
  }

  hello(fields: Partial<HelloFields> = {}): Uint8Array {
    const { version = this.version, random = this.clientRandom, sessionId = this.sessionId } = fields;
    this.offered = version;
    this.clientRandom = random.slice();
    const suites = fields.suites ?? [this.suite.id];
    return this.say(MESSAGES.clientHello, clientHelloBody({ ...fields, version, random, sessionId, suites }));
  }

  /** RSAES-PKCS1-v1_5, as it has to be. */
  exchange(): Uint8Array {
    const premaster = concat(number(this.offered, 2), new Uint8Array(46).fill(5));
    const padding = constants.RSA_PKCS1_PADDING;
    return this.exchangeOf(publicEncrypt({ key: PUBLIC_KEY, padding }, premaster), premaster);
  }

  /** Any ciphertext; the keys are those of `premaster`. */
  exchangeOf(encrypted: Uint8Array, premaster: Uint8Array): Uint8Array {
    this.setPremaster(premaster);
    return this.say(MESSAGES.clientKeyExchange, this.version === SSL3 ? encrypted : vector(2, encrypted));
  }

  protected handle(type: number, body: Uint8Array): void {
    if (type !== MESSAGES.serverHello) return;
    this.serverRandom = body.slice(2, 34);
    this.sessionId = body.slice(35, 35 + body[34]!);
  }
}

export class ServerHand extends Hand {
  constructor(lab: TlsLab, protocol: Protocol = NEWEST) {
    super(lab, 'server', protocol);
    this.sessionId = new Uint8Array(32).fill(9);
  }

  hello(fields: Partial<ServerHelloFields> = {}): Uint8Array {
    const { version = this.version, random = this.serverRandom, sessionId = this.sessionId } = fields;
    const { suite = this.suite.id, compression = 0, behind = NOTHING } = fields;
    return this.say(
      MESSAGES.serverHello,
      concat(number(version, 2), random, vector(1, sessionId), number(suite, 2), number(compression, 1), behind),
    );
  }

  certificate(list: readonly Uint8Array[] = [CERTIFICATE]): Uint8Array {
    return this.say(MESSAGES.certificate, vector(3, ...list.map((each) => vector(3, each))));
  }

  /** RFC 5246 §7.4.4, with the form of earlier versions where it is one. */
  request(): Uint8Array {
    const algorithms = this.version === TLS12 ? vector(2, Uint8Array.of(4, 1)) : NOTHING;
    return this.say(MESSAGES.certificateRequest, concat(vector(1, Uint8Array.of(1)), algorithms, vector(2)));
  }

  done(): Uint8Array {
    return this.say(MESSAGES.serverHelloDone, NOTHING);
  }

  protected handle(type: number, body: Uint8Array): void {
    if (type === MESSAGES.clientHello) this.clientRandom = body.slice(2, 34);
    if (type !== MESSAGES.clientKeyExchange) return;
    const encrypted = this.version === SSL3 ? body : body.subarray(2);
    const block = privateDecrypt({ key: PRIVATE_KEY, padding: constants.RSA_NO_PADDING }, encrypted);
    this.setPremaster(block.subarray(-48));
  }
}
