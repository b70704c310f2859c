import type { PlainNetwork } from '../../engine/host.ts';
import { NOBODY } from '../shared/channel.ts';
import { acceptPlain, connectPlain } from '../shared/plain.ts';
import { bareHandlers } from './bare-socket.ts';
import { startListening } from './listening.ts';
import type { Carrier } from './wire.ts';

/** TCP with Bun's own sockets. */
export const plain: PlainNetwork = {
  async listen(place, onChannel) {
    const { open, ...handlers } = bareHandlers((bare) => acceptPlain(bare, onChannel));
    return startListening(place, { clear() {} }, () =>
      Bun.listen<Carrier>({
        hostname: place.host,
        port: place.port,
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
  },
  connect(options, handler) {
    return connectPlain(options, handler, ({ connected, failed }) => {
      Bun.connect<Carrier>({
        hostname: options.host,
        port: options.port,
        data: { wire: undefined, events: { ...NOBODY, ended: failed } },
        socket: {
          ...bareHandlers((bare) => {
            if (!connected(bare)) bare.destroy();
          }),
          connectError(_socket, error) {
            failed(error);
          },
        },
        // Rejected where connectError was called already, and for arguments that Bun refuses.
      }).catch(failed);
    });
  },
};
