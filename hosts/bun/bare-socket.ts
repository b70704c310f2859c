import type { Socket } from 'bun';
import type { Address } from '../../engine/host.ts';
import { closeInOrder, duplicate } from '../linux/duplicate.ts';
import type { Libc } from '../linux/libc.ts';
import { NOBODY, type PlainWire, type WireEvents } from '../shared/channel.ts';
import { loadLibc } from './libc.ts';
import { BunWire, type Carrier, guarded, localOf, remoteOf, traffic } from './wire.ts';

/** A TCP socket of Bun. */
export class BareSocket extends BunWire implements PlainWire {
  get events(): WireEvents {
    return this.socket.data.events ?? NOBODY;
  }

  set events(events: WireEvents) {
    this.socket.data.events = events;
  }

  get local(): Address {
    return localOf(this.socket);
  }

  /** The address is empty when the peer has reset the connection. */
  get remote(): Address {
    return remoteOf(this.socket) ?? { address: '', port: 0 };
  }

  /** Without TLS, Bun's `end` closes both directions at once; `shutdown` sends FIN and goes on reading. */
  override end(): void {
    this.socket.shutdown();
  }
}

/** What a bare socket tells. @param opened Gets it as soon as it is there. */
export function bareHandlers(opened: (bare: BareSocket) => void) {
  return {
    ...traffic,
    open(socket: Socket<Carrier>) {
      socket.setNoDelay(true);
      const bare = new BareSocket(socket);
      socket.data.wire = bare;
      guarded(() => opened(bare));
    },
    close({ data }: Socket<Carrier>, error?: Error) {
      data.events?.ended(error);
    },
    // Followed by `close`, which is told the cause as well.
    error() {},
  };
}

let libc: Libc | undefined;

/**
 * Takes a connection away from a socket of Bun, which says nothing to the peer and hears nothing more. Returns the
 * descriptor that the connection goes on with. Throws an error with the system's `code`, and then the socket is still
 * there.
 */
export function takeOver(socket: Socket<Carrier>): number {
  libc ??= loadLibc().libc;
  const fd = duplicate(libc, descriptorOf(socket));
  socket.data.events = undefined;
  // By force, because everything else might say goodbye. It makes the last close of the connection a reset.
  socket.terminate();
  closeInOrder(libc, fd);
  return fd;
}

/** Gives up a connection that nobody took. */
export function closeDescriptor(fd: number): void {
  libc?.close(fd);
}

/** Makes `Bun.connect` go on with a connection that is there. Bun's types know the option and `connect` does not take it. */
export function onDescriptor(fd: number): { hostname: string; port: number } {
  return { fd } as unknown as { hostname: string; port: number };
}

/** Not in Bun's types. */
function descriptorOf(socket: Socket<Carrier>): number {
  return (socket as unknown as { readonly fd: number }).fd;
}
