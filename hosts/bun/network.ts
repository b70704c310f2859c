import type { PeerCertificate } from 'node:tls';
import type { Socket, TLSOptions } from 'bun';
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
import { HANDSHAKE_MS, Handshakes } from '../shared/handshakes.ts';
import { connectFailure, listenFailure } from '../shared/network-errors.ts';

/** What a socket carries: its channel, once there is one, and what is to be done when its handshake takes too long. */
interface State {
  channel: WireChannel | undefined;
  wire: BunWire | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** A TLS socket of Bun, which takes what the kernel takes and keeps nothing. */
class BunWire implements Wire {
  busy = false;
  readonly #socket: Socket<State>;

  constructor(socket: Socket<State>) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): number {
    // -1 on a socket that is closing.
    const taken = Math.max(this.#socket.write(bytes), 0);
    this.busy = taken < bytes.length;
    return taken;
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
    this.#socket.terminate();
  }
}

function localOf(socket: Socket<State>): Address {
  return { address: plain(socket.localAddress), port: socket.localPort };
}

function remoteOf(socket: Socket<State>): Address {
  return { address: plain(socket.remoteAddress), port: socket.remotePort };
}

/** A socket that listens on IPv6 shows IPv4 peers as mapped addresses (RFC 4291 section 2.5.5.2). */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

function protocolOf(socket: Socket<State>): Pick<ChannelSecurity, 'protocol' | 'cipher'> {
  return { protocol: socket.getTLSVersion(), cipher: socket.getCipher()?.name ?? 'unknown' };
}

/** Bun hands what a handler throws to the socket's `error`; a mistake of ours is to be seen as one. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

/** Once the handshake is over: the same events for both sides. */
const traffic = {
  data(socket: Socket<State>, bytes: Uint8Array) {
    guarded(() => socket.data.channel?.received(bytes));
  },
  drain({ data: { wire, channel } }: Socket<State>) {
    if (wire === undefined) return;
    wire.busy = false;
    guarded(() => channel?.drained());
  },
  end({ data: { channel } }: Socket<State>) {
    channel?.peerEnded();
  },
} as const;

/**
 * Whether a client's handshake came to an end. Bun says no success also when it is over and the certificate is not to
 * its liking, whatever `rejectUnauthorized` is; its error then has OpenSSL's name for the reason and not a system's.
 */
function isEstablished(socket: Socket<State>, success: boolean, error: Error | null): boolean {
  if (success) return true;
  const code = codeOf(error) ?? 'EPROTO';
  return !/^E[A-Z]+$/.test(code) && Boolean(socket.getCipher()?.name);
}

function codeOf(error: Error | null | undefined): string | undefined {
  return (error as NodeJS.ErrnoException | null | undefined)?.code;
}

async function listen(options: ListenOptions, onChannel: (channel: Channel) => ChannelHandler): Promise<Listener> {
  const { host, port, certificate, key } = options;
  const handshakes = new Handshakes<Socket<State>>();
  const forget = (socket: Socket<State>): void => {
    handshakes.end(socket);
    clearTimeout(socket.data?.timer);
  };
  let server: Bun.TCPSocketListener<State>;
  try {
    server = Bun.listen<State>({
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
          socket.data = { channel: undefined, wire: undefined, timer };
          handshakes.begin(socket, () => socket.terminate());
        },
        handshake(socket, success) {
          forget(socket);
          if (success) guarded(() => accept(socket, onChannel));
          else socket.terminate();
        },
        close(socket, error) {
          forget(socket);
          socket.data?.channel?.ended(error);
        },
        // Followed by `close`, which is told the cause as well.
        error() {},
      },
    });
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

function accept(socket: Socket<State>, onChannel: (channel: Channel) => ChannelHandler): void {
  const wire = new BunWire(socket);
  const channel = new WireChannel(remoteOf(socket));
  channel.local = localOf(socket);
  channel.attach(wire, onChannel(channel));
  socket.data = { channel, wire, timer: undefined };
  if (channel.finished) socket.terminate();
  else channel.opened(protocolOf(socket), localOf(socket), remoteOf(socket));
}

function securityOf(socket: Socket<State>, host: string, error: Error | null): ChannelSecurity {
  const peer = socket.getPeerCertificate() as PeerCertificate;
  const distrust = describeDistrust(host, codeOf(error), peer);
  return {
    ...protocolOf(socket),
    certificate: new Uint8Array(peer.raw),
    ...(distrust === undefined ? {} : { distrust }),
  };
}

function connect(options: ConnectOptions, handler: ChannelHandler): Channel {
  const { host, port, ca, timeoutMs } = options;
  const channel = new WireChannel({ address: host, port });
  let socket: Socket<State> | undefined;
  // Stands in until there is a socket: an attempt cannot be called off, so its outcome is thrown away.
  const placeholder: Wire = {
    busy: true,
    write: () => 0,
    pause() {},
    resume() {},
    end() {},
    destroy() {
      clearTimeout(timer);
      channel.ended(undefined);
    },
  };
  channel.attach(placeholder, handler);
  const fail = (error: unknown): void => {
    clearTimeout(timer);
    channel.failed(connectFailure(host, port, error));
    socket?.terminate();
  };
  const timer = setTimeout(() => fail({ code: 'ETIMEDOUT' }), timeoutMs);
  const tls: TLSOptions = {
    serverName: host,
    // The engine decides whom to trust; it gets `distrust`.
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
  };
  let handshakeError: Error | null = null;
  const attempt = async (): Promise<void> => {
    if (ca !== undefined) checkAuthorities(ca);
    await Bun.connect<State>({
      hostname: host,
      port,
      tls,
      data: { channel, wire: undefined, timer: undefined },
      socket: {
        ...traffic,
        open(opened) {
          socket = opened;
          if (channel.finished) return opened.terminate();
          opened.setNoDelay(true);
          opened.data.wire = new BunWire(opened);
          channel.attach(opened.data.wire, handler);
        },
        handshake(opened, success, error) {
          if (channel.finished) return opened.terminate();
          if (!isEstablished(opened, success, error)) {
            handshakeError = error;
            return opened.terminate();
          }
          clearTimeout(timer);
          guarded(() => channel.opened(securityOf(opened, host, error), localOf(opened), remoteOf(opened)));
        },
        close(_socket, error) {
          if (channel.security !== undefined) channel.ended(error);
          else fail(handshakeError ?? error ?? { code: 'EPROTO' });
        },
        error() {},
        connectError(_socket, error) {
          fail(error);
        },
      },
    });
  };
  // Rejected where connectError was called already, for bad CAs and for other arguments that Bun refuses.
  attempt().catch(fail);
  return channel;
}

/** TLS over TCP with Bun's own sockets. */
export const network: Network = { listen, connect };
