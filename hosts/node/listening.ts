import type { Server } from 'node:net';
import type { Listener, Place } from '../../engine/host.ts';
import { listenFailure } from '../shared/network-errors.ts';

/** Opens the port, or rejects with a `HostError`. */
export function bind(server: Server, { host, port }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(host, port, error)));
    server.listen({ host, port }, () => {
      // What goes wrong from now on concerns single connections, such as too many open files.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}

/** A server that listens. @param closed Is called when it is closed. */
export function closing(server: Server, closed: () => void = () => {}): Listener {
  const { address, port } = server.address() as { address: string; port: number };
  return {
    local: { address, port },
    async close() {
      closed();
      // Node's own callback waits for the last connection; the port is free at once.
      server.close();
    },
  };
}
