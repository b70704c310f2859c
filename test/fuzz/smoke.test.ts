import { randomInt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { describeFailure, fuzz, inputOf } from './harness.ts';
import { TARGETS } from './targets.ts';

/**
 * A short run with every build. `FUZZ_RUNS=1000000 npx vitest run test/fuzz` is the long one on Node (on Bun there is
 * main.ts too); `FUZZ_SEED` and `FUZZ_TARGET` choose.
 */
const WANTED = process.env.FUZZ_RUNS;
const SHORT_RUNS = 10_000;
const SEED = Number(process.env.FUZZ_SEED ?? 1);
/** A new one each time; the short run tries it as well. */
const FRESH = process.env.FUZZ_SEED === undefined ? [randomInt(0x7fff_ffff)] : [];
const CHOSEN = process.env.FUZZ_TARGET;
const NAMES = Object.keys(TARGETS).filter((name) => CHOSEN === undefined || name === CHOSEN);

describe.each(NAMES)('%s', (name) => {
  const target = TARGETS[name]!();
  const runs = WANTED === undefined ? Math.ceil(SHORT_RUNS / (target.cost ?? 1)) : Number(WANTED);

  test.each(name.endsWith('-scalar') ? [SEED] : [SEED, ...FRESH])(`${runs} runs with the seed %i`, {
    timeout: 30_000 + runs * 2,
  }, (seed) => {
    const result = fuzz(target, {
      runs,
      seed,
      clock: () => performance.now(),
      progress: (run, perSecond) => console.log(`${name}: ${run} of ${runs}, ${perSecond} runs/s, seed ${seed}`),
    });
    console.log(`${name}: ${result.runs} runs, ${Math.round((result.runs * 1_000) / result.ms)} runs/s, seed ${seed}`);
    if (result.failure !== undefined) throw new Error(describeFailure(name, result.failure));
    expect(result.runs).toBe(runs);
  });

  test('a run can be had alone', () => {
    const inputs = [0, 1, 77, 12_345].map((run) => inputOf(target, SEED, run));
    expect(inputs).toEqual([0, 1, 77, 12_345].map((run) => inputOf(target, SEED, run)));
    expect(new Set(inputs.map((input) => Buffer.from(input).toString('hex'))).size).toBeGreaterThan(1);
  });
});
