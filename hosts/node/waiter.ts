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
    // koffi calls from inside libuv, where a promise would not go on and an exception would not be noticed. The next
    // phase of the same turn of the loop runs the immediates.
    setImmediate(() => {
      if (!stopped) epoll.collect(report);
    });
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
