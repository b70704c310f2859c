/** `npm run bench -- cascade`: one TCP flow through two hubs that are joined, beside the same through one hub. */

import { EtherloomClient, EtherloomServer } from '../lab/etherloom.ts';
import { measureTcp } from '../lab/iperf.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { waitForPing } from '../lab/ping.ts';
import type { Runtime } from '../lab/runtime.ts';
import { table } from './table.ts';
import { median } from './tunnel/statistics.ts';

/** How the hub of one client is joined to that of the other. */
const WAYS = ['one hub', 'two processes', 'own listener', 'link'] as const;
type Way = (typeof WAYS)[number];

const WAY_TITLES: Readonly<Record<Way, string>> = {
  'one hub': 'one hub',
  'two processes': 'a cascade between two servers',
  'own listener': 'a cascade to a listener of the same server',
  link: 'a link inside one server',
};

/** Of what one hub carries, two shall carry so much. */
const BAR = 0.8;

export interface CascadeResult {
  readonly runtime: Runtime;
  readonly way: Way;
  /** Gbit/s of each round. */
  readonly up: readonly number[];
  readonly down: readonly number[];
  /** Of the medians of both directions, to those of one hub. */
  readonly ratio: number;
}

export interface CascadeBenchOptions {
  readonly rounds: number;
  /** Length of one transfer. */
  readonly seconds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

export async function runCascade(options: CascadeBenchOptions): Promise<CascadeResult[]> {
  const { runtimes, rounds, seconds, say } = options;
  const results: CascadeResult[] = [];
  for (const runtime of runtimes) {
    const rates = new Map(WAYS.map((way) => [way, { up: [] as number[], down: [] as number[] }]));
    for (let round = 1; round <= rounds; round++) {
      for (const way of WAYS) {
        say(`${runtime}, ${WAY_TITLES[way]}, round ${round} of ${rounds}`);
        const { up, down } = await measure(runtime, way, seconds);
        rates.get(way)!.up.push(up);
        rates.get(way)!.down.push(down);
      }
    }
    const both = ({ up, down }: { up: number[]; down: number[] }): number => median(up) + median(down);
    const base = both(rates.get('one hub')!);
    for (const way of WAYS) results.push({ runtime, way, ...rates.get(way)!, ratio: both(rates.get(way)!) / base });
  }
  return results;
}

export function renderCascade(results: readonly CascadeResult[]): string {
  const list = (rates: readonly number[]): string =>
    `${median([...rates]).toFixed(2)} (${rates.map((rate) => rate.toFixed(2)).join(' ')})`;
  return table(
    ['runtime', 'way', 'up Gbit/s', 'down Gbit/s', 'of one hub', 'bar'],
    results.map(({ runtime, way, up, down, ratio }) => [
      runtime,
      WAY_TITLES[way],
      list(up),
      list(down),
      ratio.toFixed(2),
      way === 'one hub' ? '' : String(BAR),
    ]),
  );
}

async function measure(runtime: Runtime, way: Way, seconds: number): Promise<{ up: number; down: number }> {
  const lab = await Lab.create();
  try {
    const [server, a, b] = [await lab.addHost('server'), await lab.addHost('a'), await lab.addHost('b')];
    await lab.cable({ host: server, ifname: 'toa', address: '10.98.0.1/24' }, { host: a, address: '10.98.0.2/24' });
    await lab.cable({ host: server, ifname: 'tob', address: '10.99.0.1/24' }, { host: b, address: '10.99.0.2/24' });
    const far = await startServers(server, runtime, way);
    const join = async (host: LabHost, to: string, hub: string, address: string): Promise<void> => {
      await EtherloomClient.start(host, {
        ...{ runtime, server: to, hub, user: 'guest', trust: 'insecure', tap: 'el0', address },
        args: ['--connections', '1', '--no-qos'],
      });
    };
    await join(a, '10.98.0.1:5555', 'lab', '10.90.0.2/24');
    await join(b, `10.99.0.1:${far.port}`, far.hub, '10.90.0.3/24');
    await waitForPing(a, { target: '10.90.0.3' });
    // All connections of the cascade are up, and compilers have seen what they are to compile.
    await new Promise((resolve) => setTimeout(resolve, way === 'one hub' || way === 'link' ? 0 : 8_000));
    const flow = async (direction: 'up' | 'down', length: number): Promise<number> => {
      const { bytes, seconds: took } = await measureTcp(a, b, { target: '10.90.0.3', direction, seconds: length });
      return (bytes * 8) / took / 1e9;
    };
    for (const direction of ['up', 'down'] as const) await flow(direction, 1);
    return { up: await flow('up', seconds), down: await flow('down', seconds) };
  } finally {
    await lab.close();
  }
}

/** Where the second client goes. */
async function startServers(host: LabHost, runtime: Runtime, way: Way): Promise<{ port: number; hub: string }> {
  const common = { runtime, address: '0.0.0.0' } as const;
  const guests = { users: { guest: undefined, head: undefined } } as const;
  const to = (port: number, hub: string): string =>
    `{ server: "127.0.0.1:${port}", hub: ${hub}, user: head, anonymous: true, insecure: true, encrypt: false }`;
  const second = '{ users: { guest: { anonymous: true }, head: { anonymous: true } } }';
  switch (way) {
    case 'one hub':
      await EtherloomServer.start(host, { ...common, ...guests });
      return { port: 5555, hub: 'lab' };
    case 'two processes':
      await EtherloomServer.start(host, { ...common, ...guests, port: 5556 });
      await EtherloomServer.start(host, { ...common, ...guests, cascades: { far: to(5556, 'lab') } });
      return { port: 5556, hub: 'lab' };
    case 'own listener':
      await EtherloomServer.start(host, {
        ...common,
        ...guests,
        cascades: { far: to(5555, 'far') },
        hubs: { far: second },
      });
      return { port: 5555, hub: 'far' };
    case 'link':
      await EtherloomServer.start(host, {
        ...common,
        ...guests,
        cascades: { far: '{ hub: far }' },
        hubs: { far: second },
      });
      return { port: 5555, hub: 'far' };
  }
}
