import { createServer, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import type {
  Address,
  Channel,
  ChannelHandler,
  Listener,
  ListenOptions,
  Network,
  TlsSelector,
} from '../../engine/host.ts';
import { duplicate } from '../linux/duplicate.ts';
import type { Libc } from '../linux/libc.ts';
import { acceptEngineTls } from '../shared/accept-engine-tls.ts';
import { plainAddress } from '../shared/address.ts';
import { WireChannel } from '../shared/channel.ts';
import { HANDSHAKE_MS, Handshakes } from '../shared/handshakes.ts';
import { listenFailure } from '../shared/network-errors.ts';
import { describeProtocol } from '../shared/security.ts';
import { BareSocket } from './bare-socket.ts';
import { connect } from './connect.ts';
import { loadLibc } from './libc.ts';
import { LeavableWire } from './tls-wire.ts';

const PREFERRED_CIPHER = 'TLS_AES_128_GCM_SHA256';

/**
 * Node's list with the preference of Bun and of browsers. Node's own begins with the 256-bit key, which costs a tunnel a
 * twentieth of its throughput and protects against nothing that breaks the 128-bit one today (RFC 8446 §9.1 makes the
 * latter the mandatory suite). Whoever offers only the other still gets it.
 */
const CIPHERS = [
  PREFERRED_CIPHER,
  ...tls.DEFAULT_CIPHERS.split(':').filter((cipher) => cipher !== PREFERRED_CIPHER),
].join(':');

function addressOf(address: string | undefined, port: number | undefined): Address {
  return { address: plainAddress(address ?? ''), port: port ?? 0 };
}

function accept(socket: tls.TLSSocket, onChannel: (channel: Channel) => ChannelHandler): void {
  // The peer may be gone already, and with it its address.
  if (socket.destroyed || socket.remoteAddress === undefined) {
    socket.destroy();
    return;
  }
  const local = addressOf(socket.localAddress, socket.localPort);
  const remote = addressOf(socket.remoteAddress, socket.remotePort);
  const channel = new WireChannel(remote);
  channel.local = local;
  channel.attach(new LeavableWire(socket, channel), onChannel(channel));
  if (channel.finished) socket.destroy();
  else channel.opened(describeProtocol(socket), local, remote);
}

/**
 * Reads of a connection as much as tells which TLS takes it. The runtime's finds it as if nothing had been read; the
 * engine's gets what has been.
 */
function sort(
  socket: Socket,
  tls: TlsSelector,
  take: { readonly runtime: () => void; readonly engine: (first: Uint8Array) => void },
): void {
  let first: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
  socket.once('close', () => clearTimeout(timer));
  const look = (bytes: Buffer): void => {
    first = Buffer.concat([first, bytes]);
    const engine = tls.choose(first);
    if (engine === undefined) return;
    clearTimeout(timer);
    socket.off('data', look);
    socket.pause();
    if (engine === 'engine') return take.engine(first);
    socket.unshift(first);
    take.runtime();
  };
  socket.on('data', look);
}

/** The connection goes on with a second descriptor of its socket, without the stream around it. */
function acceptByEngine(
  socket: Socket,
  first: Uint8Array,
  tls: TlsSelector,
  onChannel: (channel: Channel) => ChannelHandler,
  name: string,
  handshakes: Handshakes<string>,
): void {
  const handle = (socket as unknown as { readonly _handle: { readonly fd: number } | null })._handle;
  if (socket.destroyed || handle === null || socket.remoteAddress === undefined) {
    socket.destroy();
    return;
  }
  const local = addressOf(socket.localAddress, socket.localPort);
  const remote = addressOf(socket.remoteAddress, socket.remotePort);
  let plain: BareSocket;
  try {
    libc ??= loadLibc();
    plain = new BareSocket({ fd: duplicate(libc, handle.fd) });
  } catch {
    // Too many open files, or no FFI for this machine.
    socket.destroy();
    return;
  }
  // Its end is not the connection's.
  socket.removeAllListeners('close').destroy();
  handshakes.end(name);
  handshakes.begin(name, () => plain.destroy());
  const done = (): void => handshakes.end(name);
  acceptEngineTls(plain, first, () => tls.open(), { local, remote, onChannel, done });
}

let libc: Libc | undefined;

/** Opens the port, or rejects with a `HostError`. */
function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(host, port, error)));
    server.listen({ host, port }, () => {
      // What goes wrong from now on concerns single connections, such as too many open files.
      server.removeAllListeners('error').on('error', () => undefined);
      resolve();
    });
  });
}

async function listen(options: ListenOptions, onChannel: (channel: Channel) => ChannelHandler): Promise<Listener> {
  const handshakes = new Handshakes<string>();
  // Both sockets of a connection, the plain and the TLS one, know its four numbers and not each other.
  const key = (socket: Socket): string =>
    `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
  let secure: tls.Server;
  try {
    secure = tls.createServer({
      cert: options.certificate,
      key: options.key,
      minVersion: options.minimum ?? 'TLSv1.2',
      ciphers: CIPHERS,
      handshakeTimeout: HANDSHAKE_MS,
    });
  } catch (error) {
    throw listenFailure(options.host, options.port, error);
  }
  secure.on('tlsClientError', (_error, socket) => socket.destroy());
  secure.on('secureConnection', (socket) => {
    handshakes.end(key(socket));
    accept(socket, onChannel);
  });
  const server = createServer({ noDelay: true }, (socket) => {
    const name = key(socket);
    handshakes.begin(name, () => socket.destroy());
    socket.on('close', () => handshakes.end(name));
    socket.on('error', () => undefined);
    if (options.tls === undefined) return secure.emit('connection', socket);
    sort(socket, options.tls, {
      runtime: () => secure.emit('connection', socket),
      engine: (first) => acceptByEngine(socket, first, options.tls!, onChannel, name, handshakes),
    });
  });
  await bind(server, options);
  const { address, port } = server.address() as { address: string; port: number };
  return {
    local: { address, port },
    close() {
      handshakes.clear();
      return new Promise((resolve) => {
        // Node's own callback waits for the last connection; the port is free at once.
        server.close();
        resolve();
      });
    },
  };
}

/** TLS over TCP with `node:tls`. */
export const network: Network = { listen, connect };
