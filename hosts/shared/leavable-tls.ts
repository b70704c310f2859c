import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { PlainWire, Wire, WireChannel, WireEvents } from './channel.ts';
import { TlsRecords } from './tls-records.ts';

/** Bytes that one write takes. All of it is encrypted at once; larger writes do not make it faster. */
const MAX_WRITE_BYTES = 256 * 1024;

/** What comes of the handshake. */
export interface LeavableTlsOwner {
  /** Calls `WireChannel.opened`. */
  secured(socket: TLSSocket): void;
  /** The connection is over, before or after it was secured. */
  ended(error: unknown): void;
}

/**
 * A client's TLS on a TCP connection that is to be used without TLS later (`protocol/control-plane.md` §8.4). The TLS
 * engine of the runtime sits behind a stream in memory and gets one record at a time, so that it never sees a byte of
 * what follows its last record. This is slower than TLS right on the socket, and lasts for the login only.
 */
export class LeavableTls implements Wire, WireEvents {
  readonly #plain: PlainWire;
  readonly #channel: WireChannel;
  readonly #owner: LeavableTlsOwner;
  readonly #stream: Duplex;
  readonly #tls: TLSSocket;
  readonly #records = new TlsRecords();
  /** Encrypted bytes that the wire has not taken yet, and whom to tell when it has. */
  #output: { rest: Uint8Array; taken: () => void } | undefined;
  /** A write of the channel is on its way through the TLS engine. */
  #writing = false;
  #feeding = false;
  #paused = false;
  #leaving = false;
  /** The peer's FIN has come and the TLS engine does not know it yet. */
  #peerEnded = false;
  #over = false;
  #error: unknown;

  /** @param start Starts a TLS client of the runtime on a stream. */
  constructor(plain: PlainWire, channel: WireChannel, owner: LeavableTlsOwner, start: (stream: Duplex) => TLSSocket) {
    this.#plain = plain;
    this.#channel = channel;
    this.#owner = owner;
    plain.events = this;
    this.#stream = new Duplex({
      read() {},
      write: (chunk: Uint8Array, _encoding, taken) => this.#send(chunk, taken),
      final: (done) => {
        if (!this.#leaving) plain.end();
        done();
      },
    });
    this.#stream.on('error', () => undefined);
    this.#tls = start(this.#stream);
    this.#tls.on('secureConnect', () => owner.secured(this.#tls));
    this.#tls.on('data', (bytes: Uint8Array) => channel.received(bytes));
    this.#tls.on('error', (error) => {
      this.#error ??= error;
    });
    // close_notify, or FIN without one. Bun says so too when the engine is left alone.
    this.#tls.on('end', () => {
      if (!this.#leaving) channel.peerEnded();
    });
    this.#tls.on('close', () => {
      if (this.#leaving) return;
      if (this.#error === undefined) plain.end();
      else plain.destroy();
    });
  }

  // What the channel calls.

  get busy(): boolean {
    return this.#writing || this.#leaving;
  }

  write(bytes: Uint8Array): number {
    // A copy, because only Node promises to have encrypted it all before `write` returns.
    const part = Buffer.from(bytes.subarray(0, MAX_WRITE_BYTES));
    this.#writing = true;
    this.#tls.write(part, (error) => {
      // The end of a connection that failed is reported by itself.
      if (error) return;
      this.#writing = false;
      if (this.#leaving) this.#switchWhenIdle();
      else this.#channel.drained();
    });
    return part.length;
  }

  pause(): void {
    this.#paused = true;
    this.#plain.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#plain.resume();
    setImmediate(() => this.#feed());
  }

  end(): void {
    this.#tls.end();
  }

  destroy(): void {
    this.#plain.destroy();
  }

  leaveTls(): void {
    this.#leaving = true;
    this.#plain.pause();
    // From inside `data`, the record at hand is finished first.
    if (!this.#feeding) setImmediate(() => this.#switchWhenIdle());
  }

  // What the TCP connection says.

  received(bytes: Uint8Array): void {
    this.#records.push(bytes);
    this.#feed();
  }

  drained(): void {
    const output = this.#output;
    if (output === undefined) return;
    this.#output = undefined;
    this.#send(output.rest, output.taken);
  }

  peerEnded(): void {
    this.#channel.peerEnded();
    this.#peerEnded = true;
    this.#feed();
  }

  ended(error: unknown): void {
    this.#over = true;
    this.#tls.destroy();
    this.#owner.ended(this.#error ?? error);
  }

  /** One record after the other, each only when what was in the one before it has been delivered. */
  #feed(): void {
    if (this.#feeding || this.#over) return;
    this.#feeding = true;
    while (!this.#paused && !this.#leaving) {
      if (this.#stream.readableLength > 0 || this.#tls.readableLength > 0) {
        // Neither runtime does this today: both decrypt and deliver while the stream is being pushed.
        setImmediate(() => this.#feed());
        break;
      }
      const record = this.#records.next();
      if (record === undefined) {
        if (this.#peerEnded) this.#stream.push(null);
        this.#peerEnded = false;
        break;
      }
      this.#stream.push(record);
    }
    this.#feeding = false;
    if (this.#leaving) this.#switchWhenIdle();
  }

  #send(chunk: Uint8Array, taken: () => void): void {
    const count = this.#plain.busy ? 0 : this.#plain.write(chunk);
    if (count < chunk.length) {
      this.#output = { rest: chunk.subarray(count), taken };
      return;
    }
    taken();
    if (this.#leaving && !this.#feeding) this.#switchWhenIdle();
  }

  /** The TLS engine has nothing more to say: it is left alone, and the TCP connection becomes the channel's own. */
  #switchWhenIdle(): void {
    const idle = !this.#writing && this.#output === undefined && this.#stream.writableLength === 0;
    if (!idle || this.#plain.events !== this) return;
    this.#plain.events = this.#channel;
    this.#tls.destroy();
    this.#channel.switched(this.#plain, this.#records.rest());
  }
}
