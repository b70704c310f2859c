import type { Address, Channel, ChannelHandler, TlsEndpoint } from '../../engine/host.ts';
import { type PlainWire, WireChannel } from './channel.ts';
import { EngineTls } from './engine-tls.ts';
import { HANDSHAKE_MS } from './handshakes.ts';

export interface Acceptance {
  readonly local: Address;
  readonly remote: Address;
  readonly onChannel: (channel: Channel) => ChannelHandler;
  /** The handshake is over, one way or the other. */
  readonly done: () => void;
}

/** Makes the TLS of an accepted connection by the engine. @param first Bytes that have been read already. */
export function acceptEngineTls(
  plain: PlainWire,
  first: Uint8Array,
  open: () => TlsEndpoint,
  { local, remote, onChannel, done }: Acceptance,
): void {
  let endpoint: TlsEndpoint;
  try {
    endpoint = open();
  } catch {
    // There is no room for more keys.
    plain.destroy();
    return done();
  }
  const channel = new WireChannel(remote);
  channel.local = local;
  const timer = setTimeout(() => plain.destroy(), HANDSHAKE_MS);
  const finish = (): void => {
    clearTimeout(timer);
    done();
  };
  let accepted = false;
  const tls: EngineTls = new EngineTls(plain, endpoint, channel, {
    secured(security) {
      finish();
      accepted = true;
      channel.attach(tls, onChannel(channel));
      if (channel.finished) plain.destroy();
      else channel.opened(security, local, remote);
    },
    ended(error) {
      finish();
      // Whoever did not get through the handshake was nobody yet.
      if (accepted) channel.ended(error);
    },
  });
  if (first.length > 0) tls.received(first);
}
