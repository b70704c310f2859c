import type { Socket } from 'bun';
import { NOBODY, type WireChannel } from '../shared/channel.ts';
import { bareHandlers, closeDescriptor, onDescriptor, takeOver } from './bare-socket.ts';
import { BunWire, type Carrier } from './wire.ts';

/** The TLS socket of an accepted connection, which can go on without TLS (`protocol/control-plane.md` §8.4). */
export class LeavableWire extends BunWire {
  readonly #channel: WireChannel;
  #switched = false;

  constructor(socket: Socket<Carrier>, channel: WireChannel) {
    super(socket);
    this.#channel = channel;
  }

  leaveTls(): void {
    this.socket.pause();
    const idle = !this.busy;
    this.busy = true;
    this.socket.data.events = {
      ...NOBODY,
      drained: () => this.#switch(),
      ended: (error) => this.#channel.ended(error),
    };
    if (idle) setImmediate(() => this.#switch());
  }

  #switch(): void {
    // It may have been closed meanwhile; and Bun says `drain` more often than there was something to drain.
    if (this.#channel.over || this.#switched) return;
    this.#switched = true;
    this.busy = true;
    try {
      this.#goOn(takeOver(this.socket));
    } catch (error) {
      this.#channel.ended(error);
      this.socket.terminate();
    }
  }

  #goOn(fd: number): void {
    const channel = this.#channel;
    Bun.connect<Carrier>({
      ...onDescriptor(fd),
      data: { wire: undefined, events: channel },
      socket: bareHandlers((bare) => {
        bare.pause();
        channel.switched(bare, undefined);
      }),
    }).catch((error: unknown) => {
      closeDescriptor(fd);
      channel.ended(error);
    });
  }
}
