import { createServer, type Server, type Socket } from 'node:net';
import type { Address, ChannelHandler, Listener, Tcp, TcpStream } from '../../engine/host.ts';
import { duplicate } from '../linux/duplicate.ts';
import type { Libc } from '../linux/libc.ts';
import { acceptPlain } from '../shared/accept-plain.ts';
import { plainAddress } from '../shared/address.ts';
import { listenFailure } from '../shared/network-errors.ts';
import { connectPlain } from '../shared/plain-approach.ts';
import { BareSocket } from './bare-socket.ts';
import { dialer } from './connect.ts';
import { loadLibc } from './libc.ts';

let libc: Libc | undefined;

/**
 * The connection goes on with a second descriptor of its socket, without the stream around it: Node has no other way to
 * read a connection that was accepted into memory of ours.
 */
function takeSocket(socket: Socket, accept: (stream: TcpStream) => ChannelHandler): void {
  const handle = (socket as unknown as { readonly _handle: { readonly fd: number } | null })._handle;
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  let plain: BareSocket | undefined;
  try {
    // The peer may be gone already, and with it its address.
    if (handle !== null && remoteAddress !== undefined) plain = new BareSocket({ fd: duplicate(libc!, handle.fd) });
  } catch {
    // Too many open files.
  }
  socket.destroy();
  if (plain === undefined) return;
  acceptPlain(plain, addressOf(localAddress, localPort), addressOf(remoteAddress, remotePort), accept);
}

function addressOf(address: string | undefined, port: number | undefined): Address {
  return { address: plainAddress(address ?? ''), port: port ?? 0 };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(host, port, error)));
    server.listen({ host, port }, () => {
      // What goes wrong from now on concerns single connections, such as too many open files.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}

async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  accept: (stream: TcpStream) => ChannelHandler,
): Promise<Listener> {
  try {
    libc ??= loadLibc();
  } catch (error) {
    throw listenFailure(host, port, error);
  }
  // Not read before it is ours.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    takeSocket(socket, accept);
  });
  await bind(server, host, port);
  const local = server.address() as { address: string; port: number };
  return {
    local: { address: local.address, port: local.port },
    close() {
      // Node's own callback waits for the last connection; the port is free at once.
      server.close();
      return Promise.resolve();
    },
  };
}

/** Plain TCP with `node:net`. */
export const tcp: Tcp = {
  listen,
  connect: (options, handler) => connectPlain(options, handler, dialer.dial),
};
