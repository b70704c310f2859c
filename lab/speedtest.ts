/** `etherloom speedtest`, both ends of it, in hosts of the lab. */
import type { RunSummary, SpeedtestProgress } from '../engine/speedtest/options.ts';
import type { SpeedtestResult } from '../engine/speedtest/result.ts';
import type { LabHost } from './netns.ts';
import { type EtherloomProcess, runEtherloom, startEtherloom } from './node.ts';
import { type Runtime, thisRuntime } from './runtime.ts';

export interface SpeedtestServerProcess {
  readonly process: EtherloomProcess;
  /** Every run that has ended. */
  readonly runs: () => RunSummary[];
  /** The run of this number, from 1 on, as soon as it has ended. */
  readonly run: (number: number) => Promise<RunSummary>;
}

/** Starts a server and waits until it listens. */
export async function startSpeedtestServer(
  host: LabHost,
  listen: string,
  runtime: Runtime = thisRuntime,
): Promise<SpeedtestServerProcess> {
  const args = ['speedtest', 'server', '--listen', listen, '--json', '--log-format', 'json'];
  const process = await startEtherloom(host, args, { runtime, ready: /"event":"listening"/, readyTimeoutMs: 30_000 });
  const runs = (): RunSummary[] =>
    process.records.filter((record) => record.event === 'run-ended') as unknown as RunSummary[];
  const run = async (number: number): Promise<RunSummary> => {
    for (const deadline = Date.now() + 15_000; runs().length < number; ) {
      if (Date.now() > deadline) throw new Error(`no run number ${number}\n${process.child.outputTail()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return runs()[number - 1]!;
  };
  return { process, runs, run };
}

/** What a client printed with `--json`. */
export interface SpeedtestOutput {
  readonly code: number | null;
  readonly started: { readonly downloads: number; readonly uploads: number; readonly latency: boolean } | undefined;
  readonly progress: readonly SpeedtestProgress[];
  readonly result: SpeedtestResult | undefined;
  readonly stderr: string;
}

/** Runs a client to its end; an exit code other than 0 is a result. */
export async function runSpeedtest(
  host: LabHost,
  server: string,
  args: readonly string[] = [],
  runtime: Runtime = thisRuntime,
): Promise<SpeedtestOutput> {
  const command = ['speedtest', server, '--json', ...args];
  const { code, stdout, stderr } = await runEtherloom(host, command, { runtime, timeoutMs: 120_000 });
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly event: string });
  const events = <T>(event: string): T[] => lines.filter((line) => line.event === event) as unknown as T[];
  return {
    ...{ code, stderr, started: events<NonNullable<SpeedtestOutput['started']>>('started')[0] },
    ...{ progress: events<SpeedtestProgress>('progress'), result: events<SpeedtestResult>('result')[0] },
  };
}
