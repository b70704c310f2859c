/** iperf3 between hosts: bulk transfer over TCP, and calls over UDP. */
import { isIPv4 } from 'node:net';
import type { LabChild } from './child.ts';
import { listensOn } from './listening.ts';
import type { LabHost } from './netns.ts';

const PORT = 5201;
const START_TIMEOUT_MS = 5_000;

export interface TcpOptions {
  /** Address of the receiving host. */
  readonly target: string;
  /** `up`: to the target. */
  readonly direction: 'up' | 'down';
  /** Default 1. */
  readonly flows?: number;
  /** Whole seconds, 1 or more: iperf3 takes no others. */
  readonly seconds: number;
}

export interface TcpResult {
  /** What the receiver got. */
  readonly bytes: number;
  readonly seconds: number;
  /** Segments that the sender's kernel sent again. */
  readonly retransmissions: number;
}

/** @throws Error with what iperf3 said. */
export async function measureTcp(from: LabHost, to: LabHost, options: TcpOptions): Promise<TcpResult> {
  const { target, direction, flows = 1, seconds } = options;
  const args = ['--time', String(seconds), '--parallel', String(flows), ...(direction === 'down' ? ['--reverse'] : [])];
  const { sum_sent: sent, sum_received: received } = await iperf<TcpEnd>(from, to, target, args, seconds);
  return { bytes: received.bytes, seconds: received.seconds, retransmissions: sent.retransmits };
}

export interface CallOptions {
  /** Address of the other host. */
  readonly target: string;
  /** `up`: to the target. */
  readonly direction: 'up' | 'down';
  /** Whole seconds. */
  readonly seconds: number;
}

export interface CallResult {
  readonly sent: number;
  readonly lost: number;
  /** RFC 3550 §6.4.1, ms. */
  readonly jitterMs: number;
}

/** G.711 in RTP: 50 packets a second, each an IP packet of 200 bytes, marked EF; a second passes before they count. @throws as `measureTcp`. */
export async function measureCall(from: LabHost, to: LabHost, options: CallOptions): Promise<CallResult> {
  const { target, direction, seconds } = options;
  const rate = 50 * CALL_BYTES * 8;
  const args = ['--udp', '--tos', '0xb8', '--length', String(CALL_BYTES), '--bitrate', String(rate)];
  // Towards the client, what comes before iperf3 is ready to read counts as lost.
  args.push('--omit', '1', '--time', String(seconds), ...(direction === 'down' ? ['--reverse'] : []));
  const { sum } = await iperf<CallEnd>(from, to, target, args, seconds, direction === 'up' ? PORT + 1 : PORT + 2);
  return { sent: sum.packets, lost: sum.lost_packets, jitterMs: sum.jitter_ms };
}

/** Without the headers of UDP and IPv4. */
const CALL_BYTES = 172;

interface CallEnd {
  readonly sum: { readonly packets: number; readonly lost_packets: number; readonly jitter_ms: number };
}

interface TcpEnd {
  readonly sum_sent: { readonly retransmits: number };
  readonly sum_received: { readonly bytes: number; readonly seconds: number };
}

async function iperf<End>(
  from: LabHost,
  to: LabHost,
  target: string,
  args: readonly string[],
  seconds: number,
  port = PORT,
): Promise<End> {
  // A server for each run: one that has served listens anew after a moment, and resets who comes in between.
  const server = await listen(to, port, isIPv4(target));
  try {
    const command = ['iperf3', '--client', target, '--port', String(port), '--json', ...args];
    // On a path that loses everything iperf3 does not come to its end.
    const { stdout, stderr } = await from.run(command, { check: false, timeoutMs: seconds * 3_000 + 15_000 });
    const answer = parse<End>(stdout);
    if (answer.end !== undefined && answer.error === undefined) return answer.end;
    throw new Error(`iperf3 to ${target}: ${answer.error ?? `no result\n${stderr || stdout}`}`);
  } finally {
    await server.stop();
  }
}

/** @param v4 On a socket for both versions of IP, iperf3 would mark what it sends with a traffic class of IPv6, which IPv4 has not. */
async function listen(host: LabHost, port: number, v4: boolean): Promise<LabChild> {
  const version = v4 ? ['--version4'] : [];
  const child = await host.spawn(['iperf3', ...version, '--server', '--one-off', '--port', String(port)]);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!listensOn(host, child.pid, port)) {
    if (!child.running || Date.now() > deadline) {
      await child.stop();
      throw new Error(`${host.role}: iperf3 does not listen on port ${port}\n${child.outputTail()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return child;
}

function parse<End>(text: string): { readonly end?: End; readonly error?: string } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
