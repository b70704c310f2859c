/** `npm run bench -- waking`: how long a frame of a TAP waits for JavaScript, by the way of waiting for it. */

import { join } from 'node:path';
import { Lab } from '../lab/netns.ts';
import { projectRoot, type Runtime, runtimePath } from '../lab/runtime.ts';
import { table } from './table.ts';
import { quantile } from './tunnel/statistics.ts';

export interface WakingResult {
  readonly runtime: Runtime;
  readonly way: string;
  readonly intervalMs: number;
  /** Microseconds from the sender's system call to the frame in JavaScript. */
  readonly median: number;
  readonly p99: number;
  /** Share of one processor. */
  readonly processor: number;
}

export interface WakingOptions {
  readonly rounds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

/** `loop`: libuv watches the epoll set. `thread`: a worker sits in epoll_wait. `poll`: a read on every turn of the loop. */
const WAYS: readonly (readonly [runtime: Runtime, way: string])[] = [
  ['node', 'loop'],
  ['node', 'thread'],
  ['node', 'timer'],
  ['node', 'poll'],
  ['bun', 'thread'],
  ['bun', 'timer'],
  ['bun', 'poll'],
];
/** The distances of the frames that a person's ping has, and a busy one's; and how many there are in a round. */
const PACES: readonly (readonly [intervalMs: number, count: number])[] = [
  [50, 40],
  [2, 400],
];

export async function runWaking(options: WakingOptions): Promise<WakingResult[]> {
  const found = new Map<string, { times: number[]; processor: number[] }>();
  const lab = await Lab.create();
  try {
    const host = await lab.addHost('host');
    for (let round = 1; round <= options.rounds; round++) {
      for (const [runtime, way] of WAYS) {
        if (!options.runtimes.includes(runtime)) continue;
        options.say(`round ${round} of ${options.rounds}: ${runtime}, ${way}`);
        for (const [interval, count] of PACES) {
          const script = join(projectRoot, 'dist', 'bench', 'waking-main.js');
          const command = [runtimePath(runtime), script, way, String(count), String(interval)];
          const { stdout } = await host.run(command, { timeoutMs: 60_000 });
          const { times, processor } = JSON.parse(stdout) as { times: number[]; processor: number };
          const key = `${runtime} ${way} ${interval}`;
          const all = found.get(key) ?? { times: [], processor: [] };
          all.times.push(...times);
          all.processor.push(processor);
          found.set(key, all);
        }
      }
    }
  } finally {
    await lab.close();
  }
  return [...found].map(([key, { times, processor }]) => {
    const [runtime, way, interval] = key.split(' ') as [Runtime, string, string];
    const [median, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    return { runtime, way, intervalMs: Number(interval), median, p99, processor: quantile(processor, 0.5) };
  });
}

export function renderWaking(results: readonly WakingResult[]): string {
  const head = ['runtime', 'way', 'every ms', 'median µs', '99 % µs', 'processor'];
  const rows = results.map((r) => [
    r.runtime,
    r.way,
    String(r.intervalMs),
    r.median.toFixed(0),
    r.p99.toFixed(0),
    `${(r.processor * 100).toFixed(0)} %`,
  ]);
  return table(head, rows);
}
