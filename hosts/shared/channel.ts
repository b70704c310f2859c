import type { Address, Channel, ChannelHandler, ChannelSecurity } from '../../engine/host.ts';
import type { HostFailure } from './error.ts';
import { lossFailure } from './network-errors.ts';

/**
 * Milliseconds between our FIN, or the peer's, and the end of the connection. A peer that stops reading must not hold
 * a socket for ever; one that is merely slow has this long to take what is in the kernel's buffers.
 */
const LINGER_MS = 10_000;

/** A TLS socket of the runtime, reduced to what a channel does with it. */
export interface Wire {
  /** Whether an earlier write has to be finished first. */
  readonly busy: boolean;
  /** Takes some bytes from the front, at most all, and does not look at them after it returned. Only when not busy. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Sends what was taken, then close_notify and FIN, and goes on reading. */
  end(): void;
  /** Closes at once. The runtime answers with `WireChannel.ended`, now or later. */
  destroy(): void;
}

/** The life of a connection, the same on every runtime: which calls reach the owner, and that `closed` is the last. */
export class WireChannel implements Channel {
  remote: Address;
  local: Address = { address: '', port: 0 };
  security: ChannelSecurity | undefined;
  #handler: ChannelHandler | undefined;
  #wire: Wire | undefined;
  /** `closing` is our doing and `over` final; the owner hears nothing but `closed` from `closing` on. */
  #state: 'opening' | 'open' | 'closing' | 'over' = 'opening';
  #aborted = false;
  #peerEnded = false;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(remote: Address) {
    this.remote = remote;
  }

  get writable(): boolean {
    return this.#state === 'open' && !this.#peerEnded && this.#wire?.busy === false;
  }

  /** Whether the owner closed or aborted it, or it has ended by itself. */
  get finished(): boolean {
    return this.#state === 'closing' || this.#state === 'over';
  }

  write(bytes: Uint8Array): number {
    if (!this.writable || bytes.length === 0) return 0;
    return this.#wire!.write(bytes);
  }

  pause(): void {
    if (!this.finished) this.#wire?.pause();
  }

  resume(): void {
    if (!this.finished) this.#wire?.resume();
  }

  close(): void {
    if (this.#state === 'opening') return this.abort();
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#wire!.end();
    // What the peer still sends is read and thrown away: a close with unread bytes in the kernel becomes a reset,
    // and a reset can overtake the last bytes that we sent.
    this.#wire!.resume();
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

  opened(security: ChannelSecurity, local: Address, remote: Address): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.security = security;
    this.local = local;
    this.remote = remote;
    this.#handler!.opened();
  }

  received(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#handler!.data(bytes);
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
      error === undefined || error === null ? undefined : lossFailure(this.remote.address, this.remote.port, error),
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
