/** `npm run bench -- restart`: how long a client's traffic rests when its server is restarted. */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EtherloomClient } from '../lab/etherloom.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { type EtherloomProcess, startEtherloom } from '../lab/node.ts';
import { ping, waitForPing } from '../lab/ping.ts';
import type { Runtime } from '../lab/runtime.ts';
import { table } from './table.ts';

export interface RestartResult {
  readonly runtime: Runtime;
  readonly certificate: 'same' | 'new';
  /** Seconds from the moment at which the server listens again to the first answered ping; each round's. */
  readonly seconds: readonly number[];
  /** Reconnect interval, seconds. */
  readonly interval: number;
}

export interface RestartOptions {
  readonly rounds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

/** The default, and with it the bar: one interval and two seconds. */
const INTERVAL = 15;
/** How long the server is away: the client notices at once and waits for its next attempt. */
const AWAY_MS = 3_000;

export async function runRestart(options: RestartOptions): Promise<RestartResult[]> {
  const results: RestartResult[] = [];
  for (const runtime of options.runtimes) {
    for (const certificate of ['same', 'new'] as const) {
      const seconds: number[] = [];
      for (let round = 1; round <= options.rounds; round++) {
        options.say(`${runtime}, ${certificate} certificate, round ${round} of ${options.rounds}`);
        seconds.push(await measure(runtime, certificate));
      }
      results.push({ runtime, certificate, seconds, interval: INTERVAL });
    }
  }
  return results;
}

export function renderRestart(results: readonly RestartResult[]): string {
  return table(
    ['runtime', 'certificate', 'flows again after s', 'bar s'],
    results.map((r) => [r.runtime, r.certificate, r.seconds.map((s) => s.toFixed(2)).join('  '), `${r.interval + 2}`]),
  );
}

async function measure(runtime: Runtime, certificate: 'same' | 'new'): Promise<number> {
  const lab = await Lab.create();
  try {
    const [host, away] = [await lab.addHost('server'), await lab.addHost('client')];
    await lab.cable({ host, address: '10.98.0.1/24' }, { host: away, address: '10.98.0.2/24' });
    const first = await startServer(host, runtime);
    await EtherloomClient.start(away, {
      ...{ runtime, server: '10.98.0.1:5555', user: 'guest', trust: 'insecure' as const, tap: 'el0' },
      ...{ address: '10.90.0.2/24', args: ['--reconnect-interval', String(INTERVAL)] },
    });
    await waitForPing(away, { target: '10.90.0.1' });
    // Long enough for a session that is not given up as one of two servers in turn.
    await pause(INTERVAL * 1_000);
    await first.stop();
    await pause(AWAY_MS);
    if (certificate === 'new') for (const file of ['server.crt', 'server.key']) await rm(join(directory(lab), file));
    await startServer(host, runtime);
    const listening = performance.now();
    // The TAP of the new process has another address: what the neighbour remembers is not what is measured.
    await away.ip('neigh', 'flush', 'dev', 'el0');
    while ((await ping(away, { target: '10.90.0.1', count: 1, timeoutMs: 2_000 })).received === 0) await pause(20);
    return (performance.now() - listening) / 1_000;
  } finally {
    await lab.close();
  }
}

function directory(lab: Lab): string {
  return join(lab.tempDir, 'restart');
}

async function startServer(host: LabHost, runtime: Runtime): Promise<EtherloomProcess> {
  const place = directory(host.lab);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const config = join(place, 'server.yaml');
  const lines = [
    'listen: [{ host: 10.98.0.1, port: 5555 }]',
    'tls: { certificate: server.crt, key: server.key }',
    'hubs: { lab: { users: { guest: { anonymous: true } }, taps: [{ name: el0, address: 10.90.0.1/24 }] } }',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return await startEtherloom(host, ['server', '--config', config, '--json'], {
    ...{ runtime, env: { XDG_RUNTIME_DIR: place, XDG_STATE_HOME: place } },
    ...{ ready: /"event":"listening"/, readyTimeoutMs: 60_000 },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
