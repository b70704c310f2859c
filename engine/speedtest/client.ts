import type { Channel, ChannelHandler, Host, HostError } from '../host.ts';
import { Latency } from './latency.ts';
import { CONTENT_BYTES, Pump } from './pump.ts';
import { computeResult, type SpeedtestResult } from './result.ts';
import {
  CONNECTIONS_MAX,
  content,
  decodeReport,
  END_BYTES,
  END_MARK,
  encodeHeader,
  GREETING,
  HEADER_BYTES,
  REPORT_BYTES,
} from './wire.ts';

export interface SpeedtestOptions {
  readonly host: string;
  readonly port: number;
  /** `full`: both at once; the connections have their directions in turn, the first downloads (§8). */
  readonly type: 'full' | 'download' | 'upload';
  /** 1 to 32; 2 or more for `full`. */
  readonly connections: number;
  readonly durationMs: number;
  readonly raw: boolean;
  readonly double: boolean;
}

export interface Progress {
  readonly phase: 'connecting' | 'running' | 'collecting';
  readonly elapsedMs: number;
  /** Bytes so far: those that came, and those that the system took to send. */
  readonly downloadBytes: number;
  readonly uploadBytes: number;
}

export interface RunningSpeedtest {
  /** Rejects with a `SpeedtestFailure`. */
  readonly result: Promise<SpeedtestResult>;
  progress(): Progress;
  /** Closes everything; `result` rejects, unless it is there already. */
  abort(): void;
}

/** Words for a person. */
export class SpeedtestFailure extends Error {}

/** Milliseconds for a connection, and for the server's greeting on it (§8.1). */
const CONNECT_MS = 10_000;
const GREETING_MS = 5_000;
/** Milliseconds for which a report is waited for, and between two requests for it (§8.5, §8.7). */
const REPORT_MS = 60_000;
const ASK_MS = 200;

/** Measures. Throws a `RangeError` for options that do not fit. */
export function startSpeedtest(host: Host, options: SpeedtestOptions): RunningSpeedtest {
  const least = options.type === 'full' ? 2 : 1;
  if (!Number.isInteger(options.connections) || options.connections < least || options.connections > CONNECTIONS_MAX) {
    throw new RangeError(`connections: expected ${least} to ${CONNECTIONS_MAX}, got ${options.connections}`);
  }
  return new Speedtest(host, options);
}

