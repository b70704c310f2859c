/** `npm run bench -- speedtest`: what `etherloom speedtest` finds on a path, against what iperf3 finds on the same. */

import { measureTcp } from '../lab/iperf.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import type { Runtime } from '../lab/runtime.ts';
import { runSpeedtest, startSpeedtestServer } from '../lab/speedtest.ts';
import { table } from './table.ts';
import { median } from './tunnel/statistics.ts';

export interface SpeedtestBenchResult {
  readonly runtime: Runtime;
  readonly path: Path;
  readonly direction: Direction;
  /** Mbit/s of TCP payload over one connection, medians. */
  readonly speedtest: number;
  readonly iperf3: number;
  /** Median of the ratios of each round. */
  readonly ratio: number;
}

export interface SpeedtestBenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

const PATHS = ['500 Mbit/s', 'bare cable'] as const;
type Path = (typeof PATHS)[number];
const DIRECTIONS = ['up', 'down'] as const;
type Direction = (typeof DIRECTIONS)[number];

/** The bar: as close as this to what iperf3 finds. */
const BAR = 0.95;

const ADDRESS = '10.98.0.1';
/** tc-tbf(8): a burst of some milliseconds, and a queue of 50 ms. */
const LIMIT = ['rate', '500mbit', 'burst', '256kb', 'latency', '50ms'];

export async function runSpeedtestBench(options: SpeedtestBenchOptions): Promise<SpeedtestBenchResult[]> {
  const results: SpeedtestBenchResult[] = [];
  for (const path of PATHS) {
    const lab = await Lab.create();
    try {
      results.push(...(await measurePath(lab, path, options)));
    } finally {
      await lab.close();
    }
  }
  return results;
}

export function renderSpeedtest(results: readonly SpeedtestBenchResult[]): string {
  const head = [
    'runtime',
    'path',
    'direction',
    'speedtest, Mbit/s',
    'iperf3, Mbit/s',
    'ratio',
    `bar ${BAR.toFixed(2)}`,
  ];
  const rows = results.map((r) => [
    ...[r.runtime, r.path, r.direction, r.speedtest.toFixed(1), r.iperf3.toFixed(1), r.ratio.toFixed(3)],
    r.ratio >= BAR ? 'held' : 'missed',
  ]);
  return table(head, rows);
}

async function measurePath(lab: Lab, path: Path, options: SpeedtestBenchOptions): Promise<SpeedtestBenchResult[]> {
  const { rounds, seconds, runtimes, say } = options;
  const [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
  await lab.cable({ host: server, address: `${ADDRESS}/24` }, { host: client, address: '10.98.0.2/24' });
  if (path !== 'bare cable') {
    for (const host of [server, client]) await host.run(['tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', ...LIMIT]);
  }
  const found = new Map<string, { speedtest: number[]; iperf3: number[] }>();
  for (let round = 1; round <= rounds; round++) {
    for (const runtime of runtimes) {
      for (const direction of DIRECTIONS) {
        say(`${path}, round ${round} of ${rounds}, ${runtime}, ${direction}`);
        const all = found.get(`${runtime} ${direction}`) ?? { speedtest: [], iperf3: [] };
        found.set(`${runtime} ${direction}`, all);
        // In turn, so that neither has the machine to itself at the better time.
        const tools = ['speedtest', 'iperf3'] as const;
        for (const tool of round % 2 === 1 ? tools : tools.toReversed()) {
          const measured =
            tool === 'iperf3'
              ? await byIperf(client, server, direction, seconds)
              : await byOurs(client, server, runtime, direction, seconds);
          all[tool].push(measured);
        }
      }
    }
  }
  return runtimes.flatMap((runtime) =>
    DIRECTIONS.map((direction) => {
      const { speedtest, iperf3 } = found.get(`${runtime} ${direction}`)!;
      const ratio = median(speedtest.map((each, i) => each / iperf3[i]!));
      return { runtime, path, direction, speedtest: median(speedtest), iperf3: median(iperf3), ratio };
    }),
  );
}

/** Mbit/s. */
async function byIperf(client: LabHost, server: LabHost, direction: Direction, seconds: number): Promise<number> {
  const { bytes, seconds: taken } = await measureTcp(client, server, { target: ADDRESS, direction, seconds });
  return (bytes * 8) / 1e6 / taken;
}

/** Mbit/s. */
async function byOurs(
  client: LabHost,
  server: LabHost,
  runtime: Runtime,
  direction: Direction,
  seconds: number,
): Promise<number> {
  const { process } = await startSpeedtestServer(server, ADDRESS, runtime);
  try {
    const type = direction === 'up' ? 'upload' : 'download';
    // Without the echoes, which iperf3 does not have beside its data.
    const args = ['--type', type, '--connections', '1', '--duration', String(seconds), '--raw', '--no-latency'];
    const { result, stderr } = await runSpeedtest(client, ADDRESS, args, runtime);
    if (result === undefined) throw new Error(`etherloom speedtest on ${runtime}: no result\n${stderr}`);
    return result.total.bitsPerSecond / 1e6;
  } finally {
    await process.stop();
  }
}
