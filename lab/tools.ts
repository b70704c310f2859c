/** The lab's own programs, run inside hosts: traffic from host to host, with progress as it goes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LabChild } from './child.ts';
import type { LabHost } from './netns.ts';
import { projectRoot, type Runtime, runtimePath } from './runtime.ts';
import { DEFAULT_TRAFFIC_PORT, type TrafficOptions, type TrafficProgress, type TrafficResult } from './traffic.ts';
import {
  DEFAULT_STREAM_PORT,
  type StreamReceived,
  type StreamSent,
  streamResult,
  type UdpStreamResult,
} from './udp-stream.ts';

/** The command that starts the compiled traffic-main. @throws Error when the project has not been built. */
export function trafficCommand(args: readonly string[], runtime?: Runtime): string[] {
  return toolCommand('traffic-main.js', args, runtime);
}

/** The command that starts a compiled program of lab/. @throws Error when the project has not been built. */
export function toolCommand(program: string, args: readonly string[], runtime?: Runtime): string[] {
  const path = join(process.env.ETHERLOOM_LAB_TOOLS ?? join(projectRoot, 'dist', 'lab'), program);
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
    content: options.content,
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

export interface UdpStreamOptions {
  /** Address of the receiving host. */
  readonly host: string;
  /** Default 5203. */
  readonly port?: number;
  /** Default: until {@link UdpStream.stop}. */
  readonly seconds?: number;
  /** Datagrams per second. Default 50. */
  readonly rate?: number;
  /** Bytes of payload, at least 16. Default 172. */
  readonly size?: number;
  /** Milliseconds that the receiver waits for what is still under way. Default 500. */
  readonly drainMs?: number;
  readonly runtime?: Runtime;
}

/** A stream that runs. */
export interface UdpStream {
  /** What came of it, once its time is over. */
  readonly result: Promise<UdpStreamResult>;
  /** Ends it before its time. */
  stop(): Promise<UdpStreamResult>;
}

let streams = 0;

/** Starts a stream of datagrams from one host to another; it is under way when this returns. */
export async function startUdpStream(from: LabHost, to: LabHost, options: UdpStreamOptions): Promise<UdpStream> {
  const { host, port = DEFAULT_STREAM_PORT, drainMs = 500, runtime } = options;
  streams += 1;
  const common = ['--stream', String(streams), '--port', String(port)];
  const any = host.includes(':') ? '::' : '0.0.0.0';
  const receiver = await to.spawn(trafficCommand(['stream-receiver', ...common, '--host', any], runtime));
  const flags = { seconds: options.seconds, rate: options.rate, size: options.size };
  const args = Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, `${value}`]));
  let sender: LabChild | undefined;
  try {
    await receiver.waitForLine(/"type":"listening"/);
    sender = await from.spawn(trafficCommand(['stream-sender', host, ...common, ...args], runtime));
    await sender.waitForLine(/"type":"sending"/);
  } catch (error) {
    await Promise.all([receiver.stop(), sender?.stop()]);
    throw error;
  }
  const running = sender;
  const result = (async () => {
    await running.exited;
    await new Promise((resolve) => setTimeout(resolve, drainMs));
    await receiver.stop();
    return streamResult(lastResult<StreamSent>(running), lastResult<StreamReceived>(receiver));
  })();
  result.catch(() => {}); // whoever asks for it gets the error
  return {
    result,
    stop: async () => {
      await running.stop();
      return await result;
    },
  };
}

/** Runs a stream of `seconds` to its end. */
export async function measureUdpStream(
  from: LabHost,
  to: LabHost,
  options: UdpStreamOptions & { readonly seconds: number },
): Promise<UdpStreamResult> {
  return await (await startUdpStream(from, to, options)).result;
}

function lastResult<T>(child: LabChild): T {
  const line = child.stdout.split('\n').find((each) => each.startsWith('{"type":"result"'));
  if (line === undefined) throw new Error(`${child.command.join(' ')}: no result\n${child.outputTail()}`);
  return JSON.parse(line) as T;
}
