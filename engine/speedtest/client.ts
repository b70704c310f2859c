import type { Host } from '../host.ts';
import { Alarm } from './alarm.ts';
import { createFiller } from './filler.ts';
import { Flow, type FlowFailure } from './flow.ts';
import {
  CONNECTIONS_MAX,
  DURATION_MAX_MS,
  DURATION_MIN_MS,
  type RunningSpeedtest,
  type SpeedtestEnd,
  type SpeedtestEvent,
  type SpeedtestOptions,
} from './options.ts';
import { Probe } from './probe.ts';
import { computeResult, rate } from './result.ts';
import { type Direction, STOP_EVERY_MS } from './wire.ts';

/** What the client needs of a host. */
export type SpeedtestHost = Pick<Host, 'tcp' | 'clock' | 'scheduler' | 'random'>;

const CONNECT_MS = 10_000;
/** How often it is looked whether a greeting is late. */
const GREETING_LOOK_MS = 250;
/** How long a server may take to report (`protocol/data-plane.md` §8). */
const REPORTS_MS = 60_000;
/** A report before this part of the span is over is none of a server that measures. */
const EARLIEST_REPORT = 0.95;

/**
 * Measures the throughput to a server and back (`protocol/data-plane.md` §8).
 *
 * @param onEvent Is told of every step; called from the event loop, never before this function has returned.
 * @throws RangeError for options that cannot be.
 */
export function startSpeedtest(
  host: SpeedtestHost,
  options: SpeedtestOptions,
  onEvent: (event: SpeedtestEvent) => void,
): RunningSpeedtest {
  check(options);
  return new Speedtest(host, options, onEvent);
}

/** Which way each connection of a run goes: alternating, the first is a download (§8). */
export function directions({ type, connections }: Pick<SpeedtestOptions, 'type' | 'connections'>): Direction[] {
  return Array.from({ length: connections }, (_, index) =>
    type === 'full' ? (index % 2 === 0 ? 'download' : 'upload') : type,
  );
}

function check({ type, connections, durationMs, progressMs }: SpeedtestOptions): void {
  const whole = (name: string, value: number, least: number, most: number): void => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new RangeError(`startSpeedtest: ${name}: expected a whole number from ${least} to ${most}, got ${value}`);
  };
  whole('connections', connections, type === 'full' ? 2 : 1, CONNECTIONS_MAX);
  whole('durationMs', durationMs, DURATION_MIN_MS, DURATION_MAX_MS);
  whole('progressMs', progressMs, 10, DURATION_MAX_MS);
}

class Speedtest implements RunningSpeedtest {
  readonly ended: Promise<SpeedtestEnd>;
  readonly #host: SpeedtestHost;
  readonly #options: SpeedtestOptions;
  readonly #onEvent: (event: SpeedtestEvent) => void;
  readonly #place: string;
  readonly #alarm: Alarm;
  readonly #flows: Flow[];
  readonly #probe: Probe | undefined;
  readonly #id: bigint;
  #state: 'opening' | 'probing' | 'running' | 'reporting' | 'over' = 'opening';
  #resolve: (end: SpeedtestEnd) => void = () => {};
  #ready = 0;
  #greetingLook = 0;
  #startedAt = 0;
  #spanMs = 0;
  #downloadBytes = 0;
  #nextProgress = Number.POSITIVE_INFINITY;
  #nextStop = Number.POSITIVE_INFINITY;
  #progressAt = 0;
  #progressBytes = { download: 0, upload: 0 };

