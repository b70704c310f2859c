import type { MetricName } from './metrics.ts';
import type { Results } from './results.ts';
import { median } from './statistics.ts';

/** The rounds of a run taken together. NaN stands for "not measured". */
export class Summary {
  readonly results: Results;
  readonly #values: ReadonlyMap<string, number>;

  constructor(results: Results) {
    this.results = results;
    this.#values = new Map(
      results.samples.flatMap(({ subject, round, values }) =>
        Object.entries(values).map(([metric, value]) => [key(subject, metric, round), value]),
      ),
    );
  }

  /** The median of the rounds. */
  figure(subject: string, metric: MetricName): number {
    return median(this.#overRounds((round) => this.#value(subject, metric, round)));
  }

  /** How many times as much `subject` has as `other`, round by round, of which the median. */
  ratio(subject: string, other: string, metric: MetricName): number {
    return median(this.#overRounds((round) => this.#value(subject, metric, round) / this.#value(other, metric, round)));
  }

  #value(subject: string, metric: MetricName, round: number): number {
    return this.#values.get(key(subject, metric, round)) ?? Number.NaN;
  }

  #overRounds(of: (round: number) => number): number[] {
    return Array.from({ length: this.results.rounds }, (_, i) => of(i + 1));
  }
}

function key(subject: string, metric: string, round: number): string {
  return `${subject} ${metric} ${round}`;
}
