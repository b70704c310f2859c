/** SoftEther's own throughput measurement, TrafficServer and TrafficClient (protocol/data-plane.md §8). */
import type { LabChild } from './child.ts';
import { listensOn } from './listening.ts';
import type { LabHost } from './netns.ts';
import { vpncmdTool } from './softether-sandbox.ts';
import { parseCount } from './softether-vpncmd.ts';

const START_TIMEOUT_MS = 15_000;

/** Starts TrafficServer and waits until it listens. */
export async function startTrafficServer(host: LabHost, port: number): Promise<LabChild> {
  const child = await host.spawn(await vpncmdTool(host, 'TrafficServer', String(port), '/NOHUP:yes'));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!listensOn(host, child.pid, port)) {
    if (!child.running || Date.now() > deadline) {
      await child.stop();
      throw new Error(`${host.role}: TrafficServer does not listen on port ${port}\n${child.outputTail()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
}

export interface TrafficClientOptions {
  /** `host:port`. */
  readonly server: string;
  readonly connections: number;
  readonly type: 'full' | 'upload' | 'download';
  readonly seconds: number;
  readonly raw?: boolean;
  readonly double?: boolean;
}

/** What TrafficClient printed: bytes, and bits per second. */
export interface TrafficClientResult {
  readonly downloadBytes: number;
  readonly uploadBytes: number;
  readonly totalBytes: number;
  readonly downloadBits: number;
  readonly uploadBits: number;
  readonly totalBits: number;
}

/** Runs TrafficClient to its end. @throws Error with what it said when that is no result. */
export async function runTrafficClient(host: LabHost, options: TrafficClientOptions): Promise<TrafficClientResult> {
  const { server, connections, type, seconds, raw = false, double = false } = options;
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  const args = [`/NUMTCP:${connections}`, `/TYPE:${type}`, `/SPAN:${seconds}`];
  const command = await vpncmdTool(
    host,
    ...['TrafficClient', server, ...args, `/DOUBLE:${yesNo(double)}`, `/RAW:${yesNo(raw)}`],
  );
  const { stdout } = await host.run(command, { timeoutMs: seconds * 1_000 + 90_000 });
  // Three columns: what, exactly, and rounded.
  const rows = stdout.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const find = (what: RegExp): number => {
    const found = rows.find(([name = '', ...values]) => values.length === 2 && what.test(name));
    if (found === undefined) throw new Error(`TrafficClient: no row like ${what}\n${stdout}`);
    return parseCount(found[1]);
  };
  return {
    downloadBytes: find(/^Communication Data Volume in Download/),
    uploadBytes: find(/^Communication Data Volume in Upload/),
    totalBytes: find(/^Total Communication Data/),
    downloadBits: find(/^Average Throughput in Download/),
    uploadBits: find(/^Average Throughput in Upload/),
    totalBits: find(/^Total Average Throughput/),
  };
}
