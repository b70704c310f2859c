import type { Socket } from 'bun';
import type { Address, ChannelSecurity } from '../../engine/host.ts';
import { plainAddress } from '../shared/address.ts';
import type { Wire, WireEvents } from '../shared/channel.ts';
import { kernel } from './kernel.ts';

/** What a socket of this host carries. */
export interface Carrier {
  /** Undefined as long as it has not been accepted. */
  wire: BunWire | undefined;
  /** Who hears what comes; nobody when undefined. */
  events: WireEvents | undefined;
}

/** A socket of Bun, with TLS or without, which takes what the kernel takes and keeps nothing. */
export class BunWire implements Wire {
  busy = false;
  readonly tcp = kernel.control(() => this.#fd);
  readonly socket: Socket<Carrier>;

  constructor(socket: Socket<Carrier>) {
    this.socket = socket;
  }

  write(bytes: Uint8Array): number {
    // -1 on a socket that is closing.
    const taken = Math.max(this.socket.write(bytes), 0);
    this.busy = taken < bytes.length;
    return taken;
  }

  /** Not in Bun's types. */
  get #fd(): number | undefined {
    return (this.socket as unknown as { readonly fd?: number }).fd;
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
    this.socket.terminate();
  }
}

export function localOf(socket: Socket<Carrier>): Address {
  return { address: plainAddress((socket.localAddress as string | undefined) ?? ''), port: socket.localPort };
}

/** Undefined when the peer has reset the connection by now: its address is gone then, whatever Bun's types say. */
export function remoteOf(socket: Socket<Carrier>): Address | undefined {
  const address = socket.remoteAddress as string | undefined;
  return address === undefined ? undefined : { address: plainAddress(address), port: socket.remotePort };
}

export function protocolOf(socket: Socket<Carrier>): Pick<ChannelSecurity, 'protocol' | 'cipher'> {
  return { protocol: socket.getTLSVersion(), cipher: socket.getCipher()?.name ?? 'unknown' };
}

/** Bun hands what a handler throws to the socket's `error`; a mistake of ours is to be seen as one. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

/** The same events for every socket, with TLS once the handshake is over, and without. */
export const traffic = {
  data(socket: Socket<Carrier>, bytes: Uint8Array) {
    guarded(() => socket.data.events?.received(bytes));
  },
  drain({ data: { wire, events } }: Socket<Carrier>) {
    // Bun says so after a handshake too, when nothing was held up.
    if (!wire?.busy) return;
    wire.busy = false;
    guarded(() => events?.drained());
  },
  end({ data: { events } }: Socket<Carrier>) {
    events?.peerEnded();
  },
} as const;

/** What an error is called, by the system or by the TLS library. */
export function codeOf(error: Error | null | undefined): string | undefined {
  return (error as NodeJS.ErrnoException | null | undefined)?.code;
}
