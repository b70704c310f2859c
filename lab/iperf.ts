/** iperf3 between hosts: bulk transfer over TCP, and datagrams at a rate. */
import { readFileSync } from 'node:fs';
import type { LabChild } from './child.ts';
import { listensOn } from './listening.ts';
import type { LabHost } from './netns.ts';

const PORT = 5201;
const START_TIMEOUT_MS = 5_000;
/** Room for the datagrams of some milliseconds, lest the receiver's own buffer be what loses them; bytes. */
const DATAGRAM_BUFFER = 2 * 1024 * 1024;

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

export interface DatagramOptions {
  readonly target: string;
  /** Bytes of payload, 16 or more: iperf3 puts its numbers into them. */
  readonly size: number;
  /** Datagrams per second. */
  readonly rate: number;
  readonly seconds: number;
}

export interface DatagramResult {
  readonly sent: number;
  /** Datagrams per second that the sender managed, which may be less than was asked for. */
  readonly sentRate: number;
  /** Datagrams that did not arrive, as gaps in the numbers of those that did. */
  readonly lost: number;
  /** Datagrams that had arrived when the sender was done: what a queue still held then is not among them. */
  readonly received: number;
}

/** Sends datagrams from a host. @throws Error with what iperf3 said. */
export async function measureDatagrams(from: LabHost, to: LabHost, options: DatagramOptions): Promise<DatagramResult> {
  const { target, size, rate, seconds } = options;
  // Whole seconds are too long for a search: the number of datagrams stands for the time.
  const count = Math.max(1, Math.round(rate * seconds));
  const bits = Math.round(rate * size * 8);
  const args = ['--udp', '--bitrate', String(bits), '--blockcount', String(count), '--length', String(size)];
  const end = await iperf<UdpEnd>(from, to, target, [...args, '--window', String(datagramBuffer())], seconds);
  const { packets: sent, seconds: took } = end.sum_sent;
  const { packets: seen, lost_packets: lost } = end.sum_received;
  return { sent, sentRate: sent / took, lost, received: seen - lost };
}

interface TcpEnd {
  readonly sum_sent: { readonly retransmits: number };
  readonly sum_received: { readonly bytes: number; readonly seconds: number };
}

interface UdpEnd {
  readonly sum_sent: { readonly packets: number; readonly seconds: number };
  readonly sum_received: { readonly packets: number; readonly lost_packets: number };
}

async function iperf<End>(
  from: LabHost,
  to: LabHost,
  target: string,
  args: readonly string[],
  seconds: number,
): Promise<End> {
  // A server for each run: one that has served listens anew after a moment, and resets who comes in between.
  const server = await listen(to);
  try {
    const command = ['iperf3', '--client', target, '--port', String(PORT), '--json', ...args];
    // On a path that loses everything iperf3 does not come to its end.
    const { stdout, stderr } = await from.run(command, { check: false, timeoutMs: seconds * 3_000 + 15_000 });
    const answer = parse<End>(stdout);
    if (answer.end !== undefined && answer.error === undefined) return answer.end;
    throw new Error(`iperf3 to ${target}: ${answer.error ?? `no result\n${stderr || stdout}`}`);
  } finally {
    await server.stop();
  }
}

async function listen(host: LabHost): Promise<LabChild> {
  const child = await host.spawn(['iperf3', '--server', '--one-off', '--port', String(PORT)]);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!listensOn(host, child.pid, PORT)) {
    if (!child.running || Date.now() > deadline) {
      await child.stop();
      throw new Error(`${host.role}: iperf3 does not listen on port ${PORT}\n${child.outputTail()}`);
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

/** As much as the kernel lets any program have. */
function datagramBuffer(): number {
  const limits = ['rmem_max', 'wmem_max'].map((name) => Number(readFileSync(`/proc/sys/net/core/${name}`, 'utf8')));
  return Math.min(DATAGRAM_BUFFER, ...limits);
}
