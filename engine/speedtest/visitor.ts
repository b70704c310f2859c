import type { Timed } from '../deadlines.ts';
import type { ChannelHandler, Host, TcpStream } from '../host.ts';
import { Pump } from './pump.ts';
import {
  decodeHeader,
  ECHO_ANSWER,
  encodeReport,
  GREETING,
  HEADER_BYTES,
  type Header,
  REPORT_EVERY_MS,
  STOP,
} from './wire.ts';

/** A header may come in pieces, and may be cut short for good: how long the rest is waited for. */
const HEADER_REST_MS = 1_000;
/** A connection on which nothing moves is given up (`protocol/data-plane.md` §8); a download within twice that. */
const IDLE_MS = 600_000;
/** And one whose span is known when it has lasted 3 spans and this (§8). */
const LIFE_EXTRA_MS = 180_000;
/** Nobody measures for longer than a day; one whose span is not known gets an hour. */
const LIFE_MAX_MS = 86_400_000;
const LIFE_UNKNOWN_MS = 3_600_000;
/** Echoes that wait because the client does not read. */
const ECHO_MAX = 4_096;

/** What the server's end of a connection tells. */
export interface VisitorEvents {
  /** What the connection is for is known. False: there is no room for it. */
  admit(visitor: Visitor): boolean;
  /** The upload is over, and is being reported. */
  reporting(visitor: Visitor): void;
  gone(visitor: Visitor): void;
  touch(timed: Timed): void;
}

/** The server's end of one connection (`protocol/data-plane.md` §8). */
export class Visitor implements ChannelHandler, Timed {
  readonly peer: string;
  header: Header | undefined;
  receivedBytes = 0;
  /** When data first and last moved, in the host's milliseconds. */
  firstMs = 0;
  lastMs = 0;
  readonly #stream: TcpStream;
  readonly #host: Pick<Host, 'clock' | 'scheduler'>;
  readonly #events: VisitorEvents;
  readonly #pump: Pump;
  readonly #head = new Uint8Array(HEADER_BYTES);
  #headLength = 0;
  #state: 'header' | 'receiving' | 'reporting' | 'sending' | 'quiet' | 'echoing' | 'over' = 'header';
  /** Echoes that the connection did not take. */
  #owed = new Uint8Array(0);
  #movedAt: number;
  #sentBefore = 0;
  #giveUpAt = Number.POSITIVE_INFINITY;
  /** When the header counts as cut short, or the next report is due. */
  #due = Number.POSITIVE_INFINITY;

  constructor(stream: TcpStream, host: Pick<Host, 'clock' | 'scheduler'>, filler: Uint8Array, events: VisitorEvents) {
    this.peer = stream.remote.address;
    this.#stream = stream;
    this.#host = host;
    this.#events = events;
    this.#pump = new Pump(stream, filler, host.scheduler);
    this.#movedAt = host.clock.now();
  }

  get sentBytes(): number {
    return this.#pump.sentBytes;
  }

