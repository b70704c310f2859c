/**
 * The middlebox itself: takes TCP connections, forwards each to the target and does to them what the faults say.
 * It terminates TCP on both sides, nothing above it.
 */
import { createServer, type Server, Socket } from 'node:net';
import { changeFaults, type Ending, type FaultChange, type Faults, type Way } from './middlebox-faults.ts';
import { type Amounts, Pipe } from './middlebox-pipe.ts';
import { OneWayRule, seededRandom, TlsRule } from './middlebox-rules.ts';

/** How long both ends may take to answer an orderly end by theirs. */
const FIN_GRACE_MS = 2000;

export interface RelayConfig {
  /** Port to listen on; 0 picks a free one. */
  readonly port: number;
  /** Address to listen on. Default: every one. */
  readonly host?: string;
  readonly target: { readonly host: string; readonly port: number };
  /** Default 1. */
  readonly seed?: number;
  readonly faults?: Faults;
}

/**
 * Why a connection ended: by itself from one of its ends, because the target could not be reached, by a fault, by a
 * command, or with the middlebox.
 */
export type Cause = 'client' | 'target' | 'unreachable' | keyof Faults | 'command' | 'stop';

/** `at` is in milliseconds since the middlebox listened, `age` since the connection was established. */
export type MiddleboxEvent =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'opened'; readonly id: number; readonly at: number; readonly from: string }
  | { readonly type: 'hello'; readonly id: number; readonly at: number; readonly sni?: string }
  | {
      readonly type: 'closed';
      readonly id: number;
      readonly at: number;
      readonly age: number;
      readonly cause: Cause;
      readonly how: Ending;
      /** What a rule found, or the system's error. */
      readonly reason?: string;
      readonly up: Amounts;
      readonly down: Amounts;
    };

export interface ConnectionState {
  readonly id: number;
  readonly age: number;
  readonly up: Amounts;
  readonly down: Amounts;
}

export interface Statistics {
  readonly at: number;
  /** Connections that were accepted. */
  readonly accepted: number;
  readonly open: readonly ConnectionState[];
  /** Connections that ended, by cause. */
  readonly closed: Readonly<Partial<Record<Cause, number>>>;
  /** Over all connections, open ones included. */
  readonly up: Amounts;
  readonly down: Amounts;
}

export interface StallCommand {
  /** Default `both`. */
  readonly way?: Way | 'both';
  readonly ms: number;
  /** Default: all that are open. */
  readonly connection?: number;
}

export interface EndCommand {
  /** Default: all that are open. */
  readonly connection?: number;
  /** Default `rst`. */
  readonly how?: Ending;
}

interface Connection {
  readonly id: number;
  readonly client: Socket;
  readonly target: Socket;
  readonly up: Pipe;
  readonly down: Pipe;
  readonly tls: TlsRule | undefined;
  oneWay: OneWayRule | undefined;
  /** When it was established with the target; NaN before. */
  since: number;
  /** Which end spoke its last first. */
  first: 'client' | 'target' | undefined;
  readonly timers: { expire?: NodeJS.Timeout; hello?: NodeJS.Timeout };
}

export class Relay {
  readonly #config: RelayConfig;
  readonly #report: (event: MiddleboxEvent) => void;
  readonly #random: () => number;
  readonly #open = new Map<number, Connection>();
  readonly #lingering = new Set<Socket>();
  readonly #closed: Partial<Record<Cause, number>> = {};
  readonly #totals = { up: { received: 0, delivered: 0 }, down: { received: 0, delivered: 0 } };
  #faults: Faults = {};
  #server: Server | undefined;
  #started = 0;
  #accepted = 0;
  #blackoutUntil = 0;
  #blackout: NodeJS.Timeout | undefined;
  #randomTimer: NodeJS.Timeout | undefined;

  private constructor(config: RelayConfig, report: (event: MiddleboxEvent) => void) {
    this.#config = config;
    this.#report = report;
    this.#random = seededRandom(config.seed ?? 1);
  }

