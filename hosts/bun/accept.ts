import type { Socket } from 'bun';
import type { Channel, ChannelHandler, ListenOptions } from '../../engine/host.ts';
import { WireChannel } from '../shared/channel.ts';
import { LeavableWire } from './tls-wire.ts';
import { type Carrier, localOf, protocolOf, remoteOf } from './wire.ts';

/** A connection whose handshake, by Bun's own TLS, is over. */
export function accept(
  socket: Socket<Carrier>,
  minimum: ListenOptions['minimum'],
  onChannel: (channel: Channel) => ChannelHandler,
): void {
  const remote = remoteOf(socket);
  const protocol = protocolOf(socket);
  // Bun cannot be told to want TLS 1.3 from the start.
  if (remote === undefined || (minimum === 'TLSv1.3' && protocol.protocol !== minimum)) {
    socket.terminate();
    return;
  }
  const channel = new WireChannel(remote);
  channel.local = localOf(socket);
  const wire = new LeavableWire(socket, channel);
  channel.attach(wire, onChannel(channel));
  socket.data.wire = wire;
  socket.data.events = channel;
  if (channel.finished) socket.terminate();
  else channel.opened(protocol, localOf(socket), remote);
}
