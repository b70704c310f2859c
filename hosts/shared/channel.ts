import type { Address, Channel, ChannelHandler, ChannelSecurity, TcpState } from '../../engine/host.ts';
import type { HostFailure } from './error.ts';
import { endpoint, lossFailure } from './network-errors.ts';

/**
 * Milliseconds between our FIN, or the peer's, and the end of the connection. A peer that stops reading must not hold
 * a socket for ever; one that is merely slow has this long to take what is in the kernel's buffers.
 */
const LINGER_MS = 10_000;

/** What the kernel tells of a connection, and can be told; each as in `Channel`. */
export interface TcpControl {
  state(): TcpState | undefined;
  limitUnsent(bytes: number): void;
  limitRate(bytesPerSecond: number): void;
  congestion(): string | undefined;
  useCongestion(name: string): boolean;
}

/** A socket of the runtime, with TLS or without, reduced to what a channel does with it. */
export interface Wire {
  /** Whether an earlier write has to be finished first. */
  readonly busy: boolean;
  /** Takes some bytes from the front, at most all, and does not look at them after it returned. Only when not busy. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Sends what was taken, then close_notify if there is TLS, and FIN, and goes on reading. */
  end(): void;
  /** Closes at once. The runtime answers with `WireChannel.ended`, now or later. */
  destroy(): void;
  /** Where the kernel can be asked and told. */
  readonly tcp?: TcpControl;
  /**
   * Present where TLS can be left. Reads nothing more, is busy from now on, and when all that was taken has gone it calls
   * `WireChannel.switched`, never from inside this call.
   */
  leaveTls?(): void;
}

/** What comes from a socket; a channel is one that hears it, and the steps on the way to a channel are others. */
export interface WireEvents {
  /** The memory is the runtime's and valid only during the call. */
  received(bytes: Uint8Array): void;
  /** The wire is not busy any more. */
  drained(): void;
  /** The peer sent its FIN. */
  peerEnded(): void;
  /** The last event. @param error What the runtime said of it; undefined or null for an orderly close. */
  ended(error: unknown): void;
}

/** For a socket that was given up and whose last words do not matter. */
export const NOBODY: WireEvents = { received() {}, drained() {}, peerEnded() {}, ended() {} };

/** A TCP connection without TLS. */
export interface PlainWire extends Wire {
  readonly local: Address;
  readonly remote: Address;
  events: WireEvents;
}

/** The life of a connection, the same on every runtime: which calls reach the owner, and that `closed` is the last. */
export class WireChannel implements Channel, WireEvents {
  remote: Address;
  local: Address = { address: '', port: 0 };
  security: ChannelSecurity | undefined;
  #handler: ChannelHandler | undefined;
  #wire: Wire | undefined;
  /** `closing` is our doing and `over` final; the owner hears nothing but `closed` from `closing` on. */
  #state: 'opening' | 'open' | 'closing' | 'over' = 'opening';
  #aborted = false;
  #peerEnded = false;
  #paused = false;
  #leaving = false;
  /** Bare bytes that came together with the last TLS record, while the owner does not want to read. */
  #held: Uint8Array | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  readonly #place: string | undefined;

  /** @param place What it leads to, for messages, where that is more than the remote address. */
  constructor(remote: Address, place?: string) {
    this.remote = remote;
    this.#place = place;
  }

  get writable(): boolean {
    return this.#state === 'open' && !this.#peerEnded && this.#wire?.busy === false;
  }

  /** Whether the owner closed or aborted it, or it has ended by itself. */
  get finished(): boolean {
    return this.#state === 'closing' || this.#state === 'over';
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#state === 'over';
  }

  write(bytes: Uint8Array): number {
    if (!this.writable || bytes.length === 0) return 0;
    return this.#wire!.write(bytes);
  }

