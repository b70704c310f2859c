import type { Channel } from '../host.ts';
import { READ_TIMEOUT_MS } from '../login/patience.ts';

/** What both preambles have in common: see `engine/login/server-preamble.ts` and `client-preamble.ts`. */
export interface Preamble {
  readonly outcome: unknown;
  handleBytes(chunk: Uint8Array, now: number): void;
  handleEnd(): void;
  handleTimeout(now: number): void;
  pollTimeout(): number;
  pollOutput(): Uint8Array | undefined;
}

const NOTHING = new Uint8Array(0);

/**
 * Runs a preamble on a channel until it has an outcome and everything that it wanted to say is on its way: the tunnel's
 * first byte must not overtake the answer to the login. Meanwhile nothing more is read.
 */
export class Entrance<P extends Preamble> {
  readonly preamble: P;
  readonly #channel: Channel;
  readonly #done: () => void;
  #pending: Uint8Array = NOTHING;
  #finished = false;
  #paused = false;
  /** When a peer that does not read what the preamble said last is given up. */
  #drainBy = Number.POSITIVE_INFINITY;

  /** @param done The preamble has its outcome and is silent. Called once. */
  constructor(preamble: P, channel: Channel, done: () => void) {
    this.preamble = preamble;
    this.#channel = channel;
    this.#done = done;
  }

  handleBytes(bytes: Uint8Array, now: number): void {
    // A host may still deliver what it had read before it was paused.
    if (this.preamble.outcome !== undefined) return this.#late(bytes);
    this.preamble.handleBytes(bytes, now);
    this.#limitDraining(now);
    this.pump();
  }

  handleEnd(): void {
    this.preamble.handleEnd();
    this.pump();
  }

  handleTimeout(now: number): void {
    if (this.preamble.outcome === undefined) {
      this.preamble.handleTimeout(now);
      this.#limitDraining(now);
      this.pump();
    } else if (!this.#finished && now >= this.#drainBy) {
      this.#finished = true;
      this.#channel.abort();
    }
  }

  /** When to call `handleTimeout`; Infinity when there is nothing to wait for. */
  pollTimeout(): number {
    if (this.#finished) return Number.POSITIVE_INFINITY;
    return this.preamble.outcome === undefined ? this.preamble.pollTimeout() : this.#drainBy;
  }

  /** Bytes that arrived behind the outcome; they belong to the tunnel. */
  takeLate(): Uint8Array {
    const late = this.#lateBytes;
    this.#lateBytes = NOTHING;
    return late;
  }

  /** Writes what there is to write. To be called at the start, and when the channel is writable again. */
  pump(): void {
    if (this.#finished) return;
    for (;;) {
      if (this.#pending.length === 0) this.#pending = this.preamble.pollOutput() ?? NOTHING;
      if (this.#pending.length === 0) break;
      if (this.preamble.outcome !== undefined) this.#hold();
      const taken = this.#channel.write(this.#pending);
      this.#pending = this.#pending.subarray(taken);
      if (this.#pending.length > 0) break;
    }
    if (this.preamble.outcome === undefined) return;
    if (this.#pending.length > 0) return;
    this.#finished = true;
    this.#done();
    if (this.#paused) this.#channel.resume();
  }

  /** Nothing is read while the last answer leaves: what comes behind it may not be TLS any more. */
  #hold(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#channel.pause();
  }

  /** Once there is an outcome, the peer has as long to read the answer as it had for its requests. */
  #limitDraining(now: number): void {
    if (this.preamble.outcome !== undefined) this.#drainBy = Math.min(this.#drainBy, now + READ_TIMEOUT_MS);
  }

  #lateBytes: Uint8Array = NOTHING;

  #late(bytes: Uint8Array): void {
    if (this.#finished) return;
    // One read's worth at most: the channel is paused. More would be a fault of the host.
    const joined = new Uint8Array(this.#lateBytes.length + bytes.length);
    joined.set(this.#lateBytes);
    joined.set(bytes, this.#lateBytes.length);
    this.#lateBytes = joined;
  }
}
