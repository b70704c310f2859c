/** Reading and writing the vectors of TLS (RFC 5246 §4). */

import { TlsProblem } from './alerts.ts';

/** Reads from the front; what is not there is a decode_error. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: 1 | 2 | 3): number {
    return this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new TlsProblem('decode_error', `its ${this.#what} ends too early`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A length of `size` bytes, and so many bytes. */
  vector(size: 1 | 2 | 3): Uint8Array {
    return this.take(this.number(size));
  }

  /** Nothing may be left. */
  end(): void {
    if (this.left > 0) throw new TlsProblem('decode_error', `its ${this.#what} has ${this.left} bytes too many`);
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function number(value: number, size: 1 | 2 | 3): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (value >>> (8 * (size - 1 - i))) & 255);
}

/** A length of `size` bytes, then the bytes. */
export function vector(size: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  return concat(number(body.length, size), body);
}

/** Bytes at whose front something is missing yet. They are copied a few times at most, however small the pieces are. */
export class Pending {
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** A view that is valid until the next call. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  push(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** Takes so many off the front. */
  shift(count: number): void {
    this.#buffer = this.#buffer.slice(count, this.#length);
    this.#length = this.#buffer.length;
  }
}
