import { EVENT_BYTES, MAX_EVENTS, TOKEN_OFFSET } from '../linux/epoll.ts';
import type { StartWaiter } from '../linux/poller.ts';

/** The token of the eventfd that ends the thread; the poller's tokens start at 1. */
const STOP = 0;

const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;

/**
 * Milliseconds that the thread waits at a time. It wakes up for events at once; the limit is there so that a process
 * which ends without telling it does not wait longer than this.
 */
const CEILING_MS = 500;

/**
 * The thread. It is a string because that works from TypeScript, from compiled files and from a single bundled file
 * alike. It owns the epoll set and the eventfd: only the one that waits can know that nobody waits any more.
 */
const THREAD = `
import { dlopen, ptr } from 'bun:ffi';
self.onmessage = ({ data: { library, epoll, stop } }) => {
  const { epoll_wait, close } = dlopen(library, {
    epoll_wait: { args: ['i32', 'ptr', 'i32', 'i32'], returns: 'i32' },
    close: { args: ['i32'], returns: 'i32' },
  }).symbols;
  const events = new DataView(new ArrayBuffer(${EVENT_BYTES * MAX_EVENTS}));
  const address = ptr(events.buffer);
  for (let stopped = false; !stopped; ) {
    const count = epoll_wait(epoll, address, ${MAX_EVENTS}, ${CEILING_MS});
    const ready = [];
    for (let at = 0; at < count * ${EVENT_BYTES}; at += ${EVENT_BYTES}) {
      const token = events.getUint32(at + ${TOKEN_OFFSET}, true);
      if (token === ${STOP}) stopped = true;
      else ready.push(token, events.getUint32(at, true));
    }
    if (ready.length > 0) postMessage(ready);
  }
  close(epoll);
  close(stop);
  process.exit(0);
};
`;

/** A thread that sits in epoll_wait: Bun's event loop does not watch descriptors that are not sockets. */
export function createStartWaiter(library: string): StartWaiter {
  const url = URL.createObjectURL(new Blob([THREAD], { type: 'text/javascript' }));
  return (libc, epoll, report) => {
    const stop = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll.addPersistent(stop, STOP);
    const worker = new Worker(url);
    worker.onmessage = ({ data }: MessageEvent<number[]>) => {
      for (let index = 0; index < data.length; index += 2) report(data[index]!, data[index + 1]!);
    };
    worker.onerror = ({ message }) => {
      throw new Error(`The thread that waits for TAP devices failed: ${message}`);
    };
    worker.postMessage({ library, epoll: epoll.fd, stop });
    const one = new BigUint64Array(new ArrayBuffer(8)).fill(1n);
    const end = (): void => {
      process.off('exit', end);
      libc.write(stop, libc.addressOf(one.buffer), 8);
    };
    process.on('exit', end);
    return { stop: end };
  };
}
