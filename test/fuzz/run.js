// `npm run fuzz -- [--target NAME] [--runs N] [--seed S] [--runtime node|bun]`: the long run, on the sources as they are.
// Node cannot load TypeScript by itself, so that both runtimes run it inside vitest; `bun test/fuzz/main.ts` replays.
// @ts-check
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run fuzz -- [options]

  --target NAME        one target; all when absent
  --runs N             runs of each target, 1000000 when absent
  --seed S             a number, 1 when absent
  --runtime node|bun   node when absent

\`npx bun test/fuzz/main.ts --help\` tells how to replay an input.`;

/** A target tells how far it is every five seconds. */
const SILENCE_MS = 60_000;

const root = fileURLToPath(new URL('../..', import.meta.url));

try {
  const { values } = parseArgs({
    options: {
      target: { type: 'string' },
      runs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      runtime: { type: 'string', default: 'node' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
  } else {
    for (const name of /** @type {const} */ (['runs', 'seed'])) {
      if (!/^\d+$/.test(values[name])) throw new TypeError(`--${name}: expected a whole number, got ${values[name]}`);
    }
    if (!['node', 'bun'].includes(values.runtime)) {
      throw new TypeError(`--runtime: expected node or bun, got ${values.runtime}`);
    }
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/fuzz', '--disable-console-intercept'];
    const [command = '', ...args] =
      values.runtime === 'bun'
        ? [join(root, 'node_modules/.bin/bun'), '--bun', ...vitest]
        : [process.execPath, ...vitest];
    const env = { ...process.env, FUZZ_RUNS: values.runs, FUZZ_SEED: values.seed };
    if (values.target !== undefined) env.FUZZ_TARGET = values.target;
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env });
    watch(child);
    child.on('exit', (code) => {
      process.exitCode = code ?? 1;
    });
  }
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

/**
 * A target that says nothing for a minute hangs: inside a loop nothing in the process can tell. The last line says how
 * far it was, and with which seed.
 * @param {import('node:child_process').ChildProcess} child
 */
function watch(child) {
  let last = '';
  const hang = () => {
    console.error(`no progress for ${SILENCE_MS / 1000} s: a run behind this line does not end: ${last}`);
    child.kill('SIGKILL');
  };
  let timer = setTimeout(hang, SILENCE_MS);
  child.stdout?.on('data', (/** @type {Buffer} */ chunk) => {
    process.stdout.write(chunk);
    last = chunk.toString().trimEnd().split('\n').at(-1) ?? '';
    clearTimeout(timer);
    timer = setTimeout(hang, SILENCE_MS);
  });
  child.on('exit', () => clearTimeout(timer));
}
