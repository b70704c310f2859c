import type { HttpError, HttpHead } from './head.ts';
import { HeadParser } from './head-parser.ts';

export type HttpEvent =
  | { readonly kind: 'head'; readonly head: HttpHead }
  /** The whole body that was asked for with `collect`. */
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  | { readonly kind: 'error'; readonly cause: string };

/**
 * Reads messages one after the other. After a head its owner says what to do with the body, having looked at the
 * length: `collect` it, `skip` it, or nothing, which means that there is none.
 */
export class MessageReader {
  #parser = new HeadParser();
  #body: BodyBuffer | undefined;
  #skip = 0;

  /**
   * Takes bytes from the front until something is complete. Call it again with the rest: `event` is undefined only
   * when all bytes were taken. After an `error` it takes nothing more.
   */
  read(bytes: Uint8Array): { readonly consumed: number; readonly event: HttpEvent | undefined } {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    const rest = bytes.subarray(skipped);
    if (rest.length === 0) return { consumed: skipped, event: undefined };
    const { consumed, event } = this.#body === undefined ? this.#readHead(rest) : this.#readBody(this.#body, rest);
    return { consumed: skipped + consumed, event };
  }

  /** Reads a body of `length` bytes and reports it whole. The caller has bounded it; it is at least 1. */
  collect(length: number): void {
    if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`length: expected 1 or more, got ${length}`);
    this.#body = new BodyBuffer(length);
  }

  /** Drops that many bytes, which may be Infinity, before the next head. */
  skip(length: number): void {
    this.#skip = length;
  }

  #readHead(bytes: Uint8Array): { consumed: number; event: HttpEvent | undefined } {
    const consumed = this.#parser.push(bytes);
    const result: HttpHead | HttpError | undefined = this.#parser.result;
    if (result === undefined) return { consumed, event: undefined };
    if ('cause' in result) return { consumed, event: { kind: 'error', cause: result.cause } };
    this.#parser = new HeadParser();
    return { consumed, event: { kind: 'head', head: result } };
  }

  #readBody(body: BodyBuffer, bytes: Uint8Array): { consumed: number; event: HttpEvent | undefined } {
    const consumed = body.push(bytes);
    if (!body.complete) return { consumed, event: undefined };
    this.#body = undefined;
    return { consumed, event: { kind: 'body', bytes: body.bytes } };
  }
}

/** Memory for what has come, not for what was announced: a length is cheap to send. */
const FIRST_BODY_BYTES = 0x1000;

class BodyBuffer {
  readonly #length: number;
  #bytes: Uint8Array;
  #filled = 0;

  constructor(length: number) {
    this.#length = length;
    this.#bytes = new Uint8Array(Math.min(length, FIRST_BODY_BYTES));
  }

  get complete(): boolean {
    return this.#filled === this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }

  push(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#length - this.#filled);
    const filled = this.#filled + taken;
    if (filled > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#length, Math.max(filled, this.#bytes.length * 2)));
      grown.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk.subarray(0, taken), this.#filled);
    this.#filled = filled;
    return taken;
  }
}
