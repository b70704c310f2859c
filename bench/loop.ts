/** `npm run bench -- loop`: how long it takes until a loop of three servers is cut. */

import { EtherloomServer } from '../lab/etherloom.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { waitForPing } from '../lab/ping.ts';
import type { Runtime } from '../lab/runtime.ts';
import { table } from './table.ts';

export interface LoopResult {
  readonly runtime: Runtime;
  /** Milliseconds from the moment at which the third cascade is up to that at which one of the hubs has cut; each round's. */
  readonly cutMs: readonly number[];
  /** From the moment at which a cascade goes down to that at which the blocked port is open again. */
  readonly healMs: readonly number[];
}

export interface LoopBenchOptions {
  readonly rounds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

const CUT_BAR_MS = 2_000;

export async function runLoop({ rounds, runtimes, say }: LoopBenchOptions): Promise<LoopResult[]> {
  const results: LoopResult[] = [];
  for (const runtime of runtimes) {
    const lab = await Lab.create();
    try {
      const servers = await startCircle(lab, runtime);
      const third = servers[2]!;
      const cutMs: number[] = [];
      const healMs: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        say(`${runtime}, round ${round} of ${rounds}`);
        const begun = Date.now();
        await third.cascade('online', 'c');
        const cut = await logged(servers, 'a loop was found, and is cut', begun);
        const up = await logged([third], 'cascade established', begun);
        cutMs.push(Math.max(0, cut - up));
        // The old way goes down, and not the new one: whatever was cut is needed now.
        await third.cascade('offline', 'b');
        const down = await logged([third], 'cascade offline', begun);
        const blocked = (await Promise.all(servers.map((each) => each.status()))).some(
          ({ hubs }) => hubs[0]!.loops!.length > 0,
        );
        const healed = await logged(
          servers,
          'a port that was blocked is open again',
          down,
          blocked ? 10_000 : 500,
        ).catch(() => undefined);
        if (healed !== undefined) healMs.push(healed - down);
        await third.cascade('offline', 'c');
        await third.cascade('online', 'b');
        await new Promise((resolve) => setTimeout(resolve, 3_000));
      }
      results.push({ runtime, cutMs, healMs });
    } finally {
      await lab.close();
    }
  }
  return results;
}

export function renderLoop(results: readonly LoopResult[]): string {
  const list = (times: readonly number[]): string => times.map((ms) => String(Math.round(ms))).join('  ');
  return table(
    ['runtime', 'cut after ms', 'bar ms', 'open again after ms'],
    results.map(({ runtime, cutMs, healMs }) => [runtime, list(cutMs), String(CUT_BAR_MS), list(healMs)]),
  );
}

async function startCircle(lab: Lab, runtime: Runtime): Promise<EtherloomServer[]> {
  const lan = await lab.addSwitch('lan');
  const hosts: LabHost[] = [];
  for (let i = 1; i <= 3; i++) {
    hosts.push(await lab.addHost(`server${i}`));
    await lab.connect(hosts.at(-1)!, lan, { address: `10.98.0.${i}/24` });
  }
  const to = (server: number, more = ''): string =>
    `{ server: "10.98.0.${server}:5555", hub: lab, user: head, anonymous: true, insecure: true${more} }`;
  const ways: Record<string, string>[] = [{}, { a: to(1) }, { b: to(2), c: to(1, ', online: false') }];
  const servers: EtherloomServer[] = [];
  for (const [i, cascades] of ways.entries()) {
    servers.push(
      await EtherloomServer.start(hosts[i]!, {
        ...{ runtime, address: `10.98.0.${i + 1}`, users: { head: undefined }, cascades },
        taps: { el0: `10.90.0.${i + 1}/24` },
      }),
    );
  }
  await waitForPing(hosts[2]!, { target: '10.90.0.1' });
  return servers;
}

/** When one of them first logged this at `since` or later, ms. */
async function logged(
  servers: readonly EtherloomServer[],
  message: string,
  since: number,
  limitMs = 15_000,
): Promise<number> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const times = servers
      .flatMap(({ process }) => process.records)
      .filter((record) => record.message === message)
      .map((record) => Date.parse(String(record.time)))
      .filter((time) => time >= since);
    if (times.length > 0) return Math.min(...times);
    if (Date.now() > deadline) throw new Error(`nobody said "${message}" within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
