import type { Listener, ListenOptions } from '../../engine/host.ts';
import type { Handshakes } from '../shared/handshakes.ts';
import { listenFailure } from '../shared/network-errors.ts';

/** Opens a port. Throws a `HostError`. @param handshakes Those that end with it. */
export function startListening<T>(
  { host, port }: Pick<ListenOptions, 'host' | 'port'>,
  handshakes: Pick<Handshakes<unknown>, 'clear'>,
  open: () => Bun.TCPSocketListener<T>,
): Listener {
  let server: Bun.TCPSocketListener<T>;
  try {
    server = open();
  } catch (error) {
    throw listenFailure(host, port, error);
  }
  return {
    local: { address: server.hostname, port: server.port },
    async close() {
      server.stop(false);
      handshakes.clear();
    },
  };
}
