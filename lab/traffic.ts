/**
 * A TCP throughput tool: pseudo-random bytes, or HTML, over any number of flows, up, down or both ways at once,
 * with progress, the longest stall and, on request, a SHA-256 over each flow that both sides compare.
 *
 * The client opens one control connection, then the flows. On each connection the client's first line is JSON.
 * Over the control connection the server reports what it sent or received on each flow and when.
 * Made to measure tunnels, so it must not be the bottleneck itself: one buffer is sent again and again.
 */
import { createHash, type Hash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Content, makeBlock, stampBlock } from './traffic-content.ts';

/** Bytes per write. Large, so that the cost per write vanishes; small enough to stay in the second-level cache. */
const BLOCK = 256 * 1024;
/** Writes under way at a time per flow: one in the kernel's hands and one waiting. */
const WRITES_AHEAD = 2;
/** Writes in a row before reads and timers get their turn; otherwise a fast sender starves its own receiver. */
const WRITES_PER_TURN = 4;
const PROGRESS_MS = 200;
const LONGEST_LINE = 4096;
export const DEFAULT_TRAFFIC_PORT = 5201;

export type Direction = 'up' | 'down' | 'both';
type Way = 'up' | 'down';

export interface TrafficOptions {
  readonly host: string;
  /** Default 5201. */
  readonly port?: number;
  /** `up`: from client to server. Default `up`. */
  readonly direction?: Direction;
  /** Connections in each direction. Default 1. */
  readonly flows?: number;
  /** Bytes to send in each direction, over all its flows. Either this or `seconds`. */
  readonly bytes?: number;
  /** Seconds to send for. */
  readonly seconds?: number;
  /** What is sent. Default `random`. */
  readonly content?: Content;
  /** Compare a SHA-256 over each flow; costs speed. Default `false`. */
  readonly checksum?: boolean;
  /** Milliseconds without one byte in any direction after which the run fails. Default 15 000. */
  readonly idleTimeoutMs?: number;
}

/** Sent every 200 ms. */
export interface TrafficProgress {
  readonly type: 'progress';
  /** Seconds since the flows were open. */
  readonly seconds: number;
  /** Bytes so far, as the client counts them: handed to the kernel (up), received (down). */
  readonly up: number;
  readonly down: number;
}

export interface WayResult {
  /** Bytes that arrived. */
  readonly bytes: number;
  /** From the first to the last byte at the receiver. */
  readonly seconds: number;
  readonly mbits: number;
  /** The longest time in which the receiver of one flow got nothing, its beginning and its end included. */
  readonly longestStallMs: number;
}

export interface TrafficResult {
  readonly type: 'result';
  readonly direction: Direction;
  readonly flows: number;
  /** Bytes that arrived, in both directions together. */
  readonly bytes: number;
  /** The longer of the two directions. */
  readonly seconds: number;
  /** Megabits per second, the sum of the directions. */
  readonly mbits: number;
  /** `match` and `mismatch` compare the SHA-256 of every flow at its sender and its receiver. */
  readonly checksum: 'off' | 'match' | 'mismatch';
  /** The longer of the two directions: {@link WayResult.longestStallMs}. */
  readonly longestStallMs: number;
  readonly up?: WayResult;
  readonly down?: WayResult;
}

interface FlowHello {
  readonly session: string;
  readonly flow: number;
  readonly way: Way;
  readonly bytes?: number;
  readonly seconds?: number;
  readonly checksum: boolean;
  readonly content: Content;
}

/** What one side saw of one flow. Times in milliseconds of that side's clock. */
interface FlowReport {
  readonly flow: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** The longest time without progress; only the receiver's counts. */
  readonly stall: number;
  readonly sha256?: string;
}

/** A running server. */
export interface TrafficServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the server. @param port 0 picks a free one. */
export async function startTrafficServer(port = DEFAULT_TRAFFIC_PORT, host = '::'): Promise<TrafficServer> {
  const controls = new Map<string, Socket>();
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy()); // the client notices that the report is missing
    readLine(socket)
      .then(async ({ line, rest }) => {
        const hello = JSON.parse(line) as FlowHello | { control: string };
        if ('control' in hello) {
          controls.set(hello.control, socket);
          socket.on('close', () => controls.delete(hello.control));
          socket.on('end', () => socket.end());
          socket.resume();
          socket.write('{"ready":true}\n');
          return;
        }
        const report = hello.way === 'up' ? await receive(socket, hello, rest) : await send(socket, hello);
        controls.get(hello.session)?.write(`${JSON.stringify(report)}\n`);
        if (hello.way === 'up') socket.end();
      })
      .catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EAFNOSUPPORT' || host !== '::') throw error;
    await new Promise<void>((resolve) => server.listen(port, '0.0.0.0', resolve)); // a kernel without IPv6
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * Runs one measurement against a server.
 * @throws Error when the server cannot be reached, the connection breaks or nothing moves for `idleTimeoutMs`.
 */
