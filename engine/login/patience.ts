/** How long one side waits for the other before the tunnel starts: `protocol/control-plane.md` §1.7. */

/** Milliseconds without a byte from the peer. The original adds up to 7.5 s that depend on the host's name. */
export const READ_TIMEOUT_MS = 15_000;

/**
 * Milliseconds for the whole preamble. Ours: without it a peer that sends one byte every 14 s stays for days. A login
 * over a bad line takes a few seconds.
 */
export const PREAMBLE_TIMEOUT_MS = 60_000;

export class Patience {
  #heard: number;
  #started: number;

  /** @param now Milliseconds, like every `now`. */
  constructor(now: number) {
    this.#heard = now;
    this.#started = now;
  }

  /** The peer sent something. */
  heard(now: number): void {
    this.#heard = now;
  }

  /** The whole wait starts again: a person sits at a dialog, and the client says so. */
  restart(now: number): void {
    this.#heard = now;
    this.#started = now;
  }

  /** When it ends, in milliseconds. */
  get deadline(): number {
    return Math.min(this.#heard + READ_TIMEOUT_MS, this.#started + PREAMBLE_TIMEOUT_MS);
  }
}
