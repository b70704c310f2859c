import type { ChannelHandler, ConnectOptions, TcpStream } from '../../engine/host.ts';
import type { Dialer, Dialled } from './approach.ts';
import { type PlainWire, type Wire, WireChannel } from './channel.ts';
import { connectFailure, endpoint } from './network-errors.ts';

export type PlainOptions = Pick<ConnectOptions, 'host' | 'port' | 'timeoutMs'>;

/** Opens a TCP connection that stays what it is. @param dial The runtime's. */
export function connectPlain(options: PlainOptions, handler: ChannelHandler, dial: Dialer['dial']): TcpStream {
  return new PlainApproach(options, handler, dial).channel;
}

/** A TCP connection that is being made; until it is there this is the channel's wire. */
class PlainApproach implements Wire, Dialled {
  readonly channel: WireChannel;
  readonly busy = true;
  readonly #place: string;
  readonly #timer: ReturnType<typeof setTimeout>;
  #cancel: () => void = () => undefined;
  #over = false;

  constructor({ host, port, timeoutMs }: PlainOptions, handler: ChannelHandler, dial: Dialer['dial']) {
    this.#place = endpoint(host, port);
    this.channel = new WireChannel({ address: host, port });
    this.channel.attach(this, handler);
    this.#timer = setTimeout(() => this.fail({ code: 'ETIMEDOUT' }), timeoutMs);
    // `connect` never calls its owner before it has returned, and never throws.
    setImmediate(() => {
      if (this.#over) return;
      try {
        this.#cancel = dial(host, port, this);
      } catch (error) {
        this.fail(error);
      }
    });
  }

  connected(plain: PlainWire): void {
    if (this.#over) return plain.destroy();
    const { local, remote } = plain;
    this.#finish();
    plain.events = this.channel;
    this.channel.rewire(plain);
    this.channel.opened(undefined, local, remote);
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.channel.failed(connectFailure(this.#place, error));
    this.#cancel();
  }

  // What the channel calls before it is open.

  write(): number {
    return 0;
  }

  pause(): void {}

  resume(): void {}

  end(): void {}

  destroy(): void {
    if (this.#over) return;
    this.#finish();
    this.channel.ended(undefined);
    this.#cancel();
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}
