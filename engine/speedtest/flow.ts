import type { ChannelHandler, Host, HostError, TcpStream } from '../host.ts';
import { Pump } from './pump.ts';
import {
  agrees,
  type Direction,
  decodeReport,
  encodeHeader,
  GREETING,
  HEADER_BYTES,
  REPORT_BYTES,
  STOP,
  STOP_BYTES,
} from './wire.ts';

/** How long a server may take to greet (`protocol/data-plane.md` §8). */
export const GREETING_MS = 5_000;

export interface FlowEvents {
  /** The server has greeted. */
  ready(flow: Flow): void;
  reported(flow: Flow): void;
  failed(flow: Flow, why: FlowFailure): void;
}

/** Why a connection is of no use, said of the server: "HOST:PORT ...". */
export type FlowFailure =
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'left'; readonly message: string | undefined }
  | { readonly kind: 'report'; readonly message: string };

const STOPS = new Uint8Array(STOP_BYTES).fill(STOP);

/** The client's end of a connection with data (`protocol/data-plane.md` §8). */
export class Flow implements ChannelHandler {
  readonly direction: Direction;
  /** What the server says it got; undefined as long as it has not. */
  reportedBytes: number | undefined;
  receivedBytes = 0;
  /** When the greeting has to be there; Infinity when nothing is waited for. */
  deadline = Number.POSITIVE_INFINITY;
  readonly #host: Pick<Host, 'tcp' | 'clock' | 'scheduler'>;
  readonly #events: FlowEvents;
  readonly #filler: Uint8Array;
  #stream!: TcpStream;
  #pump!: Pump;
  #state: 'opening' | 'greeting' | 'ready' | 'running' | 'stopping' | 'over' = 'opening';
  /** Bytes of the greeting, later of the report, that have come. */
  readonly #part = new Uint8Array(GREETING.length);
  #partLength = 0;
  #stopBytes = 0;

  constructor(
    direction: Direction,
    host: Pick<Host, 'tcp' | 'clock' | 'scheduler'>,
    filler: Uint8Array,
    events: FlowEvents,
  ) {
    this.direction = direction;
    this.#host = host;
    this.#filler = filler;
    this.#events = events;
  }

  open(host: string, port: number, timeoutMs: number): void {
    this.#stream = this.#host.tcp.connect({ host, port, timeoutMs }, this);
    this.#pump = new Pump(this.#stream, this.#filler, this.#host.scheduler);
  }

  /** What the server's machine has got, where the kernel tells, and otherwise what this kernel has taken. */
  get uploadedBytes(): number {
    if (this.reportedBytes !== undefined) return this.reportedBytes;
    if (this.direction === 'download' || this.#state === 'over') return this.#pump.sentBytes;
    return Math.min(this.#pump.sentBytes, this.#stream.tcp?.()?.deliveredBytes ?? this.#pump.sentBytes);
  }

  /** Names the run, and the data flows. */
  start(id: bigint, spanMs: number): void {
    if (this.#state !== 'ready') return;
    this.#state = 'running';
    if (this.#stream.write(encodeHeader(this.direction, id, spanMs)) < HEADER_BYTES) {
      return this.#fail({ kind: 'left', message: undefined });
    }
    if (this.direction === 'upload') this.#pump.start();
  }

  /** The time is over. A download is done with, and makes room for the reports; an upload waits for its own. */
  stop(): void {
    if (this.#state !== 'running') return;
    this.#pump.stop();
    if (this.direction === 'download') return this.abort();
    if (this.reportedBytes !== undefined) return;
    this.#state = 'stopping';
    this.askForReport();
  }

  /** Tells the server that this was all. What the kernel does not take the next time does. */
  askForReport(): void {
    if (this.#state === 'stopping') this.#stopBytes += this.#stream.write(STOPS);
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#pump.stop();
    this.#stream.abort();
  }

  opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'greeting';
    this.deadline = this.#host.clock.now() + GREETING_MS;
  }

  data(bytes: Uint8Array): void {
    if (this.#state === 'running' || this.#state === 'stopping') {
      if (this.direction === 'download') this.receivedBytes += bytes.length;
      else this.#readReport(bytes);
    } else if (this.#state === 'greeting' || this.#state === 'ready') {
      this.#readGreeting(bytes);
    }
  }

  writable(): void {
    this.#pump.handleWritable();
  }

  closed(error: HostError | undefined): void {
    if (this.#state === 'over') return;
    const early = this.#state === 'opening';
    const message = error?.message;
    this.#fail(early && message !== undefined ? { kind: 'unreachable', message } : { kind: 'left', message });
  }

  /** The greeting did not come in time. */
  handleLate(): void {
    this.#fail({ kind: 'silent' });
  }

  #readGreeting(bytes: Uint8Array): void {
    const rest = GREETING.subarray(this.#partLength);
    // The client speaks next: whoever says more than the greeting is no server of this kind.
    if (bytes.length > rest.length || !agrees(bytes, rest)) return this.#fail({ kind: 'stranger' });
    this.#partLength += bytes.length;
    if (this.#partLength < GREETING.length) return;
    this.#partLength = 0;
    this.#state = 'ready';
    this.deadline = Number.POSITIVE_INFINITY;
    this.#events.ready(this);
  }

  #readReport(bytes: Uint8Array): void {
    if (this.reportedBytes !== undefined) return;
    const part = bytes.subarray(0, REPORT_BYTES - this.#partLength);
    this.#part.set(part, this.#partLength);
    this.#partLength += part.length;
    if (this.#partLength < REPORT_BYTES) return;
    const reported = decodeReport(this.#part);
    const most = HEADER_BYTES + this.#pump.sentBytes + this.#stopBytes;
    if (reported > BigInt(most)) {
      const message = `reports ${reported} bytes of a connection on which ${most} were sent`;
      return this.#fail({ kind: 'report', message });
    }
    this.#pump.stop();
    this.reportedBytes = Number(reported);
    this.#events.reported(this);
  }

  #fail(why: FlowFailure): void {
    if (this.#state === 'over') return;
    this.abort();
    this.#events.failed(this, why);
  }
}
