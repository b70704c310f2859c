import { createServer, isIP, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import type {
  Address,
  Channel,
  ChannelHandler,
  ChannelSecurity,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from '../../engine/host.ts';
import { checkAuthorities } from '../shared/authorities.ts';
import { type Wire, WireChannel } from '../shared/channel.ts';
import { describeDistrust } from '../shared/distrust.ts';
import { HostFailure } from '../shared/error.ts';
import { HANDSHAKE_MS, Handshakes } from '../shared/handshakes.ts';
import { connectFailure, listenFailure } from '../shared/network-errors.ts';

/**
 * Bytes that one write takes. Node encrypts all of it at once and keeps what the kernel does not take, so this bounds
 * the memory of a connection whose peer does not read; larger writes do not make it faster.
 */
const MAX_WRITE_BYTES = 256 * 1024;

/**
 * Milliseconds for one of several addresses before the next is tried. Node's own 250 would give up on a server that is
 * merely far away.
 */
const ADDRESS_ATTEMPT_MS = 2_000;

/**
 * A TLS socket of Node. One write at a time: Node encrypts a single buffer before `write` returns, while a write that
 * comes behind another one waits as a reference to memory that the caller reuses.
 */
class NodeWire implements Wire {
  busy = false;
  readonly #socket: tls.TLSSocket;
  readonly #written: (error?: Error | null) => void;

  constructor(socket: tls.TLSSocket, drained: () => void) {
    this.#socket = socket;
    this.#written = (error) => {
      // A socket that failed stays busy; its end is reported by itself.
      if (error) return;
      this.busy = false;
      drained();
    };
  }

  write(bytes: Uint8Array): number {
    const part = bytes.length > MAX_WRITE_BYTES ? bytes.subarray(0, MAX_WRITE_BYTES) : bytes;
    this.busy = true;
    this.#socket.write(part, this.#written);
    return part.length;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function addressOf(address: string | undefined, port: number | undefined): Address {
  // A socket that listens on IPv6 shows IPv4 peers as mapped addresses (RFC 4291 section 2.5.5.2).
  return { address: (address ?? '').replace(/^::ffff:(?=\d+\.)/i, ''), port: port ?? 0 };
}

function protocolOf(socket: tls.TLSSocket): Pick<ChannelSecurity, 'protocol' | 'cipher'> {
  return { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher()?.name ?? 'unknown' };
}

/** The ways of a socket's events to its channel, the same for both sides. Returns what tells of the last error. */
function wire(socket: tls.TLSSocket, channel: WireChannel, handler: ChannelHandler): () => Error | undefined {
  let error: Error | undefined;
  channel.attach(new NodeWire(socket, () => channel.drained()), handler);
  socket.on('data', (bytes: Uint8Array) => channel.received(bytes));
  socket.on('end', () => channel.peerEnded());
  socket.on('error', (cause: Error) => {
    error ??= cause;
  });
  return () => error;
}

function open(channel: WireChannel, socket: tls.TLSSocket, security: ChannelSecurity): void {
  channel.opened(
    security,
    addressOf(socket.localAddress, socket.localPort),
    addressOf(socket.remoteAddress, socket.remotePort),
  );
}

function accept(socket: tls.TLSSocket, onChannel: (channel: Channel) => ChannelHandler): void {
  // The peer may be gone already, and with it its address.
  if (socket.destroyed || socket.remoteAddress === undefined) {
    socket.destroy();
    return;
  }
  const channel = new WireChannel(addressOf(socket.remoteAddress, socket.remotePort));
  channel.local = addressOf(socket.localAddress, socket.localPort);
  const lastError = wire(socket, channel, onChannel(channel));
  socket.on('close', () => channel.ended(lastError()));
  if (channel.finished) socket.destroy();
  else open(channel, socket, protocolOf(socket));
}

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
  const sockets = new Set<Socket>();
  // Both sockets of a connection, the plain and the TLS one, know its four numbers and not each other.
  const key = (socket: Socket): string =>
    `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
  let secure: tls.Server;
  try {
    secure = tls.createServer({
      cert: options.certificate,
      key: options.key,
      minVersion: 'TLSv1.2',
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
    sockets.add(socket);
    socket.on('close', () => {
      handshakes.end(name);
      sockets.delete(socket);
    });
    socket.on('error', () => undefined);
    secure.emit('connection', socket);
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

function connect(options: ConnectOptions, handler: ChannelHandler): Channel {
  const { host, port, ca, timeoutMs } = options;
  const channel = new WireChannel({ address: host, port });
  let socket: tls.TLSSocket;
  try {
    if (ca !== undefined) checkAuthorities(ca);
    socket = tls.connect({
      host,
      port,
      ...(ca === undefined ? {} : { ca }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.2',
      // The engine decides whom to trust; it gets `distrust`.
      rejectUnauthorized: false,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    });
  } catch (error) {
    // Bad CAs, or a port that is none.
    channel.attach({ busy: true } as Wire, handler);
    channel.failed(connectFailure(host, port, error));
    return channel;
  }
  // SoftEther sends address literals in SNI too. As an option that would warn of RFC 6066, which has names only.
  // The method is missing from Node's documentation; without it the connection is made all the same.
  if (isIP(host) !== 0) (socket as { setServername?(name: string): void }).setServername?.(host);
  socket.setNoDelay(true);
  const lastError = wire(socket, channel, handler);
  const timer = setTimeout(
    () => socket.destroy(new HostFailure('connect', 'ETIMEDOUT', `no TLS connection within ${timeoutMs} ms`)),
    timeoutMs,
  );
  socket.once('secureConnect', () => {
    clearTimeout(timer);
    const peer = socket.getPeerCertificate();
    const verdict = socket.authorizationError as Error | string | undefined;
    const distrust = describeDistrust(host, verdict ? String(verdict) : undefined, peer);
    open(channel, socket, {
      ...protocolOf(socket),
      certificate: new Uint8Array(peer.raw),
      ...(distrust === undefined ? {} : { distrust }),
    });
  });
  socket.on('close', () => {
    clearTimeout(timer);
    const error = lastError();
    if (channel.security !== undefined) channel.ended(error);
    else channel.failed(connectFailure(host, port, error ?? { code: 'EPROTO' }));
  });
  return channel;
}

/** TLS over TCP with `node:tls`. */
export const network: Network = { listen, connect };
