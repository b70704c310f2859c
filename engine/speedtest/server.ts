import type { Channel, ChannelHandler, Host, Listener, Log } from '../host.ts';
import { CONTENT_BYTES, Pump } from './pump.ts';
import {
  content,
  dataBefore,
  decodeHeader,
  ECHO_BYTES,
  ECHO_GREETING,
  encodeReport,
  GREETING,
  HEADER_BYTES,
  type Header,
} from './wire.ts';

export interface SpeedtestServerOptions {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
}

/** A run that is over: all of its connections are gone. */
export interface FinishedRun {
  readonly peer: string;
  readonly connections: number;
  readonly seconds: number;
  /** TCP payload, headers included (§8.4); of downloads what the system took to send. */
  readonly uploadBytes: number;
  readonly downloadBytes: number;
}

export interface RunningSpeedtestServer {
  /** `host:port` of every listener. */
  readonly listeners: readonly string[];
  close(): Promise<void>;
}

/** Connections at a time: 32 runs of the most connections. Whoever comes then is turned away. */
const CONNECTIONS_MAX = 1_024;
/** Milliseconds in which a header is to come: a client opens all of its connections first. */
const HEADER_MS = 60_000;
/** Milliseconds in which the rest of a header is to come. */
const SHORT_MS = 1_000;
/** Milliseconds without any byte, and of a run whose span is known, until a connection is given up (§8.7). */
const IDLE_MS = 600_000;
const lifetimeMs = (spanMs: number): number => 3 * spanMs + 180_000;
/** Milliseconds between two reports (§8.6). */
const REPORT_MS = 100;
/** More than any span is: a day. */
const SPAN_MAX_MS = 86_400_000;

