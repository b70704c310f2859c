import type { Timed } from '../deadlines.ts';
import type { Session, Tunnel } from '../session/session.ts';

export interface KeeperOptions {
  readonly session: Session;
  /** Connections that the session shall have, 1 to 32. */
  readonly wanted: number;
  /** Milliseconds between two attempts, at least 1000: `protocol/control-plane.md` §8.2. */
  readonly intervalMs: number;
  /** Milliseconds after which a connection is replaced; Infinity: never. */
  readonly lifetimeMs: number;
  readonly halfDuplex: boolean;
  /** Starts an attempt, of which `settled` is told. */
  readonly dial: () => void;
  /** A deadline may have come nearer. */
  readonly touch: (timed: Timed) => void;
}

/**
 * Holds the number of a client session's connections: the missing ones are opened one interval apart, the first of them
 * one interval after the login; one that is older than the lifetime is replaced, and retired when its replacement is
 * up. Only the client opens connections (`protocol/control-plane.md` §6).
 */
export class Keeper implements Timed {
  readonly #options: KeeperOptions;
  #pending = 0;
  #next: number;
  /** Connections from before this moment are replaced as if they had reached their age. */
  #suspectBefore = Number.NEGATIVE_INFINITY;
  #over = false;

  constructor(options: KeeperOptions, now: number) {
    this.#options = options;
    this.#next = now + options.intervalMs;
  }

  /** An attempt came to an end; a connection that it brought has joined the session already. */
  settled(now: number): void {
    this.#pending--;
    this.#retire(now);
    this.#breakSymmetry();
    this.#options.touch(this);
  }

  /** A connection of the session is gone: its replacement may be due. */
  handleLost(): void {
    this.#options.touch(this);
  }

  /** The machine woke up, or its addresses have changed: no connection can be relied on, and none is waited for. */
  handleWake(now: number): void {
    this.#suspectBefore = now;
    this.#next = now;
    this.#options.touch(this);
  }

  /** The session has ended. */
  end(): void {
    this.#over = true;
  }

  pollTimeout(): number {
    if (this.#over) return Number.POSITIVE_INFINITY;
    const { session, wanted } = this.#options;
    const tunnels = session.tunnels.filter((tunnel) => !tunnel.retiring);
    if (tunnels.length + this.#pending < wanted) return this.#next;
    // One replacement at a time, so that there is never more than one connection above the number.
    if (tunnels.length + this.#pending > wanted) return Number.POSITIVE_INFINITY;
    return Math.max(this.#next, this.#oldest(tunnels));
  }

  handleTimeout(now: number): void {
    this.#next = now + this.#options.intervalMs;
    this.#pending++;
    this.#options.dial();
  }

  /** When the oldest connection has reached its age. */
  #oldest(tunnels: readonly Tunnel[]): number {
    const since = Math.min(...tunnels.map((tunnel) => tunnel.since));
    return since <= this.#suspectBefore ? since : since + this.#options.lifetimeMs;
  }

  /** The replacement is up: the oldest connection may go. */
  #retire(now: number): void {
    const { session, wanted, lifetimeMs } = this.#options;
    const tunnels = session.tunnels.filter((tunnel) => !tunnel.retiring);
    if (tunnels.length <= wanted) return;
    const oldest = tunnels.reduce((a, b) => (b.since < a.since ? b : a));
    if (oldest.since <= this.#suspectBefore || oldest.since + lifetimeMs <= now) session.retire(oldest, now);
  }

  /** All connections one way round: the last one is closed, and its replacement gets the missing direction (§4.5). */
  #breakSymmetry(): void {
    const { session, wanted, halfDuplex } = this.#options;
    const { tunnels } = session;
    if (!halfDuplex || tunnels.length < wanted || new Set(tunnels.map(({ direction }) => direction)).size > 1) return;
    const last = tunnels.at(-1);
    if (last !== undefined) last.failed('all connections of the session have one direction');
  }
}
