import type { TLSSocket } from 'node:tls';
import { duplicate } from '../linux/duplicate.ts';
import type { Libc } from '../linux/libc.ts';
import { NOBODY, type Wire, type WireChannel, type WireEvents } from '../shared/channel.ts';
import { BareSocket } from './bare-socket.ts';
import { kernel } from './kernel.ts';
import { loadLibc } from './libc.ts';
import { readInto } from './read-into.ts';

/**
 * Bytes that one write takes. Node encrypts all of it at once and keeps what the kernel does not take, so this bounds
 * the memory of a connection whose peer does not read; larger writes do not make it faster.
 */
const MAX_WRITE_BYTES = 256 * 1024;

/** All sockets read into the same memory, a TLS record at a time: nobody keeps what `received` shows. */
const readBuffer = Buffer.allocUnsafeSlow(16 * 1024);

/** What is not in Node's types. */
interface WithHandle {
  readonly _handle: { readonly fd: number; reading: boolean; readStart(): number; readStop(): number } | null;
}

/**
 * A TLS socket of Node. One write at a time: Node encrypts a single buffer before `write` returns, while a write that
 * comes behind another one waits as a reference to memory that the caller reuses.
 */
export class TlsWire implements Wire {
  busy = false;
  readonly tcp = kernel.control(() => this.#fd);
  events: WireEvents;
  readonly #socket: TLSSocket;
  readonly #written: (error?: Error | null) => void;
  #error: Error | undefined;
  #paused = false;

  constructor(socket: TLSSocket, events: WireEvents) {
    this.#socket = socket;
    this.events = events;
    this.#written = (error) => {
      // A socket that failed stays busy; its end is reported by itself.
      if (error) return;
      this.busy = false;
      this.events.drained();
    };
    // What came before this, and while it was paused.
    socket.on('data', (bytes: Uint8Array) => this.events.received(bytes));
    readInto(socket, readBuffer, (count) => this.#received(count));
    socket.on('end', () => this.events.peerEnded());
    socket.on('error', (cause: Error) => {
      this.#error ??= cause;
    });
    socket.on('close', () => this.events.ended(this.#error));
  }

  write(bytes: Uint8Array): number {
    const part = bytes.length > MAX_WRITE_BYTES ? bytes.subarray(0, MAX_WRITE_BYTES) : bytes;
    this.busy = true;
    this.#socket.write(part, this.#written);
    return part.length;
  }

  get #fd(): number | undefined {
    return (this.#socket as unknown as WithHandle)._handle?.fd;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #received(count: number): boolean {
    const bytes = readBuffer.subarray(0, count);
    // The records of one read come all, also when the first of them was reason to pause.
    while (!this.#paused && this.#socket.readableLength > 0) this.#socket.read();
    if (this.#paused) this.#socket.push(Buffer.from(bytes));
    else this.events.received(bytes);
    return true;
  }
}

let libc: Libc | undefined;

/**
 * The TLS socket of an accepted connection, which can go on without TLS (`protocol/control-plane.md` §8.4). A second
 * descriptor of its socket takes the connection over; the TLS socket is destroyed, which closes the first and says
 * nothing to the peer.
 */
export class LeavableWire extends TlsWire {
  readonly #channel: WireChannel;
  readonly #tls: TLSSocket;

  constructor(socket: TLSSocket, channel: WireChannel) {
    super(socket, channel);
    this.#channel = channel;
    this.#tls = socket;
  }

  /** A paused stream of Node goes on reading until its buffer is full; what it would read now may be bare already. */
  override pause(): void {
    super.pause();
    this.#stopReading();
  }

  override resume(): void {
    super.resume();
    const handle = this.#handle;
    if (handle === null || handle.reading) return;
    handle.reading = true;
    handle.readStart();
  }

  leaveTls(): void {
    this.pause();
    const idle = !this.busy;
    this.busy = true;
    // Node reports a write when the kernel has all of it.
    this.events = { ...NOBODY, drained: () => this.#switch(), ended: (error) => this.#channel.ended(error) };
    if (idle) setImmediate(() => this.#switch());
  }

  get #handle(): WithHandle['_handle'] {
    return (this.#tls as unknown as WithHandle)._handle;
  }

  #stopReading(): void {
    const handle = this.#handle;
    if (handle === null || !handle.reading) return;
    handle.reading = false;
    handle.readStop();
  }

  #switch(): void {
    const handle = this.#handle;
    if (this.#tls.destroyed || handle === null) return;
    this.busy = true;
    try {
      libc ??= loadLibc();
      const fd = duplicate(libc, handle.fd);
      this.events = NOBODY;
      this.#tls.destroy();
      const bare = new BareSocket({ fd }, this.#channel);
      bare.pause();
      this.#channel.switched(bare, undefined);
    } catch (error) {
      // Too many open files, or no FFI for this machine.
      this.events = NOBODY;
      this.#tls.destroy();
      this.#channel.ended(error);
    }
  }
}
