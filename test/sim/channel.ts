import type { Address, Channel, ChannelHandler, ChannelSecurity, HostError } from '../../engine/host.ts';
import type { World } from './world.ts';

/** How a simulated connection treats what it carries. */
export interface LinkOptions {
  /** One way, milliseconds. */
  readonly latencyMs: number;
  /** `whole`: as written; `bytes`: one at a time; `random`: cut anywhere. */
  readonly pieces: 'whole' | 'bytes' | 'random';
  /** Bytes on their way in one direction before `write` takes no more. */
  readonly window: number;
}

export const GOOD_LINK: LinkOptions = { latencyMs: 1, pieces: 'whole', window: 0x40000 };

export const SIM_SECURITY: ChannelSecurity = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  certificate: new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x01]),
};

const NO_HANDLER: ChannelHandler = { opened() {}, data() {}, writable() {}, closed() {} };

/** One end of a connection in memory. */
export class SimChannel implements Channel {
  readonly remote: Address;
  readonly local: Address;
  security: ChannelSecurity | undefined;
  handler: ChannelHandler = NO_HANDLER;
  /** Everything that this end wrote. */
  readonly sent: number[] = [];
  record = false;
  /** The other side has vanished: nothing arrives, nothing is answered. */
  mute = false;
  /** Nothing that was sent to this end comes in, and the sender is not told: it stays in its window. */
  #frozen = false;
  #peer!: SimChannel;
  readonly #world: World;
  readonly #link: LinkOptions;
  #inFlight = 0;
  #blocked = false;
  #paused = false;
  #waiting: { bytes: Uint8Array; bare: boolean; taken: () => void }[] = [];
  /** Whether this end has left TLS. */
  bare = false;
  #closed = false;
  #closing = false;

  constructor(world: World, link: LinkOptions, local: Address, remote: Address) {
    this.#world = world;
    this.#link = link;
    this.local = local;
    this.remote = remote;
  }

  static pair(world: World, link: LinkOptions, client: Address, server: Address): [SimChannel, SimChannel] {
    const a = new SimChannel(world, link, client, server);
    const b = new SimChannel(world, link, server, client);
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  get closed(): boolean {
    return this.#closed;
  }

  get writable(): boolean {
    return !this.#closed && !this.#closing && this.#inFlight < this.#link.window;
  }

  write(bytes: Uint8Array): number {
    if (!this.writable) {
      this.#blocked = true;
      return 0;
    }
    const taken = Math.min(bytes.length, this.#link.window - this.#inFlight);
    if (taken < bytes.length) this.#blocked = true;
    // The promise of host.ts: the memory is the caller's again when the call returns.
    const copy = bytes.slice(0, taken);
    const { bare } = this;
    if (this.record) this.sent.push(...copy);
    this.#inFlight += taken;
    this.#world.after(this.#link.latencyMs, () =>
      this.#peer.#arrive(copy, bare, () => {
        this.#inFlight -= taken;
        if (!this.#blocked || !this.writable) return;
        this.#blocked = false;
        this.handler.writable();
      }),
    );
    return taken;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#frozen) this.#takeWaiting();
  }

  /** Nothing passes, either way, until `thaw`. */
  freeze(): void {
    this.#frozen = this.#peer.#frozen = true;
  }

  thaw(): void {
    for (const end of [this, this.#peer]) {
      end.#frozen = false;
      if (!end.#paused) end.#takeWaiting();
    }
  }

  #takeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes, bare, taken } of waiting) this.#world.soon(() => this.#arrive(bytes, bare, taken));
  }

  leaveTls(): void {
    if (this.bare) throw new Error('left TLS already');
    this.bare = true;
  }

  close(): void {
    if (this.#closed || this.#closing) return;
    this.#closing = true;
    this.#world.after(this.#link.latencyMs, () => {
      if (!this.#peer.mute) this.#peer.finish(undefined);
      this.finish(undefined);
    });
  }

  abort(): void {
    if (this.#closed) return;
    this.#world.after(this.#link.latencyMs, () =>
      this.#peer.finish({ doing: 'connect', code: 'ECONNRESET', message: 'the connection was reset' }),
    );
    this.finish(undefined);
  }

  /** The end, as the handler sees it. */
  finish(error: HostError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#world.soon(() => this.handler.closed(error));
  }

  open(certificate = SIM_SECURITY.certificate!): void {
    this.security = { ...SIM_SECURITY, certificate };
    this.handler.opened();
  }

  /** What is not read stays in the window of the sender. */
  #arrive(bytes: Uint8Array, bare: boolean, taken: () => void): void {
    if (this.#closed) return;
    if (this.#paused || this.#frozen) {
      this.#waiting.push({ bytes, bare, taken });
      return;
    }
    // To a TLS engine bare bytes are broken records, and the other way round TLS records are garbage.
    if (bare !== this.bare) throw new Error(`${bare ? 'bare' : 'TLS'} bytes for an end that expects the other`);
    if (!this.mute) this.#deliver(bytes);
    taken();
  }

  #deliver(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const left = bytes.length - at;
      const { pieces } = this.#link;
      const size = pieces === 'whole' ? left : pieces === 'bytes' ? 1 : 1 + this.#world.pick(left);
      // A copy that dies after the call, so that nobody can keep it by mistake.
      const piece = bytes.slice(at, at + size);
      this.handler.data(piece);
      piece.fill(0xdd);
      at += size;
      if (this.#closed) return;
    }
  }
}