export async function runTrafficClient(
  options: TrafficOptions,
  onProgress?: (progress: TrafficProgress) => void,
): Promise<TrafficResult> {
  const {
    host,
    port = DEFAULT_TRAFFIC_PORT,
    direction = 'up',
    flows = 1,
    checksum = false,
    content = 'random',
  } = options;
  const { bytes, seconds, idleTimeoutMs = 15_000 } = options;
  if ((bytes === undefined) === (seconds === undefined)) {
    throw new TypeError('runTrafficClient: expected exactly one of bytes and seconds');
  }
  const ways: readonly Way[] = direction === 'both' ? ['up', 'down'] : [direction];
  const session = `${process.pid}-${Math.random().toString(36).slice(2)}`;
  const sockets: Socket[] = [];
  const remote = new Map<number, FlowReport>();
  const counted = { up: 0, down: 0 };
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});

  const open = async (): Promise<Socket> => {
    const socket = await openSocket(host, port, idleTimeoutMs);
    socket.on('error', fail);
    sockets.push(socket);
    return socket;
  };

  let timer: NodeJS.Timeout | undefined;
  try {
    const control = await open();
    control.write(`${JSON.stringify({ control: session })}\n`);
    let allReports: () => void = () => {};
    const reported = new Promise<void>((resolve) => {
      allReports = resolve;
    });
    const { rest } = await Promise.race([readLine(control), failed]);
    onLines(control, rest, (line) => {
      const report = JSON.parse(line) as FlowReport;
      remote.set(report.flow, report);
      if (remote.size === flows * ways.length) allReports();
    });
    control.on('close', () => fail(new Error('the traffic server closed the control connection')));
    control.resume();

    const plan = ways.flatMap((way) =>
      Array.from({ length: flows }, (_, i) => ({ way, share: shareOf(bytes, flows, i) })),
    );
    const ready = await Promise.all(plan.map(async (entry) => ({ ...entry, socket: await open() })));
    const started = performance.now();
    const elapsed = (): number => (performance.now() - started) / 1000;
    let lastSum = -1;
    let lastMove = performance.now();
    timer = setInterval(() => {
      const sum = counted.up + counted.down;
      if (sum !== lastSum) lastMove = performance.now();
      lastSum = sum;
      onProgress?.({ type: 'progress', seconds: round(elapsed()), ...counted });
      if (performance.now() - lastMove > idleTimeoutMs) fail(new Error(`no byte moved for ${idleTimeoutMs} ms`));
    }, PROGRESS_MS);

    const local = await Promise.race([
      failed,
      Promise.all(
        ready.map(async ({ way, share, socket }, flow) => {
          const hello: FlowHello = {
            ...{ session, flow, way, checksum, content },
            ...(share === undefined ? {} : { bytes: share }),
            ...(seconds === undefined ? {} : { seconds }),
          };
          socket.write(`${JSON.stringify(hello)}\n`);
          const count = (n: number): void => {
            counted[way] += n;
          };
          const report =
            way === 'up' ? await send(socket, hello, count) : await receive(socket, hello, undefined, count);
          if (way === 'down') socket.end();
          return report;
        }),
      ),
    ]);
    await Promise.race([failed, reported]);
    onProgress?.({ type: 'progress', seconds: round(elapsed()), ...counted });

    const results: Partial<Record<Way, WayResult>> = {};
    let matching = true;
    for (const way of ways) {
      const ids = plan.flatMap((entry, flow) => (entry.way === way ? [flow] : []));
      for (const id of ids) {
        const [mine, theirs] = [local[id]!, remote.get(id)!];
        if (mine.bytes !== theirs.bytes) throw new Error(`flow ${id}: ${mine.bytes} bytes here, ${theirs.bytes} there`);
        if (mine.sha256 !== theirs.sha256) matching = false;
      }
      results[way] = summarize(ids.map((id) => (way === 'up' ? remote.get(id)! : local[id]!)));
    }
    const all = Object.values(results);
    return {
      ...{ type: 'result', direction, flows },
      bytes: all.reduce((sum, way) => sum + way.bytes, 0),
      seconds: Math.max(...all.map((way) => way.seconds)),
      mbits: round(all.reduce((sum, way) => sum + way.mbits, 0)),
      checksum: checksum ? (matching ? 'match' : 'mismatch') : 'off',
      longestStallMs: Math.max(...all.map((way) => way.longestStallMs)),
      ...results,
    };
  } finally {
    clearInterval(timer);
    for (const socket of sockets) {
      socket.removeAllListeners('close');
      socket.removeAllListeners('error').on('error', () => {});
      socket.destroy();
    }
  }
}

