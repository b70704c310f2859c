/** `npm run bench -- sessions`: what a server with many idle sessions weighs, and whether it keeps all of them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EtherloomServer } from '../lab/etherloom.ts';
import { Lab } from '../lab/netns.ts';
import { projectRoot, type Runtime, runtimePath } from '../lab/runtime.ts';
import { table } from './table.ts';

export interface SessionsResult {
  readonly runtime: Runtime;
  readonly sessions: number;
  readonly lost: number;
  /** Resident memory of the server process, MiB: before the first session, with all up, and at the end. */
  readonly idleMiB: number;
  readonly upMiB: number;
  readonly endMiB: number;
  readonly secondsToConnect: number;
  readonly secondsHeld: number;
}

export interface SessionsOptions {
  readonly sessions: number;
  /** How long they are to be kept: three session time-outs tell more than one. */
  readonly seconds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

export async function runSessions(options: SessionsOptions): Promise<SessionsResult[]> {
  const results: SessionsResult[] = [];
  for (const runtime of options.runtimes) results.push(await measure(runtime, options));
  return results;
}

export function renderSessions(results: readonly SessionsResult[]): string {
  const head = ['runtime', 'sessions', 'lost', 'start MiB', 'all up MiB', 'end MiB', 'connect s', 'held s'];
  const rows = results.map((r) => [
    r.runtime,
    String(r.sessions),
    String(r.lost),
    ...[r.idleMiB, r.upMiB, r.endMiB].map((value) => value.toFixed(0)),
    ...[r.secondsToConnect, r.secondsHeld].map((value) => value.toFixed(1)),
  ]);
  return table(head, rows);
}

async function measure(runtime: Runtime, options: SessionsOptions): Promise<SessionsResult> {
  const { sessions, seconds, say } = options;
  const lab = await Lab.create();
  try {
    const [host, crowd] = [await lab.addHost('server'), await lab.addHost('crowd')];
    await lab.cable({ host, address: '10.92.0.1/24' }, { host: crowd, address: '10.92.0.2/24' });
    say(`${runtime}: a server and ${sessions} idle clients`);
    const server = await EtherloomServer.start(host, { runtime, address: '10.92.0.1', users: { guest: undefined } });
    const { pid } = await server.status();
    const idleMiB = residentMiB(pid);
    const started = performance.now();
    const script = join(projectRoot, 'dist', 'bench', 'crowd-main.js');
    const clients = await crowd.spawn([runtimePath(runtime), script, '10.92.0.1', '5555', 'lab', String(sessions)], {
      onLine: (line) => {
        if (line.includes('"progress"')) say(`  ${(JSON.parse(line) as { up: number }).up} sessions`);
      },
    });
    await clients.waitForLine(/"type":"ready"/, 180_000);
    const connected = performance.now();
    const upMiB = residentMiB(pid);
    while (performance.now() - connected < seconds * 1000) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      say(`  held for ${Math.round((performance.now() - connected) / 1000)} of ${seconds} s`);
    }
    const status = await server.status();
    return {
      runtime,
      sessions,
      lost: sessions - (status.hubs[0]?.sessions.length ?? 0),
      idleMiB,
      upMiB,
      endMiB: residentMiB(pid),
      secondsToConnect: (connected - started) / 1000,
      secondsHeld: (performance.now() - connected) / 1000,
    };
  } finally {
    await lab.close();
  }
}

function residentMiB(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m);
  return Number(line?.[1] ?? Number.NaN) / 1024;
}
