import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import tls, { type TLSSocket } from 'node:tls';
import type { Channel, ChannelHandler, ConnectOptions } from '../../engine/host.ts';
import { Approach, type Dialer, RESET } from '../shared/approach.ts';
import { NOBODY, type PlainWire, type WireEvents } from '../shared/channel.ts';
import { describeSecurity } from '../shared/security.ts';
import { BareSocket } from './bare-socket.ts';
import { TlsWire } from './tls-wire.ts';

/**
 * Milliseconds for one of several addresses before the next is tried. Node's own 250 would give up on a server that is
 * merely far away.
 */
const ADDRESS_ATTEMPT_MS = 2_000;

/**
 * A TLS client on a connection that is up. Throws when the trusted CAs cannot be used. SoftEther sends address literals
 * in SNI too; Node does that as well, but warns of RFC 6066, which has names only.
 */
function startClient(socket: Duplex, { host, ca, minimum = 'TLSv1.2' }: ConnectOptions): TLSSocket {
  const { noDeprecation } = process;
  if (isIP(host) !== 0) process.noDeprecation = true;
  try {
    return tls.connect({
      socket,
      host,
      servername: host,
      ...(ca === undefined ? {} : { ca }),
      minVersion: minimum,
      // The engine decides whom to trust; it gets `distrust`.
      rejectUnauthorized: false,
    });
  } finally {
    process.noDeprecation = noDeprecation;
  }
}

export const dialer: Dialer = {
  dial(host, port, approach) {
    const events: WireEvents = { ...NOBODY, ended: (error) => approach.fail(error) };
    const options = { host, port, autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS };
    const bare = new BareSocket(options, events);
    bare.socket.once('connect', () => approach.connected(bare));
    return () => bare.destroy();
  },
  startTls(plain: PlainWire, approach) {
    const { socket: raw } = plain as BareSocket;
    const { channel, options } = approach;
    plain.events = NOBODY;
    const socket = startClient(raw, options);
    const wire = new TlsWire(socket, { ...NOBODY, ended: (error) => approach.fail(error) });
    socket.once('secureConnect', () => {
      const { local, remote } = plain;
      // A server that let us finish the handshake and went away has no address any more.
      if (remote.address === '') {
        socket.destroy(RESET);
        return;
      }
      wire.events = channel;
      channel.rewire(wire);
      approach.secured(describeSecurity(socket, options.host), local, remote);
    });
    return () => socket.destroy();
  },
  startTlsOver: (stream, { options }) => startClient(stream, options),
};

/** TLS to a target, directly or through a proxy. */
export function connect(options: ConnectOptions, handler: ChannelHandler): Channel {
  return new Approach(options, handler, dialer).channel;
}
