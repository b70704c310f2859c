import { mutate } from './mutate.ts';
import { Rng } from './rng.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  /** Milliseconds, for the figures only. */
  readonly clock: () => number;
  /** Told now and then how far it is. */
  readonly progress?: (run: number, runsPerSecond: number) => void;
}

export interface Failure {
  readonly seed: number;
  /** Number of the run; -1 for the corpus itself. */
  readonly run: number;
  readonly input: Uint8Array;
  readonly message: string;
}

export interface FuzzResult {
  readonly target: string;
  readonly runs: number;
  readonly ms: number;
  readonly failure?: Failure;
}

/** How often the clock is looked at. */
const STRIDE = 1_024;
const PROGRESS_MS = 5_000;

/** Tries the corpus as it is, and then what the mutators make of it. Ends with the first failure. */
export function fuzz(target: Target, options: FuzzOptions): FuzzResult {
  const { runs, seed, clock, progress } = options;
  const start = clock();
  let told = start;
  const result = (done: number, failure?: Failure): FuzzResult => ({
    target: target.name,
    runs: done,
    ms: clock() - start,
    ...(failure === undefined ? {} : { failure }),
  });
  for (const input of target.seeds) {
    const message = attempt(target, input);
    if (message !== undefined) return result(0, { seed, run: -1, input, message });
  }
  for (let run = 0; run < runs; run++) {
    const input = inputOf(target, seed, run);
    const message = attempt(target, input);
    if (message !== undefined) return result(run + 1, { seed, run, input, message });
    if (run % STRIDE !== 0 || progress === undefined) continue;
    const now = clock();
    if (now - told < PROGRESS_MS) continue;
    told = now;
    progress(run, Math.round((run * 1_000) / (now - start)));
  }
  return result(runs);
}

/** The input of one run, whichever runs went before. */
export function inputOf(target: Target, seed: number, run: number): Uint8Array<ArrayBuffer> {
  const rng = Rng.of(seed, run);
  if (target.repair === undefined) return mutate(rng, target);
  // A whole seed too: what only a well-formed message can reach.
  return target.repair(rng, rng.oneIn(3) ? rng.of(target.seeds) : mutate(rng, target));
}

/** What was wrong, or undefined. */
export function attempt(target: Target, input: Uint8Array): string | undefined {
  // A copy: a target that changes its input must not change the corpus.
  const copy = input.slice();
  try {
    target.run(copy);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

export function describeFailure(target: string, failure: Failure): string {
  const hex = Buffer.from(failure.input).toString('hex');
  return `${target}: seed ${failure.seed}, run ${failure.run}, ${failure.input.length} bytes\n${failure.message}\ninput: ${hex}`;
}
