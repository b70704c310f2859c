import type { ChannelSecurity, TlsEndpoint } from '../../engine/host.ts';
import { NOBODY, type PlainWire, type TcpControl, type Wire, type WireChannel, type WireEvents } from './channel.ts';

/** Bytes that are protected at once, and wait at most for the kernel to take them: what the core offers at most. */
const MAX_WRITE_BYTES = 128 * 1024;

/** What comes of the handshake. */
export interface EngineTlsOwner {
  /** Calls `WireChannel.opened`, or gives the connection up. */
  secured(security: ChannelSecurity, chain: readonly Uint8Array[]): void;
  /** The connection is over, before or after it was secured. */
  ended(error: unknown): void;
}

/** TLS of this program's own engine on a TCP connection. */
export class EngineTls implements Wire, WireEvents {
  readonly tcp: TcpControl | undefined;
  readonly #plain: PlainWire;
  readonly #tls: TlsEndpoint;
  readonly #channel: WireChannel;
  readonly #owner: EngineTlsOwner;
  /** Records that the TCP connection has not taken yet. */
  #unsent: Uint8Array | undefined;
  #secured = false;
  #ending = false;
  #leaving = false;
  #receiving = false;
  #over = false;
  #error: Error | undefined;

  constructor(plain: PlainWire, tls: TlsEndpoint, channel: WireChannel, owner: EngineTlsOwner) {
    this.#plain = plain;
    this.#tls = tls;
    this.#channel = channel;
    this.#owner = owner;
    this.tcp = plain.tcp;
    plain.events = this;
    this.#flush();
  }

  // What the channel calls.

  get busy(): boolean {
    return this.#unsent !== undefined || this.#plain.busy || this.#leaving;
  }

  write(bytes: Uint8Array): number {
    this.#flush();
    let taken = 0;
    // Whoever takes less than all has to say when there is room again, and without a wait nobody would.
    while (taken < bytes.length && !this.busy && this.#tls.open) {
      const sealed = this.#tls.seal(bytes.subarray(taken, taken + MAX_WRITE_BYTES));
      this.#send(sealed.records);
      taken += sealed.taken;
    }
    return taken;
  }

  pause(): void {
    this.#plain.pause();
  }

  resume(): void {
    this.#plain.resume();
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#tls.close();
    this.#flush();
    if (this.#unsent === undefined) this.#plain.end();
  }

  destroy(): void {
    this.#plain.destroy();
  }

  leaveTls(): void {
    this.#leaving = true;
    this.#plain.pause();
    // From inside `data`, the record at hand is finished first.
    if (!this.#receiving) setImmediate(() => this.#switchWhenIdle());
  }

  // What the TCP connection says.

  received(bytes: Uint8Array): void {
    this.#receiving = true;
    this.#tls.receive(bytes, (data) => {
      this.#secure();
      this.#channel.received(data);
      return !this.#leaving;
    });
    this.#receiving = false;
    this.#flush();
    if (this.#tls.security !== undefined) this.#secure();
    if (this.#tls.failure !== undefined) this.#fail();
    else if (this.#tls.peerClosed) this.#peerClosed();
    if (this.#leaving) this.#switchWhenIdle();
  }

  drained(): void {
    const unsent = this.#unsent;
    this.#unsent = undefined;
    if (unsent !== undefined) this.#send(unsent);
    this.#flush();
    if (this.#unsent !== undefined || this.#plain.busy) return;
    if (this.#leaving) return this.#switchWhenIdle();
    if (this.#ending) return this.#plain.end();
    if (this.#secured) this.#channel.drained();
  }

  /** FIN without close_notify before it. */
  peerEnded(): void {
    this.#tls.handleEnd();
    if (this.#tls.failure !== undefined) this.#fail();
    else this.#channel.peerEnded();
  }

  ended(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#tls.release();
    this.#owner.ended(this.#error ?? error);
  }

  #secure(): void {
    if (this.#secured) return;
    this.#secured = true;
    // Our Finished goes in front of what the channel writes.
    this.#flush();
    this.#owner.secured(this.#tls.security!, this.#tls.chain);
  }

  /** A close without an answer to it would be a truncation for the peer. */
  #peerClosed(): void {
    this.#channel.peerEnded();
    this.end();
  }

  /** The alert is on its way; what the peer still sends is thrown away. */
  #fail(): void {
    const { code, message } = this.#tls.failure!;
    this.#error ??= Object.assign(new Error(`TLS with the other side failed: ${message}`), {
      code: `TLS_${code.toUpperCase()}`,
    });
    this.#ending = true;
    if (this.#unsent === undefined) this.#plain.end();
    const error = this.#error;
    this.#plain.events = { ...NOBODY, drained: () => this.drained(), ended: () => this.ended(error) };
    this.#plain.resume();
    // Whoever waits for the connection need not wait for the peer.
    setImmediate(() => this.ended(error));
    setTimeout(() => this.#plain.destroy(), GOODBYE_MS).unref?.();
  }

  /** What handshake and alerts have to say. */
  #flush(): void {
    if (this.#over) return;
    const output = this.#tls.takeOutput();
    if (output !== undefined) this.#send(output);
  }

  #send(records: Uint8Array): void {
    const before = this.#unsent;
    if (before !== undefined) {
      this.#unsent = Buffer.concat([before, records]);
      return;
    }
    const count = this.#plain.busy ? 0 : this.#plain.write(records);
    // A copy: the memory is the engine's.
    if (count < records.length) this.#unsent = records.slice(count);
  }

  /** All that was protected has gone: the TCP connection becomes the channel's own. */
  #switchWhenIdle(): void {
    if (this.#over || this.#unsent !== undefined || this.#plain.busy || this.#plain.events !== this) return;
    this.#over = true;
    const rest = this.#tls.takeRest();
    this.#tls.release();
    this.#plain.events = this.#channel;
    this.#channel.switched(this.#plain, rest);
  }
}

/** Milliseconds for an alert to reach a peer that was refused. */
const GOODBYE_MS = 1_000;