class Speedtest implements RunningSpeedtest {
  readonly result: Promise<SpeedtestResult>;
  readonly #host: Host;
  readonly #options: SpeedtestOptions;
  readonly #run: Uint8Array;
  readonly #lines: Line[] = [];
  readonly #latency: Latency;
  #state: 'connecting' | 'running' | 'collecting' | 'over' = 'connecting';
  #startedAt = 0;
  #elapsedMs = 0;
  /** What had come when the span was over. */
  #downloadBytes = 0;
  #cancel: () => void = () => {};
  #resolve: (result: SpeedtestResult) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(host: Host, options: SpeedtestOptions) {
    this.#host = host;
    this.#options = options;
    this.#run = host.random(8);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // First an idle line, then all the others.
    this.#latency = new Latency(host, options, this.#run, () => this.#connect());
  }

  progress(): Progress {
    const { clock } = this.#host;
    return {
      phase: this.#state === 'over' ? 'collecting' : this.#state,
      elapsedMs: this.#state === 'running' ? clock.now() - this.#startedAt : this.#elapsedMs,
      downloadBytes: this.#state === 'running' ? this.#received() : this.#downloadBytes,
      uploadBytes: sum(this.#lines, (line) => line.sentBytes),
    };
  }

  abort(): void {
    this.#fail('the measurement was stopped');
  }

  #connect(): void {
    if (this.#state !== 'connecting') return;
    const { connections, type } = this.#options;
    const data = content(CONTENT_BYTES, this.#host.random);
    for (let i = 0; i < connections; i++) {
      const way = type === 'full' ? (i % 2 === 0 ? 'download' : 'upload') : type;
      this.#lines.push(
        new Line(this.#host, this.#options, way, data, {
          greeted: () => this.#greeted(),
          reported: () => this.#reported(),
          failed: (cause) => this.#fail(cause),
        }),
      );
    }
  }

  #greeted(): void {
    if (this.#state !== 'connecting' || !this.#lines.every((line) => line.greeted)) return;
    if (this.#lines.length < this.#options.connections) return;
    this.#state = 'running';
    this.#startedAt = this.#host.clock.now();
    this.#latency.load();
    for (const line of this.#lines) line.start(this.#run, this.#options.durationMs);
    this.#cancel = this.#host.scheduler.after(this.#options.durationMs, () => this.#collect());
  }

  /** The span is over. */
  #collect(): void {
    this.#elapsedMs = this.#host.clock.now() - this.#startedAt;
    this.#downloadBytes = this.#received();
    this.#state = 'collecting';
    this.#latency.end();
    for (const line of this.#lines) line.stop();
    const deadline = this.#host.clock.now() + REPORT_MS;
    const ask = (): void => {
      if (this.#host.clock.now() >= deadline) {
        return this.#fail(`the server did not say within ${REPORT_MS / 1000} seconds how much it got`);
      }
      for (const line of this.#lines) line.askForReport();
      this.#cancel = this.#host.scheduler.after(ASK_MS, ask);
    };
    ask();
    this.#reported();
  }

  #reported(): void {
    if (this.#state !== 'collecting' || !this.#lines.every((line) => line.done)) return;
    this.#end();
    // The server counts the header too (§8.4).
    const headers = this.#lines.filter((line) => line.way === 'upload').length * HEADER_BYTES;
    const uploadBytes = Math.max(0, sum(this.#lines, (line) => line.reportedBytes) - headers);
    const { raw, double, connections } = this.#options;
    const measured = { elapsedMs: this.#elapsedMs, downloadBytes: this.#downloadBytes, uploadBytes };
    const latency = this.#latency.result;
    this.#resolve({
      ...{ raw, double, connections, elapsedMs: this.#elapsedMs },
      ...computeResult(measured, { raw, double }),
      ...(latency === undefined ? {} : { latency }),
    });
  }

  #received(): number {
    return sum(this.#lines, (line) => line.receivedBytes);
  }

  #fail(cause: string): void {
    if (this.#state === 'over') return;
    this.#end();
    this.#reject(new SpeedtestFailure(cause));
  }

  #end(): void {
    this.#state = 'over';
    this.#cancel();
    this.#latency.end();
    for (const line of this.#lines) line.close();
  }
}

interface LineEvents {
  readonly greeted: () => void;
  readonly reported: () => void;
  readonly failed: (cause: string) => void;
}

/** One connection of a run. */
class Line implements ChannelHandler {
  readonly way: 'download' | 'upload';
  greeted = false;
  receivedBytes = 0;
  reportedBytes = 0;
  /** Nothing more is expected of it. */
  done = false;
  readonly #place: string;
  readonly #channel: Channel;
  readonly #pump: Pump;
  readonly #events: LineEvents;
  readonly #cancelGreeting: () => void;
  readonly #head: number[] = [];
  #state: 'greeting' | 'waiting' | 'running' | 'stopped' | 'closed' = 'greeting';

  constructor(host: Host, target: SpeedtestOptions, way: Line['way'], data: Uint8Array, events: LineEvents) {
    this.way = way;
    this.#events = events;
    this.#place = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
    this.#channel = host.plain.connect({ host: target.host, port: target.port, timeoutMs: CONNECT_MS }, this);
    this.#pump = new Pump(this.#channel, data, host.scheduler);
    this.#cancelGreeting = host.scheduler.after(CONNECT_MS + GREETING_MS, () =>
      events.failed(`${this.#place} accepted a connection and said nothing; is it a throughput server?`),
    );
  }

  get sentBytes(): number {
    return this.#pump.bytes;
  }

  start(run: Uint8Array, spanMs: number): void {
    this.#state = 'running';
    this.#channel.write(encodeHeader(this.way, run, spanMs));
    if (this.way === 'upload') this.#pump.start();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#pump.stop();
    if (this.way === 'upload') return;
    this.done = true;
    this.#channel.pause();
  }

  askForReport(): void {
    if (!this.done && this.#channel.writable) this.#channel.write(new Uint8Array(END_BYTES).fill(END_MARK));
  }

  close(): void {
    this.#state = 'closed';
    this.#cancelGreeting();
    this.#pump.stop();
    this.#channel.abort();
  }

  opened(): void {}

  data(bytes: Uint8Array): void {
    if (this.#state === 'greeting') return this.#readGreeting(bytes);
    if (this.way === 'download') this.receivedBytes += bytes.length;
    else if (!this.done) this.#readReport(bytes);
  }

  writable(): void {
    this.#pump.handleWritable();
  }

  closed(error: HostError | undefined): void {
    this.#cancelGreeting();
    if (this.done || this.#state === 'closed') return;
    this.#events.failed(error?.message ?? `${this.#place} closed a connection before the measurement was over`);
  }

  #readGreeting(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#head.length === GREETING.length) break;
      if (byte !== GREETING[this.#head.length]) {
        return this.#events.failed(`${this.#place} is not a throughput server: it greets otherwise`);
      }
      this.#head.push(byte);
    }
    if (this.#head.length < GREETING.length) return;
    this.#cancelGreeting();
    this.#head.length = 0;
    this.#state = 'waiting';
    this.greeted = true;
    this.#events.greeted();
  }

  /** One may come in pieces. One that comes early ends the upload: the server's span was over first. */
  #readReport(bytes: Uint8Array): void {
    for (const byte of bytes.subarray(0, REPORT_BYTES - this.#head.length)) this.#head.push(byte);
    if (this.#head.length < REPORT_BYTES) return;
    this.reportedBytes = decodeReport(Uint8Array.from(this.#head));
    this.done = true;
    this.#pump.stop();
    this.#events.reported();
  }
}

function sum(lines: readonly Line[], of: (line: Line) => number): number {
  return lines.reduce((all, line) => all + of(line), 0);
}
