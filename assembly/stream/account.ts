/**
 * Which batches a port has got, between own peers who send again what a connection that dies has taken: a batch that
 * comes twice is forwarded once, and the sender is told what it need not keep. What it is told is all that is known, so
 * that it does not matter when it is lost on a connection that has died.
 */

import { connectionAt, MAY_SEND } from '../connection';
import { ACCOUNT_BYTES, ACCOUNT_MS, ACCOUNT_REST_MS, FORGOTTEN_NUMBERS, NONE, SEEN_NUMBERS } from '../memory';
import { accountOf, orderOf, portAt, seenOf } from '../port';
import { markReady } from '../queue/ready';
import { isBefore, NUMBERS } from './batches';

/** Whether the batch has come, or is so old that it cannot be told. */
export function isSeen(port: u32, number: u32): bool {
  const account = accountOf(port);
  if (!isBefore(number, account.top)) return false;
  if (((account.top - number) & NUMBERS) > SEEN_NUMBERS) return true;
  return bit(port, number);
}

export function noteSeen(port: u32, number: u32): void {
  const account = accountOf(port);
  if (!isBefore(number, account.top)) reachTo(port, (number + 1) & NUMBERS);
  else if (((account.top - number) & NUMBERS) > SEEN_NUMBERS) return;
  const at = seenOf(port) + ((number % SEEN_NUMBERS) >> 3);
  store<u8>(at, load<u8>(at) | (<u8>1 << <u8>(number & 7)));
}

/** A batch has come, whether for the first time or not: the peer is to be told. */
export function noteBatch(port: u32, now: f64): void {
  const account = accountOf(port);
  if (account.due == 0) {
    account.due = 1;
    account.since = now;
    account.bytes = 0;
  }
}

/** The first number that has not come. */
export function firstMissing(port: u32): u32 {
  const account = accountOf(port);
  const behind = (orderOf(port).expected - account.base) & NUMBERS;
  if (behind > FORGOTTEN_NUMBERS && behind <= NUMBERS >> 1) account.base = (account.base + behind - FORGOTTEN_NUMBERS) & NUMBERS;
  if (isBefore(account.top, account.base)) reachTo(port, account.base);
  while (account.base != account.top && bit(port, account.base)) account.base = (account.base + 1) & NUMBERS;
  return account.base;
}

/** Of the 32 numbers from `start` on, lowest bit first: which have come. */
export function seenWord(port: u32, start: u32): u32 {
  let word: u32 = 0;
  for (let i: u32 = 0; i < 32; i++) {
    const number = (start + i) & NUMBERS;
    if (isBefore(number, accountOf(port).top) && bit(port, number)) word |= <u32>1 << i;
  }
  return word;
}

/** Whether there is something to tell. With one connection it is told less often. */
@inline
export function isDue(port: u32): bool {
  return accountOf(port).due == 2 || (accountOf(port).due == 1 && portAt(port).connections > 1);
}

/** So many bytes have come: the peer is told, although nothing else is to be sent, when they are many. False: nothing is. */
export function accountBytes(port: u32, bytes: u32): bool {
  const account = accountOf(port);
  if (account.due == 0) return false;
  account.bytes += bytes;
  if (account.bytes >= ACCOUNT_BYTES && portAt(port).connections > 1) tellNow(port);
  return true;
}

/** The same by the time that has gone by. */
export function accountTime(port: u32, now: f64): bool {
  const account = accountOf(port);
  if (account.due == 0) return false;
  const wait = portAt(port).connections > 1 ? ACCOUNT_MS : ACCOUNT_REST_MS;
  if (now - account.since >= wait) tellNow(port);
  return true;
}

/** It has been written. */
export function accountTold(port: u32): void {
  accountOf(port).due = 0;
}

export function tellNow(port: u32): void {
  accountOf(port).due = 2;
  markReady(port);
}

/** The connection on which it is told when nothing else is to be sent: another one each time, as one may have stopped. */
export function nextTeller(port: u32): u32 {
  const last = accountOf(port).lane;
  let first = NONE;
  let after = NONE;
  let passed = false;
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const c = connectionAt(id);
    if (c.flags & MAY_SEND && c.writable && c.out == 0 && !c.offered && !c.stalled) {
      if (first == NONE) first = id;
      if (passed && after == NONE) after = id;
    }
    if (id == last) passed = true;
  }
  return after == NONE ? first : after;
}

@inline
function bit(port: u32, number: u32): bool {
  return (load<u8>(seenOf(port) + ((number % SEEN_NUMBERS) >> 3)) & (<u8>1 << <u8>(number & 7))) != 0;
}

/** None of the numbers up to `top` has come yet. */
function reachTo(port: u32, top: u32): void {
  const account = accountOf(port);
  let left = min((top - account.top) & NUMBERS, SEEN_NUMBERS);
  let number = (top - left) & NUMBERS;
  account.top = top;
  while (left != 0) {
    const at = seenOf(port) + ((number % SEEN_NUMBERS) >> 3);
    // A byte at a time, where that is possible: a peer may leave out as many as it likes.
    const bits: u32 = (number & 7) == 0 && left >= 8 ? 8 : 1;
    store<u8>(at, bits == 8 ? 0 : load<u8>(at) & ~(<u8>1 << <u8>(number & 7)));
    number = (number + bits) & NUMBERS;
    left -= bits;
  }
}
