/** Bytes that wait for the transport, with a bound: a peer that asks without reading must not fill our memory. */
export class Output {
  readonly #limit: number;
  readonly #queue: Uint8Array[] = [];
  #bytes = 0;

  /** @param limit Bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False, and nothing queued, when the limit would be passed. */
  push(bytes: Uint8Array): boolean {
    if (this.#bytes + bytes.length > this.#limit) return false;
    this.#queue.push(bytes);
    this.#bytes += bytes.length;
    return true;
  }

  /** The next bytes; the caller owns them. */
  poll(): Uint8Array | undefined {
    const bytes = this.#queue.shift();
    this.#bytes -= bytes?.length ?? 0;
    return bytes;
  }
}
