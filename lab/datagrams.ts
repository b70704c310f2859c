/** Many datagrams from host to host at a rate: see `datagrams-main.ts` for how. */
import type { LabChild } from './child.ts';
import type { LabHost } from './netns.ts';
import { toolCommand } from './tools.ts';

const PORT = 5204;

export interface DatagramOptions {
  /** IPv4 address of the receiving host. */
  readonly target: string;
  /** Bytes of payload. */
  readonly size: number;
  /** Datagrams per second. */
  readonly rate: number;
  readonly seconds: number;
}

export interface DatagramResult {
  readonly sent: number;
  /** Seconds that the sender took, which are more than asked for when it could not do that rate. */
  readonly sentSeconds: number;
  readonly received: number;
  /** From the first arrival to the last: more than the sender took when a queue filled up. */
  readonly receivedSeconds: number;
}

/** Sends that many and waits for the last one. */
export async function measureDatagrams(from: LabHost, to: LabHost, options: DatagramOptions): Promise<DatagramResult> {
  const { target, size, rate, seconds } = options;
  const count = Math.max(1, Math.round(rate * seconds));
  const receiver = await to.spawn(command('receive', PORT, size));
  try {
    await receiver.waitForLine(/"listening"/);
    const sender = await from.spawn(command('send', target, PORT, Math.max(size, 1), Math.round(rate), count));
    const sent = await result<{ sent: number; seconds: number }>(sender, seconds);
    const got = await result<{ received: number; seconds: number }>(receiver, 0);
    return { sent: sent.sent, sentSeconds: sent.seconds, received: got.received, receivedSeconds: got.seconds };
  } finally {
    await receiver.stop();
  }
}

function command(...args: readonly (string | number)[]): string[] {
  return toolCommand('datagrams-main.js', args.map(String), 'bun');
}

async function result<T>(child: LabChild, seconds: number): Promise<T> {
  const [line] = await child.waitForLine(/^\{"type":"result".*\}$/, seconds * 10_000 + 10_000);
  return JSON.parse(line) as T;
}
