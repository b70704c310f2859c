/** The search for the highest rate that gets through: raise or lower until it is enclosed, then halve the distance. */

/** What came of sending at a rate. */
export interface Trial {
  /** What really arrived in a second. */
  readonly achieved: number;
  readonly passed: boolean;
  /** The sender itself did not get near the rate: asking for more leads nowhere. */
  readonly limited: boolean;
}

export interface SearchOptions {
  /** Where to begin. */
  readonly start: number;
  /** A rate below which nothing is tried. */
  readonly lowest: number;
  /** The result's distance to the lowest rate that failed: 1.1 is ten per cent. */
  readonly precision: number;
  /** Most rates that are tried. */
  readonly rates: number;
}

const STEP = 1.6;

/**
 * The most that arrived in a trial that passed; 0 when none did. What encloses the result from above, and what says that the
 * sender is the limit, is tried once more before it is believed: on a machine that does something else for a moment, one
 * trial says little.
 */
export async function searchRate(options: SearchOptions, attempt: (rate: number) => Promise<Trial>): Promise<number> {
  const { start, lowest, precision } = options;
  let best = 0;
  let passed = 0;
  let failed = Number.POSITIVE_INFINITY;
  let limited = false;
  let rate = Math.max(start, lowest);
  for (let i = 0; i < options.rates; i++) {
    const again = rate === failed;
    const trial = await attempt(rate);
    if (trial.passed) {
      best = Math.max(best, trial.achieved);
      if (trial.limited && limited) break;
      limited = trial.limited;
      if (limited) continue;
      passed = rate;
      if (again) failed = Number.POSITIVE_INFINITY;
    } else {
      failed = rate;
      if (again) break;
    }
    rate = next(passed, failed);
  }
  return best;

  function next(passed: number, failed: number): number {
    if (failed === Number.POSITIVE_INFINITY) return passed * STEP;
    if (passed > 0) return failed / passed <= precision ? failed : Math.sqrt(passed * failed);
    return Math.max(lowest, failed / STEP);
  }
}
