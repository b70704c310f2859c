/** What the middlebox looks for in the bytes of a connection. Nothing here does I/O. */
import type { Faults, Way } from './middlebox-faults.ts';

/** Why a connection has to end. */
export type Verdict = string | undefined;

const ALERT_OR_CCS_OR_DATA = [20, 21, 23];
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** A record's longest payload: RFC 5246, section 6.2.3; TLS 1.3 allows less (RFC 8446, section 5.2). */
const LONGEST_RECORD = 16384 + 2048;
/** No ClientHello is larger, post-quantum key shares included. */
const LONGEST_HELLO = 65536;

/** What the ClientHello said. */
export interface HelloFacts {
  /** The server's name (RFC 6066, section 3). */
  readonly sni?: string;
}

/** Whether the client starts with a ClientHello in TLS records and goes on with records, as far as it is to look. */
export class TlsRule {
  readonly #sni: 'any' | 'required' | 'forbidden';
  readonly #records: number;
  #header = Buffer.alloc(5);
  #headerLength = 0;
  #type = 0;
  #left = 0;
  #seen = 0;
  #handshake: Buffer[] = [];
  #hello: HelloFacts | undefined;

  constructor(settings: NonNullable<Faults['tls']>) {
    this.#sni = settings.sni ?? 'any';
    this.#records = settings.records ?? 1;
  }

  /** Set once the hello is complete and good: until then the middlebox lets nothing through. */
  get hello(): HelloFacts | undefined {
    return this.#hello;
  }

  /** Looks at the client's next bytes. */
  take(data: Uint8Array): Verdict {
    let at = 0;
    while (at < data.length) {
      if (this.#left === 0) {
        if (this.#hello !== undefined && this.#seen >= this.#records) return undefined;
        this.#header[this.#headerLength++] = data[at++]!;
        // A byte that is wrong is wrong at once: who sends "GET /" does not have to send five bytes first.
        const wrong = this.#checkHeader();
        if (wrong !== undefined) return wrong;
        continue;
      }
      const part = data.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      if (this.#hello === undefined) {
        const wrong = this.#takeHandshake(part);
        if (wrong !== undefined) return wrong;
      }
    }
    return undefined;
  }

  /** RFC 8446, section 5.1: type, legacy version, length. */
  #checkHeader(): Verdict {
    const [type, major, minor] = [this.#header[0]!, this.#header[1]!, this.#header[2]!];
    const which = `record ${this.#seen + 1}`;
    switch (this.#headerLength) {
      case 1: {
        const expected = this.#hello === undefined ? [HANDSHAKE] : [HANDSHAKE, ...ALERT_OR_CCS_OR_DATA];
        return expected.includes(type) ? undefined : `${which}: type ${type}`;
      }
      case 2:
        return major === 3 ? undefined : `${which}: version ${major}`;
      case 3:
        return minor >= 1 && minor <= 3 ? undefined : `${which}: version ${major}.${minor}`;
      case 5: {
        const length = this.#header.readUInt16BE(3);
        if (length > LONGEST_RECORD || (length === 0 && type !== 23)) return `${which}: length ${length}`;
        this.#type = type;
        this.#left = length;
        this.#headerLength = 0;
        this.#seen += 1;
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #takeHandshake(part: Uint8Array): Verdict {
    if (this.#type !== HANDSHAKE) return `a record of type ${this.#type} in the ClientHello`;
    this.#handshake.push(Buffer.from(part));
    const bytes = Buffer.concat(this.#handshake);
    if (bytes[0] !== CLIENT_HELLO) return `handshake message ${bytes[0]}`;
    if (bytes.length < 4) return undefined;
    const length = bytes.readUIntBE(1, 3);
    if (length > LONGEST_HELLO) return `a ClientHello of ${length} bytes`;
    if (bytes.length < 4 + length) return undefined;
    // RFC 8446, section 5.1: nothing else may share the record before the keys change.
    if (bytes.length > 4 + length) return 'more than a ClientHello in its record';
    const facts = parseClientHello(bytes.subarray(4));
    if (typeof facts === 'string') return facts;
    if (this.#sni === 'required' && facts.sni === undefined) return 'no server name';
    if (this.#sni === 'forbidden' && facts.sni !== undefined) return `server name ${facts.sni}`;
    this.#hello = facts;
    this.#handshake = [];
    return undefined;
  }
}

/** RFC 8446, section 4.1.2, and RFC 5246, section 7.4.1.2. Returns what is wrong with it as a text. */
function parseClientHello(body: Buffer): HelloFacts | string {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > body.length) throw new RangeError('it is cut short');
    at += length;
    return body.subarray(at - length, at);
  };
  const vector = (lengthBytes: number, least: number, unit = 1): Buffer => {
    const length = take(lengthBytes).readUIntBE(0, lengthBytes);
    if (length < least || length % unit !== 0) throw new RangeError(`a vector of ${length} bytes`);
    return take(length);
  };
  try {
    const version = take(2).readUInt16BE(0);
    if (version < 0x0301 || version > 0x0303) return `ClientHello: version ${version.toString(16)}`;
    take(32); // random
    if (vector(1, 0).length > 32) return 'ClientHello: session id';
    vector(2, 2, 2); // cipher suites
    if (!vector(1, 1).includes(0)) return 'ClientHello: no null compression';
    if (at === body.length) return {};
    const extensions = vector(2, 0);
    if (at !== body.length) return 'ClientHello: bytes after its end';
    const sni = findServerName(extensions);
    return sni === undefined ? {} : { sni };
  } catch (error) {
    return `ClientHello: ${(error as Error).message}`;
  }
}

function findServerName(extensions: Buffer): string | undefined {
  let at = 0;
  let name: string | undefined;
  while (at < extensions.length) {
    if (at + 4 > extensions.length) throw new RangeError('an extension is cut short');
    const type = extensions.readUInt16BE(at);
    const end = at + 4 + extensions.readUInt16BE(at + 2);
    if (end > extensions.length) throw new RangeError('an extension is cut short');
    if (type === 0) {
      const data = extensions.subarray(at + 4, end);
      const length = data.length < 5 ? 0 : data.readUInt16BE(3);
      if (length === 0 || data[2] !== 0 || data.readUInt16BE(0) !== data.length - 2 || length !== data.length - 5) {
        throw new RangeError('the server name is malformed');
      }
      name = data.toString('latin1', 5);
    }
    at = end;
  }
  return name;
}

/** Whether both directions carry bodies, which no exchange of a request and a response does at the same time. */
export class OneWayRule {
  readonly #bytes: number;
  #exchanges: number;
  #last: Way = 'up';
  #counted = { up: 0, down: 0 };

  constructor(settings: NonNullable<Faults['oneWay']>) {
    this.#bytes = settings.bytes;
    this.#exchanges = settings.exchanges ?? 1;
  }

  take(way: Way, length: number): Verdict {
    if (way === 'up' && this.#last === 'down' && this.#exchanges > 0) this.#exchanges -= 1;
    this.#last = way;
    if (this.#exchanges > 0) return undefined;
    this.#counted[way] += length;
    const { up, down } = this.#counted;
    return Math.min(up, down) > this.#bytes ? `${up} bytes up and ${down} down` : undefined;
  }
}

/** Pseudo-random numbers from 0 up to 1 (mulberry32); the same seed gives the same. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
