import type { ChannelHandler, Host, Listener, Log, TcpStream } from '../host.ts';
import { Alarm } from './alarm.ts';
import { createFiller } from './filler.ts';
import type { RunningSpeedtestServer, SpeedtestServerEvent, SpeedtestServerOptions } from './options.ts';
import { Runs } from './runs.ts';
import { Visitor, type VisitorEvents } from './visitor.ts';

/** What the server needs of a host. */
export type SpeedtestHost = Pick<Host, 'tcp' | 'clock' | 'scheduler' | 'random'>;

/** Connections at a time, of all clients: each costs a descriptor, some 10 KiB, and the kernel's buffers. */
const CONNECTIONS_MAX = 1_024;
/**
 * Those of them that have not said what they are for. The one that has been silent longest makes room for the next: a flood
 * of strangers pushes itself out, where refusing newcomers would shut everybody out for ten minutes.
 */
const STRANGERS_MAX = 256;
/** Not so often as connections can be refused. */
const COMPLAIN_EVERY_MS = 10_000;

/**
 * Listens, and serves whoever comes (`protocol/data-plane.md` §8). Rejects with a `HostError` when the port cannot be had.
 *
 * @param tell Is told of every run.
 */
export async function startSpeedtestServer(
  host: SpeedtestHost,
  options: SpeedtestServerOptions,
  log: Log,
  tell: (event: SpeedtestServerEvent) => void,
): Promise<RunningSpeedtestServer> {
  const server = new SpeedtestServer(host, log, tell);
  await server.open(options);
  return server;
}

class SpeedtestServer implements RunningSpeedtestServer {
  listener = '';
  readonly #host: SpeedtestHost;
  readonly #log: Log;
  readonly #filler: Uint8Array;
  readonly #alarm: Alarm;
  readonly #runs: Runs;
  readonly #visitors = new Set<Visitor>();
  /** In the order in which they came. */
  readonly #strangers = new Set<Visitor>();
  readonly #events: VisitorEvents;
  #listening: Listener | undefined;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(host: SpeedtestHost, log: Log, tell: (event: SpeedtestServerEvent) => void) {
    this.#host = host;
    this.#log = log;
    this.#filler = createFiller(host.random);
    this.#alarm = new Alarm(host);
    this.#runs = new Runs(tell);
    this.#events = {
      admit: (visitor) => this.#admit(visitor),
      reporting: (visitor) => this.#runs.quieten(visitor),
      gone: (visitor) => this.#forget(visitor),
      touch: (timed) => this.#alarm.touch(timed),
    };
  }

  async open({ host, port }: SpeedtestServerOptions): Promise<void> {
    this.#listening = await this.#host.tcp.listen({ host, port }, (stream) => this.#accept(stream));
    const { address, port: bound } = this.#listening.local;
    this.listener = address.includes(':') ? `[${address}]:${bound}` : `${address}:${bound}`;
  }

  async close(): Promise<void> {
    await this.#listening?.close();
    for (const visitor of [...this.#visitors]) visitor.abort();
    this.#alarm.close();
  }

  #accept(stream: TcpStream): ChannelHandler {
    if (this.#visitors.size >= CONNECTIONS_MAX) {
      this.#complain('too many connections: refused one', { peer: stream.remote.address, most: CONNECTIONS_MAX });
      return refusal(stream);
    }
    if (this.#strangers.size >= STRANGERS_MAX) {
      const [oldest] = this.#strangers;
      oldest!.abort();
      this.#complain('too many connections that say nothing: closed the oldest', { most: STRANGERS_MAX });
    }
    const visitor = new Visitor(stream, this.#host, this.#filler, this.#events);
    this.#visitors.add(visitor);
    this.#strangers.add(visitor);
    return visitor;
  }

  #admit(visitor: Visitor): boolean {
    this.#strangers.delete(visitor);
    if (this.#runs.join(visitor, this.#host.clock.now())) return true;
    this.#complain('a run with too many connections: refused one', { peer: visitor.peer });
    return false;
  }

  #forget(visitor: Visitor): void {
    this.#strangers.delete(visitor);
    this.#visitors.delete(visitor);
    this.#alarm.forget(visitor);
    this.#runs.leave(visitor, this.#host.clock.now());
  }

  #complain(message: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.#host.clock.now();
    if (now < this.#complainedAt + COMPLAIN_EVERY_MS) return;
    this.#complainedAt = now;
    this.#log('warn', message, fields);
  }
}

/** Closes a connection as soon as it is there. */
function refusal(stream: TcpStream): ChannelHandler {
  return { opened: () => stream.abort(), data() {}, writable() {}, closed() {} };
}
