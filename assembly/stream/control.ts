/**
 * What own peers who send again tell each other, in place of a batch: a count of no blocks with BATCH_NUMBERED, then what it
 * is, an argument, and words as many as the second says, u32 each.
 */

import { Connection, connectionAt } from '../connection';
import { BATCH_NUMBERED, CONNECTIONS_MAX, NONE, OUT_BUFFER_BYTES, SEEN_NUMBERS } from '../memory';
import { accountOf, portAt } from '../port';
import { accountTold, firstMissing, seenWord, tellNow } from './account';
import { NUMBERS } from './batches';
import { acknowledge, forgetCursor } from './keep';
import { goOn } from './stall';

/** The argument is the first batch that has not come; of the 32 from it on, and so forth, the words say which have. */
export const CONTROL_ACCOUNT: u32 = 0x1_0000;
/** The argument, a number of the sender's, is to be sent back in a CONTROL_ECHO on whatever connection. */
export const CONTROL_MARK: u32 = 0x2_0000;
export const CONTROL_ECHO: u32 = 0x3_0000;
/** The words that follow, 0 but for an account. */
export const CONTROL_WORDS: u32 = 0xffff;

const WORDS_MAX: u32 = SEEN_NUMBERS / 32;
/** Bytes that an account takes at most. */
export const ACCOUNT_ROOM: u32 = 12 + 4 * WORDS_MAX;

@inline
export function isControl(word: u32): bool {
  const words = word & CONTROL_WORDS;
  const kind = word & ~CONTROL_WORDS;
  if (kind == CONTROL_ACCOUNT) return words <= WORDS_MAX;
  return words == 0 && (kind == CONTROL_MARK || kind == CONTROL_ECHO);
}

/** One has come; the words of an account follow. */
export function onControl(c: Connection, kind: u32, argument: u32, now: f64): void {
  if (kind == CONTROL_ACCOUNT) {
    forgetCursor();
    acknowledge(c.port, argument & NUMBERS, now);
  } else if (kind == CONTROL_MARK) {
    c.echo = argument + 1;
    tellNow(c.port);
  } else if (argument < CONNECTIONS_MAX && connectionAt(argument).port == c.port) {
    goOn(argument, now);
  }
}

/** Appends what the peer is to be told of the port, and what it asked to be told. */
export function encodeAccount(c: Connection, port: u32): void {
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const other = connectionAt(id);
    if (other.echo == 0 || c.outLength + 12 > OUT_BUFFER_BYTES) continue;
    encode(c, CONTROL_ECHO, other.echo - 1);
    other.echo = 0;
  }
  if (c.outLength + ACCOUNT_ROOM > OUT_BUFFER_BYTES) return;
  const base = firstMissing(port);
  const words = min(WORDS_MAX, (((accountOf(port).top - base) & NUMBERS) + 31) >> 5);
  encode(c, CONTROL_ACCOUNT | words, base);
  for (let i: u32 = 0; i < words; i++) {
    store<u32>(c.out + c.outLength, bswap<u32>(seenWord(port, base + (i << 5))));
    c.outLength += 4;
  }
  accountTold(port);
}

/** Appends the question whether the connection goes on. */
export function encodeMark(c: Connection, id: u32, now: f64): void {
  if (c.outLength + 12 > OUT_BUFFER_BYTES) return;
  encode(c, CONTROL_MARK, id);
  c.mark = 0;
  c.marked = now;
}

function encode(c: Connection, word: u32, argument: u32): void {
  const at = c.out + c.outLength;
  store<u32>(at, bswap<u32>(BATCH_NUMBERED));
  store<u32>(at, bswap<u32>(word), 4);
  store<u32>(at, bswap<u32>(argument), 8);
  c.outLength += 12;
}
