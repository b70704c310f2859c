import type { Channel, Scheduler } from '../host.ts';

/** The memory that is sent over and over, by all connections. */
export const CONTENT_BYTES = 1 << 20;
/** What is sent in one turn at most: the other connections, and what comes in, have their turns too. */
const TURN_BYTES = 1 << 20;

/** Sends content without end, as fast as the channel takes it. */
export class Pump {
  readonly #channel: Channel;
  readonly #content: Uint8Array;
  readonly #scheduler: Scheduler;
  #at = 0;
  #running = false;
  #isDue = false;
  /** Bytes that the channel took. */
  bytes = 0;

  constructor(channel: Channel, content: Uint8Array, scheduler: Scheduler) {
    this.#channel = channel;
    this.#content = content;
    this.#scheduler = scheduler;
  }

  start(): void {
    this.#running = true;
    this.handleWritable();
  }

  stop(): void {
    this.#running = false;
  }

  handleWritable(): void {
    let turn = 0;
    while (this.#running && this.#channel.writable) {
      if (turn >= TURN_BYTES) return this.#goOn();
      const taken = this.#channel.write(this.#content.subarray(this.#at));
      if (taken === 0) return;
      turn += taken;
      this.bytes += taken;
      this.#at = (this.#at + taken) % this.#content.length;
    }
  }

  #goOn(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#scheduler.soon(() => {
      this.#isDue = false;
      this.handleWritable();
    });
  }
}