  opened(): void {
    if (this.#stream.write(GREETING) < GREETING.length) return this.abort();
    this.#events.touch(this);
  }

  data(bytes: Uint8Array): void {
    const now = this.#host.clock.now();
    this.#movedAt = now;
    if (this.#state === 'receiving') this.#receive(bytes, now);
    else if (this.#state === 'header') this.#readHeader(bytes, now);
    else if (this.#state === 'echoing') this.#echo(bytes);
    // A client that says more on a download, or after its upload is over, says nothing to us.
  }

  writable(): void {
    if (this.#state === 'sending') this.#pump.handleWritable();
    else if (this.#state === 'echoing') this.#echo(new Uint8Array(0));
  }

  closed(): void {
    this.#end();
  }

  /** No more data is wanted: another connection of the run is being reported. */
  quieten(): void {
    if (this.#state !== 'sending') return;
    this.#state = 'quiet';
    this.#pump.stop();
    this.#noteSent(this.#host.clock.now());
  }

  abort(): void {
    this.#stream.abort();
    this.#end();
  }

  pollTimeout(): number {
    if (this.#state === 'over') return Number.POSITIVE_INFINITY;
    return Math.min(this.#due, this.#giveUpAt, this.#movedAt + IDLE_MS);
  }

  handleTimeout(now: number): void {
    this.#noteSent(now);
    if (now >= this.#giveUpAt || now >= this.#movedAt + IDLE_MS) return this.abort();
    if (now < this.#due) return;
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#state === 'header') this.#begin(now);
    else if (this.#state === 'reporting') this.#report(now);
  }

  #readHeader(bytes: Uint8Array, now: number): void {
    if (bytes.length === 0) return;
    if (this.#headLength === 0) {
      this.firstMs = now;
      this.#due = now + HEADER_REST_MS;
      this.#events.touch(this);
    }
    // All bytes count from the first one on, those of the header too.
    this.receivedBytes += bytes.length;
    const part = bytes.subarray(0, HEADER_BYTES - this.#headLength);
    this.#head.set(part, this.#headLength);
    this.#headLength += part.length;
    if (this.#headLength < HEADER_BYTES) return;
    this.#due = Number.POSITIVE_INFINITY;
    this.#begin(now);
    if (this.#state === 'echoing' && part.length < bytes.length) this.#echo(bytes.subarray(part.length));
  }

  /** As much of the header as there will be is there. */
  #begin(now: number): void {
    const header = decodeHeader(this.#head.subarray(0, this.#headLength));
    this.header = header;
    const life = header.spanMs === undefined ? LIFE_UNKNOWN_MS : 3 * header.spanMs + LIFE_EXTRA_MS;
    this.#giveUpAt = now + Math.min(life, LIFE_MAX_MS);
    this.lastMs = now;
    if (!this.#events.admit(this)) return this.abort();
    this.#events.touch(this);
    if (header.purpose === 'upload') {
      this.#state = 'receiving';
    } else if (header.purpose === 'download') {
      this.receivedBytes = 0;
      this.#state = 'sending';
      this.#pump.start();
    } else {
      this.receivedBytes = 0;
      this.#state = 'echoing';
      if (this.#stream.write(ECHO_ANSWER) < ECHO_ANSWER.length) this.abort();
    }
  }

  #receive(bytes: Uint8Array, now: number): void {
    const spanMs = this.header!.spanMs;
    if (bytes[0] === STOP || (spanMs !== undefined && now - this.firstMs > spanMs)) {
      this.#state = 'reporting';
      this.#events.reporting(this);
      return this.#report(now);
    }
    this.receivedBytes += bytes.length;
    this.lastMs = now;
  }

  #report(now: number): void {
    // A report is repeated, but never left half said: a kernel that has no room for 8 bytes belongs to nobody who listens.
    if (this.#stream.writable) {
      const report = encodeReport(this.receivedBytes);
      if (this.#stream.write(report) < report.length) return this.abort();
    }
    this.#due = now + REPORT_EVERY_MS;
    this.#events.touch(this);
  }

  #echo(bytes: Uint8Array): void {
    if (this.#owed.length + bytes.length > ECHO_MAX) return this.abort();
    let all = bytes;
    if (this.#owed.length > 0) {
      all = new Uint8Array(this.#owed.length + bytes.length);
      all.set(this.#owed);
      all.set(bytes, this.#owed.length);
    }
    const taken = this.#stream.writable ? this.#stream.write(all) : 0;
    // A copy: what came is the host's memory.
    this.#owed = all.slice(taken);
  }

  /** The kernel taking data is movement too, and the moment of it is known this closely only. */
  #noteSent(now: number): void {
    if (this.sentBytes === this.#sentBefore) return;
    this.#sentBefore = this.sentBytes;
    this.#movedAt = now;
    this.lastMs = now;
  }

  #end(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'sending') this.lastMs = this.#host.clock.now();
    this.#state = 'over';
    this.#pump.stop();
    this.#owed = new Uint8Array(0);
    this.#events.gone(this);
  }
}
