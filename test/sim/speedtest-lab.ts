/** Throughput measurement between two hosts of the simulator, and the raw ends of its connections. */

import type { HostError, TcpStream } from '../../engine/host.ts';
import { startSpeedtest } from '../../engine/speedtest/client.ts';
import type {
  RunningSpeedtestServer,
  RunSummary,
  SpeedtestEnd,
  SpeedtestEvent,
  SpeedtestOptions,
} from '../../engine/speedtest/options.ts';
import { startSpeedtestServer } from '../../engine/speedtest/server.ts';
import type { LinkOptions } from './channel.ts';
import { SimHost, SimNetwork } from './host.ts';
import { World } from './world.ts';

export const SERVER = '10.0.0.1';
export const PORT = 9821;
/** Slow enough for a second of it to be few bytes. */
export const LINK: LinkOptions = { latencyMs: 5, pieces: 'random', window: 0x8000 };

export class SpeedtestLab {
  readonly world: World;
  readonly net = new SimNetwork();
  readonly server: SimHost;
  readonly client: SimHost;
  readonly runs: RunSummary[] = [];
  readonly started: string[] = [];
  running: RunningSpeedtestServer | undefined;

  constructor(seed = 1) {
    this.world = new World(seed);
    this.net.link = LINK;
    this.server = new SimHost(this.world, this.net, SERVER);
    this.client = new SimHost(this.world, this.net, '10.0.0.2');
  }

  async serve(): Promise<void> {
    this.running = await startSpeedtestServer(this.server, { host: SERVER, port: PORT }, this.server.log, (event) => {
      if (event.kind === 'run-ended') this.runs.push(event);
      else this.started.push(event.peer);
    });
  }

  /** Starts a client; what it says and how it ends is collected. */
  measure(options: Partial<SpeedtestOptions> = {}): ClientRun {
    const run: ClientRun = { events: [], end: undefined, close: () => test.close() };
    const all: SpeedtestOptions = {
      ...{ host: SERVER, port: PORT, type: 'full', connections: 2, durationMs: 1_000 },
      ...{ correction: false, double: false, latency: true, progressMs: 200 },
      ...options,
    };
    const test = startSpeedtest(this.client, all, (event) => run.events.push(event));
    void test.ended.then((end) => {
      run.end = end;
    });
    return run;
  }

  async finish(run: ClientRun, limitMs = 120_000): Promise<SpeedtestEnd> {
    await this.world.until(() => run.end !== undefined, limitMs);
    return run.end!;
  }

  /** A connection to the server of which the test says every byte. */
  async dial(): Promise<Raw> {
    const raw = new Raw();
    raw.stream = this.client.tcp.connect({ host: SERVER, port: PORT, timeoutMs: 1_000 }, raw);
    await this.world.run(20);
    return raw;
  }

  /** A server of which the test says every byte. @param serve Is called with every connection that is there. */
  async serveRaw(serve: (raw: Raw) => void): Promise<void> {
    await this.server.tcp.listen({ host: SERVER, port: PORT }, (stream) => {
      const raw = new Raw();
      raw.stream = stream;
      raw.onOpen = () => serve(raw);
      return raw;
    });
  }
}

export interface ClientRun {
  readonly events: SpeedtestEvent[];
  end: SpeedtestEnd | undefined;
  close(): void;
}

/** One end of a connection, read and written by hand. */
export class Raw {
  stream!: TcpStream;
  got: number[] = [];
  over = false;
  error: HostError | undefined;
  onOpen: () => void = () => {};
  onData: (bytes: Uint8Array) => void = (bytes) => {
    for (const byte of bytes) this.got.push(byte);
  };

  opened(): void {
    this.onOpen();
  }

  data(bytes: Uint8Array): void {
    this.onData(bytes);
  }

  writable(): void {}

  closed(error: HostError | undefined): void {
    this.over = true;
    this.error = error;
  }

  send(...parts: (Uint8Array | readonly number[])[]): void {
    for (const part of parts) {
      const bytes = Uint8Array.from(part);
      if (this.stream.write(bytes) < bytes.length) throw new Error('the connection did not take all of it');
    }
  }

  /** What has come, and forgets it. */
  take(): Uint8Array {
    const bytes = Uint8Array.from(this.got);
    this.got = [];
    return bytes;
  }
}
