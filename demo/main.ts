/**
 * `npm run demo`: three hosts in network namespaces, a server, two clients, and real traffic between their TAPs.
 * Everything that it makes is gone when it ends, however it ends.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import { isEnding } from '../lab/exit.ts';
import { Lab } from '../lab/netns.ts';
import { ping, waitForPing } from '../lab/ping.ts';
import { describeMissing, missingRequirements } from '../lab/requirements.ts';
import type { Runtime } from '../lab/runtime.ts';
import { measureTraffic, startTraffic } from '../lab/tools.ts';
import { enterUserNamespace } from '../lab/userns.ts';
import { bar, Progress } from './progress.ts';
import { type DemoResult, renderResult, sumDrops } from './report.ts';
import { buildTunnel, NETWORK, type Tunnel } from './tunnel.ts';

interface Options {
  readonly runtime: Runtime;
  readonly json: boolean;
  readonly megabytes: number;
}

const EXIT_FAILED = 1;
const EXIT_MISSING = 3;

const command = new Command('demo')
  .description('Three hosts, one Etherloom server, two clients, and traffic between them.')
  .addOption(new Option('--runtime <name>', 'what runs Etherloom').choices(['node', 'bun']).default('node'))
  .option('--megabytes <n>', 'what to move each way', parseMegabytes, 400)
  .option('--json', 'print the result as JSON', false)
  .addHelpText('after', '\nExit codes: 0 it worked, 1 it failed, 2 wrong options, 3 this machine lacks something.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

await main(command.parse().opts<Options>());

async function main(options: Options): Promise<void> {
  const missing = missingRequirements();
  if (missing.some(({ optional }) => !optional)) {
    process.stderr.write(`The demo cannot run on this machine:\n\n${describeMissing(missing)}\n`);
    process.exit(EXIT_MISSING);
  }
  await enterUserNamespace();
  let lab: Lab | undefined;
  try {
    const started = performance.now();
    const progress = new Progress();
    lab = await Lab.create();
    const tunnel = await buildTunnel(lab, options.runtime, (step) => progress.step(step));
    const result = await measure(tunnel, options, progress, started);
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `\n${renderResult(result)}\n`);
  } catch (error) {
    const failure = `The demo failed: ${error instanceof Error ? error.message : String(error)}`;
    process.stderr.write(`\n${isEnding() ? 'Stopped; everything that was made is being removed.' : failure}\n`);
    process.exitCode = EXIT_FAILED;
  } finally {
    await lab?.close();
  }
}

async function measure(tunnel: Tunnel, options: Options, progress: Progress, started: number): Promise<DemoResult> {
  const { alice, bob } = tunnel;
  progress.step(`alice (${NETWORK.tunnel.alice}) pings bob (${NETWORK.tunnel.bob}) through the hub`);
  const target = { target: NETWORK.tunnel.bob, peer: bob };
  await waitForPing(alice, target);
  const roundTrip = await ping(alice, { ...target, count: 40, intervalMs: 50 });
  progress.done(`${roundTrip.average.toFixed(2)} ms on average`);

  const traffic = await startTraffic(bob);
  const total = options.megabytes * 1e6;
  const move = async (direction: 'up' | 'down', title: string): Promise<number> => {
    progress.step(`${title}: ${options.megabytes} MB over one TCP connection`);
    const result = await measureTraffic(alice, {
      host: NETWORK.tunnel.bob,
      bytes: total,
      direction,
      timeoutMs: 150_000,
      onProgress: ({ up, down, seconds }) => progress.update(bar(direction === 'up' ? up : down, total, seconds)),
    });
    progress.done(bar(result.bytes, total, result.seconds));
    return result.mbits;
  };
  const aliceToBobMbits = await move('up', 'alice to bob');
  const bobToAliceMbits = await move('down', 'bob to alice');
  await traffic.stop();

  const status = await tunnel.status();
  const { core, hubs, runtime } = status.server;
  const [connection] = hubs[0]?.sessions[0]?.connections ?? [];
  const drops = sumDrops(Object.values(status));
  return {
    runtime: `${runtime.name} ${runtime.version}`,
    roundTrip: {
      method: roundTrip.method === 'icmp' ? 'ping' : 'UDP echo',
      minMs: roundTrip.min,
      averageMs: roundTrip.average,
      maxMs: roundTrip.max,
      sent: roundTrip.sent,
      received: roundTrip.received,
    },
    throughput: { aliceToBobMbits, bobToAliceMbits, megabytes: options.megabytes },
    tunnel: { protocol: connection?.protocol ?? 'unknown', cipher: connection?.cipher ?? 'unknown' },
    frames: { hub: core.frames, dropped: Object.values(drops).reduce((sum, count) => sum + count, 0), drops },
    callsPerFrame: core.calls / Math.max(1, core.frames),
    seconds: (performance.now() - started) / 1000,
  };
}

function parseMegabytes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000) {
    throw new InvalidArgumentError(`--megabytes takes a whole number from 1 to 100000, got ${text}`);
  }
  return value;
}
