// `npm test`: every test that this machine can run, on Node and on Bun, and a word on those that it cannot.
// With CI=true nothing may be left out. Ends with a line `N passed, N failed`.
// @ts-check
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { missingRequirements, missingTlsPeers } from '../dist/lab/requirements.js';
import { hasSoftEther, SOFTETHER_PACKAGES } from '../dist/lab/softether.js';

/**
 * @typedef {{ title: string, runtime: 'node' | 'bun', paths: string[], env?: Record<string, string>, needs?: 'lab' | 'softether' | 'tls', workers?: number }} Suite
 * What starts processes of both runtimes itself runs once; everything else runs on each of them. Two files run at a time,
 * but where tests share what the machine has once.
 */

const EVERYWHERE = ['test/unit', 'test/sim', 'test/cli', 'test/fuzz'];

/** @type {Suite[]} */
const SUITES = [
  { title: 'units and simulator, Node', runtime: 'node', paths: EVERYWHERE, workers: 2 },
  { title: 'units and simulator, Bun', runtime: 'bun', paths: EVERYWHERE, workers: 2 },
  { title: 'simulator on the scalar core, Node', runtime: 'node', paths: ['test/sim'], env: { CORE: 'scalar' } },
  { title: 'simulator on the scalar core, Bun', runtime: 'bun', paths: ['test/sim'], env: { CORE: 'scalar' } },
  { title: 'host, Node', runtime: 'node', paths: ['test/hosts'], needs: 'lab' },
  { title: 'host, Bun', runtime: 'bun', paths: ['test/hosts'], needs: 'lab' },
  { title: 'TLS peers, Node', runtime: 'node', paths: ['test/tls-peers'], needs: 'tls', workers: 2 },
  { title: 'TLS peers, Bun', runtime: 'bun', paths: ['test/tls-peers'], needs: 'tls', workers: 2 },
  { title: 'network namespaces', runtime: 'node', paths: ['test/lab/'], needs: 'lab', workers: 2 },
  { title: 'SoftEther peers', runtime: 'node', paths: ['test/peer', 'test/lab-tools'], needs: 'softether', workers: 2 },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'etherloom-test-'));
const wanted = process.argv.slice(2);
const obstacles = findObstacles();
const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const leftOut = [];

// The suite at hand gets the signal as well, and ends; what is left to do is to clean up.
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
  });
}

for (const suite of SUITES) {
  if (interrupted) break;
  if (wanted.length > 0 && !wanted.some((word) => suite.title.toLowerCase().includes(word.toLowerCase()))) continue;
  const obstacle = suite.needs === undefined ? undefined : obstacles[suite.needs];
  if (obstacle !== undefined) {
    leftOut.push(`${suite.title}: ${obstacle}`);
    continue;
  }
  await run(suite);
}
rmSync(scratch, { recursive: true, force: true });
if (interrupted) process.exit(130);

const ci = process.env.CI === 'true';
if (leftOut.length > 0) console.log(`\nNot run on this machine:\n${leftOut.map((line) => `  ${line}`).join('\n')}`);
if (total.skipped > 0) console.log(`\n${total.skipped} tests were skipped.`);
if (ci && (leftOut.length > 0 || total.skipped > 0)) {
  console.log('Under CI every test has to run.');
  total.failed += leftOut.length + total.skipped;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** @param {Suite} suite */
async function run(suite) {
  console.log(`\n== ${suite.title}`);
  const started = performance.now();
  const report = join(scratch, `${SUITES.indexOf(suite)}.json`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const bun = join(root, 'node_modules/.bin/bun');
  const args = [vitest, 'run', ...suite.paths, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  if (suite.workers !== undefined) args.push(`--maxWorkers=${suite.workers}`);
  const command = suite.runtime === 'bun' ? [bun, '--bun', ...args] : [process.execPath, ...args];
  const code = await new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...suite.env },
    });
    child.on('exit', resolve);
    child.on('error', () => resolve(-1));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, numFailedTestSuites: number } | undefined} */
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    // The runner died before it could report: that is a failure of its own.
  }
  const passed = result?.numPassedTests ?? 0;
  const failed = Math.max(result?.numFailedTests ?? 0, code === 0 ? 0 : 1);
  total.passed += passed;
  total.failed += failed;
  total.skipped += (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
  console.log(`-- ${suite.title}: ${passed} passed, ${failed} failed, ${seconds} s`);
}

/** Why a kind of suite cannot run here; undefined when it can. */
function findObstacles() {
  const missing = missingRequirements().filter((item) => !item.optional || item.what === 'ping');
  const root = process.getuid?.() === 0;
  const lab = root ? describe(missing) : 'needs root (run it with sudo)';
  const softether = `SoftEther is missing (apt-get install ${SOFTETHER_PACKAGES})`;
  return { lab, softether: lab ?? (hasSoftEther() ? undefined : softether), tls: describe(missingTlsPeers()) };
}

/** @param {import('../dist/lab/requirements.js').Missing[]} missing */
function describe(missing) {
  if (missing.length === 0) return undefined;
  return missing.map(({ what, fix }) => `${what} is missing (${fix})`).join('; ');
}
