import type { Timed } from '../deadlines.ts';
import type { Clock } from '../host.ts';
import type { Session } from '../session/session.ts';

/**
 * Milliseconds for a client to end its session by itself, which is how policy AutoDisconnect is meant
 * (`protocol/control-plane.md` §5.1): one that does it tells its user why.
 */
const GRACE_MS = 5_000;

/** How long a session may last. */
export class Term implements Timed {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #expires: number;
  /** When a client that does not end by itself is ended; Infinity: never. */
  readonly #disconnectAt: number;
  /** When to look again. */
  #due: number;

  /**
   * @param expires Milliseconds since 1970 UTC; Infinity: never.
   * @param autoDisconnect Seconds; 0: never.
   */
  constructor(
    session: Session,
    clock: Clock,
    { expires, autoDisconnect }: { readonly expires: number; readonly autoDisconnect: number },
  ) {
    this.#session = session;
    this.#clock = clock;
    this.#expires = expires;
    this.#disconnectAt =
      autoDisconnect === 0 ? Number.POSITIVE_INFINITY : clock.now() + autoDisconnect * 1000 + GRACE_MS;
    this.#due = this.#next(clock.now());
  }

  pollTimeout(): number {
    return this.#session.over ? Number.POSITIVE_INFINITY : this.#due;
  }

  handleTimeout(now: number): void {
    if (this.#expires <= this.#clock.utc()) return this.#session.end('the account has expired');
    if (this.#disconnectAt <= now) return this.#session.end('it has lasted as long as the policy allows');
    this.#due = this.#next(now);
  }

  /** The wall clock may be set meanwhile: it is looked at once an hour. */
  #next(now: number): number {
    const left = this.#expires - this.#clock.utc();
    const expiry = left === Number.POSITIVE_INFINITY ? left : now + Math.min(Math.max(left, 0), LOOK_MS);
    return Math.min(expiry, this.#disconnectAt);
  }
}

const LOOK_MS = 3_600_000;