/** Listens, or rejects with a `HostError`. */
export async function startSpeedtestServer(
  host: Host,
  options: SpeedtestServerOptions,
  log: Log,
  onRun: (run: FinishedRun) => void,
): Promise<RunningSpeedtestServer> {
  const server = new SpeedtestServer(host, log, onRun);
  try {
    for (const place of options.listen) await server.listen(place);
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

/** Connections of one run, and what they came to. */
interface Run {
  readonly peer: string;
  readonly startedAt: number;
  readonly open: Set<Visitor>;
  connections: number;
  uploadBytes: number;
  downloadBytes: number;
}

class SpeedtestServer implements RunningSpeedtestServer {
  readonly #host: Host;
  readonly #log: Log;
  readonly #onRun: (run: FinishedRun) => void;
  readonly #content: Uint8Array;
  readonly #listeners: Listener[] = [];
  readonly #visitors = new Set<Visitor>();
  readonly #runs = new Map<string, Run>();
  #strangers = 0;

  constructor(host: Host, log: Log, onRun: (run: FinishedRun) => void) {
    this.#host = host;
    this.#log = log;
    this.#onRun = onRun;
    this.#content = content(CONTENT_BYTES, host.random);
  }

  async listen(place: { host: string; port: number }): Promise<void> {
    this.#listeners.push(await this.#host.plain.listen(place, (channel) => this.#accept(channel)));
  }

  get listeners(): readonly string[] {
    return this.#listeners.map(({ local: { address, port } }) =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    );
  }

  async close(): Promise<void> {
    const closing = this.#listeners.splice(0).map((listener) => listener.close());
    for (const visitor of [...this.#visitors]) visitor.abort();
    await Promise.all(closing);
  }

  #accept(channel: Channel): ChannelHandler {
    const visitor = new Visitor(this.#host, channel, this.#content, {
      started: (header) => this.#enter(visitor, header),
      reporting: () => this.#endUploads(visitor),
      gone: () => this.#leave(visitor),
    });
    this.#visitors.add(visitor);
    if (this.#visitors.size > CONNECTIONS_MAX) {
      this.#log('warn', 'too many connections: one is turned away', { limit: CONNECTIONS_MAX, peer: visitor.peer });
      visitor.abort();
    }
    return visitor;
  }

  #enter(visitor: Visitor, { way, run, spanMs }: Header): void {
    if (way === 'echo') return;
    // Without a number a connection is a run of its own.
    const key = `${visitor.address} ${run === '' ? `alone ${this.#strangers++}` : run}`;
    const found = this.#runs.get(key) ?? {
      ...{ peer: visitor.address, startedAt: this.#host.clock.now(), open: new Set() },
      ...{ connections: 0, uploadBytes: 0, downloadBytes: 0 },
    };
    if (found.connections === 0) this.#log('info', 'run started', { peer: visitor.peer, way, span: spanMs / 1000 });
    found.connections++;
    found.open.add(visitor);
    visitor.run = key;
    this.#runs.set(key, found);
  }

  /** The span of one is that of all. */
  #endUploads(visitor: Visitor): void {
    for (const other of this.#runs.get(visitor.run ?? '')?.open ?? []) other.report();
  }

  #leave(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    const run = this.#runs.get(visitor.run ?? '');
    if (run === undefined) return;
    run.open.delete(visitor);
    run.uploadBytes += visitor.uploadBytes;
    run.downloadBytes += visitor.downloadBytes;
    if (run.open.size > 0) return;
    this.#runs.delete(visitor.run!);
    const { peer, connections, uploadBytes, downloadBytes } = run;
    const seconds = Math.round(this.#host.clock.now() - run.startedAt) / 1000;
    const finished = { peer, connections, seconds, uploadBytes, downloadBytes };
    this.#log('info', 'run ended', finished);
    this.#onRun(finished);
  }
}

interface VisitorEvents {
  readonly started: (header: Header) => void;
  readonly reporting: () => void;
  readonly gone: () => void;
}

/** A connection of a client. */
class Visitor implements ChannelHandler {
  uploadBytes = 0;
  run: string | undefined;
  readonly #host: Host;
  readonly #channel: Channel;
  readonly #pump: Pump;
  readonly #events: VisitorEvents;
  readonly #head = new Uint8Array(HEADER_BYTES);
  #headBytes = 0;
  #state: 'header' | 'upload' | 'download' | 'echo' | 'report' | 'over' = 'header';
  #spanMs = 0;
  /** When the first data came, ms; undefined before. */
  #since: number | undefined;
  /** Until when it is kept, ms. */
  #keptUntil: number;
  #cancel: () => void;

  constructor(host: Host, channel: Channel, data: Uint8Array, events: VisitorEvents) {
    this.#host = host;
    this.#channel = channel;
    this.#events = events;
    this.#pump = new Pump(channel, data, host.scheduler);
    this.#keptUntil = host.clock.now() + HEADER_MS;
    this.#cancel = host.scheduler.after(HEADER_MS, this.#look);
  }

  get address(): string {
    return this.#channel.remote.address;
  }

  get peer(): string {
    return `${this.address}:${this.#channel.remote.port}`;
  }

  get downloadBytes(): number {
    return this.#pump.bytes;
  }

  abort(): void {
    this.#channel.abort();
  }

  opened(): void {
    this.#channel.write(GREETING);
  }

  data(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#state === 'header') {
      const taken = Math.min(HEADER_BYTES - this.#headBytes, bytes.length);
      this.#head.set(bytes.subarray(0, taken), this.#headBytes);
      this.#headBytes += taken;
      rest = bytes.subarray(taken);
      if (this.#headBytes < HEADER_BYTES) return this.#keepFor(SHORT_MS);
      this.#start();
    }
    if (this.#state === 'upload' && rest.length > 0) this.#count(rest);
    else if (this.#state === 'echo') this.#echo(rest);
  }

  writable(): void {
    this.#pump.handleWritable();
  }

  closed(): void {
    this.#state = 'over';
    this.#cancel();
    this.#pump.stop();
    this.#events.gone();
  }

  /** Says what an upload came to, until the client closes. */
  report(): void {
    if (this.#state !== 'upload') return;
    this.#state = 'report';
    this.#events.reporting();
    const say = (): void => {
      if (this.#state !== 'report' || this.#host.clock.now() >= this.#keptUntil) return this.#channel.abort();
      if (this.#channel.writable) this.#channel.write(encodeReport(this.uploadBytes));
      this.#cancel = this.#host.scheduler.after(REPORT_MS, say);
    };
    this.#cancel();
    say();
  }

  #start(): void {
    const { way, run, spanMs } = decodeHeader(this.#head.subarray(0, this.#headBytes));
    this.#spanMs = spanMs > SPAN_MAX_MS ? 0 : spanMs;
    this.#state = way;
    this.#events.started({ way, run, spanMs: this.#spanMs });
    this.#keepFor(this.#spanMs > 0 && way !== 'echo' ? lifetimeMs(this.#spanMs) : IDLE_MS);
    if (way === 'upload') this.uploadBytes = this.#headBytes;
    else if (way === 'download') this.#pump.start();
    else this.#channel.write(ECHO_GREETING);
  }

  #count(bytes: Uint8Array): void {
    const now = this.#host.clock.now();
    this.#since ??= now;
    // What comes behind the span is not counted.
    if (this.#spanMs > 0 && now - this.#since > this.#spanMs) return this.report();
    const data = dataBefore(bytes);
    this.uploadBytes += data;
    if (data < bytes.length) this.report();
    else if (this.#spanMs === 0) this.#keptUntil = now + IDLE_MS;
  }

  /** A client has one round trip under way at a time. */
  #echo(bytes: Uint8Array): void {
    if (bytes.length > ECHO_BYTES) return this.#channel.abort();
    if (bytes.length > 0 && this.#channel.write(bytes) < bytes.length) this.#channel.abort();
    this.#keptUntil = this.#host.clock.now() + HEADER_MS;
  }

  #keepFor(ms: number): void {
    this.#keptUntil = this.#host.clock.now() + ms;
    this.#cancel();
    this.#cancel = this.#host.scheduler.after(ms, this.#look);
  }

  readonly #look = (): void => {
    const left = this.#keptUntil - this.#host.clock.now();
    if (left > 0) {
      this.#cancel = this.#host.scheduler.after(left, this.#look);
    } else if (this.#state === 'header' && this.#headBytes > 0) {
      this.#start();
    } else {
      this.#channel.abort();
    }
  };
}
