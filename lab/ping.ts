/**
 * Round trips between hosts: ICMP by ping(8) of iputils where it is installed, otherwise UDP by our own echo.
 * The result says which it was; the two are not comparable.
 */
import { type LabChild, run } from './child.ts';
import type { LabHost } from './netns.ts';
import { findProgram } from './requirements.ts';
import { trafficCommand } from './tools.ts';
import { DEFAULT_ECHO_PORT, type EchoResult } from './udp-echo.ts';

export interface PingOptions {
  /** Address to ping. */
  readonly target: string;
  /** Default 3. */
  readonly count?: number;
  /**
   * Milliseconds between requests. Default 200. When others have been answered, `ping` waits for the last answer no longer
   * than this or two round trips: on a busy machine a short interval loses answers that are merely late.
   */
  readonly intervalMs?: number;
  /** Bytes of payload, without the ICMP (or UDP) header. Default 56. */
  readonly size?: number;
  /** Forbid fragmentation (`-M do`). Only with ICMP. */
  readonly dontFragment?: boolean;
  /** Type of service byte, for example 0xb8 for EF. Only with ICMP. */
  readonly tos?: number;
  /** Milliseconds to wait for an answer. Default 1000. */
  readonly timeoutMs?: number;
  /** Called with each round trip in milliseconds as it comes. Only with ICMP. */
  readonly onReply?: (rttMs: number, sequence: number) => void;
  /**
   * The host that owns `target`. Needed for the UDP way alone, where an echo server has to run there for the
   * time of the ping.
   */
  readonly peer?: LabHost;
  /** `udp` forces the fallback. Default: ICMP when ping is there. */
  readonly method?: 'icmp' | 'udp';
}

export interface PingResult {
  readonly method: 'icmp' | 'udp';
  readonly sent: number;
  readonly received: number;
  /** Round trips in milliseconds. */
  readonly times: readonly number[];
  /** Milliseconds; NaN when nothing came back. */
  readonly min: number;
  readonly average: number;
  readonly max: number;
  /** What ping said, for an error message. */
  readonly output: string;
}

let iputils: Promise<boolean> | undefined;

/** Whether ping(8) is installed and is the one of iputils, whose options and output we know. */
export async function hasPing(): Promise<boolean> {
  iputils ??= (async () => {
    if (findProgram('ping') === undefined) return false;
    const version = await run(['ping', '-V'], { check: false, timeoutMs: 5000 });
    return `${version.stdout}${version.stderr}`.includes('iputils');
  })();
  return await iputils;
}

/** Pings from a host. Loss is a result, not an error. @throws Error when the measurement itself is impossible. */
export async function ping(from: LabHost, options: PingOptions): Promise<PingResult> {
  const icmp = options.method !== 'udp' && (await hasPing());
  if (icmp) return await pingIcmp(from, options);
  if (options.method === 'icmp' || options.dontFragment === true || options.tos !== undefined) {
    throw new Error('ping(8) of iputils is needed for this: sudo apt-get install iputils-ping');
  }
  if (options.peer === undefined) {
    throw new Error('without ping(8), ping() needs the option peer (or install it: sudo apt-get install iputils-ping)');
  }
  return await pingUdp(from, options, options.peer);
}

/** Sends the next request as soon as the last one is answered, or after 10 ms. Needs ping(8). @throws as {@link ping}. */
export async function pingFlood(
  from: LabHost,
  options: { readonly target: string; readonly count: number },
): Promise<{ readonly sent: number; readonly received: number; readonly average: number }> {
  const { target, count } = options;
  const end = await from.run(['ping', '-n', '-q', '-f', '-c', String(count), target], {
    check: false,
    env: { LC_ALL: 'C' },
    timeoutMs: count * 10 + 15_000,
  });
  const summary = end.stdout.match(/(\d+) packets transmitted, (\d+) received/);
  const average = end.stdout.match(/= [\d.]+\/([\d.]+)\//);
  if (summary === null) throw new Error(`ping -f ${target}: ${end.stderr || end.stdout}`);
  return { sent: Number(summary[1]), received: Number(summary[2]), average: Number(average?.[1] ?? Number.NaN) };
}

/** Pings until an answer comes. @throws Error when none has come after `timeoutMs`. */
export async function waitForPing(from: LabHost, options: PingOptions, timeoutMs = 10_000): Promise<number> {
  const started = Date.now();
  let last: PingResult | undefined;
  while (Date.now() - started < timeoutMs) {
    last = await ping(from, { ...options, count: 1, timeoutMs: 500 });
    if (last.received > 0) return Date.now() - started;
  }
  throw new Error(`${from.role}: no answer from ${options.target} within ${timeoutMs} ms\n${last?.output ?? ''}`);
}

async function pingIcmp(from: LabHost, options: PingOptions): Promise<PingResult> {
  const { target, count = 3, intervalMs = 200, size = 56, timeoutMs = 1000, onReply } = options;
  const args = ['-n', '-c', String(count), '-i', String(intervalMs / 1000), '-s', String(size)];
  args.push('-W', String(timeoutMs / 1000));
  if (options.dontFragment === true) args.push('-M', 'do');
  if (options.tos !== undefined) args.push('-Q', String(options.tos));
  const times: number[] = [];
  const end = await from.run(['ping', ...args, target], {
    check: false,
    env: { LC_ALL: 'C' },
    timeoutMs: count * intervalMs + timeoutMs + 15_000,
    onLine: (line) => {
      const match = line.match(/icmp_seq=(\d+) .*time=([\d.]+) ms/);
      if (match === null) return;
      times.push(Number(match[2]));
      onReply?.(Number(match[2]), Number(match[1]));
    },
  });
  // 0: answers came. 1: none did. 2: ping itself failed; with -M do, a packet too large for the interface is that too.
  const summary = end.stdout.match(/(\d+) packets transmitted, (\d+) received/);
  if (summary === null) throw new Error(`ping ${target}: ${end.stderr || end.stdout}`);
  return result('icmp', Number(summary[1]), times, `${end.stdout}${end.stderr}`);
}

async function pingUdp(from: LabHost, options: PingOptions, peer: LabHost): Promise<PingResult> {
  const { target, count = 3, intervalMs = 200, size = 56 } = options;
  const any = target.includes(':') ? '::' : '0.0.0.0';
  const port = String(DEFAULT_ECHO_PORT);
  let server: LabChild | undefined;
  try {
    server = await peer.spawn(trafficCommand(['echo-server', '--host', any, '--port', port]));
    await server.waitForLine(/"type":"listening"/);
    const args = ['--port', port, '--count', String(count), '--interval', String(intervalMs), '--size', String(size)];
    const end = await from.run(trafficCommand(['echo-client', target, ...args]), {
      timeoutMs: count * intervalMs + 15_000,
    });
    const echo = JSON.parse(end.stdout.trim().split('\n').at(-1) ?? '') as EchoResult;
    return result('udp', echo.sent, echo.times, end.stdout);
  } finally {
    await server?.stop();
  }
}

function result(method: 'icmp' | 'udp', sent: number, times: readonly number[], output: string): PingResult {
  const none = times.length === 0;
  return {
    ...{ method, sent, received: times.length, times, output },
    min: none ? Number.NaN : Math.min(...times),
    average: none ? Number.NaN : times.reduce((sum, time) => sum + time, 0) / times.length,
    max: none ? Number.NaN : Math.max(...times),
  };
}
