import type { Core } from '../core.ts';
import type { Timed } from '../deadlines.ts';
import type { Channel, Random } from '../host.ts';
import type { Direction } from '../login/additional.ts';
import { type Congestion, controlCongestion, isLong, type Load } from './congestion.ts';
import { UNLIMITED } from './gauge.ts';
import { keepAliveSize, keepAliveSpan } from './keep-alive.ts';
import type { Lane, Plane } from './plane.ts';

export interface SessionOptions {
  readonly core: Core;
  readonly plane: Plane;
  readonly random: Random;
  /** The session's port in the core. */
  readonly port: number;
  /** Milliseconds of silence after which a connection, and then the session, ends: 5000 to 60000. */
  readonly timeoutMs: number;
  /** Which side of the session this is: it decides who sends where in half duplex. */
  readonly side: 'client' | 'server';
  /** A connection is set aside for priority frames when there are two or more. */
  readonly qos: boolean;
  /** How the kernel is to control congestion: see `congestion.ts`. */
  readonly congestion: Congestion;
  /** Both sides are ours and agreed to tell each other when they are done with a connection. */
  readonly retires: boolean;
  /** The session is over; its port is the owner's to close. Called once. */
  readonly ended: (cause: string) => void;
  /** A deadline may have come nearer. */
  readonly touch: (timed: Timed) => void;
  /** The kernel does not control congestion as it was asked to; said once. */
  readonly congestionRefused?: (name: string) => void;
  /** A connection is gone; the session may live on. */
  readonly connectionLost?: (cause: string) => void;
}

/** One TCP connection of a session, in its tunnel phase. */
export interface Tunnel extends Lane {
  /** The connection's number in the core. */
  readonly connection: number;
  /** 0 both ways, 1 server to client, 2 client to server: `protocol/control-plane.md` §6. */
  readonly direction: Direction;
  /** Milliseconds of the host's clock. */
  readonly since: number;
  /** This side sends nothing more on it: it is about to be closed. */
  readonly retiring: boolean;
  handleBytes(bytes: Uint8Array): void;
  handleWritable(): void;
  handleClosed(cause: string): void;
}

/**
 * Milliseconds by which a timer may be late before it says nothing about the peer: this process stood still, as on a
 * machine that was paused, and what came meanwhile has not been read. It gets as long to read it.
 */
const LATE_MS = 1_000;

/** Deadlines of one tunnel; Infinity where the direction makes them pointless. */
interface Timers {
  keepAlive: number;
  silence: number;
  /** Span after which the next keep-alive is due when nothing else was sent. */
  span: number;
  /** When to look whether a connection that is about to be closed has sent what it had. */
  drain: number;
  /** When to close it whether it has or not. */
  drainBy: number;
  /** For which congestion was last controlled. */
  load?: Load;
}

/**
 * Unsent bytes that the kernel holds of one of several connections. With little of it, the next batch goes to the one
 * that the network takes most from, and batches of one flow arrive close together.
 */
const UNSENT_BYTES = 128 * 1024;

/** How often a retiring connection is looked after, and how long it may take to send what it has. */
const DRAIN_LOOK_MS = 50;
const DRAIN_MS = 5_000;

/**
 * One login's worth of connections, on either side: keep-alives, time-outs, and the end. Which connections there shall
 * be is decided elsewhere; a connection that dies does not end the session (`protocol/data-plane.md` §4.6, §4.7).
 */
