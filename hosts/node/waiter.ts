import type { StartWaiter } from '../linux/poller.ts';
import { loadKoffi } from './libc.ts';

/**
 * Waits on Node's own event loop: libuv watches the epoll set, as one descriptor among its own. No thread takes part,
 * which halves the time to wake up, and nothing has to be stopped when the process exits (a worker that sits in a
 * system call can keep `process.exit` of Node 20 from ever returning).
 */
export const startWaiter: StartWaiter = (libc, epoll, report) => {
  let stopped = false;
  const handle = loadKoffi().node.poll(epoll.fd, () => {
    // koffi calls from inside libuv, where promises and ticks do not go on by themselves and an exception is not noticed.
    // A turn of immediates takes care of both; waiting for it with the frame as well would make a lone one late.
    try {
      if (!stopped) epoll.collect(report);
      setImmediate(nothing);
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  });
  return {
    stop() {
      stopped = true;
      // In this order: libuv takes the descriptor out of its own set first.
      handle.close();
      libc.close(epoll.fd);
    },
  };
};

function nothing(): void {}
