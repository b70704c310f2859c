/**
 * Batches of one flow on several connections, between own peers that agreed: each batch has a number, and the receiver
 * forwards them in that order. A batch that has not been seen is waited for, for ORDER_MS at the most: the connection that
 * has it may have died. When the peer sends again what such a connection had, it is waited for RESENT_MS, a batch may come
 * on two connections, and each of its frames is forwarded from the one that has it first.
 */

import { Connection, connectionAt } from '../connection';
import { DROP_MEMORY } from '../counters';
import { AHEAD_BYTES, AHEAD_NUMBERS, KEEP_BYTES_MAX, NONE, ORDER_BYTES_MAX, ORDER_MS, RESENT_MS } from '../memory';
import { largeFree, largeTotal, Node, releaseNode, releaseSlot, Slot, smallFree, smallTotal } from '../pool';
import { accountOf, countDrop, Order, orderOf, portAt, PORT_RESENDS } from '../port';
import { filled } from '../queue/queue';
import { hold, watchQueues } from '../queue/hold';
import { forward } from '../switch/forward';
import { isSeen, noteBatch, noteSeen } from './account';
import { addFrame, batchAt, Batches, insertBatch, isBefore, NUMBERS, releaseBatch, takeBatch, unlinkBatch } from './batches';

/** What becomes of the frames that a connection brings. */
export const BATCH_PLAIN: u8 = 0;
/** It is this batch's turn. */
export const BATCH_PASSES: u8 = 1;
/** A batch before it has not been seen: its frames wait. */
export const BATCH_WAITS: u8 = 2;
/** It comes after it has been given up: its frames pass, and nothing waits for its end. */
export const BATCH_LATE: u8 = 3;
/** All of it has come on another connection: its frames are dropped. */
export const BATCH_DOUBLE: u8 = 4;

/** Batches of a port that wait at most. */
const HELD_MAX: u32 = 4_096;

/** The number of the next batch that the port sends. */
export function nextBatchNumber(id: u32): u32 {
  const order = orderOf(id);
  const number = order.sent;
  order.sent = (number + 1) & NUMBERS;
  return number;
}

@inline
function heldOf(port: u32): Batches {
  return changetype<Batches>(changetype<usize>(orderOf(port)) + offsetof<Order>('heldFirst'));
}

@inline
function isResent(port: u32): bool {
  return (portAt(port).flags & PORT_RESENDS) != 0;
}

/** A batch begins on the connection. False: the number is none. */
export function beginBatch(id: u32, number: u32, now: f64): bool {
  if (number > NUMBERS) return false;
  const c = connectionAt(id);
  const port = c.port;
  const order = orderOf(port);
  c.batchNumber = number;
  c.blockIndex = 0;
  if (isResent(port)) {
    keepInReach(port, number, now);
    if (isSeen(port, number)) {
      accountOf(port).doubles++;
      c.batchState = BATCH_DOUBLE;
      return true;
    }
  }
  if (isBefore(number, order.expected)) {
    beLate(c);
  } else if (number == order.expected) {
    c.batchState = BATCH_PASSES;
  } else {
    const batch = order.held < HELD_MAX ? takeBatch() : 0;
    if (batch == 0) {
      // It cannot wait.
      beLate(c);
      return true;
    }
    batchAt(batch).number = number;
    batchAt(batch).lane = id;
    insertBatch(heldOf(port), batch);
    order.held++;
    c.batch = batch;
    c.batchState = BATCH_WAITS;
    if (order.since == 0) order.since = now;
  }
  return true;
}

/** No other connection that brings the batch is listened to: nobody would know what of it has passed. */
function beLate(c: Connection): void {
  c.batchState = BATCH_LATE;
  if (isResent(c.port)) noteSeen(c.port, c.batchNumber);
}

/** Whether frames of the port wait for others. */
@inline
export function inOrder(id: u32): bool {
  return orderOf(id).since == 0;
}

/**
 * Whether the connection has brought so much whose turn has not come that it is not to be read for now: the bytes that
 * the others wait for are behind them in line. A peer who sends again sees to it himself, and what he sends again may be
 * behind just these.
 */