export class Session implements Timed {
  readonly port: number;
  readonly timeoutMs: number;
  readonly #options: SessionOptions;
  readonly #tunnels = new Map<Tunnel, Timers>();
  /** When the session ends for want of a connection. */
  #abandoned = Number.POSITIVE_INFINITY;
  /** When something was last heard on the connections that are gone. */
  #heard = 0;
  #over = false;
  /** That its congestion control cannot be had was said. */
  #refused = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.port = options.port;
    this.timeoutMs = options.timeoutMs;
  }

  /** In the order in which they joined. */
  get tunnels(): readonly Tunnel[] {
    return [...this.#tunnels.keys()];
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * A connection whose login is done. `remainder` is what was read behind it: the first bytes of its tunnel.
   * Throws a `RangeError` when the core has no room for another connection.
   */
  join(channel: Channel, direction: Direction, remainder: Uint8Array, now: number): Tunnel {
    const { core, plane } = this.#options;
    const sends = this.#sends(direction);
    const receives = direction === 0 || !sends;
    const connection = core.openConnection(this.port, sends, now, isLong(channel));
    const tunnel: Writable<Tunnel> = {
      channel,
      port: this.port,
      unsentMost: UNLIMITED,
      restrained: false,
      connection,
      direction,
      since: now,
      retiring: false,
      retired: () => this.#handleRetired(tunnel),
      failed: (cause) => this.#close(tunnel, cause),
      handleBytes: (bytes) => plane.handleBytes(connection, bytes),
      handleWritable: () => plane.handleWritable(connection),
      handleClosed: (cause) => this.#forget(tunnel, cause),
    };
    const span = keepAliveSpan(this.timeoutMs, this.#options.random);
    this.#tunnels.set(tunnel, {
      // The first one goes out at once: `protocol/data-plane.md` §4.4.
      keepAlive: sends ? now : Number.POSITIVE_INFINITY,
      silence: receives ? now + this.timeoutMs : Number.POSITIVE_INFINITY,
      span,
      drain: Number.POSITIVE_INFINITY,
      drainBy: Number.POSITIVE_INFINITY,
    });
    if (this.#tunnels.size > (this.#options.qos ? 2 : 1)) this.#limitUnsent();
    this.#controlCongestion();
    this.#abandoned = Number.POSITIVE_INFINITY;
    plane.attach(connection, tunnel);
    this.#sendKeepAlive(tunnel, now);
    if (remainder.length > 0) plane.handleBytes(connection, remainder);
    this.#options.touch(this);
    return tunnel;
  }

  /**
   * As soon as bulk has a choice of connections: what the kernel has of one cannot be given to another. As long as it has
   * none, what the kernel takes need not wait in our queue, where it may be dropped.
   */
  #limitUnsent(): void {
    for (const tunnel of this.#tunnels.keys()) {
      if (tunnel.unsentMost === UNSENT_BYTES) continue;
      (tunnel as Writable<Tunnel>).unsentMost = UNSENT_BYTES;
      tunnel.channel.limitUnsent?.(UNSENT_BYTES);
    }
  }

  /** The last connection that this side sends on is for priority frames, as the core has it (`assembly/queue/deal.ts`). */
  #controlCongestion(): void {
    const senders = [...this.#tunnels].filter(([tunnel]) => this.#sends(tunnel.direction) && !tunnel.retiring);
    for (const [i, [tunnel, timers]] of senders.entries()) {
      const last = this.#options.qos && senders.length > 1 && i === senders.length - 1;
      const load = last ? 'priority' : 'bulk';
      if (timers.load === load) continue;
      timers.load = load;
      const { congestion } = this.#options;
      const refused = () => this.#refuse(congestion);
      (tunnel as Writable<Tunnel>).restrained = controlCongestion(tunnel.channel, congestion, load, refused);
    }
  }

  #refuse(congestion: Congestion): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#options.congestionRefused?.(congestion);
  }

  #sends(direction: Direction): boolean {
    return direction === 0 || (direction === 2) === (this.#options.side === 'client');
  }

  /**
   * Closes a connection without losing what is on it. Our own peers are told and answer with their last word, which
   * closes it; of another peer's frames those are lost that it has queued on the connection but not sent: nothing in the
   * protocol asks it to stop (`protocol/data-plane.md` §4.6).
   */
  retire(tunnel: Tunnel, now: number): void {
    const timers = this.#tunnels.get(tunnel);
    if (timers === undefined || tunnel.retiring) return;
    this.#sendLast(tunnel, timers);
    timers.drain = now + DRAIN_LOOK_MS;
    // A peer of ours answers as soon as it can; until then nothing is gained by giving up what is on the way.
    timers.drainBy = now + (this.#options.retires ? this.timeoutMs : DRAIN_MS);
    this.#options.touch(this);
  }

  /** Ends the session from this side. There is no goodbye in the protocol: the connections close (§8.3). */
  end(cause: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const tunnel of this.tunnels) {
      this.#options.plane.detach(tunnel.connection);
      tunnel.channel.close();
    }
    this.#tunnels.clear();
    this.#options.ended(cause);
  }

  pollTimeout(): number {
    if (this.#over) return Number.POSITIVE_INFINITY;
    let next = this.#abandoned;
    for (const timers of this.#tunnels.values()) {
      next = Math.min(next, timers.keepAlive, timers.silence, timers.drain);
    }
    return next;
  }

  handleTimeout(now: number): void {
    for (const [tunnel, timers] of [...this.#tunnels]) {
      if (timers.keepAlive <= now) this.#handleKeepAlive(tunnel, timers, now);
      if (timers.silence <= now) this.#handleSilence(tunnel, timers, now);
      if (timers.drain <= now) this.#handleDrain(tunnel, timers, now);
    }
    if (this.#abandoned <= now) this.end('no connection came back within the session time-out');
  }

  /** Frames that were sent meanwhile have moved the deadline: `protocol/data-plane.md` §4.4. */
  #handleKeepAlive(tunnel: Tunnel, timers: Timers, now: number): void {
    const due = this.#options.core.sentAt(tunnel.connection) + timers.span;
    if (due > now) timers.keepAlive = due;
    else this.#sendKeepAlive(tunnel, now);
  }

  #sendKeepAlive(tunnel: Tunnel, now: number): void {
    const timers = this.#tunnels.get(tunnel);
    if (timers === undefined || timers.keepAlive > now) return;
    const { core, plane, random } = this.#options;
    timers.span = keepAliveSpan(this.timeoutMs, random);
    timers.keepAlive = now + timers.span;
    core.keepAlive(tunnel.connection, keepAliveSize(random));
    plane.wake();
  }

  #sendLast(tunnel: Writable<Tunnel>, timers: Timers): void {
    const { core, plane } = this.#options;
    tunnel.retiring = true;
    timers.keepAlive = Number.POSITIVE_INFINITY;
    core.retireConnection(tunnel.connection);
    this.#controlCongestion();
    plane.wake();
  }

  /** The peer's last word: it is answered with ours, or it is the answer to ours. */
  #handleRetired(tunnel: Tunnel): void {
    const timers = this.#tunnels.get(tunnel);
    if (timers === undefined) return;
    if (tunnel.retiring) this.#close(tunnel, 'replaced');
    else this.#sendLast(tunnel, timers);
  }

  #handleDrain(tunnel: Tunnel, timers: Timers, now: number): void {
    const { core, retires } = this.#options;
    const done = !retires && core.isDrained(tunnel.connection);
    if (done || timers.drainBy <= now) this.#close(tunnel, 'replaced');
    else timers.drain = now + DRAIN_LOOK_MS;
  }

  /** Only what is complete counts as a sign of life: `protocol/data-plane.md` §4.7. */
  #handleSilence(tunnel: Tunnel, timers: Timers, now: number): void {
    const end = this.#options.core.receivedAt(tunnel.connection) + this.timeoutMs;
    if (end > now) timers.silence = end;
    else if (now - timers.silence > LATE_MS) timers.silence = now + LATE_MS;
    else this.#close(tunnel, `nothing was received for ${this.timeoutMs / 1000} seconds`);
  }

  #close(tunnel: Tunnel, cause: string): void {
    if (!this.#tunnels.has(tunnel)) return;
    tunnel.channel.close();
    this.#forget(tunnel, cause);
  }

  #forget(tunnel: Tunnel, cause: string): void {
    if (!this.#tunnels.delete(tunnel)) return;
    const { core, plane, connectionLost, touch } = this.#options;
    // What was heard last, on whichever connection, tells how long the peer may still come back: in half duplex there
    // are those on which it never says anything.
    this.#heard = Math.max(this.#heard, core.receivedAt(tunnel.connection));
    if (this.#tunnels.size === 0) this.#abandoned = this.#heard + this.timeoutMs;
    plane.detach(tunnel.connection);
    connectionLost?.(cause);
    if (this.#over) return;
    this.#controlCongestion();
    touch(this);
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
