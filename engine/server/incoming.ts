import type { Channel, ChannelHandler, HostError } from '../host.ts';
import { ServerPreamble } from '../login/server-preamble.ts';
import type { Node } from '../node.ts';
import { PRODUCT } from '../product.ts';
import { Entrance } from '../session/entrance.ts';
import type { Tunnel } from '../session/session.ts';
import type { Admission, Attachment, HubAuthority } from './authority.ts';

export type Accepted = Extract<
  NonNullable<ServerPreamble<Admission, Attachment>['outcome']>,
  { kind: 'login' | 'attach' }
>;

/** One connection that came in: first its preamble, then the tunnel of the session that it opened or joined. */
export class Incoming implements ChannelHandler {
  readonly #node: Node;
  readonly #channel: Channel;
  readonly #authority: HubAuthority;
  readonly #accepted: (outcome: Accepted) => Tunnel | undefined;
  readonly #gone: () => void;
  readonly #waits: (waiting: boolean) => void;
  #waiting = false;
  #entrance: Entrance<ServerPreamble<Admission, Attachment>> | undefined;
  #tunnel: Tunnel | undefined;

  constructor(
    node: Node,
    channel: Channel,
    authority: HubAuthority,
    accepted: (outcome: Accepted) => Tunnel | undefined,
    gone: () => void,
    /** Its login is held back now, or is not any more. */
    waits: (waiting: boolean) => void,
  ) {
    this.#node = node;
    this.#channel = channel;
    this.#authority = authority;
    this.#accepted = accepted;
    this.#gone = gone;
    this.#waits = waits;
  }

  opened(): void {
    const { host } = this.#node;
    const { remote, local } = this.#channel;
    const preamble = new ServerPreamble(
      { random: host.random, utc: host.clock.utc, product: PRODUCT, authority: this.#authority, remote, local },
      this.#node.now(),
    );
    this.#entrance = new Entrance(preamble, this.#channel, () => this.#handleOutcome());
    this.#node.touch(this);
  }

  data(bytes: Uint8Array): void {
    if (this.#tunnel !== undefined) return this.#tunnel.handleBytes(bytes);
    this.#entrance?.handleBytes(bytes, this.#node.now());
    this.#lookWhetherWaiting();
    this.#node.touch(this);
  }

  writable(): void {
    if (this.#tunnel !== undefined) this.#tunnel.handleWritable();
    else this.#entrance?.pump();
  }

  closed(error: HostError | undefined): void {
    this.#node.forget(this);
    this.#gone();
    this.#tunnel?.handleClosed(error?.message ?? 'the peer closed the connection');
    this.#entrance?.handleEnd();
  }

  /** Closes the connection; a tunnel is its session's to close. */
  end(): void {
    if (this.#tunnel === undefined) this.#channel.close();
  }

  /** Closes a connection that has not logged in, at once. */
  abort(): void {
    this.#channel.abort();
  }

  pollTimeout(): number {
    return this.#tunnel === undefined
      ? (this.#entrance?.pollTimeout() ?? Number.POSITIVE_INFINITY)
      : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    this.#entrance?.handleTimeout(now);
    this.#lookWhetherWaiting();
  }

  #lookWhetherWaiting(): void {
    const waiting = this.#tunnel === undefined && this.#entrance?.preamble.waiting === true;
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    if (this.#tunnel === undefined) this.#waits(waiting);
  }

  #handleOutcome(): void {
    const entrance = this.#entrance!;
    const outcome = entrance.preamble.outcome!;
    this.#node.forget(this);
    if (outcome.kind === 'closed') {
      const { address, port } = this.#channel.remote;
      this.#node.log('debug', 'connection ended before a login', { peer: `${address}:${port}`, cause: outcome.cause });
      this.#channel.close();
      return;
    }
    this.#tunnel = this.#accepted(outcome);
    if (this.#tunnel === undefined) return this.#channel.close();
    const late = entrance.takeLate();
    this.#entrance = undefined;
    if (late.length > 0) this.#tunnel.handleBytes(late);
  }
}