@inline
export function isAhead(id: u32): bool {
  const c = connectionAt(id);
  if (c.heldBytes < AHEAD_BYTES) return false;
  return !isResent(c.port) || orderOf(c.port).bytes >= KEEP_BYTES_MAX + AHEAD_BYTES;
}

/** A frame is complete. Takes over the hold on the slot. */
export function arrive(c: Connection, slot: u32, now: f64): void {
  const port = c.port;
  const order = orderOf(port);
  if (c.batchState == BATCH_WAITS) {
    if (!addFrame(c.batch, slot, c.blockIndex)) {
      countDrop(port, DROP_MEMORY);
      return releaseSlot(slot);
    }
    const length = changetype<Slot>(slot).length;
    order.bytes += length;
    c.heldBytes += length;
    const scarce = largeFree < largeTotal >> 2 || smallFree < smallTotal >> 2;
    if (scarce || order.bytes > ORDER_BYTES_MAX) giveUp(port, now, true);
    return;
  }
  if (c.batchState == BATCH_DOUBLE) return releaseSlot(slot);
  if (c.batchState == BATCH_PASSES) {
    if (c.blockIndex < order.taken) return releaseSlot(slot);
    order.taken = c.blockIndex + 1;
  }
  forward(port, slot, now);
}

/** The batch of the connection has ended. */
export function endBatch(id: u32, now: f64): void {
  const c = connectionAt(id);
  const port = c.port;
  const state = c.batchState;
  c.batchState = BATCH_PLAIN;
  if (isResent(port)) {
    noteBatch(port, now);
    if (state != BATCH_DOUBLE) noteSeen(port, c.batchNumber);
  }
  if (state == BATCH_WAITS) {
    batchAt(c.batch).whole = 1;
    c.batch = 0;
  } else if (state == BATCH_PASSES) {
    pass(port);
    flush(port, now, false);
  }
}

/**
 * What waited for one batch is more than a queue may hold, and must not be lost in it: once a queue is full, the rest waits
 * until it has been emptied. This goes on.
 */
export function goOnInOrder(port: u32, now: f64): void {
  const order = orderOf(port);
  if (!isResent(port) || order.heldFirst == 0) return;
  if (isBefore(order.expected, batchAt(order.heldFirst).number) && !isSeen(port, order.expected)) return;
  watchQueues();
  flush(port, now, false);
  hold(port, now);
}

/**
 * Forwards what has waited for too long, and all that waits behind it: the connection that they wait for has stopped, and
 * may have more of the batches that are missing. Whether frames of the port still wait.
 */
export function releaseLate(id: u32, now: f64): bool {
  const order = orderOf(id);
  const wait = isResent(id) ? RESENT_MS : ORDER_MS;
  if (order.since == 0 || now - order.since < wait) return order.since != 0;
  watchQueues();
  while (order.since != 0 && !mustRest(id)) giveUp(id, now, false);
  return order.since != 0;
}

/**
 * The connection goes away. What it has brought waits on when the peer sends the rest again; otherwise it is forwarded, in
 * whatever order, and is not waited for any more.
 */
export function leaveOrder(id: u32, now: f64): void {
  const c = connectionAt(id);
  const port = c.port;
  const order = orderOf(port);
  if (isResent(port)) {
    if (c.batchState == BATCH_WAITS) {
      order.bytes -= framesBytes(c.batch);
      removeHeld(port, c.batch);
      if (order.heldFirst == 0) order.since = 0;
    }
    for (let batch = order.heldFirst; batch != 0; batch = batchAt(batch).next) {
      if (batchAt(batch).lane == id) batchAt(batch).lane = NONE;
    }
  } else {
    if (c.batchState == BATCH_PASSES) endBatch(id, now);
    if (c.batch != 0) batchAt(c.batch).whole = 1;
    while (waitsOn(port, id)) giveUp(port, now, true);
  }
  c.batchState = BATCH_PLAIN;
  c.batch = 0;
  c.heldBytes = 0;
}

/** Gives back what waits in a port that is closed. */
export function emptyOrder(port: u32): void {
  const order = orderOf(port);
  while (order.heldFirst != 0) removeHeld(port, order.heldFirst);
}

function waitsOn(port: u32, id: u32): bool {
  for (let batch = orderOf(port).heldFirst; batch != 0; batch = batchAt(batch).next) {
    if (batchAt(batch).lane == id) return true;
  }
  return false;
}

