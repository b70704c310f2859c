/** The sender of the block stream, `protocol/data-plane.md` §1.2: batches and keep-alives in an out buffer. */

import { clock } from '../codec';
import { Connection, connectionAt } from '../connection';
import { BATCH_NUMBERED, BLOCK_DEFLATED, BLOCK_UNFINISHED, KEEP_ALIVE_MARK, OUT_BUFFER_BYTES } from '../memory';
import { frameOf, Node, Slot } from '../pool';
import { codecOf, portAt, PORT_COMPRESS, PORT_DEFLATE, PORT_ORDERS } from '../port';
import { dequeue, peek } from '../queue/queue';
import { random32 } from '../random';
import { batchAt, releaseBatch } from './batches';
import { beginKeep, endKeep, keepFrame, resent } from './keep';
import { nextBatchNumber } from './order';
import { compressedRoom, writeSmaller, writeZlib } from './compression';

/** Frames of one batch of a session that compresses: some two milliseconds' work. */
const COMPRESSED_BATCH: u32 = 0x4_0000;
/** Milliseconds that a connection takes for one batch of bulk, as far as it is known; and its bytes at least. */
const BATCH_MS: u32 = 4;
const BATCH_LEAST: u32 = 1_514;
/** The same where priority frames leave on another connection: nobody waits, and a TLS record has its price. */
const BATCH_LEAST_APART: u32 = 3 * 1_514;

/** Appends the keep-alive that is due. */
export function encodeKeepAlive(c: Connection): void {
  const size = c.keepAlive - 1;
  c.keepAlive = 0;
  const at = c.out + c.outLength;
  store<u32>(at, bswap<u32>(KEEP_ALIVE_MARK));
  store<u32>(at, bswap<u32>(size), 4);
  for (let i: u32 = 0; i < size; i += 4) store<u32>(at + 8 + i, random32());
  c.outLength += 8 + size;
}

/**
 * Appends one batch with as many frames of the queue as there is room for, of the flows that keep to `lane` or, with NONE,
 * of all, and no more than `bound` bytes of them but for the last one; nothing when there is none. A connection that drains
 * slowly gets small ones, so that what comes later can still overtake, on this connection or, with `apart`, on another one;
 * a session that compresses, so that a turn does not take longer for it than for others.
 */
export function encodeBatch(connection: u32, id: u32, priority: bool, lane: u32, bound: u32, apart: bool, now: f64): void {
  const c = connectionAt(connection);
  const port = portAt(id);
  const compresses = (port.flags & PORT_COMPRESS) != 0;
  const started = compresses ? clock() : 0;
  const start = c.out + c.outLength;
  const end = c.out + OUT_BUFFER_BYTES;
  // Priority frames wait for nobody, and nobody waits for them.
  const numbered = (port.flags & PORT_ORDERS) != 0 && !priority;
  let most = compresses && bound == OUT_BUFFER_BYTES ? COMPRESSED_BATCH : bound;
  if (!priority && c.rate != 0) most = min(most, max(apart ? BATCH_LEAST_APART : BATCH_LEAST, c.rate * BATCH_MS));
  const kept = numbered ? beginKeep(id) : 0;
  // On another connection it may not be compressed as well, and has to fit all the same.
  let left: i32 = kept != 0 && compresses ? OUT_BUFFER_BYTES - 8 : i32.MAX_VALUE;
  let at = start + (numbered ? 8 : 4);
  let frames: u32 = 0;
  let bytes: u32 = 0;
  while (bytes < most) {
    const slot = peek(id, priority, lane, now);
    if (slot == 0) break;
    const length = changetype<Slot>(slot).length;
    const room = blockRoom(slot, compresses);
    if (at + room > end || <i32>room > left) break;
    left -= room;
    dequeue(id, priority, now);
    at = writeBlock(c, id, slot, at, compresses);
    keepFrame(kept, slot);
    bytes += length;
    frames++;
  }
  if (compresses) codecOf(id).sendTime += clock() - started;
  if (frames == 0) {
    if (kept != 0) releaseBatch(kept);
    return;
  }
  store<u32>(start, bswap<u32>(numbered ? frames | BATCH_NUMBERED : frames));
  if (numbered) {
    const number = nextBatchNumber(id);
    store<u32>(start, bswap<u32>(number), 4);
    if (kept != 0) endKeep(id, kept, connection, number, now);
  }
  c.outLength = at - c.out;
}

/** Appends a batch that was sent before; false when there is no room for it. In an empty out buffer there is. */
export function encodeAgain(connection: u32, id: u32, batch: u32, now: f64): bool {
  const c = connectionAt(connection);
  const compresses = (portAt(id).flags & PORT_COMPRESS) != 0;
  const b = batchAt(batch);
  let room: u32 = 8;
  for (let node = b.head; node != 0; node = changetype<Node>(node).next) {
    room += blockRoom(changetype<Node>(node).slot, compresses);
  }
  if (c.outLength + room > OUT_BUFFER_BYTES) return false;
  const started = compresses ? clock() : 0;
  let at = c.out + c.outLength;
  store<u32>(at, bswap<u32>(b.blocks | BATCH_NUMBERED));
  store<u32>(at, bswap<u32>(b.number), 4);
  at += 8;
  for (let node = b.head; node != 0; node = changetype<Node>(node).next) {
    at = writeBlock(c, id, changetype<Node>(node).slot, at, compresses);
  }
  if (compresses) codecOf(id).sendTime += clock() - started;
  c.outLength = at - c.out;
  resent(id, batch, connection, now);
  return true;
}

/** Bytes that the frame may take in an out buffer. */
@inline
function blockRoom(slot: u32, compresses: bool): u32 {
  const s = changetype<Slot>(slot);
  return (s.unfinished ? 8 : 4) + (compresses ? compressedRoom(s.length) : s.length);
}

/** Writes the frame to `at`, and returns where it ends. */
@inline
function writeBlock(c: Connection, id: u32, slot: u32, at: u32, compresses: bool): u32 {
  const s = changetype<Slot>(slot);
  at += s.unfinished ? 8 : 4;
  let size = s.length;
  if (!compresses) memory.copy(at, frameOf(slot), size);
  else size = writeCompressed(c, id, slot, at);
  store<u32>(at - (s.unfinished ? 8 : 4), bswap<u32>(s.unfinished ? size | BLOCK_UNFINISHED : size));
  if (s.unfinished) store<u32>(at - 4, bswap<u32>(<u32>s.segment));
  return at + (size & ~BLOCK_DEFLATED);
}

/** Writes the body of the block, and returns the word that goes in front of it. */
function writeCompressed(c: Connection, id: u32, slot: u32, at: u32): u32 {
  if (!(portAt(id).flags & PORT_DEFLATE)) return writeZlib(id, slot, at);
  const deflated = writeSmaller(c, id, slot, at);
  if (deflated != 0) return deflated | BLOCK_DEFLATED;
  const length = changetype<Slot>(slot).length;
  memory.copy(at, frameOf(slot), length);
  return length;
}
