/**
 * What was sent and the peer is not known to have, between own peers that agreed: the frames of numbered batches, until the
 * peer says that it has them. What the kernel says of the connection would not do: what its peer has may be a proxy's, is
 * lost when a reset comes before it was read, and has TLS around it. What a connection that stops or goes away was given
 * is sent on the others, with the numbers that it had.
 */

import { Connection, connectionAt } from '../connection';
import { AHEAD_NUMBERS, KEEP_BYTES_MAX, LARGE_SLOT_BYTES, NONE, SMALL_SLOT_BYTES } from '../memory';
import { holdSlot, largeFree, largeTotal, Node, releaseSlot, Slot, smallFree, smallTotal } from '../pool';
import { Keep, keepOf, orderOf, portAt, PORT_RESENDS } from '../port';
import { markReady } from '../queue/ready';
import { addFrame, Batch, batchAt, Batches, dropFrames, insertBatch, isBefore, NUMBERS, releaseBatch, takeBatch, unlinkBatch } from './batches';

/** Milliseconds for which a session runs on beyond KEEP_BYTES_MAX although the first batch makes no progress, at least. */
const RUN_MS: f64 = 10;
/** Of what is measured, what goes into the mean. */
const SHARE: f64 = 1 / 8;

@inline
function keptOf(port: u32): Batches {
  return changetype<Batches>(keepOf(port));
}

/** A batch that is about to be sent; 0: it is not remembered. */
export function beginKeep(port: u32): u32 {
  if (!(portAt(port).flags & PORT_RESENDS) || portAt(port).connections < 2) return 0;
  const batch = takeBatch();
  // The queues come first: half of the buffers are theirs.
  const room = keepOf(port).bytes < KEEP_BYTES_MAX && smallFree > smallTotal >> 1 && largeFree > largeTotal >> 1;
  if (batch != 0 && room) batchAt(batch).whole = 1;
  return batch;
}

/** A frame of it was written. Takes over the hold on the slot. */
export function keepFrame(batch: u32, slot: u32): void {
  if (batch == 0) return releaseSlot(slot);
  const b = batchAt(batch);
  const bytes = changetype<Slot>(slot).large ? LARGE_SLOT_BYTES : SMALL_SLOT_BYTES;
  b.length += changetype<Slot>(slot).length;
  if (b.whole && addFrame(batch, slot, b.blocks)) {
    b.bytes += bytes;
  } else {
    releaseSlot(slot);
    if (b.whole) dropFrames(batch);
    b.whole = 0;
  }
  b.offset += bytes;
  b.blocks++;
}

/** All of it was written to the connection. */
export function endKeep(port: u32, batch: u32, id: u32, number: u32, now: f64): void {
  const keep = keepOf(port);
  const b = batchAt(batch);
  b.number = number;
  const bytes = b.offset;
  b.offset = keep.offset;
  keep.offset += bytes;
  keep.bytes += b.bytes;
  if (keep.first == 0) keep.moved = now;
  insertBatch(keptOf(port), batch);
  give(b, id, now);
}

/** The batch is on the connection. */
export function give(b: Batch, id: u32, now: f64): void {
  const c = connectionAt(id);
  b.lane = id;
  b.time = now;
  c.outstandingBytes += b.length;
  if (c.outstanding++ == 0) c.since = now;
}

/**
 * Whether the port may send more that is new. The peer has all of it waiting when one batch is late, and what is sent again
 * would have to queue behind it: as soon as the first makes no progress, the others go no further.
 */
export function mayRun(port: u32, now: f64): bool {
  const keep = keepOf(port);
  if (keep.first == 0) return true;
  const first = batchAt(keep.first);
  if (((orderOf(port).sent - first.number) & NUMBERS) >= AHEAD_NUMBERS) return false;
  return keep.offset - first.offset < KEEP_BYTES_MAX || now - keep.moved < max(RUN_MS, keep.roundTrip);
}

/** The first that waits for a connection, or 0. */
export function nextToResend(port: u32): u32 {
  if (keepOf(port).waiting == 0) return 0;
  let batch = keepOf(port).first;
  while (batch != 0 && batchAt(batch).lane != NONE) batch = batchAt(batch).next;
  return batch;
}

/** It was written again. */
export function resent(port: u32, batch: u32, id: u32, now: f64): void {
  keepOf(port).waiting--;
  keepOf(port).resent++;
  give(batchAt(batch), id, now);
}

/** Whatever the connection was given is to be sent on others. */
export function takeBack(id: u32): void {
  const c = connectionAt(id);
  const port = c.port;
  const keep = keepOf(port);
  if (c.outstanding == 0) return;
  for (let batch = keep.first; batch != 0; ) {
    const b = batchAt(batch);
    const next = b.next;
    if (b.lane == id) {
      if (b.whole) {
        b.lane = NONE;
        b.resent = 1;
        keep.waiting++;
      } else {
        forget(port, batch);
      }
    }
    batch = next;
  }
  c.outstanding = 0;
  c.outstandingBytes = 0;
  markReady(port);
}

/** Gives back what a port that is closed has kept. */
export function emptyKeep(port: u32): void {
  while (keepOf(port).first != 0) forget(port, keepOf(port).first);
}

/** The peer has all batches before `base`. */
export function acknowledge(port: u32, base: u32, now: f64): void {
  const keep = keepOf(port);
  const first = keep.first;
  while (keep.first != 0 && isBefore(batchAt(keep.first).number, base)) receivedBy(port, keep.first, now);
  if (keep.first != first) progress(port, now);
}

/**
 * Where the last word has ended in the list, so that the next need not begin at the first again; 0: it has to. Only within
 * one piece of one connection, in which nothing else gives batches back.
 */
let cursor: u32 = 0;

export function forgetCursor(): void {
  cursor = 0;
}

/** And of the 32 from `start` on those whose bits are set, lowest first. */
export function acknowledgeWord(port: u32, start: u32, word: u32, now: f64): void {
  if (word == 0) return;
  const keep = keepOf(port);
  const first = keep.first;
  let batch = cursor == 0 ? keep.first : cursor;
  while (batch != 0) {
    const number = batchAt(batch).number;
    const next = batchAt(batch).next;
    const at = (number - start) & NUMBERS;
    if (at < 32) {
      if (word & (<u32>1 << at)) receivedBy(port, batch, now);
    } else if (!isBefore(number, start)) {
      break;
    }
    batch = next;
  }
  cursor = batch;
  if (keep.first != first) progress(port, now);
}

/** The first one is another one. */
function progress(port: u32, now: f64): void {
  keepOf(port).moved = now;
  if (portAt(port).frames0 != 0) markReady(port);
}

function receivedBy(port: u32, batch: u32, now: f64): void {
  const keep = keepOf(port);
  const b = batchAt(batch);
  if (b.lane == NONE) {
    keep.waiting--;
  } else {
    const c = connectionAt(b.lane);
    c.outstanding--;
    c.outstandingBytes -= b.length;
    c.since = c.moved = now;
    // Of one that was sent twice it is not known which has come.
    if (!b.resent) measure(keep, c, now - b.time);
  }
  forget(port, batch);
}

function measure(keep: Keep, c: Connection, took: f64): void {
  c.roundTrip = c.roundTrip == 0 ? took : c.roundTrip + (took - c.roundTrip) * SHARE;
  keep.roundTrip = keep.roundTrip == 0 ? took : keep.roundTrip + (took - keep.roundTrip) * SHARE;
}

function forget(port: u32, batch: u32): void {
  keepOf(port).bytes -= batchAt(batch).bytes;
  unlinkBatch(keptOf(port), batch);
  releaseBatch(batch);
}
