/**
 * Numbered batches that are remembered: on the receiving side those that wait for earlier ones, on the sending side those
 * that the peer is not known to have. Each port has a list of both, by number.
 */

import { BATCH_BYTES, BATCHES, BATCHES_MAX } from '../memory';
import { Node, releaseNode, releaseSlot, takeNode } from '../pool';

/** Numbers have 31 bits, and begin anew behind the last. */
export const NUMBERS: u32 = 0x7fff_ffff;

@unmanaged
export class Batch {
  number: u32;
  next: u32;
  previous: u32;
  /** The connection that brings it, or that it was given to; NONE: none. */
  lane: u32;
  /** Its frames; the time of a node is the place of the frame in the batch. */
  head: u32;
  tail: u32;
  /** Of the frames, or of the buffers that they are in. */
  bytes: u32;
  /** Received: all of it has come. Sent: its frames are kept. */
  whole: u8;
  /** It was sent more than once. */
  resent: u8;
  /** At most what fits in an out buffer: some 7,000 of the shortest frames. */
  blocks: u16;
  /** When it was sent, host's ms. */
  time: f64;
  /** Bytes that those before it took, modulo 2 ** 32. */
  offset: u32;
  /** Bytes of its frames, kept or not. */
  length: u32;
}

/** The ends of a list: the first two fields of `Keep`, and those of that name in `Order`. */
@unmanaged
export class Batches {
  first: u32;
  last: u32;
}

let top: u32 = 0;
let fresh: u32 = BATCHES;

export function initBatches(): void {
  top = 0;
  fresh = BATCHES;
}

@inline
export function batchAt(address: u32): Batch {
  return changetype<Batch>(address);
}

/** Whether the one number comes before the other. */
@inline
export function isBefore(number: u32, other: u32): bool {
  return ((number - other) & NUMBERS) > NUMBERS >> 1;
}

/** An empty one, or 0. */
export function takeBatch(): u32 {
  let batch = top;
  if (batch != 0) {
    top = batchAt(batch).next;
  } else {
    if (fresh >= BATCHES + BATCHES_MAX * BATCH_BYTES) return 0;
    batch = fresh;
    fresh += BATCH_BYTES;
  }
  memory.fill(batch, 0, BATCH_BYTES);
  return batch;
}

/** Gives it and its frames back. */
export function releaseBatch(batch: u32): void {
  dropFrames(batch);
  batchAt(batch).next = top;
  top = batch;
}

/** Gives its frames back. */
export function dropFrames(batch: u32): void {
  const b = batchAt(batch);
  for (let node = b.head; node != 0; ) {
    const next = changetype<Node>(node).next;
    releaseSlot(changetype<Node>(node).slot);
    releaseNode(node);
    node = next;
  }
  b.head = b.tail = b.bytes = 0;
}

/** Takes over the hold on the slot; false, and it does not, when there is no place left. */
export function addFrame(batch: u32, slot: u32, index: u32): bool {
  const node = takeNode();
  if (node == 0) return false;
  const n = changetype<Node>(node);
  n.slot = slot;
  n.next = 0;
  n.time = index;
  const b = batchAt(batch);
  if (b.head == 0) b.head = node;
  else changetype<Node>(b.tail).next = node;
  b.tail = node;
  return true;
}

/** Puts it behind all whose number is not higher. Most numbers are among the highest. */
export function insertBatch(list: Batches, batch: u32): void {
  const b = batchAt(batch);
  let before = list.last;
  while (before != 0 && isBefore(b.number, batchAt(before).number)) before = batchAt(before).previous;
  b.previous = before;
  b.next = before == 0 ? list.first : batchAt(before).next;
  if (before == 0) list.first = batch;
  else batchAt(before).next = batch;
  if (b.next == 0) list.last = batch;
  else batchAt(b.next).previous = batch;
}

export function unlinkBatch(list: Batches, batch: u32): void {
  const b = batchAt(batch);
  if (b.previous == 0) list.first = b.next;
  else batchAt(b.previous).next = b.next;
  if (b.next == 0) list.last = b.previous;
  else batchAt(b.next).previous = b.previous;
}
