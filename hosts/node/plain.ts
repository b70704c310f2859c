import { createServer, type Socket } from 'node:net';
import type { PlainNetwork } from '../../engine/host.ts';
import { duplicate } from '../linux/duplicate.ts';
import type { Libc } from '../linux/libc.ts';
import { NOBODY } from '../shared/channel.ts';
import { acceptPlain, connectPlain } from '../shared/plain.ts';
import { BareSocket } from './bare-socket.ts';
import { loadLibc } from './libc.ts';
import { bind, closing } from './listening.ts';

let libc: Libc | undefined;

/** The connection goes on with a second descriptor, without the stream around it: see `BareSocket`. */
function bare(socket: Socket): BareSocket | undefined {
  const handle = (socket as unknown as { readonly _handle: { readonly fd: number } | null })._handle;
  if (handle === null) return undefined;
  try {
    libc ??= loadLibc();
    return new BareSocket({ fd: duplicate(libc, handle.fd) });
  } catch {
    // Too many open files.
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** TCP with `node:net`. */
export const plain: PlainNetwork = {
  async listen(place, onChannel) {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      const wire = bare(socket);
      if (wire === undefined) return;
      acceptPlain(wire, onChannel);
      wire.resume();
    });
    await bind(server, place);
    return closing(server);
  },
  connect(options, handler) {
    return connectPlain(options, handler, ({ connected, failed }) => {
      const { host, port, timeoutMs } = options;
      const wire = new BareSocket(
        { host, port, autoSelectFamilyAttemptTimeout: timeoutMs },
        { ...NOBODY, ended: failed },
      );
      wire.socket.once('connect', () => {
        if (!connected(wire)) wire.destroy();
      });
    });
  },
};
