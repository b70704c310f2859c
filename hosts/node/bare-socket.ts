import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Address } from '../../engine/host.ts';
import { plainAddress } from '../shared/address.ts';
import { NOBODY, type PlainWire, type WireEvents } from '../shared/channel.ts';
import { kernel } from './kernel.ts';

/** Bytes that one read brings at most. Larger ones do not make it faster and spill the processor's cache. */
const READ_BYTES = 128 * 1024;

/** All sockets read into the same memory: libuv reads and hands over in one go, and nobody keeps what `data` shows. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Bytes that Node gets when the kernel takes no more. Node copies nothing that it cannot send, so they have to be a
 * copy; few, because all that they are for is that Node tells when the kernel takes bytes again.
 */
const HANDED_BYTES = 4096;

/** What is not in Node's types: the socket's descriptor, as long as it has one. */
interface WithHandle {
  readonly _handle: { readonly fd: number } | null;
}

/** Where a bare socket comes from. */
export type BareSource =
  | { readonly fd: number }
  | { readonly host: string; readonly port: number; readonly autoSelectFamilyAttemptTimeout: number };

/**
 * A TCP socket of Node without the stream around it: what is read lands in memory that is used again for the next read,
 * and what is written goes to the kernel in the same call, so that the caller has its memory back.
 */
export class BareSocket implements PlainWire {
  busy = false;
  readonly tcp = kernel.control(() => this.#fd);
  events: WireEvents;
  readonly socket: Socket;
  #error: Error | undefined;

  constructor(source: BareSource, events: WireEvents = NOBODY) {
    this.events = events;
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        this.events.received(readBuffer.subarray(0, bytes));
        return true;
      },
    };
    // Node's types know `onread` for new connections only; it works for any socket.
    this.socket = new Socket({ ...('fd' in source ? source : {}), onread } as { fd?: number });
    this.socket.on('end', () => this.events.peerEnded());
    this.socket.on('error', (error) => {
      this.#error ??= error;
    });
    this.socket.on('close', () => this.events.ended(this.#error));
    this.socket.setNoDelay(true);
    if (!('fd' in source)) this.socket.connect(source);
  }

  get local(): Address {
    return { address: plainAddress(this.socket.localAddress ?? ''), port: this.socket.localPort ?? 0 };
  }

  /** The address is empty when the peer has reset the connection. */
  get remote(): Address {
    return { address: plainAddress(this.socket.remoteAddress ?? ''), port: this.socket.remotePort ?? 0 };
  }

  write(bytes: Uint8Array): number {
    const handle = (this.socket as unknown as WithHandle)._handle;
    if (handle === null) return 0;
    const sent = sendNow(handle.fd, bytes);
    if (sent === bytes.length) return sent;
    const handed = bytes.slice(sent, sent + HANDED_BYTES);
    this.busy = true;
    this.socket.write(handed, (error) => {
      // A socket that failed stays busy; its end is reported by itself.
      if (error) return;
      this.busy = false;
      this.events.drained();
    });
    return sent + handed.length;
  }

  get #fd(): number | undefined {
    return (this.socket as unknown as WithHandle)._handle?.fd;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** What the kernel takes at once. An error counts as nothing: Node, which gets the next bytes, meets it again. */
function sendNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch {
    return 0;
  }
}
