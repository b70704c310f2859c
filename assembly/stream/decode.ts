/** The receiver of the block stream, `protocol/data-plane.md` §1.3 and §1.4. */

import { clock } from '../codec';
import { connectionAt } from '../connection';
import { DROP_LONG, DROP_MEMORY, DROP_SHORT } from '../counters';
import { INFLATE_SLACK } from '../deflate/inflate';
import { BATCH_NUMBERED, BLOCK_DEFLATED, BLOCK_UNFINISHED, FRAME_MIN, KEEP_ALIVE_MARK, KEEP_ALIVE_MAX, KEEP_ALIVE_RETIRE } from '../memory';
import { frameOf, releaseSlot, Slot, takeSlot } from '../pool';
import { codecOf, countDrop, portAt, PORT_COMPRESS, PORT_DEFLATE, PORT_OFFLOAD, PORT_ORDERS, PORT_RESENDS, PORT_RETIRES } from '../port';
import { takeDeflated } from './compression';
import { CONTROL_WORDS, isControl, onControl } from './control';
import { acknowledgeWord, forgetCursor } from './keep';
import { arrive, BATCH_DOUBLE, BATCH_PLAIN, beginBatch, endBatch } from './order';

export const STREAM_OK: u32 = 0;
/** A block is longer than the session allows: the connection is to be closed. */
export const STREAM_BLOCK_TOO_LONG: u32 = 1;
/** A keep-alive is longer than 512 bytes: the connection is to be closed. */
export const STREAM_KEEP_ALIVE_TOO_LONG: u32 = 2;
/** A frame is said to stand for frames of more than 64 KiB: the connection is to be closed. */
export const STREAM_SEGMENT_TOO_LONG: u32 = 4;

/** A deflated block does not fit what came before it, or no memory was left for it: the connection is to be closed. */
export const STREAM_DEFLATE: u32 = 5;
/** The number of a batch is none, or what is in its place: the connection is to be closed. */
export const STREAM_NUMBER: u32 = 6;

/** The peer has sent its last on this connection, which is in order. */
export const STREAM_RETIRED: u32 = 3;

const COUNT: u8 = 0;
const SIZE: u8 = 1;
const BODY: u8 = 2;
const KEEP_ALIVE_SIZE: u8 = 3;
const KEEP_ALIVE_BODY: u8 = 4;
/** Behind the size of a block with BLOCK_UNFINISHED. */
const SEGMENT: u8 = 6;
/** Behind a count with BATCH_NUMBERED. */
const NUMBER: u8 = 7;
/** Of a batch without blocks, `control.ts`: the argument, and the words that follow. */
const CONTROL: u8 = 8;
const WORDS: u8 = 9;
/** Behind an error: whatever still comes is not looked at. */
const BROKEN: u8 = 5;

/** Feeds the bytes from `at` to `end` to a connection; the frames in them are forwarded. */
export function decode(id: u32, at: u32, end: u32, now: f64): u32 {
  const port = connectionAt(id).port;
  if (!(portAt(port).flags & PORT_COMPRESS)) return decodeBytes(id, at, end, now);
  const started = clock();
  const result = decodeBytes(id, at, end, now);
  codecOf(port).receiveTime += clock() - started;
  return result;
}

function decodeBytes(id: u32, at: u32, end: u32, now: f64): u32 {
  const c = connectionAt(id);
  c.receivedBytes += end - at;
  if (c.state == WORDS) forgetCursor();
  while (at < end) {
    const state = c.state;
    if (state == BODY && c.deflated) {
      const bytes = min(c.missing, end - at);
      const result = takePart(id, at, bytes, now);
      if (result != STREAM_OK) {
        c.state = BROKEN;
        return result;
      }
      at += bytes;
      continue;
    }
    if (state == BODY || state == KEEP_ALIVE_BODY) {
      const bytes = min(c.missing, end - at);
      if (c.slot != 0) {
        const s = changetype<Slot>(c.slot);
        memory.copy(frameOf(c.slot) + s.length - c.missing, at, bytes);
      }
      at += bytes;
      c.missing -= bytes;
      if (c.missing != 0) break;
      c.missing = 4;
      c.received = now;
      if (state == KEEP_ALIVE_BODY) {
        if (c.number == KEEP_ALIVE_RETIRE && portAt(c.port).flags & PORT_RETIRES && c.retired == 0) c.retired = 1;
        c.state = COUNT;
      } else {
        const slot = c.slot;
        c.slot = 0;
        if (slot != 0) arrive(c, slot, now);
        endBlock(id, now);
      }
      continue;
    }
    if (state == BROKEN) return STREAM_OK;
    // The other states read a number of four bytes, which may arrive in pieces.
    if (c.missing == 4 && end - at >= 4) {
      c.number = bswap<u32>(load<u32>(at));
      at += 4;
    } else {
      c.number = (c.number << 8) | <u32>load<u8>(at++);
      if (--c.missing != 0) continue;
      c.missing = 4;
    }
    const error = onNumber(id, c.number, now);
    if (error != STREAM_OK) {
      c.state = BROKEN;
      return error;
    }
  }
  if (c.retired != 1) return STREAM_OK;
  c.retired = 2;
  return STREAM_RETIRED;
}

