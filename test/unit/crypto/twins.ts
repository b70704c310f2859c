/** Plain twins of what neither runtime has in all cases: obvious code, to compare with. */

/** RC4 as RFC 6229 names it; the stream goes on from call to call. */
export class Rc4Twin {
  readonly #state: number[] = Array.from({ length: 256 }, (_, i) => i);
  #i = 0;
  #j = 0;

  constructor(key: Uint8Array) {
    let j = 0;
    for (let i = 0; i < 256; i++) {
      j = (j + this.#state[i]! + key[i % key.length]!) % 256;
      this.#swap(i, j);
    }
  }

  /** A new byte string. */
  apply(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(bytes, (byte) => byte ^ this.#next());
  }

  /** The permutation, as it is now. */
  get state(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#state);
  }

  #next(): number {
    this.#i = (this.#i + 1) % 256;
    this.#j = (this.#j + this.#state[this.#i]!) % 256;
    this.#swap(this.#i, this.#j);
    return this.#state[(this.#state[this.#i]! + this.#state[this.#j]!) % 256]!;
  }

  #swap(a: number, b: number): void {
    const kept = this.#state[a]!;
    this.#state[a] = this.#state[b]!;
    this.#state[b] = kept;
  }
}
