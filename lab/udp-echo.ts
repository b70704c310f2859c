/**
 * A round trip without ping(8): UDP datagrams that come back. Slower than ICMP by two wake-ups of a process,
 * so its figures are labelled as what they are and never stand beside ICMP's.
 */
import { createSocket } from 'node:dgram';

export const DEFAULT_ECHO_PORT = 5202;
/** Sequence number (4 bytes) in front of the padding. */
const HEADER = 4;

export interface EchoOptions {
  readonly host: string;
  readonly port?: number;
  readonly count?: number;
  /** Milliseconds between datagrams. Default 200. */
  readonly intervalMs?: number;
  /** Bytes of payload, at least 4. Default 56. */
  readonly size?: number;
  /** Milliseconds to wait for the last answers. Default 1000. */
  readonly timeoutMs?: number;
}

export interface EchoResult {
  readonly sent: number;
  readonly received: number;
  /** Round trips in milliseconds, in the order of their answers. */
  readonly times: readonly number[];
}

/** Answers every datagram with itself until `close` is called. */
export async function startEchoServer(port = DEFAULT_ECHO_PORT, host = '0.0.0.0'): Promise<{ close(): Promise<void> }> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (data, from) => socket.send(data, from.port, from.address, () => {}));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, resolve);
  });
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

/** Sends `count` datagrams and measures their way there and back. */
export async function runEchoClient(options: EchoOptions): Promise<EchoResult> {
  const { host, port = DEFAULT_ECHO_PORT, count = 5, intervalMs = 200, size = 56, timeoutMs = 1000 } = options;
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const sentAt = new Map<number, number>();
  const times: number[] = [];
  let sent = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      socket.on('error', reject);
      socket.on('message', (data) => {
        const at = data.length < HEADER ? undefined : sentAt.get(data.readUInt32BE(0));
        if (at === undefined) return;
        sentAt.delete(data.readUInt32BE(0));
        times.push(performance.now() - at);
        if (sent === count && sentAt.size === 0) {
          clearTimeout(timer);
          resolve();
        }
      });
      const next = (): void => {
        const data = Buffer.alloc(Math.max(size, HEADER));
        data.writeUInt32BE(sent, 0);
        sentAt.set(sent, performance.now());
        sent += 1;
        socket.send(data, port, host, () => {}); // an unreachable host shows as loss
        timer = sent < count ? setTimeout(next, intervalMs) : setTimeout(resolve, timeoutMs);
      };
      next();
    });
  } finally {
    socket.close();
  }
  return { sent, received: times.length, times };
}