/** Sends what `hello` asks for and half-closes. Resolves when the kernel has taken all of it. */
async function send(socket: Socket, hello: FlowHello, count?: (bytes: number) => void): Promise<FlowReport> {
  const hash = hello.checksum ? createHash('sha256') : undefined;
  // A block must not change while the kernel may still read it, so a stamped flow turns over several.
  const blocks = Array.from({ length: hash === undefined ? 1 : WRITES_AHEAD + 1 }, (_, i) =>
    makeBlock(hello.content, BLOCK, hello.flow + i),
  );
  const first = performance.now();
  const deadline = hello.seconds === undefined ? Number.POSITIVE_INFINITY : first + hello.seconds * 1000;
  const total = hello.bytes ?? Number.POSITIVE_INFINITY;
  let sent = 0;
  let writes = 0;
  await new Promise<void>((resolve, reject) => {
    let underWay = 0;
    let inTurn = 0;
    let over = false;
    const next = (): void => {
      while (!over && underWay < WRITES_AHEAD) {
        const size = Math.min(BLOCK, total - sent);
        if (size <= 0 || performance.now() >= deadline) {
          over = true;
          break;
        }
        const block = blocks[writes % blocks.length]!;
        if (hash !== undefined) stampBlock(block, writes);
        const part = size === BLOCK ? block : block.subarray(0, size);
        hash?.update(part);
        writes += 1;
        sent += size;
        underWay += 1;
        socket.write(part, (error) => {
          underWay -= 1;
          if (error) {
            over = true;
            reject(error);
            return;
          }
          count?.(size);
          inTurn += 1;
          if (inTurn % WRITES_PER_TURN === 0) setImmediate(next);
          else next();
        });
      }
      if (over && underWay === 0) resolve();
    };
    socket.once('close', () => reject(new Error('the connection closed while sending')));
    next();
  });
  socket.end();
  socket.resume(); // or the peer's FIN is never seen
  return { flow: hello.flow, bytes: sent, first, last: performance.now(), stall: 0, ...digest(hash) };
}

/** Receives until the sender half-closes. @param rest bytes that came with the greeting line. */
async function receive(
  socket: Socket,
  hello: FlowHello,
  rest?: Uint8Array,
  count?: (bytes: number) => void,
): Promise<FlowReport> {
  const hash = hello.checksum ? createHash('sha256') : undefined;
  let bytes = 0;
  let first = 0;
  let last = 0;
  let stall = 0;
  let moved = performance.now();
  const move = (): number => {
    const now = performance.now();
    stall = Math.max(stall, now - moved);
    moved = now;
    return now;
  };
  const take = (data: Uint8Array): void => {
    last = move();
    if (bytes === 0) first = last;
    bytes += data.length;
    hash?.update(data);
    count?.(data.length);
  };
  if (rest !== undefined && rest.length > 0) take(rest);
  await new Promise<void>((resolve, reject) => {
    socket.on('data', take);
    socket.once('end', resolve);
    socket.once('close', () => reject(new Error('the connection closed before its end')));
    socket.resume();
  });
  move();
  return { flow: hello.flow, bytes, first, last, stall, ...digest(hash) };
}

async function openSocket(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    const refuse = (error: Error): void => {
      clearTimeout(timer);
      reject(new Error(`cannot reach the traffic server at ${host} port ${port}: ${error.message}`, { cause: error }));
    };
    socket.once('error', refuse);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', refuse);
      resolve(socket);
    });
  });
}

/** The first line of a connection and whatever came behind it; the socket is paused then. */
async function readLine(socket: Socket): Promise<{ line: string; rest: Uint8Array }> {
  return await new Promise((resolve, reject) => {
    let buffer = Buffer.alloc(0);
    const gone = (): void => reject(new Error('the connection closed before its first line'));
    socket.once('close', gone);
    const take = (data: Buffer): void => {
      buffer = Buffer.concat([buffer, data]);
      const end = buffer.indexOf(10);
      if (end < 0 && buffer.length < LONGEST_LINE) return;
      socket.off('data', take);
      socket.off('close', gone);
      socket.pause();
      if (end < 0) reject(new Error('not a line of this tool'));
      else resolve({ line: buffer.toString('utf8', 0, end), rest: buffer.subarray(end + 1) });
    };
    socket.on('data', take);
  });
}

function onLines(socket: Socket, rest: Uint8Array, take: (line: string) => void): void {
  let text = Buffer.from(rest).toString('utf8');
  const cut = (): void => {
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) take(line);
  };
  socket.on('data', (data: Buffer) => {
    text += data.toString('utf8');
    cut();
  });
  cut();
}

function summarize(reports: readonly FlowReport[]): WayResult {
  const bytes = reports.reduce((sum, report) => sum + report.bytes, 0);
  const active = reports.filter((report) => report.bytes > 0);
  const span = Math.max(...active.map((r) => r.last)) - Math.min(...active.map((r) => r.first));
  const seconds = active.length === 0 ? 0 : Math.max(span, 0.001) / 1000;
  const mbits = seconds === 0 ? 0 : round((bytes * 8) / seconds / 1e6);
  return { bytes, seconds: round(seconds), mbits, longestStallMs: round(Math.max(...reports.map((r) => r.stall))) };
}

/** The first flows carry a byte more when the bytes cannot be dealt evenly. */
function shareOf(bytes: number | undefined, flows: number, index: number): number | undefined {
  if (bytes === undefined) return undefined;
  return Math.floor(bytes / flows) + (index < bytes % flows ? 1 : 0);
}

function digest(hash: Hash | undefined): { sha256?: string } {
  return hash === undefined ? {} : { sha256: hash.digest('hex') };
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
