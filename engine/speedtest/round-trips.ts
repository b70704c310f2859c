/** What a row of round trips comes to. */
export interface RoundTripSummary {
  readonly count: number;
  /** Milliseconds. */
  readonly medianMs: number;
  /** 99 of 100 took no longer (nearest rank). */
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Round trips of one part of a run. Whoever adds bounds their number by how often it asks. */
export class RoundTrips {
  readonly #samples: number[] = [];

  add(ms: number): void {
    this.#samples.push(ms);
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Undefined when there is none. */
  summary(): RoundTripSummary | undefined {
    const sorted = this.#samples.toSorted((a, b) => a - b);
    if (sorted.length === 0) return undefined;
    const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
    return { count: sorted.length, medianMs: rank(0.5), p99Ms: rank(0.99), maxMs: sorted.at(-1)! };
  }
}
