import { createHash } from 'node:crypto';

/** What is sent to a peer and comes back from it: endless, and the same again after some 64 KiB. */
export class Content {
  /** Twice one turn of it, so that what goes over the turn is in one piece too. */
  readonly #bytes: Buffer;
  readonly #turn: number;

  constructor(turn: Uint8Array) {
    this.#bytes = Buffer.concat([turn, turn]);
    this.#turn = turn.length;
  }

  /** A view of what is at `position`: at most `length` bytes, and at most one turn. */
  at(position: number, length: number): Buffer {
    const start = position % this.#turn;
    return this.#bytes.subarray(start, start + Math.min(length, this.#turn));
  }

  /** Where `bytes`, which are to be what is at `position`, are something else; undefined: nowhere. */
  firstDifference(position: number, bytes: Uint8Array): number | undefined {
    for (let done = 0; done < bytes.length; ) {
      const wanted = this.at(position + done, bytes.length - done);
      const found = bytes.subarray(done, done + wanted.length);
      if (!wanted.equals(found)) return position + done + found.findIndex((byte, index) => byte !== wanted[index]);
      done += wanted.length;
    }
    return undefined;
  }

  /** All of it up to `total`. */
  upTo(total: number): Buffer {
    const turns = Math.ceil(total / this.#turn);
    return Buffer.concat(
      Array.from({ length: turns }, () => this.#bytes.subarray(0, this.#turn)),
      total,
    );
  }
}

const TURN = 65_536;

/** As `JssePeer.java` has it. @param direction 1 for what the client sends, 2 for what the server sends. */
export function patternOf(direction: 1 | 2): Content {
  return new Content(Uint8Array.from({ length: TURN }, (_, i) => i * 31 + (i >>> 8) * 17 + direction));
}

/** Lines of text, for programs that take nothing else. No two of a turn are the same. */
export function linesOf(word: string): Content {
  const lines = Array.from({ length: 1_000 }, (_, i) => `${word} ${i} ${`${i * 7_919}`.repeat(1 + (i % 17))}\n`);
  return new Content(Buffer.from(lines.join('')));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
