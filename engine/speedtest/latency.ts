import type { Channel, ChannelHandler, Host } from '../host.ts';
import { ECHO_BYTES, ECHO_GREETING, encodeHeader, GREETING } from './wire.ts';

/** Of round trips, ms. */
export interface Spread {
  readonly samples: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds between two round trips. */
const SPACING_MS = 25;
/** Round trips before the run. */
const IDLE_SAMPLES = 12;
/** Milliseconds for a server to say what it is. */
const PATIENCE_MS = 3_000;

/**
 * Measures round trips on a connection of its own, before a run and during it. A server that does not send back what it gets
 * is the reference's, and the connection is closed as soon as that shows.
 */
export class Latency implements ChannelHandler {
  readonly #host: Host;
  readonly #channel: Channel;
  readonly #run: Uint8Array;
  readonly #ready: () => void;
  readonly #idle: number[] = [];
  readonly #loaded: number[] = [];
  #state: 'greeting' | 'asking' | 'measuring' | 'over' = 'greeting';
  #came: number[] = [];
  #sentAt = 0;
  /** The run has started. */
  #underLoad = false;
  #told = false;
  readonly #cancelPatience: () => void;
  #cancelNext: () => void = () => {};

  /** @param ready The idle line is measured, or cannot be. Called once, later. */
  constructor(host: Host, target: { host: string; port: number }, run: Uint8Array, ready: () => void) {
    this.#host = host;
    this.#run = run;
    this.#ready = ready;
    this.#channel = host.plain.connect({ ...target, timeoutMs: PATIENCE_MS }, this);
    this.#cancelPatience = host.scheduler.after(PATIENCE_MS, () => this.end());
  }

  /** From now on round trips count as under load. */
  load(): void {
    this.#underLoad = true;
  }

  /** What was measured; undefined where there was nothing to measure. */
  get result(): { readonly idle: Spread; readonly loaded: Spread } | undefined {
    if (this.#idle.length === 0 || this.#loaded.length === 0) return undefined;
    return { idle: spread(this.#idle), loaded: spread(this.#loaded) };
  }

  end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#cancelNext();
    this.#channel.abort();
    this.#tell();
  }

  opened(): void {}

  data(bytes: Uint8Array): void {
    if (this.#state === 'over') return;
    for (const byte of bytes.subarray(0, ECHO_BYTES * 2)) this.#came.push(byte);
    if (this.#state === 'greeting' && this.#took(GREETING)) {
      this.#state = 'asking';
      this.#channel.write(encodeHeader('echo', this.#run, 0));
    }
    if (this.#state === 'asking' && this.#took(ECHO_GREETING)) {
      this.#state = 'measuring';
      this.#cancelPatience();
      this.#ask();
    }
    if (this.#state === 'measuring' && this.#came.length >= ECHO_BYTES) {
      this.#came = [];
      (this.#underLoad ? this.#loaded : this.#idle).push(this.#host.clock.now() - this.#sentAt);
      if (this.#idle.length >= IDLE_SAMPLES) this.#tell();
      this.#cancelNext = this.#host.scheduler.after(SPACING_MS, () => this.#ask());
    }
  }

  writable(): void {}

  closed(): void {
    this.end();
  }

  #ask(): void {
    if (this.#state !== 'measuring') return;
    this.#sentAt = this.#host.clock.now();
    this.#channel.write(new Uint8Array(ECHO_BYTES));
  }

  /** Whether what was expected has come; what else comes ends it. */
  #took(expected: Uint8Array): boolean {
    if (expected.some((byte, i) => i < this.#came.length && this.#came[i] !== byte)) {
      this.end();
      return false;
    }
    if (this.#came.length < expected.length) return false;
    this.#came = this.#came.slice(expected.length);
    return true;
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#cancelPatience();
    this.#host.scheduler.soon(this.#ready);
  }
}

export function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
  const round = (ms: number): number => Math.round(ms * 1000) / 1000;
  return { samples: sorted.length, median: round(at(0.5)), p99: round(at(0.99)), max: round(sorted.at(-1)!) };
}