function onNumber(id: u32, number: u32, now: f64): u32 {
  const c = connectionAt(id);
  if (c.state == COUNT) {
    if (number == KEEP_ALIVE_MARK) {
      c.state = KEEP_ALIVE_SIZE;
    } else if (number & BATCH_NUMBERED && portAt(c.port).flags & PORT_ORDERS) {
      c.blocks = number & ~BATCH_NUMBERED;
      c.state = NUMBER;
    } else if (number != 0) {
      // There is no upper limit on it, and nothing is ever allocated by it.
      c.blocks = number;
      c.state = SIZE;
    }
    return STREAM_OK;
  }
  if (c.state == NUMBER) {
    if (c.blocks == 0 && portAt(c.port).flags & PORT_RESENDS && isControl(number)) {
      c.size = number;
      c.state = CONTROL;
      return STREAM_OK;
    }
    if (c.blocks == 0 || !beginBatch(id, number, now)) return STREAM_NUMBER;
    c.state = SIZE;
    return STREAM_OK;
  }
  if (c.state == CONTROL) {
    onControl(c, c.size & ~CONTROL_WORDS, number, now);
    c.blocks = c.size & CONTROL_WORDS;
    c.size = number;
    c.state = c.blocks != 0 ? WORDS : COUNT;
    c.received = now;
    return STREAM_OK;
  }
  if (c.state == WORDS) {
    acknowledgeWord(c.port, c.size, number, now);
    c.size += 32;
    if (--c.blocks == 0) c.state = COUNT;
    c.received = now;
    return STREAM_OK;
  }
  if (c.state == KEEP_ALIVE_SIZE) {
    if (number > KEEP_ALIVE_MAX) return STREAM_KEEP_ALIVE_TOO_LONG;
    c.state = KEEP_ALIVE_BODY;
    c.missing = number;
    if (number == 0) {
      c.state = COUNT;
      c.missing = 4;
      c.received = now;
    }
    return STREAM_OK;
  }
  const port = portAt(c.port);
  if (c.state == SEGMENT) {
    if (number > 0xffff) return STREAM_SEGMENT_TOO_LONG;
    c.segment = number;
    startBlock(id, c.size, now);
    return STREAM_OK;
  }
  c.unfinished = 0;
  if (number & BLOCK_UNFINISHED && port.flags & PORT_OFFLOAD) {
    number &= ~BLOCK_UNFINISHED;
    c.unfinished = 1;
  }
  c.deflated = port.flags & PORT_COMPRESS && !(port.flags & PORT_DEFLATE) ? 1 : 0;
  if (number & BLOCK_DEFLATED && port.flags & PORT_DEFLATE) {
    number &= ~BLOCK_DEFLATED;
    c.deflated = 1;
  }
  if (number > port.blockMax) return STREAM_BLOCK_TOO_LONG;
  if (c.unfinished) {
    c.size = number;
    c.state = SEGMENT;
    return STREAM_OK;
  }
  startBlock(id, number, now);
  return STREAM_OK;
}

/** The size of a block, and what else precedes it, is known. */
function startBlock(id: u32, number: u32, now: f64): void {
  const c = connectionAt(id);
  const port = portAt(c.port);
  c.slot = 0;
  if (number == 0) {
    c.received = now;
    endBlock(id, now);
    return;
  }
  c.state = BODY;
  c.missing = number;
  // How long the frame is, and where it is put together, is not known yet.
  if (c.deflated || c.batchState == BATCH_DOUBLE) return;
  if (number < FRAME_MIN) {
    countDrop(c.port, DROP_SHORT);
  } else if (number > port.frameMax) {
    countDrop(c.port, DROP_LONG);
  } else {
    c.slot = takeSlot(number);
    if (c.slot == 0) return countDrop(c.port, DROP_MEMORY);
    const s = changetype<Slot>(c.slot);
    s.length = number;
    s.unfinished = <u8>c.unfinished;
    s.segment = c.unfinished ? <u16>c.segment : 0;
  }
}

/** The next `bytes` of a deflated block. One that is there as a whole, the usual case, is inflated where it lies. */
function takePart(id: u32, at: u32, bytes: u32, now: f64): u32 {
  const c = connectionAt(id);
  const whole = c.slot == 0 && bytes == c.missing;
  if (!whole) {
    if (c.slot == 0) {
      c.slot = takeSlot(c.missing + INFLATE_SLACK);
      // Without it the window would have a gap; and a session that never gets memory is no session.
      if (c.slot == 0) return STREAM_DEFLATE;
      changetype<Slot>(c.slot).length = c.missing;
    }
    memory.copy(frameOf(c.slot) + changetype<Slot>(c.slot).length - c.missing, at, bytes);
    c.missing -= bytes;
    if (c.missing != 0) return STREAM_OK;
  }
  const slot = c.slot;
  c.slot = 0;
  c.missing = 4;
  c.received = now;
  const taken = whole
    ? takeDeflated(c, at, bytes, now)
    : takeDeflated(c, frameOf(slot), changetype<Slot>(slot).length, now);
  if (slot != 0) releaseSlot(slot);
  endBlock(id, now);
  return taken ? STREAM_OK : STREAM_DEFLATE;
}

@inline
function endBlock(id: u32, now: f64): void {
  const c = connectionAt(id);
  c.blockIndex++;
  c.state = --c.blocks != 0 ? SIZE : COUNT;
  if (c.blocks == 0 && c.batchState != BATCH_PLAIN) endBatch(id, now);
}
