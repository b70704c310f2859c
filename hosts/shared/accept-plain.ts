import type { Address, ChannelHandler, TcpStream } from '../../engine/host.ts';
import { type PlainWire, WireChannel } from './channel.ts';

/** Makes a connection that came in a stream of the owner that `accept` names. */
export function acceptPlain(
  wire: PlainWire,
  local: Address,
  remote: Address,
  accept: (stream: TcpStream) => ChannelHandler,
): void {
  const channel = new WireChannel(remote);
  channel.local = local;
  wire.events = channel;
  channel.attach(wire, accept(channel));
  if (channel.finished) wire.destroy();
  else channel.opened(undefined, local, remote);
}
