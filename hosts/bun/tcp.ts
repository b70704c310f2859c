import type { ChannelHandler, Listener, Tcp, TcpStream } from '../../engine/host.ts';
import { acceptPlain } from '../shared/accept-plain.ts';
import { connectPlain } from '../shared/plain-approach.ts';
import { bareHandlers } from './bare-socket.ts';
import { dialer } from './connect.ts';
import { startListening } from './listening.ts';
import { type Carrier, localOf, remoteOf } from './wire.ts';

async function listen(
  options: { readonly host: string; readonly port: number },
  accept: (stream: TcpStream) => ChannelHandler,
): Promise<Listener> {
  const { open, ...handlers } = bareHandlers((bare) => {
    const remote = remoteOf(bare.socket);
    // The peer is gone already.
    if (remote === undefined) return bare.destroy();
    acceptPlain(bare, localOf(bare.socket), remote, accept);
  });
  return startListening(options, { clear() {} }, () =>
    Bun.listen<Carrier>({
      hostname: options.host,
      port: options.port,
      // Without it Bun shares the port with whoever listens on it already.
      exclusive: true,
      socket: {
        ...handlers,
        open(socket) {
          socket.data = { wire: undefined, events: undefined };
          open(socket);
        },
      },
    }),
  );
}

/** Plain TCP with Bun's own sockets. */
export const tcp: Tcp = {
  listen,
  connect: (options, handler) => connectPlain(options, handler, dialer.dial),
};
