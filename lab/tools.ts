/** The lab's own programs, run inside hosts: traffic from host to host, with progress as it goes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LabChild } from './child.ts';
import type { LabHost } from './netns.ts';
import { projectRoot, type Runtime, runtimePath } from './runtime.ts';
import { DEFAULT_TRAFFIC_PORT, type TrafficOptions, type TrafficProgress, type TrafficResult } from './traffic.ts';

/** The command that starts the compiled traffic-main. @throws Error when the project has not been built. */
export function trafficCommand(args: readonly string[], runtime?: Runtime): string[] {
  const path = join(process.env.ETHERLOOM_LAB_TOOLS ?? join(projectRoot, 'dist', 'lab'), 'traffic-main.js');
  if (!existsSync(path)) throw new Error(`${path} does not exist: build the project first (npm run build)`);
  return [runtimePath(runtime), path, ...args];
}

/** A traffic server in a host. */
export interface TrafficServerProcess {
  readonly port: number;
  readonly child: LabChild;
  stop(): Promise<void>;
}

/** Starts the traffic server in `host` and waits until it listens. */
export async function startTraffic(
  host: LabHost,
  options: { readonly port?: number; readonly runtime?: Runtime } = {},
): Promise<TrafficServerProcess> {
  const port = options.port ?? DEFAULT_TRAFFIC_PORT;
  const child = await host.spawn(trafficCommand(['server', '--port', String(port)], options.runtime));
  const said = await child.waitForLine(/"type":"listening","port":(\d+)/);
  return {
    port: Number(said[1]),
    child,
    stop: async () => {
      await child.stop();
    },
  };
}

export interface MeasureOptions extends TrafficOptions {
  readonly runtime?: Runtime;
  /** Limit for the whole run in milliseconds. Default: `seconds` + 60 s. */
  readonly timeoutMs?: number;
  readonly onProgress?: (progress: TrafficProgress) => void;
}

/**
 * Runs the traffic client in `from` against a server that {@link startTraffic} started.
 * @throws Error on a failed run or a checksum mismatch.
 */
export async function measureTraffic(from: LabHost, options: MeasureOptions): Promise<TrafficResult> {
  const args = ['client', options.host];
  const flags = {
    port: options.port,
    direction: options.direction,
    flows: options.flows,
    bytes: options.bytes,
    seconds: options.seconds,
    'idle-timeout': options.idleTimeoutMs,
  };
  for (const [flag, value] of Object.entries(flags)) if (value !== undefined) args.push(`--${flag}`, String(value));
  if (options.checksum === true) args.push('--checksum');
  let result: TrafficResult | undefined;
  let failure: string | undefined;
  const end = await from.run(trafficCommand(args, options.runtime), {
    check: false,
    timeoutMs: options.timeoutMs ?? (options.seconds ?? 0) * 1000 + 60_000,
    onLine: (line) => {
      if (!line.startsWith('{')) return;
      const message = JSON.parse(line) as TrafficProgress | TrafficResult | { type: 'error'; message: string };
      if (message.type === 'progress') options.onProgress?.(message);
      else if (message.type === 'result') result = message;
      else failure = message.message;
    },
  });
  if (result === undefined) throw new Error(`traffic to ${options.host}: ${failure ?? (end.stderr || 'no result')}`);
  if (result.checksum === 'mismatch') throw new Error(`traffic to ${options.host}: what arrived is not what was sent`);
  return result;
}
