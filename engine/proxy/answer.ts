/**
 * The bytes of an answer that have come so far. Its owner knows the length that it waits for, so what is kept stays
 * below the longest answer that the protocol has.
 */
export class Answer {
  #bytes: Uint8Array = new Uint8Array(0);

  get length(): number {
    return this.#bytes.length;
  }

  push(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
  }

  /** The byte at `index`, which must be below `length`. */
  at(index: number): number {
    return this.#bytes[index]!;
  }

  /** Takes `count` bytes from the front. */
  skip(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
  }

  /** All of them; nothing is left. */
  rest(): Uint8Array {
    const rest = this.#bytes;
    this.#bytes = new Uint8Array(0);
    return rest;
  }
}
