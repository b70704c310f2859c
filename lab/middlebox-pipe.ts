/** One direction of a connection through the middlebox: what comes in at one socket leaves at the other, shaped. */
import type { Socket } from 'node:net';

/** How far a direction may run ahead of its rate after it was idle or its timer was late, in milliseconds. */
const BURST_MS = 20;
/** The largest piece at a limited rate, in milliseconds of that rate; at least a segment. */
const PIECE_MS = 5;
const SEGMENT = 1448;
/** What is kept inside at most, in bytes: unshaped; at a rate, beside what that many milliseconds carry; delayed. */
const LIMIT = 256 * 1024;
const LIMIT_MS = 50;
const DELAY_LIMIT = 32 * 1024 * 1024;

export interface Shape {
  readonly delayMs: number;
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
}

export interface Amounts {
  /** Bytes that came in. */
  readonly received: number;
  /** Bytes that the kernel has taken on the other side. */
  readonly delivered: number;
}

interface Item {
  /** `undefined` is the end of the stream. */
  readonly data: Uint8Array | undefined;
  readonly due: number;
}

export class Pipe {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #shape: () => Shape;
  readonly #queue: Item[] = [];
  #queued = 0;
  #received = 0;
  #delivered = 0;
  #stalledUntil = 0;
  #nextAt = 0;
  #held = true;
  #blocked = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Takes from `source` at once, lets out nothing before {@link release}.
   * @param look sees what comes in first; `false` when the connection was ended for it.
   */
  constructor(source: Socket, sink: Socket, shape: () => Shape, look: (data: Uint8Array) => boolean) {
    this.#source = source;
    this.#sink = sink;
    this.#shape = shape;
    source.on('data', (data: Uint8Array) => {
      if (this.#over) return;
      this.#received += data.length;
      if (look(data)) this.#push(data);
    });
    source.on('end', () => {
      if (!this.#over) this.#push(undefined);
    });
    sink.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
    source.resume();
  }

  get amounts(): Amounts {
    return { received: this.#received, delivered: this.#delivered };
  }

  /** Lets out what has been taken and what will be. */
  release(): void {
    this.#held = false;
    this.#pump();
  }

  /** Lets nothing out, and takes nothing in, until then. Infinity: for ever. */
  stall(until: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, until);
    this.#pump();
  }

  /** Looks at the shape again. */
  reshape(): void {
    this.#pump();
  }

  /** Ends its work; what comes in from now on is thrown away. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    if (!this.#source.destroyed) this.#source.resume();
  }

  #push(data: Uint8Array | undefined): void {
    this.#queue.push({ data, due: performance.now() + this.#shape().delayMs });
    this.#queued += data?.length ?? 0;
    this.#pump();
  }

  #pump(): void {
    if (this.#over) return;
    clearTimeout(this.#timer);
    const { delayMs, bytesPerSecond } = this.#shape();
    const limited = Number.isFinite(bytesPerSecond);
    while (this.#queue.length > 0 && !this.#held && !this.#blocked) {
      const now = performance.now();
      const head = this.#queue[0]!;
      const wait = Math.max(this.#stalledUntil, head.due, limited ? this.#nextAt : 0) - now;
      if (wait > 0) {
        this.#wake(wait);
        break;
      }
      this.#queue.shift();
      if (head.data === undefined) {
        this.#sink.end();
        continue;
      }
      const most = limited ? Math.max(SEGMENT, Math.floor((bytesPerSecond * PIECE_MS) / 1000)) : head.data.length;
      const piece = head.data.subarray(0, most);
      if (piece.length < head.data.length) this.#queue.unshift({ data: head.data.subarray(most), due: head.due });
      if (limited) this.#nextAt = Math.max(this.#nextAt, now - BURST_MS) + (piece.length * 1000) / bytesPerSecond;
      this.#queued -= piece.length;
      this.#blocked = !this.#sink.write(piece, (error) => {
        if (error === null || error === undefined) this.#delivered += piece.length;
      });
    }
    const shaped = limited ? Math.max(SEGMENT, (bytesPerSecond * (delayMs + LIMIT_MS)) / 1000) : DELAY_LIMIT;
    const limit = limited || delayMs > 0 ? shaped : LIMIT;
    const stalled = this.#stalledUntil - performance.now();
    if (stalled > 0 || this.#queued > limit) this.#source.pause();
    else if (!this.#source.destroyed) this.#source.resume();
    if (stalled > 0 && this.#queue.length === 0) this.#wake(stalled);
  }

  #wake(ms: number): void {
    clearTimeout(this.#timer);
    if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), Math.ceil(ms));
  }
}
