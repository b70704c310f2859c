/** An Etherloom process in a host: started on the runtime of choice, watched, ended. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitStatus, LabChild } from './child.ts';
import type { LabHost } from './netns.ts';
import { projectRoot, type Runtime, runtimePath, thisRuntime } from './runtime.ts';

export interface NodeOptions {
  /** Default: the runtime of this process. */
  readonly runtime?: Runtime;
  /** Flags for the runtime itself, before the script: `--cpu-prof` and the like. */
  readonly runtimeArgs?: readonly string[];
  /** Another script than `bin/etherloom.js` of this project. */
  readonly script?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Wait for this line on stdout or stderr before the start counts as done. */
  readonly ready?: RegExp;
  /** Limit for {@link ready} in milliseconds. Default 15 000. */
  readonly readyTimeoutMs?: number;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** One line of `--log-format json`. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg?: string; readonly level?: number | string };

/** A running `etherloom`. */
export class EtherloomProcess {
  readonly host: LabHost;
  readonly child: LabChild;
  readonly runtime: Runtime;
  /** Milliseconds from the start to the {@link NodeOptions.ready} line; NaN when none was asked for. */
  readonly readyMs: number;

  constructor(host: LabHost, child: LabChild, runtime: Runtime, readyMs: number) {
    this.host = host;
    this.child = child;
    this.runtime = runtime;
    this.readyMs = readyMs;
  }

  /** Every line of both streams that is a JSON object. */
  get records(): LogRecord[] {
    return `${this.child.stdout}\n${this.child.stderr}`.split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return [];
      try {
        return [JSON.parse(line) as LogRecord];
      } catch {
        return []; // the last line may be unfinished
      }
    });
  }

  /** As {@link LabChild.waitForLine}. */
  async waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray> {
    return await this.child.waitForLine(pattern, timeoutMs);
  }

  /** SIGTERM; SIGKILL when it takes longer than `graceMs`. Returns how it ended. */
  async stop(graceMs = 5000): Promise<ExitStatus> {
    return await this.child.stop(graceMs);
  }
}

/** The command line of `bin/etherloom.js` on a runtime. */
export function etherloomCommand(args: readonly string[], options: NodeOptions = {}): string[] {
  const script = options.script ?? join(projectRoot, 'bin', 'etherloom.js');
  if (!existsSync(script)) throw new Error(`${script} does not exist`);
  return [runtimePath(options.runtime), ...(options.runtimeArgs ?? []), script, ...args];
}

/**
 * Starts `etherloom` with `args` in `host`; add `--log-format json` to have {@link EtherloomProcess.records}.
 * @throws Error when the `ready` line does not come; the message has the last lines of output.
 */
export async function startEtherloom(
  host: LabHost,
  args: readonly string[],
  options: NodeOptions = {},
): Promise<EtherloomProcess> {
  const started = performance.now();
  const child = await host.spawn(etherloomCommand(args, options), {
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  });
  let readyMs = Number.NaN;
  if (options.ready !== undefined) {
    try {
      await child.waitForLine(options.ready, options.readyTimeoutMs ?? 15_000);
    } catch (error) {
      await child.stop();
      throw error;
    }
    readyMs = performance.now() - started;
  }
  return new EtherloomProcess(host, child, options.runtime ?? thisRuntime, readyMs);
}

/** Runs `etherloom` to its end, for commands like `status`. An exit code other than 0 is a result. */
export async function runEtherloom(
  host: LabHost,
  args: readonly string[],
  options: NodeOptions & { readonly timeoutMs?: number } = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return await host.run(etherloomCommand(args, options), {
    check: false,
    timeoutMs: options.timeoutMs ?? 20_000,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}
