import type { Socket } from 'bun';
import type { Channel, ChannelHandler, Listener, ListenOptions, Network } from '../../engine/host.ts';
import { HANDSHAKE_MS, Handshakes } from '../shared/handshakes.ts';
import { accept } from './accept.ts';
import { connect } from './connect.ts';
import { startListening } from './listening.ts';
import { listenForBoth } from './sorting.ts';
import { type Carrier, guarded, traffic } from './wire.ts';

/** What an accepted socket carries. */
interface Accepted extends Carrier {
  /** Runs while the handshake does. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

async function listen(options: ListenOptions, onChannel: (channel: Channel) => ChannelHandler): Promise<Listener> {
  const { host, port, certificate, key, tls } = options;
  if (tls !== undefined) return listenForBoth({ ...options, tls }, onChannel);
  const handshakes = new Handshakes<Socket<Accepted>>();
  const forget = (socket: Socket<Accepted>): void => {
    handshakes.end(socket);
    clearTimeout(socket.data?.timer);
  };
  return startListening(options, handshakes, () =>
    Bun.listen<Accepted>({
      hostname: host,
      port,
      // Without it Bun shares the port with whoever listens on it already.
      exclusive: true,
      // Bun has TLS 1.2 and 1.3 only.
      tls: { cert: certificate, key },
      socket: {
        ...traffic,
        open(socket) {
          socket.setNoDelay(true);
          const timer = setTimeout(() => socket.terminate(), HANDSHAKE_MS);
          socket.data = { wire: undefined, events: undefined, timer };
          handshakes.begin(socket, () => socket.terminate());
        },
        handshake(socket, success) {
          forget(socket);
          if (success) guarded(() => accept(socket, options.minimum, onChannel));
          else socket.terminate();
        },
        close(socket, error) {
          forget(socket);
          socket.data?.events?.ended(error);
        },
        // Followed by `close`, which is told the cause as well.
        error() {},
      },
    }),
  );
}

/** TLS over TCP with Bun's own sockets. */
export const network: Network = { listen, connect };