  /** A middlebox that listens. */
  static async start(config: RelayConfig, report: (event: MiddleboxEvent) => void): Promise<Relay> {
    const relay = new Relay(config, report);
    const faults = changeFaults({}, config.faults ?? {});
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true } as const;
    const server = createServer(options, (socket) => relay.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(config.port, config.host ?? '0.0.0.0', 4096, resolve);
    });
    relay.#server = server;
    relay.#started = performance.now();
    relay.#apply(faults);
    const address = server.address();
    report({ type: 'listening', port: typeof address === 'object' && address !== null ? address.port : config.port });
    return relay;
  }

  /** Changes the lasting faults. @throws TypeError that names what is wrong. */
  set(change: FaultChange): void {
    this.#apply(changeFaults(this.#faults, change));
  }

  /** Lets nothing through in one direction of one or all connections; nothing is lost by it. */
  stall(command: StallCommand): void {
    const until = performance.now() + command.ms;
    for (const connection of this.#chosen(command.connection)) {
      if (command.way !== 'down') connection.up.stall(until);
      if (command.way !== 'up') connection.down.stall(until);
    }
  }

  /** Lets nothing through at all: what is open stalls both ways, what comes anew is not taken on before its end. */
  blackout(ms: number): void {
    this.#blackoutUntil = Math.max(this.#blackoutUntil, performance.now() + ms);
    clearTimeout(this.#blackout);
    this.#blackout = setTimeout(() => this.#endBlackout(), Math.ceil(this.#blackoutUntil - performance.now()));
    this.stall({ ms });
  }

  /** Ends one or all connections now. */
  end(command: EndCommand): void {
    for (const connection of this.#chosen(command.connection)) this.#end(connection, 'command', command.how ?? 'rst');
  }

  statistics(): Statistics {
    const now = performance.now();
    const total = (way: Way): Amounts => {
      const sum = { ...this.#totals[way] };
      for (const connection of this.#open.values()) add(sum, connection[way].amounts);
      return sum;
    };
    return {
      at: round(now - this.#started),
      accepted: this.#accepted,
      open: [...this.#open.values()].map((each) => ({
        ...{ id: each.id, age: Number.isNaN(each.since) ? 0 : round(now - each.since) },
        ...{ up: each.up.amounts, down: each.down.amounts },
      })),
      closed: { ...this.#closed },
      up: total('up'),
      down: total('down'),
    };
  }

  /** Resets everything and listens no more. */
  stop(): void {
    this.#server?.close();
    clearInterval(this.#randomTimer);
    clearTimeout(this.#blackout);
    for (const connection of [...this.#open.values()]) this.#end(connection, 'stop', 'rst');
    for (const socket of this.#lingering) socket.resetAndDestroy();
  }

  #apply(faults: Faults): void {
    const before = this.#faults;
    this.#faults = faults;
    if (faults.random !== before.random) {
      clearInterval(this.#randomTimer);
      const random = faults.random;
      if (random !== undefined) this.#randomTimer = setInterval(() => this.#endRandom(random.how), random.everyMs);
    }
    for (const connection of [...this.#open.values()]) {
      if (faults.oneWay !== before.oneWay) connection.oneWay = newOneWay(faults);
      this.#armExpiry(connection);
      connection.up.reshape();
      connection.down.reshape();
    }
  }

  #chosen(id: number | undefined): Connection[] {
    if (id === undefined) return [...this.#open.values()];
    const connection = this.#open.get(id);
    if (connection === undefined) throw new RangeError(`connection: none that is open has the number ${id}`);
    return [connection];
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const id = this.#accepted;
    const { host, port } = this.#config.target;
    const tls = this.#faults.tls;
    // Made without being connected: the pipes need it, and a blackout puts the connection off.
    const target = new Socket({ allowHalfOpen: true }).setNoDelay(true);
    const shape = () => ({
      delayMs: this.#faults.delay?.ms ?? 0,
      bytesPerSecond: (this.#faults.rate?.bitsPerSecond ?? Number.POSITIVE_INFINITY) / 8,
    });
    const connection: Connection = {
      ...{ id, client, target, since: Number.NaN, first: undefined, timers: {} },
      tls: tls === undefined ? undefined : new TlsRule(tls),
      oneWay: newOneWay(this.#faults),
      up: new Pipe(client, target, shape, (data) => this.#lookUp(connection, data)),
      down: new Pipe(target, client, shape, (data) => this.#look(connection, 'down', data)),
    };
    this.#open.set(id, connection);
    this.#watch(connection, 'client');
    this.#watch(connection, 'target');
    if (tls !== undefined) {
      const late = (): void => this.#end(connection, 'tls', 'rst', 'no ClientHello in time');
      connection.timers.hello = setTimeout(late, tls.timeoutMs ?? 10_000);
    }
    target.once('connect', () => {
      if (this.#open.get(id) !== connection) return;
      connection.since = performance.now();
      this.#report({ type: 'opened', id, at: this.#now(), from: `${client.remoteAddress}:${client.remotePort}` });
      if (this.#blackoutUntil > connection.since)
        this.stall({ ms: this.#blackoutUntil - connection.since, connection: id });
      this.#armExpiry(connection);
      connection.down.release();
      if (connection.tls === undefined || connection.tls.hello !== undefined) connection.up.release();
    });
    if (performance.now() >= this.#blackoutUntil) target.connect(port, host);
  }

  #endBlackout(): void {
    const { host, port } = this.#config.target;
    for (const { target } of this.#open.values()) if (target.pending && !target.connecting) target.connect(port, host);
  }

  #watch(connection: Connection, side: 'client' | 'target'): void {
    const socket = connection[side];
    let failure: NodeJS.ErrnoException | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('end', () => {
      connection.first ??= side;
    });
    socket.on('close', () => {
      this.#lingering.delete(socket);
      if (this.#open.get(connection.id) !== connection) return;
      if (failure !== undefined) {
        const unreachable = side === 'target' && Number.isNaN(connection.since);
        this.#end(connection, unreachable ? 'unreachable' : side, 'rst', failure.code ?? failure.message);
      } else if (connection.client.destroyed && connection.target.destroyed) {
        this.#end(connection, connection.first ?? side, 'fin');
      }
    });
  }

  #lookUp(connection: Connection, data: Uint8Array): boolean {
    const { tls } = connection;
    if (tls !== undefined) {
      const waiting = tls.hello === undefined;
      const wrong = tls.take(data);
      if (wrong !== undefined) {
        this.#end(connection, 'tls', 'rst', wrong);
        return false;
      }
      const hello = tls.hello;
      if (waiting && hello !== undefined) {
        clearTimeout(connection.timers.hello);
        this.#report({ type: 'hello', id: connection.id, at: this.#now(), ...hello });
        if (!Number.isNaN(connection.since)) connection.up.release();
      }
    }
    return this.#look(connection, 'up', data);
  }

  #look(connection: Connection, way: Way, data: Uint8Array): boolean {
    const wrong = connection.oneWay?.take(way, data.length);
    if (wrong !== undefined) this.#end(connection, 'oneWay', 'rst', wrong);
    return wrong === undefined;
  }

  #armExpiry(connection: Connection): void {
    clearTimeout(connection.timers.expire);
    const { expire } = this.#faults;
    if (expire === undefined || Number.isNaN(connection.since)) return;
    const left = connection.since + expire.afterMs - performance.now();
    connection.timers.expire = setTimeout(
      () => this.#end(connection, 'expire', expire.how ?? 'rst'),
      Math.max(0, left),
    );
  }

  #endRandom(how: Ending = 'rst'): void {
    const established = [...this.#open.values()].filter((each) => !Number.isNaN(each.since));
    if (established.length === 0) return; // and the next number is kept for the next time
    this.#end(established[Math.floor(this.#random() * established.length)]!, 'random', how);
  }

  #end(connection: Connection, cause: Cause, how: Ending, reason?: string): void {
    const { id, client, target, up, down, since, timers } = connection;
    this.#open.delete(id);
    clearTimeout(timers.expire);
    clearTimeout(timers.hello);
    this.#closed[cause] = (this.#closed[cause] ?? 0) + 1;
    add(this.#totals.up, up.amounts);
    add(this.#totals.down, down.amounts);
    this.#report({
      ...{ type: 'closed', id, at: this.#now() },
      ...{ age: Number.isNaN(since) ? 0 : round(performance.now() - since), cause, how },
      ...(reason === undefined ? {} : { reason }),
      ...{ up: up.amounts, down: down.amounts },
    });
    const sockets = [client, target].filter((socket) => !socket.destroyed);
    for (const socket of sockets) this.#lingering.add(socket);
    if (how === 'hang') {
      up.stall(Number.POSITIVE_INFINITY);
      down.stall(Number.POSITIVE_INFINITY);
      return;
    }
    up.close();
    down.close();
    for (const socket of sockets) {
      // A socket that was never connected has nobody to be reset.
      if (how === 'rst') void (socket.pending ? socket.destroy() : socket.resetAndDestroy());
      else socket.end();
    }
    if (how === 'fin') {
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, FIN_GRACE_MS);
      late.unref();
    }
  }

  #now(): number {
    return round(performance.now() - this.#started);
  }
}

function newOneWay(faults: Faults): OneWayRule | undefined {
  return faults.oneWay === undefined ? undefined : new OneWayRule(faults.oneWay);
}

function add(sum: { received: number; delivered: number }, amounts: Amounts): void {
  sum.received += amounts.received;
  sum.delivered += amounts.delivered;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
