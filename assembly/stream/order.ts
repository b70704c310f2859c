/**
 * Batches of one flow on several connections, between own peers that agreed: each batch has a number, and the receiver
 * forwards them in that order. A batch that has not been seen is waited for, for ORDER_MS at the most: the connection that
 * has it may have died.
 */

import { Connection, connectionAt } from '../connection';
import { AHEAD_BYTES, NONE, ORDER_BYTES_MAX, ORDER_MS } from '../memory';
import { largeFree, largeTotal, Node, releaseNode, releaseSlot, Slot, smallFree, smallTotal, takeNode } from '../pool';
import { orderOf, portAt } from '../port';
import { forward } from '../switch/forward';

/** What becomes of the frames that a connection brings. */
export const BATCH_PLAIN: u8 = 0;
/** It is this batch's turn. */
export const BATCH_PASSES: u8 = 1;
/** A batch before it has not been seen: its frames wait in the connection's list. */
export const BATCH_WAITS: u8 = 2;
/** It comes after it has been given up: its frames pass, and nothing waits for its end. */
export const BATCH_LATE: u8 = 3;

/** Numbers have 31 bits, and begin anew behind the last. */
const NUMBERS: u32 = 0x7fff_ffff;

/** The number of the next batch that the port sends. */
export function nextBatchNumber(id: u32): u32 {
  const order = orderOf(id);
  const number = order.sent;
  order.sent = (number + 1) & NUMBERS;
  return number;
}

/** A batch begins on the connection. False: the number is none. */
export function beginBatch(id: u32, number: u32, now: f64): bool {
  if (number > NUMBERS) return false;
  const c = connectionAt(id);
  const order = orderOf(c.port);
  const ahead = (number - order.expected) & NUMBERS;
  if (ahead > NUMBERS >> 1) {
    c.batchState = BATCH_LATE;
  } else if (ahead == 0) {
    c.batchState = BATCH_PASSES;
  } else {
    c.batchState = BATCH_WAITS;
    // Without a place for its mark it cannot wait.
    if (!append(c, (number << 1) | 1)) c.batchState = BATCH_LATE;
    else if (order.since == 0) order.since = now;
  }
  return true;
}

/** Whether frames of the port wait for others. */
@inline
export function inOrder(id: u32): bool {
  return orderOf(id).since == 0;
}

/**
 * Whether the connection has brought so much whose turn has not come that it is not to be read for now: the bytes that
 * the others wait for are behind them in line.
 */
@inline
export function isAhead(id: u32): bool {
  return connectionAt(id).heldBytes >= AHEAD_BYTES;
}

/** A frame is complete. Takes over the hold on the slot. */
export function arrive(c: Connection, slot: u32, now: f64): void {
  if (c.batchState != BATCH_WAITS || !append(c, slot)) return forward(c.port, slot, now);
  const order = orderOf(c.port);
  const length = changetype<Slot>(slot).length;
  order.bytes += length;
  c.heldBytes += length;
  const scarce = largeFree < largeTotal >> 2 || smallFree < smallTotal >> 2;
  if (scarce || order.bytes > ORDER_BYTES_MAX) giveUp(c.port, now);
}

/** The batch of the connection has ended. */
export function endBatch(id: u32, now: f64): void {
  const c = connectionAt(id);
  const port = c.port;
  const passed = c.batchState == BATCH_PASSES;
  c.batchState = BATCH_PLAIN;
  if (!passed) return;
  const order = orderOf(port);
  order.expected = (order.expected + 1) & NUMBERS;
  flush(port, now);
}

/**
 * Forwards what has waited for too long, and all that waits behind it: the connection that they wait for has stopped, and
 * may have more of the batches that are missing. Whether frames of the port still wait.
 */
export function releaseLate(id: u32, now: f64): bool {
  const order = orderOf(id);
  if (order.since != 0 && now - order.since >= ORDER_MS) while (order.since != 0) giveUp(id, now);
  return order.since != 0;
}

/** The connection goes away: what it has brought is forwarded, in whatever order, and is not waited for any more. */
export function leaveOrder(id: u32, now: f64): void {
  const c = connectionAt(id);
  if (c.batchState == BATCH_PASSES) endBatch(id, now);
  while (c.heldHead != 0) giveUp(c.port, now);
  c.batchState = BATCH_PLAIN;
}

/** Forwards batches as long as the one whose turn it is has been seen. */
function flush(port: u32, now: f64): void {
  const order = orderOf(port);
  let id = portAt(port).firstConnection;
  while (id != NONE) {
    const c = connectionAt(id);
    if (c.heldHead == 0 || changetype<Node>(c.heldHead).slot >> 1 != order.expected) {
      id = c.next;
      continue;
    }
    take(c);
    while (c.heldHead != 0 && !(changetype<Node>(c.heldHead).slot & 1)) {
      const slot = take(c);
      const length = changetype<Slot>(slot).length;
      order.bytes -= length;
      c.heldBytes -= length;
      forward(port, slot, now);
    }
    if (c.heldHead == 0 && c.batchState == BATCH_WAITS) {
      // The rest of it is still to come.
      c.batchState = BATCH_PASSES;
      break;
    }
    order.expected = (order.expected + 1) & NUMBERS;
    id = portAt(port).firstConnection;
  }
  // What still waits has waited since now at the longest: what it waited for has just come.
  order.since = 0;
  for (id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    if (connectionAt(id).heldHead != 0) order.since = now;
  }
}

/** Goes on with the first batch that has been seen. */
function giveUp(port: u32, now: f64): void {
  const order = orderOf(port);
  let least: u32 = NONE;
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const c = connectionAt(id);
    // The end of a batch that passes will be taken for none.
    if (c.batchState == BATCH_PASSES) c.batchState = BATCH_LATE;
    if (c.heldHead == 0) continue;
    least = min(least, ((changetype<Node>(c.heldHead).slot >> 1) - order.expected) & NUMBERS);
  }
  if (least == NONE) {
    order.since = 0;
    return;
  }
  order.expected = (order.expected + least) & NUMBERS;
  order.skipped++;
  flush(port, now);
}

/** False when there is no place left. */
function append(c: Connection, word: u32): bool {
  const node = takeNode();
  if (node == 0) return false;
  changetype<Node>(node).slot = word;
  changetype<Node>(node).next = 0;
  if (c.heldHead == 0) c.heldHead = node;
  else changetype<Node>(c.heldTail).next = node;
  c.heldTail = node;
  return true;
}

function take(c: Connection): u32 {
  const node = c.heldHead;
  const word = changetype<Node>(node).slot;
  c.heldHead = changetype<Node>(node).next;
  releaseNode(node);
  return word;
}
