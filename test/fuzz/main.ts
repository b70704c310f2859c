/**
 * `bun test/fuzz/main.ts [--target NAME|all] [--runs N] [--seed S] [--json] [--replay FILE|HEX]`
 *
 * On Node the same runs are had with `FUZZ_RUNS=N FUZZ_SEED=S FUZZ_TARGET=NAME npx vitest run test/fuzz`.
 */

import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { hex } from '../sim/frames.ts';
import { attempt, describeFailure, type FuzzResult, fuzz } from './harness.ts';
import { TARGETS } from './targets.ts';

const HELP = `Usage: bun test/fuzz/main.ts [options]

  --target NAME|all   ${Object.keys(TARGETS).join(', ')}; all when absent
  --runs N            runs of each target, 100000 when absent
  --seed S            a number; a fresh one when absent
  --replay FILE|HEX   runs one input, of a file or in hexadecimal, on --target
  --json              one line of JSON for each target
  --help`;

class UsageError extends Error {}

function main(): number {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', default: 'all' },
      runs: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const names = values.target === 'all' ? Object.keys(TARGETS) : [values.target];
  const runs = natural('--runs', values.runs);
  const seed = values.seed === undefined ? randomInt(0x7fff_ffff) : natural('--seed', values.seed);
  for (const name of names) {
    if (!(name in TARGETS))
      throw new UsageError(`--target: expected ${Object.keys(TARGETS).join(', ')} or all, got ${name}`);
  }
  if (values.replay !== undefined) return replay(names, values.replay);
  for (const name of names) {
    const progress = (run: number, perSecond: number): void => {
      console.error(`${name}: ${run} of ${runs}, ${perSecond} runs/s, seed ${seed}`);
    };
    const result = fuzz(TARGETS[name]!(), { runs, seed, clock: () => performance.now(), progress });
    console.log(values.json ? JSON.stringify(summary(result, seed)) : line(result, seed));
    if (result.failure !== undefined) {
      console.error(describeFailure(name, result.failure));
      return 1;
    }
  }
  return 0;
}

function replay(names: readonly string[], what: string): number {
  const input = existsSync(what) ? Uint8Array.from(readFileSync(what)) : hex(what);
  let failed = 0;
  for (const name of names) {
    const message = attempt(TARGETS[name]!(), input);
    console.log(`${name}: ${message ?? 'nothing wrong'}`);
    if (message !== undefined) failed = 1;
  }
  return failed;
}

function summary(result: FuzzResult, seed: number): object {
  const { target, runs, ms, failure } = result;
  const perSecond = Math.round((runs * 1_000) / ms);
  return {
    target,
    runs,
    seed,
    seconds: ms / 1_000,
    perSecond,
    ...(failure === undefined ? {} : { failure: { ...failure, input: Buffer.from(failure.input).toString('hex') } }),
  };
}

function line(result: FuzzResult, seed: number): string {
  const perSecond = Math.round((result.runs * 1_000) / result.ms);
  const seconds = (result.ms / 1_000).toFixed(1);
  const end = result.failure === undefined ? 'nothing found' : 'FAILED';
  return `${result.target.padEnd(14)} ${String(result.runs).padStart(9)} runs ${seconds.padStart(7)} s ${String(perSecond).padStart(7)} runs/s  seed ${seed}  ${end}`;
}

function natural(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(`${option}: expected a whole number, got ${text}`);
  return value;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