function framesBytes(batch: u32): u32 {
  let bytes: u32 = 0;
  for (let node = batchAt(batch).head; node != 0; node = changetype<Node>(node).next) {
    bytes += changetype<Slot>(changetype<Node>(node).slot).length;
  }
  return bytes;
}

function removeHeld(port: u32, batch: u32): void {
  unlinkBatch(heldOf(port), batch);
  orderOf(port).held--;
  releaseBatch(batch);
}

/** The batch whose turn it was has been forwarded; who else brings it need not go on. */
function pass(port: u32): void {
  const order = orderOf(port);
  const number = order.expected;
  order.expected = (number + 1) & NUMBERS;
  order.taken = 0;
  if (!isResent(port)) return;
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const c = connectionAt(id);
    if (c.batchState == BATCH_PASSES && c.batchNumber == number) c.batchState = BATCH_DOUBLE;
  }
}

@inline
function mustRest(port: u32): bool {
  return filled != NONE && isResent(port);
}

/** Forwards batches as long as the one whose turn it is has been seen, and, unless they must, queues take them. */
function flush(port: u32, now: f64, must: bool): void {
  const order = orderOf(port);
  while (must || !mustRest(port)) {
    const batch = order.heldFirst;
    if (batch != 0 && !isBefore(order.expected, batchAt(batch).number)) release(port, batch, now);
    // One that could not wait has passed before.
    else if (isResent(port) && isSeen(port, order.expected)) pass(port);
    else break;
  }
  // What still waits has waited since now at the longest: what it waited for has just come.
  order.since = order.heldFirst == 0 ? 0 : now;
}

/** It is this batch's turn, or that of another one with its number was. */
function release(port: u32, batch: u32, now: f64): void {
  const order = orderOf(port);
  const b = batchAt(batch);
  const turn = b.number == order.expected;
  let node = b.head;
  b.head = 0;
  while (node != 0) {
    const n = changetype<Node>(node);
    const slot = n.slot;
    const index = n.time;
    const next = n.next;
    releaseNode(node);
    const length = changetype<Slot>(slot).length;
    order.bytes -= length;
    if (b.lane != NONE) connectionAt(b.lane).heldBytes -= length;
    if (!turn || index < order.taken) {
      releaseSlot(slot);
    } else {
      order.taken = index + 1;
      forward(port, slot, now);
    }
    node = next;
  }
  const whole = b.whole != 0;
  const lane = b.lane;
  removeHeld(port, batch);
  if (whole) {
    if (turn) pass(port);
    return;
  }
  // The rest of it is still to come.
  connectionAt(lane).batchState = turn ? BATCH_PASSES : BATCH_DOUBLE;
  connectionAt(lane).batch = 0;
}

/** Goes on with the first batch that has been seen. */
function giveUp(port: u32, now: f64, must: bool): void {
  const order = orderOf(port);
  if (order.heldFirst == 0) {
    order.since = 0;
    return;
  }
  const number = batchAt(order.heldFirst).number;
  // Otherwise it is its turn, and it rests.
  if (isBefore(order.expected, number)) goOnAt(port, number);
  flush(port, now, must);
}

function goOnAt(port: u32, number: u32): void {
  const order = orderOf(port);
  let begun = order.taken != 0;
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const c = connectionAt(id);
    if (c.batchState != BATCH_PASSES) continue;
    // Its end will be taken for none.
    c.batchState = BATCH_LATE;
    begun = true;
  }
  if (begun && isResent(port)) noteSeen(port, order.expected);
  order.taken = 0;
  order.expected = number;
  order.skipped++;
}

/** A number far ahead of the one whose turn it is ends the wait for it: the two could not be told apart any more. */
function keepInReach(port: u32, number: u32, now: f64): void {
  const order = orderOf(port);
  while (!isBefore(number, order.expected) && ((number - order.expected) & NUMBERS) >= AHEAD_NUMBERS) {
    const first = order.heldFirst;
    if (first != 0 && isBefore(batchAt(first).number, number)) {
      giveUp(port, now, true);
    } else {
      goOnAt(port, number);
      flush(port, now, true);
    }
  }
}
