/**
 * A stream of small datagrams at a steady rate, as a telephone call sends them, and what becomes of it: which were
 * lost, doubled or overtaken, how long nothing came and how long each was under way. Both ends run on one machine
 * and read its one clock, so the delays are one-way.
 */
import { createSocket } from 'node:dgram';

export const DEFAULT_STREAM_PORT = 5203;
/** Number of the stream (4 bytes), sequence number (4), time of sending in milliseconds (8, double). */
const HEADER = 16;

export interface StreamSendOptions {
  readonly host: string;
  readonly port?: number;
  /** Number of the stream; the receiver counts no other. */
  readonly stream: number;
  /** Default: until it is stopped. */
  readonly seconds?: number;
  /** Datagrams per second. Default 50. */
  readonly rate?: number;
  /** Bytes of payload, at least 16. Default 172: 20 ms of G.711 in RTP. */
  readonly size?: number;
}

/** What the sender knows. Times in milliseconds of {@link machineClock}. */
export interface StreamSent {
  readonly sent: number;
  /** How many of these the kernel refused to take. */
  readonly sendErrors: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** What the receiver knows. */
export interface StreamReceived {
  /** Without the doubles. */
  readonly received: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** Between two arrivals. */
  readonly longestGapMs: number;
  /** One-way delays; null when nothing came. */
  readonly delayP50Ms: number | null;
  readonly delayP99Ms: number | null;
  readonly delayMaxMs: number | null;
}

export interface UdpStreamResult {
  readonly sent: number;
  readonly sendErrors: number;
  /** Datagrams that arrived at least once. */
  readonly received: number;
  readonly lost: number;
  /** Further copies of datagrams that had arrived. */
  readonly duplicated: number;
  /** Datagrams that arrived after one that was sent later (RFC 4737, section 3). */
  readonly reordered: number;
  /** The longest time without an arrival, from the sending of the first to the sending of the last at least. */
  readonly longestGapMs: number;
  /** One-way delays; NaN when nothing arrived. */
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

/** Milliseconds of a clock that all processes of the machine share; `hrtime` of Bun starts with the process. */
export function machineClock(): number {
  return performance.timeOrigin + performance.now();
}

/** Counts what arrives of one stream. */
export class StreamRecord {
  #seen = new Set<number>();
  #highest = -1;
  #duplicated = 0;
  #reordered = 0;
  #firstAt = Number.NaN;
  #lastAt = Number.NaN;
  #gap = 0;
  #delays: number[] = [];

  take(sequence: number, sentAt: number, now: number): void {
    if (this.#seen.size === 0) this.#firstAt = now;
    else this.#gap = Math.max(this.#gap, now - this.#lastAt);
    this.#lastAt = now;
    if (this.#seen.has(sequence)) {
      this.#duplicated += 1;
      return;
    }
    this.#seen.add(sequence);
    this.#delays.push(now - sentAt);
    if (sequence < this.#highest) this.#reordered += 1;
    else this.#highest = sequence;
  }

  report(): StreamReceived {
    const delays = [...this.#delays].sort((a, b) => a - b);
    const at = (share: number): number | null => delays[Math.max(0, Math.ceil(share * delays.length) - 1)] ?? null;
    return {
      ...{ received: this.#seen.size, duplicated: this.#duplicated, reordered: this.#reordered },
      ...{ firstAt: this.#firstAt, lastAt: this.#lastAt, longestGapMs: this.#gap },
      ...{ delayP50Ms: at(0.5), delayP99Ms: at(0.99), delayMaxMs: at(1) },
    };
  }
}

/** Puts together what both ends know. */
export function streamResult(sent: StreamSent, got: StreamReceived): UdpStreamResult {
  const gaps =
    got.received === 0 ? [sent.lastAt - sent.firstAt] : [got.firstAt - sent.firstAt, sent.lastAt - got.lastAt];
  const { received, duplicated, reordered } = got;
  return {
    ...{ sent: sent.sent, sendErrors: sent.sendErrors, received, lost: sent.sent - received, duplicated, reordered },
    longestGapMs: round(Math.max(got.longestGapMs, ...gaps)),
    delayP50Ms: round(got.delayP50Ms ?? Number.NaN),
    delayP99Ms: round(got.delayP99Ms ?? Number.NaN),
    delayMaxMs: round(got.delayMaxMs ?? Number.NaN),
  };
}

export interface StreamReceiver {
  readonly port: number;
  /** Ends it. */
  finish(): StreamReceived;
}

/** Receives the stream of that number. @param port 0 picks a free one. */
export async function startStreamReceiver(
  stream: number,
  port = DEFAULT_STREAM_PORT,
  host = '0.0.0.0',
): Promise<StreamReceiver> {
  const record = new StreamRecord();
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (data) => {
    if (data.length < HEADER || data.readUInt32BE(0) !== stream) return;
    record.take(data.readUInt32BE(4), data.readDoubleBE(8), machineClock());
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, resolve);
  });
  return {
    port: socket.address().port,
    finish: () => {
      socket.close();
      return record.report();
    },
  };
}

/** Sends a stream; what came late for want of processor time is sent at once, so that the rate holds. */
export async function runStreamSender(options: StreamSendOptions, stop?: AbortSignal): Promise<StreamSent> {
  const { host, port = DEFAULT_STREAM_PORT, stream, seconds, rate = 50, size = 172 } = options;
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const count = seconds === undefined ? Number.POSITIVE_INFINITY : Math.round(seconds * rate);
  const firstAt = machineClock();
  let lastAt = firstAt;
  let sent = 0;
  let sendErrors = 0;
  let underWay = 0;
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      if (underWay === 0 && (sent >= count || stop?.aborted === true)) resolve();
    };
    const taken = (error: Error | null): void => {
      underWay -= 1;
      if (error !== null && error !== undefined) sendErrors += 1; // an unreachable host is loss, no failure
      settle();
    };
    const next = (): void => {
      const now = machineClock();
      while (sent < count && firstAt + (sent * 1000) / rate <= now) {
        const data = Buffer.alloc(Math.max(size, HEADER));
        data.writeUInt32BE(stream, 0);
        data.writeUInt32BE(sent, 4);
        lastAt = machineClock();
        data.writeDoubleBE(lastAt, 8);
        sent += 1;
        underWay += 1;
        socket.send(data, port, host, taken);
      }
      if (sent < count) timer = setTimeout(next, Math.max(1, firstAt + (sent * 1000) / rate - machineClock()));
      else settle();
    };
    socket.on('error', () => {});
    stop?.addEventListener('abort', () => {
      clearTimeout(timer);
      settle();
    });
    next();
  });
  socket.close();
  return { sent, sendErrors, firstAt, lastAt };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
