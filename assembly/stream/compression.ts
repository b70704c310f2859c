/**
 * Compression of blocks, `protocol/data-plane.md` §2. Towards a SoftEther peer every block is a zlib stream of its own.
 * Between our own peers a block is deflated if that makes it smaller, and goes on where the one before it ended.
 */

import { deflateBlock, inflateBlock } from '../codec';
import { Connection } from '../connection';
import { DROP_INFLATE, DROP_LONG, DROP_MEMORY, DROP_SHORT } from '../counters';
import { zlibBound } from '../deflate/deflate';
import { flowOf, isTried, noteTry, worthwhile } from '../deflate/flows';
import { INFLATE_SLACK, INFLATE_TOO_LONG } from '../deflate/inflate';
import { looksRandom } from '../deflate/sample';
import { deflateInWindow, inflatedFrame, inflateInWindow, initDeflateWindow, initInflateWindow } from '../deflate/window';
import { FRAME_MIN, SMALL_FRAME_MAX } from '../memory';
import { frameOf, releaseSlot, releaseWindow, Slot, takeSlot, takeWindow } from '../pool';
import { codecOf, countDrop, flowsOf, portAt, PORT_WINDOW } from '../port';
import { arrive } from './order';

/** Bytes that the deflated form of a frame may take while it is being written. */
@inline
export function compressedRoom(length: u32): u32 {
  return zlibBound(length) + 8;
}

/** Writes the frame in the slot to `at` as one zlib stream, and returns its length. */
export function writeZlib(port: u32, slot: u32, at: u32): u32 {
  const length = changetype<Slot>(slot).length;
  const deflated = deflateBlock(frameOf(slot), length, at);
  count(port, length, deflated);
  return deflated;
}

/** Between own peers: writes the frame deflated to `at` and returns its length; 0 if it is to be sent as it is. */
export function writeSmaller(c: Connection, port: u32, slot: u32, at: u32): u32 {
  const length = changetype<Slot>(slot).length;
  const frame = frameOf(slot);
  const flow = flowOf(flowsOf(port), frame, length);
  let deflated: u32 = 0;
  if (isTried(flow)) {
    if (!looksRandom(frame, length)) deflated = writeIfSmaller(c, port, frame, length, at);
    noteTry(flow, deflated != 0);
  }
  count(port, length, deflated != 0 ? deflated : length);
  return deflated;
}

function writeIfSmaller(c: Connection, port: u32, frame: u32, length: u32, at: u32): u32 {
  const limit = worthwhile(length);
  if (portAt(port).flags & PORT_WINDOW) {
    if (c.sendWindow == 0) {
      c.sendWindow = takeWindow();
      if (c.sendWindow == 0) return 0;
      initDeflateWindow(c.sendWindow);
    }
    return deflateInWindow(c.sendWindow, frame, length, at, limit);
  }
  const deflated = deflateBlock(frame, length, at);
  return deflated < limit ? deflated : 0;
}

@inline
function count(port: u32, bytes: u32, deflated: u32): void {
  const codec = codecOf(port);
  codec.sentBytes += bytes;
  codec.sentDeflated += deflated;
}

/**
 * Inflates the block of `length` bytes at `at` and forwards the frame. False when the connection's window is lost: nothing
 * that follows on the connection could be inflated.
 */
export function takeDeflated(c: Connection, at: u32, length: u32, now: f64): bool {
  const id = c.port;
  codecOf(id).receivedDeflated += length;
  const windowed = (portAt(id).flags & PORT_WINDOW) != 0;
  const slot = windowed ? inflateWindowed(c, at, length) : inflateAlone(id, at, length);
  if (slot == 0) return !windowed || c.receiveWindow != 0;
  const s = changetype<Slot>(slot);
  codecOf(id).receivedBytes += s.length;
  if (s.length < FRAME_MIN) {
    countDrop(id, DROP_SHORT);
    releaseSlot(slot);
    return true;
  }
  if (c.unfinished) {
    s.unfinished = 1;
    s.segment = <u16>c.segment;
  }
  arrive(c, slot, now);
  return true;
}

/** The frame in a new slot, or 0; what is wrong with it was counted. */
function inflateAlone(id: u32, at: u32, length: u32): u32 {
  const limit = portAt(id).frameMax;
  const slot = takeSlot(limit + INFLATE_SLACK);
  if (slot == 0) {
    countDrop(id, DROP_MEMORY);
    return 0;
  }
  const bytes = inflateBlock(at, length, frameOf(slot), limit);
  if (bytes < 0) {
    countDrop(id, bytes == INFLATE_TOO_LONG ? DROP_LONG : DROP_INFLATE);
    releaseSlot(slot);
    return 0;
  }
  changetype<Slot>(slot).length = bytes;
  if (!changetype<Slot>(slot).large || <u32>bytes > SMALL_FRAME_MAX) return slot;
  // A small frame must not keep a large slot busy while it waits in a queue.
  const small = copyToSlot(id, frameOf(slot), bytes);
  releaseSlot(slot);
  return small;
}

/** The frame in a new slot, or 0; then the window is given back, unless it was only memory that was missing. */
function inflateWindowed(c: Connection, at: u32, length: u32): u32 {
  if (c.receiveWindow == 0) {
    c.receiveWindow = takeWindow();
    if (c.receiveWindow == 0) return 0;
    initInflateWindow(c.receiveWindow);
  }
  const bytes = inflateInWindow(c.receiveWindow, at, length, portAt(c.port).frameMax);
  if (bytes >= 0) return copyToSlot(c.port, inflatedFrame(c.receiveWindow), bytes);
  countDrop(c.port, DROP_INFLATE);
  releaseWindow(c.receiveWindow);
  c.receiveWindow = 0;
  return 0;
}

function copyToSlot(id: u32, frame: u32, length: u32): u32 {
  const slot = takeSlot(length);
  if (slot == 0) {
    countDrop(id, DROP_MEMORY);
    return 0;
  }
  memory.copy(frameOf(slot), frame, length);
  changetype<Slot>(slot).length = length;
  return slot;
}
