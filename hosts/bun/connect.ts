import { isIP } from 'node:net';
import tls, { type PeerCertificate } from 'node:tls';
import type { Socket, TLSOptions } from 'bun';
import type { Channel, ChannelHandler, ChannelSecurity, ConnectOptions } from '../../engine/host.ts';
import { Approach, type Dialer, RESET } from '../shared/approach.ts';
import { NOBODY, type PlainWire } from '../shared/channel.ts';
import { describeDistrust } from '../shared/distrust.ts';
import { type BareSocket, bareHandlers, onDescriptor, takeOver } from './bare-socket.ts';
import { BunWire, type Carrier, codeOf, guarded, localOf, protocolOf, remoteOf, traffic } from './wire.ts';

/** The engine decides whom to trust; it gets `distrust`. */
function clientOptions({ host, ca }: ConnectOptions): TLSOptions {
  return { serverName: host, rejectUnauthorized: false, ...(ca === undefined ? {} : { ca }) };
}

/**
 * Whether a client's handshake came to an end. Bun says no success also when it is over and the certificate is not to
 * its liking, whatever `rejectUnauthorized` is; its error then has OpenSSL's name for the reason and not a system's.
 */
function isEstablished(socket: Socket<Carrier>, success: boolean, error: Error | null): boolean {
  if (success) return true;
  const code = codeOf(error) ?? 'EPROTO';
  return !/^E[A-Z]+$/.test(code) && Boolean(socket.getCipher()?.name);
}

function securityOf(socket: Socket<Carrier>, host: string, error: Error | null): ChannelSecurity {
  const peer = socket.getPeerCertificate() as PeerCertificate;
  const distrust = describeDistrust(host, codeOf(error), peer);
  return {
    ...protocolOf(socket),
    certificate: new Uint8Array(peer.raw),
    ...(distrust === undefined ? {} : { distrust }),
  };
}

/** What a TLS socket of a client tells an approach, and its channel afterwards. */
function clientHandlers(approach: Approach, opened: (socket: Socket<Carrier>) => void) {
  const { channel, options } = approach;
  let handshakeError: Error | null = null;
  return {
    ...traffic,
    open(socket: Socket<Carrier>) {
      if (approach.over) {
        socket.terminate();
        return;
      }
      socket.setNoDelay(true);
      socket.data.wire = new BunWire(socket);
      opened(socket);
    },
    handshake(socket: Socket<Carrier>, success: boolean, error: Error | null) {
      const remote = remoteOf(socket);
      if (approach.over || !isEstablished(socket, success, error) || remote === undefined) {
        // A server that let us finish the handshake and went away has no address any more.
        handshakeError = success && remote === undefined ? RESET : error;
        socket.terminate();
        return;
      }
      socket.data.events = channel;
      channel.rewire(socket.data.wire!);
      guarded(() => approach.secured(securityOf(socket, options.host, error), localOf(socket), remote));
    },
    close({ data }: Socket<Carrier>, error?: Error) {
      if (data.events !== undefined) data.events.ended(error);
      else approach.fail(handshakeError ?? error);
    },
    error() {},
    connectError(_socket: Socket<Carrier>, error: Error) {
      approach.fail(error);
    },
  };
}

export const dialer: Dialer = {
  dial(host, port, approach) {
    let bare: BareSocket | undefined;
    Bun.connect<Carrier>({
      hostname: host,
      port,
      data: { wire: undefined, events: { ...NOBODY, ended: (error) => approach.fail(error) } },
      socket: {
        ...bareHandlers((opened) => {
          bare = opened;
          approach.connected(opened);
        }),
        connectError(_socket, error) {
          approach.fail(error);
        },
      },
      // Rejected where connectError was called already, and for arguments that Bun refuses.
    }).catch((error: unknown) => approach.fail(error));
    return () => bare?.destroy();
  },
  startTls(plain: PlainWire, approach) {
    // Not `upgradeTLS`: it goes on to hand every encrypted byte to the plain socket's handlers too.
    const fd = takeOver((plain as BareSocket).socket);
    return openTls(onDescriptor(fd), approach);
  },
  startTlsOver(stream, { options: { host, ca } }) {
    const socket = tls.connect({
      socket: stream,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: false,
    });
    // SoftEther sends address literals in SNI too; as an option Bun refuses them.
    if (isIP(host) !== 0) (socket as unknown as { setServername(name: string): void }).setServername(host);
    return socket;
  },
};

/** Bun's own TLS on a connection that is to be made, or is there. @returns Gives it up. */
function openTls(to: { hostname: string; port: number }, approach: Approach): () => void {
  let socket: Socket<Carrier> | undefined;
  Bun.connect<Carrier>({
    ...to,
    tls: clientOptions(approach.options),
    data: { wire: undefined, events: undefined },
    socket: clientHandlers(approach, (opened) => {
      socket = opened;
    }),
    // Rejected where connectError was called already, and for arguments that Bun refuses.
  }).catch((error: unknown) => approach.fail(error));
  return () => socket?.terminate();
}

/** A way without a step in between: Bun's TLS makes the TCP connection itself. */
const direct: Dialer = {
  ...dialer,
  dial: (hostname, port, approach: Approach) => openTls({ hostname, port }, approach),
};

/** TLS to a target, directly or through a proxy. */
export function connect(options: ConnectOptions, handler: ChannelHandler): Channel {
  const straight = options.proxy === undefined && !options.bare && options.tls === undefined;
  return new Approach(options, handler, straight ? direct : dialer).channel;
}