  pause(): void {
    if (this.finished) return;
    this.#paused = true;
    if (!this.#leaving) this.#wire?.pause();
  }

  resume(): void {
    if (this.finished) return;
    this.#paused = false;
    if (this.#held !== undefined) setImmediate(() => this.#releaseHeld());
    else if (!this.#leaving) this.#wire?.resume();
  }

  tcp(): TcpState | undefined {
    return this.#wire?.tcp?.state();
  }

  limitUnsent(bytes: number): void {
    this.#wire?.tcp?.limitUnsent(bytes);
  }

  limitRate(bytesPerSecond: number): void {
    this.#wire?.tcp?.limitRate(bytesPerSecond);
  }

  congestion(): string | undefined {
    return this.#wire?.tcp?.congestion();
  }

  useCongestion(name: string): boolean {
    return this.#wire?.tcp?.useCongestion(name) ?? false;
  }

  leaveTls(): void {
    if (this.#state !== 'open') return;
    if (this.#leaving || this.#wire!.leaveTls === undefined) {
      throw new Error('leaveTls: the connection was opened without `bare: true`, or has left TLS already');
    }
    this.#leaving = true;
    this.#wire!.leaveTls();
  }

  close(): void {
    if (this.#state === 'opening') return this.abort();
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#held = undefined;
    // While TLS is being left, the bare wire has to say goodbye.
    if (!this.#leaving) this.#end();
    this.#startLinger();
  }

  abort(): void {
    if (this.#state === 'over' || this.#aborted) return;
    this.#aborted = true;
    this.#state = 'closing';
    this.#wire?.destroy();
  }

  // From here on: what the runtime's part of the host calls.

  /** Before `opened`. */
  attach(wire: Wire, handler: ChannelHandler): void {
    this.#wire = wire;
    this.#handler = handler;
  }

  /** Before `opened`: a step on the way there took the place of another. */
  rewire(wire: Wire): void {
    this.#wire = wire;
  }

  /**
   * TLS was left: from now on the connection is `wire`.
   * @param rest Bare bytes that have been read already; they are the channel's from now on.
   */
  switched(wire: Wire, rest: Uint8Array | undefined): void {
    this.#leaving = false;
    this.#wire = wire;
    if (this.#aborted || this.#state === 'over') return wire.destroy();
    if (this.#state === 'closing') return this.#end();
    if (rest !== undefined && rest.length > 0) this.#held = rest;
    wire.pause();
    this.drained();
    // The owner may have closed it.
    if (this.#paused || this.finished) return;
    if (this.#held === undefined) wire.resume();
    else this.#releaseHeld();
  }

  /** @param security Undefined for a connection that has no TLS. */
  opened(security: ChannelSecurity | undefined, local: Address, remote: Address): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.security = security;
    this.local = local;
    this.remote = remote;
    this.#handler!.opened();
  }

  received(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    if (this.#held === undefined) this.#handler!.data(bytes);
    // A runtime may deliver what it had read before it was paused.
    else this.#held = Buffer.concat([this.#held, bytes]);
  }

  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined || this.#paused || this.finished) return;
    this.#held = undefined;
    this.received(held);
    if (!this.#paused && !this.finished) this.#wire!.resume();
  }

  #end(): void {
    this.#wire!.end();
    // What the peer still sends is read and thrown away: a close with unread bytes in the kernel becomes a reset,
    // and a reset can overtake the last bytes that we sent.
    this.#wire!.resume();
  }

  drained(): void {
    if (this.writable) this.#handler!.writable();
  }

  /** The peer sent its FIN; with or without close_notify before it, that is an orderly close. */
  peerEnded(): void {
    this.#peerEnded = true;
    if (this.#state === 'open') this.#startLinger();
  }

  /**
   * The socket is closed.
   * @param error What the runtime said of it; undefined for an orderly close.
   */
  ended(error: unknown): void {
    // After the peer's FIN a write fails, and that is no news: the peer closed in order, and does not read any more.
    if (this.#peerEnded) return this.#finish(undefined);
    this.#finish(
      error === undefined || error === null
        ? undefined
        : lossFailure(this.#place ?? endpoint(this.remote.address, this.remote.port), error),
    );
  }

  /** It never came to be. */
  failed(error: HostFailure): void {
    this.#finish(error);
  }

  #startLinger(): void {
    this.#linger ??= setTimeout(() => this.#wire!.destroy(), LINGER_MS);
  }

  #finish(error: HostFailure | undefined): void {
    if (this.#state === 'over') return;
    const ours = this.#state === 'closing';
    this.#state = 'over';
    clearTimeout(this.#linger);
    // Not from inside the owner's own close() or abort(), nor before connect() has returned. What goes wrong after
    // the owner gave the connection up is nobody's business any more.
    setImmediate(() => this.#handler?.closed(ours ? undefined : error));
  }
}
