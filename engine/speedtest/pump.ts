import type { Scheduler, TcpStream } from '../host.ts';

/** Writes in a row before others have their turn: a receiver that is faster than we are would never let us stop. */
const WRITES_PER_TURN = 8;

/** Sends the same bytes over and over, as fast as the connection takes them. */
export class Pump {
  sentBytes = 0;
  readonly #stream: TcpStream;
  readonly #filler: Uint8Array;
  readonly #scheduler: Scheduler;
  #running = false;
  #scheduled = false;

  constructor(stream: TcpStream, filler: Uint8Array, scheduler: Scheduler) {
    this.#stream = stream;
    this.#filler = filler;
    this.#scheduler = scheduler;
  }

  start(): void {
    this.#running = true;
    this.#run();
  }

  stop(): void {
    this.#running = false;
  }

  /** The connection takes bytes again. */
  handleWritable(): void {
    if (this.#running && !this.#scheduled) this.#run();
  }

  #run(): void {
    for (let i = 0; i < WRITES_PER_TURN; i++) {
      if (!this.#running || !this.#stream.writable) return;
      const taken = this.#stream.write(this.#filler);
      this.sentBytes += taken;
      if (taken < this.#filler.length) return;
    }
    this.#scheduled = true;
    this.#scheduler.soon(() => {
      this.#scheduled = false;
      this.#run();
    });
  }
}
