/** What the two programs of a raw stream say, one JSON object per line on stdout, and what both runtimes have to offer. */

export type RawEvent =
  | { readonly type: 'listening' }
  | { readonly type: 'ready' }
  /** Of the receiver, when a stream has ended; seconds from its first byte to its last. */
  | { readonly type: 'received'; readonly bytes: number; readonly seconds: number }
  | { readonly type: 'failed'; readonly message: string };

/** The client's first byte: which way the stream goes. */
export const WAYS = { up: 0x75, down: 0x64 } as const;

/** What is written at once: larger than the socket's buffer, so that the runtime is never short of work. */
export const WRITE_BYTES = 1024 * 1024;

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
}

export interface RawTls {
  listen(options: ListenOptions, onReceived: (count: Count) => void): Promise<void>;
  /** Sends or receives for that long, then closes. The result is what was received. */
  stream(host: string, port: number, way: keyof typeof WAYS, seconds: number): Promise<Count>;
}

/** Of what one connection has received. */
export class Count {
  bytes = 0;
  #first = 0;
  #last = 0;

  take(bytes: number): void {
    this.#last = performance.now();
    if (this.bytes === 0) this.#first = this.#last;
    this.bytes += bytes;
  }

  get seconds(): number {
    return (this.#last - this.#first) / 1_000;
  }
}
