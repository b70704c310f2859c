/** The plain twin of assembly/stream/decode: the table of `protocol/data-plane.md` §1.3, written as a reader of bytes. */

export interface Blocks {
  /** A block of that many bytes has been announced. */
  begin(length: number): void;
  /** It is complete. */
  end(body: Uint8Array): void;
  keepAlive(size: number): void;
}

export const BLOCK_TOO_LONG = 'a block is longer than the session allows';
export const KEEP_ALIVE_TOO_LONG = 'a keep-alive is longer than 512 bytes';

/** Asks for bytes, one field after the other, and ends with the reason why the connection has to be closed. */
function* read(blockMax: number, blocks: Blocks): Generator<number, string, Uint8Array> {
  for (;;) {
    const count = number(yield 4);
    if (count === 0xffff_ffff) {
      const size = number(yield 4);
      if (size > 512) return KEEP_ALIVE_TOO_LONG;
      yield size;
      blocks.keepAlive(size);
      continue;
    }
    for (let i = 0; i < count; i++) {
      const length = number(yield 4);
      if (length > blockMax) return BLOCK_TOO_LONG;
      blocks.begin(length);
      blocks.end(yield length);
    }
  }
}

export class TwinReceiver {
  readonly #reader: Generator<number, string, Uint8Array>;
  #wanted: number;
  #waiting: number[] = [];
  #broken = false;

  constructor(blockMax: number, blocks: Blocks) {
    this.#reader = read(blockMax, blocks);
    this.#wanted = this.#reader.next().value as number;
  }

  /** Why the connection has to be closed, if it has to. Told once. */
  push(bytes: Uint8Array): string | undefined {
    if (this.#broken) return undefined;
    let at = 0;
    for (;;) {
      const more = bytes.subarray(at, at + this.#wanted - this.#waiting.length);
      at += more.length;
      for (const byte of more) this.#waiting.push(byte);
      if (this.#waiting.length < this.#wanted) return undefined;
      const field = Uint8Array.from(this.#waiting);
      this.#waiting = [];
      const step = this.#reader.next(field);
      if (step.done === true) {
        this.#broken = true;
        return step.value;
      }
      this.#wanted = step.value;
    }
  }
}

function number(bytes: Uint8Array): number {
  return ((bytes[0]! * 0x100 + bytes[1]!) * 0x100 + bytes[2]!) * 0x100 + bytes[3]!;
}
