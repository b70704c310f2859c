import type { Core } from '../core.ts';
import type { Timed } from '../deadlines.ts';
import type { Channel, Random } from '../host.ts';
import type { Direction } from '../login/additional.ts';
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
  /** The session is over; its port is the owner's to close. Called once. */
  readonly ended: (cause: string) => void;
  /** A deadline may have come nearer. */
  readonly touch: (timed: Timed) => void;
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
  handleBytes(bytes: Uint8Array): void;
  handleWritable(): void;
  handleClosed(cause: string): void;
}

/** Deadlines of one tunnel; Infinity where the direction makes them pointless. */
interface Timers {
  keepAlive: number;
  silence: number;
  /** Span after which the next keep-alive is due when nothing else was sent. */
  span: number;
}

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
  #over = false;

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
    const { core, plane, side } = this.#options;
    const sends = direction === 0 || (direction === 2) === (side === 'client');
    const receives = direction === 0 || !sends;
    const connection = core.openConnection(this.port, sends, now);
    const tunnel: Tunnel = {
      channel,
      connection,
      direction,
      since: now,
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
    });
    this.#abandoned = Number.POSITIVE_INFINITY;
    plane.attach(connection, tunnel);
    this.#sendKeepAlive(tunnel, now);
    if (remainder.length > 0) plane.handleBytes(connection, remainder);
    this.#options.touch(this);
    return tunnel;
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
    for (const timers of this.#tunnels.values()) next = Math.min(next, timers.keepAlive, timers.silence);
    return next;
  }

  handleTimeout(now: number): void {
    for (const [tunnel, timers] of [...this.#tunnels]) {
      if (timers.keepAlive <= now) this.#handleKeepAlive(tunnel, timers, now);
      if (timers.silence <= now) this.#handleSilence(tunnel, timers, now);
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

  /** Only what is complete counts as a sign of life: `protocol/data-plane.md` §4.7. */
  #handleSilence(tunnel: Tunnel, timers: Timers, now: number): void {
    const end = this.#options.core.receivedAt(tunnel.connection) + this.timeoutMs;
    if (end > now) timers.silence = end;
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
    // What was heard last tells how long the peer may still come back.
    if (this.#tunnels.size === 0) this.#abandoned = core.receivedAt(tunnel.connection) + this.timeoutMs;
    plane.detach(tunnel.connection);
    connectionLost?.(cause);
    if (!this.#over) touch(this);
  }
}
