import type { Channel, ChannelHandler, Place } from '../../engine/host.ts';
import { type PlainWire, WireChannel } from './channel.ts';
import { connectFailure, endpoint } from './network-errors.ts';

/** A connection that was accepted, as a channel without TLS. */
export function acceptPlain(plain: PlainWire, onChannel: (channel: Channel) => ChannelHandler): void {
  const { local, remote } = plain;
  // The peer may be gone already, and with it its address.
  if (remote.address === '') return plain.destroy();
  const channel = new WireChannel(remote);
  channel.local = local;
  channel.attach(plain, onChannel(channel));
  plain.events = channel;
  if (channel.finished) plain.destroy();
  else channel.opened(undefined, local, remote);
}

/** What a runtime does for `connectPlain`. */
export interface PlainDial {
  /** TCP is up. False: nobody wants it any more. */
  readonly connected: (plain: PlainWire) => boolean;
  /** It is not coming up. */
  readonly failed: (error: unknown) => void;
}

/** @param dial Opens a TCP connection; one of the calls of `PlainDial` follows. May throw. */
export function connectPlain(
  { host, port, timeoutMs }: Place & { readonly timeoutMs: number },
  handler: ChannelHandler,
  dial: (call: PlainDial) => void,
): Channel {
  const channel = new WireChannel({ address: host, port }, endpoint(host, port));
  let over = false;
  const finish = (tell: () => void): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    tell();
  };
  const failed = (error: unknown): void =>
    finish(() => channel.failed(connectFailure(endpoint(host, port), error ?? { code: 'EIO' })));
  const timer = setTimeout(() => failed({ code: 'ETIMEDOUT' }), timeoutMs);
  // Until TCP is up.
  channel.attach(
    {
      busy: true,
      write: () => 0,
      pause() {},
      resume() {},
      end() {},
      destroy: () => finish(() => channel.ended(undefined)),
    },
    handler,
  );
  try {
    dial({
      connected(plain) {
        if (over) return false;
        finish(() => {
          channel.rewire(plain);
          plain.events = channel;
          channel.opened(undefined, plain.local, plain.remote);
        });
        return true;
      },
      failed,
    });
  } catch (error) {
    failed(error);
  }
  return channel;
}
