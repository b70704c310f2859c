/**
 * One way of waiting for frames of a TAP, measured from the kernel's side: the time from the system call that sends a
 * datagram into the TAP to the line of JavaScript that has its frame. Run by `waking.ts` in a namespace.
 *
 * Usage: waking-main WAY COUNT INTERVAL_MS
 * Prints {"ready":true}, then the times in microseconds and the share of a processor that the waiting took.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { VNET_HEADER_BYTES } from '../engine/host.ts';
import { EVENT_BYTES, MAX_EVENTS, TOKEN_OFFSET } from '../hosts/linux/epoll.ts';
import type { Libc } from '../hosts/linux/libc.ts';
import { Poller, type StartWaiter } from '../hosts/linux/poller.ts';
import { createTaps } from '../hosts/linux/tap.ts';
import { runtimePath } from '../lab/runtime.ts';

const BUN = process.versions.bun !== undefined;
const PORT = 9;
const TARGET = '10.97.0.2';
const TARGET_MAC = '02:00:00:00:00:02';
/** Ethernet, IPv4 and UDP headers. */
const HEADERS = 42;

/** Sends the time in `count` datagrams. The sleeping is the kernel's, so the sender is out of the way meanwhile. */
const SENDER = `
import { createSocket } from 'node:dgram';
const [count, interval] = process.argv.slice(-2).map(Number);
const socket = createSocket('udp4');
const message = Buffer.alloc(16);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let sent = 0;
function next() {
  if (sent++ === count) return socket.close();
  Atomics.wait(sleeper, 0, 0, interval);
  message.writeBigUInt64LE(process.hrtime.bigint());
  socket.send(message, ${PORT}, '${TARGET}', () => setImmediate(next));
}
socket.bind(0, next);
`;

/** A thread for Node as Bun has it: `koffi` in a worker that posts a message. */
const NODE_THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
const wait = koffi.load(null).func('epoll_wait', 'int', ['int', 'uintptr_t', 'int', 'int']);
const events = new DataView(new ArrayBuffer(${EVENT_BYTES * MAX_EVENTS}));
const address = Number(koffi.address(events.buffer));
// Node cannot end a thread that is in a system call: it has to look.
while (Atomics.load(workerData.over, 0) === 0) {
  const count = wait(workerData.epoll, address, ${MAX_EVENTS}, 500);
  for (let at = 0; at < count * ${EVENT_BYTES}; at += ${EVENT_BYTES}) {
    parentPort.postMessage([events.getUint32(at + ${TOKEN_OFFSET}, true), events.getUint32(at, true)]);
  }
}
`;

async function main(): Promise<void> {
  const [way = '', count = '', interval = ''] = process.argv.slice(2);
  const { libc, start, now } = await load(way);
  const taps = createTaps(() => ({ libc, poller: new Poller(libc, start) }));
  const times: number[] = [];
  const memory = new Uint8Array(new ArrayBuffer(0x2_0000));
  const batch = { memory, offsets: Uint32Array.of(0), lengths: Uint32Array.of(0x2_0000) };
  const view = new DataView(memory.buffer);
  const look = (): boolean => {
    let found = false;
    for (;;) {
      batch.lengths[0] = memory.length;
      if (tap.read(batch, 1, Number.POSITIVE_INFINITY) === 0) return found;
      const at = VNET_HEADER_BYTES;
      if (view.getUint16(at + 12) !== 0x0800 || memory[at + 23] !== 17 || view.getUint16(at + 36) !== PORT) continue;
      times.push(Number(now() - view.getBigUint64(at + HEADERS, true)) / 1000);
      found = true;
    }
  };
  const tap = taps.open(
    { name: 'wake0', addresses: ['10.97.0.1/24'] },
    {
      readable: () => {
        look();
        tap.arm();
      },
      failed: (error) => {
        throw new Error(error.message);
      },
    },
  );
  const neighbour = ['neigh', 'replace', TARGET, 'lladdr', TARGET_MAC, 'dev', 'wake0'];
  await ended(spawn('ip', neighbour, { stdio: 'inherit' }));
  let done = false;
  if (way === 'poll') {
    const turn = (): void => {
      look();
      if (!done) setImmediate(turn);
    };
    turn();
  } else if (way === 'timer') {
    const turn = (): void => {
      look();
      if (!done) setTimeout(turn, 1);
    };
    turn();
  } else {
    tap.arm();
  }
  const cpu = process.cpuUsage();
  const started = performance.now();
  // Node sends for both, so that only the waiting differs.
  const sender = spawn(runtimePath('node'), ['--input-type=module', '-e', SENDER, count, interval], {
    stdio: 'inherit',
  });
  await ended(sender);
  const used = process.cpuUsage(cpu);
  const processor = (used.user + used.system) / 1000 / (performance.now() - started);
  done = true;
  process.stdout.write(`${JSON.stringify({ times, processor })}\n`);
  tap.close();
  process.exit(0);
}

interface Loaded {
  readonly libc: Libc;
  readonly start: StartWaiter;
  /** Nanoseconds of CLOCK_MONOTONIC, which is the same in all processes. */
  readonly now: () => bigint;
}

async function load(way: string): Promise<Loaded> {
  if (BUN) {
    const [{ loadLibc }, { createStartWaiter }] = await Promise.all([
      import('../hosts/bun/libc.ts'),
      import('../hosts/bun/waiter.ts'),
    ]);
    const { libc, library } = loadLibc();
    return { libc, start: createStartWaiter(library), now: await monotonicOfBun(library) };
  }
  const [{ loadLibc }, { startWaiter }] = await Promise.all([
    import('../hosts/node/libc.ts'),
    import('../hosts/node/waiter.ts'),
  ]);
  const { Worker } = await import('node:worker_threads');
  const thread: StartWaiter = (_libc, epoll, report) => {
    const over = new Int32Array(new SharedArrayBuffer(4));
    const koffi = createRequire(import.meta.url).resolve('koffi');
    const worker = new Worker(NODE_THREAD, { eval: true, workerData: { epoll: epoll.fd, koffi, over } });
    worker.on('message', ([token, events]: [number, number]) => report(token, events));
    worker.on('error', (error) => {
      throw error;
    });
    return { stop: () => void Atomics.store(over, 0, 1) };
  };
  return { libc: loadLibc(), start: way === 'thread' ? thread : startWaiter, now: () => process.hrtime.bigint() };
}

/** Bun's own clocks start with the process. */
async function monotonicOfBun(library: string): Promise<() => bigint> {
  const { dlopen, ptr } = await import('bun:ffi');
  const { clock_gettime: get } = dlopen(library, {
    clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' },
  }).symbols;
  const time = new BigInt64Array(new ArrayBuffer(16));
  const address = ptr(time.buffer);
  return () => {
    get(1, address);
    return time[0]! * 1_000_000_000n + time[1]!;
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a child ended with ${code}`))));
  });
}

await main();