  constructor(host: SpeedtestHost, options: SpeedtestOptions, onEvent: (event: SpeedtestEvent) => void) {
    this.#host = host;
    this.#options = options;
    this.#onEvent = onEvent;
    this.#place = options.host.includes(':') ? `[${options.host}]:${options.port}` : `${options.host}:${options.port}`;
    this.#alarm = new Alarm(host);
    this.#id = new DataView(host.random(8).buffer).getBigUint64(0);
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const filler = createFiller(host.random);
    const events = {
      ready: () => this.#handleReady(),
      reported: () => this.#handleReported(),
      failed: (flow: Flow, why: FlowFailure) => this.#fail(this.#describe(flow, why)),
    };
    this.#flows = directions(options).map((direction) => new Flow(direction, host, filler, events));
    this.#probe = options.latency ? new Probe(host, options.durationMs, () => this.#advance()) : undefined;
    for (const each of [...this.#flows, ...(this.#probe === undefined ? [] : [this.#probe])])
      each.open(options.host, options.port, CONNECT_MS);
    // The greetings are waited for from the moment that a connection is there, so there is one to be touched then.
    this.#watchGreetings();
  }

  close(): void {
    this.#end({ kind: 'closed' });
  }

  pollTimeout(): number {
    if (this.#state === 'over') return Number.POSITIVE_INFINITY;
    const own =
      this.#state === 'opening'
        ? Math.min(this.#greetingLook, ...this.#flows.map(({ deadline }) => deadline))
        : this.#state === 'running'
          ? Math.min(this.#startedAt + this.#options.durationMs, this.#nextProgress)
          : this.#state === 'reporting'
            ? Math.min(this.#startedAt + this.#spanMs + REPORTS_MS, this.#nextStop)
            : Number.POSITIVE_INFINITY;
    return Math.min(own, this.#probe?.pollTimeout() ?? Number.POSITIVE_INFINITY);
  }

  handleTimeout(now: number): void {
    if (this.#probe !== undefined && now >= this.#probe.pollTimeout()) this.#probe.handleTimeout(now);
    if (this.#state === 'opening') this.#handleGreetings(now);
    else if (this.#state === 'running') this.#handleRunning(now);
    else if (this.#state === 'reporting') this.#handleReporting(now);
  }

  #watchGreetings(): void {
    this.#greetingLook = this.#host.clock.now() + GREETING_LOOK_MS;
    this.#alarm.touch(this);
  }

  #handleGreetings(now: number): void {
    for (const flow of this.#flows) {
      if (now >= flow.deadline) return flow.handleLate();
    }
    if (now >= this.#greetingLook) this.#watchGreetings();
  }

  #handleReady(): void {
    this.#ready++;
    this.#advance();
  }

  /** Something that the next step waits for may have come. */
  #advance(): void {
    const now = this.#host.clock.now();
    if (this.#state === 'opening') {
      // All connections are opened before the first of them says what it is for (§8).
      if (this.#ready < this.#flows.length || this.#probe?.greeted === false) return;
      this.#state = 'probing';
      this.#probe?.ask(this.#id, this.#options.durationMs);
    }
    if (this.#state === 'probing' && this.#probe?.quiet !== false) this.#start(now);
    if (this.#state === 'reporting') this.#finish();
    this.#alarm.touch(this);
  }

  #start(now: number): void {
    this.#state = 'running';
    this.#startedAt = now;
    this.#progressAt = now;
    this.#nextProgress = now + this.#options.progressMs;
    const downloads = this.#flows.filter(({ direction }) => direction === 'download').length;
    const uploads = this.#flows.length - downloads;
    this.#onEvent({ kind: 'started', downloads, uploads, latency: this.#probe?.working === true });
    for (const flow of this.#flows) {
      if (this.#state !== 'running') return;
      flow.start(this.#id, this.#options.durationMs);
    }
    this.#probe?.startLoad(now);
  }

  #handleRunning(now: number): void {
    if (now >= this.#nextProgress) this.#progress(now);
    if (now < this.#startedAt + this.#options.durationMs) return;
    this.#state = 'reporting';
    this.#spanMs = now - this.#startedAt;
    this.#downloadBytes = this.#flows.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
    for (const flow of this.#flows) flow.stop();
    this.#probe?.stopLoad(now);
    this.#nextStop = now + STOP_EVERY_MS;
    this.#finish();
  }

  #handleReporting(now: number): void {
    if (now >= this.#startedAt + this.#spanMs + REPORTS_MS) {
      return this.#fail(`${this.#place} did not report within ${REPORTS_MS / 1000} s how much it got`);
    }
    if (now < this.#nextStop) return;
    this.#nextStop = now + STOP_EVERY_MS;
    for (const flow of this.#flows) flow.askForReport();
  }

  #handleReported(): void {
    const now = this.#host.clock.now();
    if (this.#state === 'running' && now - this.#startedAt < EARLIEST_REPORT * this.#options.durationMs) {
      const after = ((now - this.#startedAt) / 1000).toFixed(1);
      return this.#fail(`${this.#place} stopped counting after ${after} s, before the time was over`);
    }
    if (this.#state === 'reporting') this.#finish();
  }

  /** The end, when everything is there. */
  #finish(): void {
    const uploads = this.#flows.filter(({ direction }) => direction === 'upload');
    if (uploads.some(({ reportedBytes }) => reportedBytes === undefined) || this.#probe?.finished === false) return;
    const uploadBytes = uploads.reduce((sum, { reportedBytes }) => sum + reportedBytes!, 0);
    const measured = { spanMs: Math.round(this.#spanMs), downloadBytes: this.#downloadBytes, uploadBytes };
    const latency = this.#probe?.latency;
    const result = computeResult(measured, this.#options);
    this.#end({ kind: 'done', result: latency === undefined ? result : { ...result, latency } });
  }

  #progress(now: number): void {
    this.#nextProgress = now + this.#options.progressMs;
    let [download, upload] = [0, 0];
    for (const flow of this.#flows) {
      if (flow.direction === 'download') download += flow.receivedBytes;
      else upload += flow.uploadedBytes;
    }
    const [before, ms] = [this.#progressBytes, now - this.#progressAt];
    const roundTripMs = this.#probe?.lastMs;
    this.#progressAt = now;
    this.#progressBytes = { download, upload };
    this.#onEvent({
      kind: 'progress',
      elapsedMs: Math.round(now - this.#startedAt),
      downloadBytes: download,
      uploadBytes: upload,
      downloadBitsPerSecond: rate(download - before.download, ms),
      uploadBitsPerSecond: Math.max(0, rate(upload - before.upload, ms)),
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
    });
  }

  #describe(flow: Flow, why: FlowFailure): string {
    const place = this.#place;
    if (why.kind === 'unreachable') return why.message;
    if (why.kind === 'stranger') return `${place} is not a server for throughput measurements: it did not greet as one`;
    if (why.kind === 'silent')
      return `${place} is not a server for throughput measurements: it said nothing for 5 s after the connection was made`;
    if (why.kind === 'report') return `${place} is not to be believed: it ${why.message}`;
    const number = this.#flows.indexOf(flow) + 1;
    const which = `${flow.direction} connection ${number} of ${this.#flows.length}`;
    const when =
      this.#state === 'running'
        ? `${((this.#host.clock.now() - this.#startedAt) / 1000).toFixed(1)} s after the start`
        : this.#state === 'reporting'
          ? 'before it reported how much it got'
          : 'before the measurement began';
    const cause = why.message === undefined ? '' : `: ${why.message}`;
    return `${place} closed ${which} ${when}${cause}`;
  }

  #fail(message: string): void {
    this.#end({ kind: 'failed', message });
  }

  #end(end: SpeedtestEnd): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    for (const flow of this.#flows) flow.abort();
    this.#probe?.abort();
    this.#alarm.forget(this);
    this.#alarm.close();
    this.#resolve(end);
  }
}
