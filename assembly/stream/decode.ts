/** The receiver of the block stream, `protocol/data-plane.md` §1.3 and §1.4. */

import { connectionAt } from '../connection';
import { DROP_LONG, DROP_MEMORY, DROP_SHORT } from '../counters';
import { BLOCK_UNFINISHED, FRAME_MIN, KEEP_ALIVE_MARK, KEEP_ALIVE_MAX, KEEP_ALIVE_RETIRE } from '../memory';
import { frameOf, Slot, takeSlot } from '../pool';
import { countDrop, portAt, PORT_OFFLOAD, PORT_RETIRES } from '../port';
import { forward } from '../switch/forward';

export const STREAM_OK: u32 = 0;
/** A block is longer than the session allows: the connection is to be closed. */
export const STREAM_BLOCK_TOO_LONG: u32 = 1;
/** A keep-alive is longer than 512 bytes: the connection is to be closed. */
export const STREAM_KEEP_ALIVE_TOO_LONG: u32 = 2;
/** A frame is said to stand for frames of more than 64 KiB: the connection is to be closed. */
export const STREAM_SEGMENT_TOO_LONG: u32 = 4;

/** The peer has sent its last on this connection, which is in order. */
export const STREAM_RETIRED: u32 = 3;

const COUNT: u32 = 0;
const SIZE: u32 = 1;
const BODY: u32 = 2;
const KEEP_ALIVE_SIZE: u32 = 3;
const KEEP_ALIVE_BODY: u32 = 4;
/** Behind the size of a block with BLOCK_UNFINISHED. */
const SEGMENT: u32 = 6;
/** Behind an error: whatever still comes is not looked at. */
const BROKEN: u32 = 5;

/** Feeds the bytes from `at` to `end` to a connection; the frames in them are forwarded. */
export function decode(id: u32, at: u32, end: u32, now: f64): u32 {
  const c = connectionAt(id);
  c.receivedBytes += end - at;
  while (at < end) {
    const state = c.state;
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
        endBlock(id);
        const slot = c.slot;
        c.slot = 0;
        if (slot != 0) forward(c.port, slot, now);
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
    } else if (number != 0) {
      // There is no upper limit on it, and nothing is ever allocated by it.
      c.blocks = number;
      c.state = SIZE;
    }
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
    startBlock(id, c.size, now);
    if (c.slot != 0) {
      changetype<Slot>(c.slot).unfinished = 1;
      changetype<Slot>(c.slot).segment = <u16>number;
    }
    return STREAM_OK;
  }
  if (number & BLOCK_UNFINISHED && port.flags & PORT_OFFLOAD) {
    number &= ~BLOCK_UNFINISHED;
    if (number > port.blockMax) return STREAM_BLOCK_TOO_LONG;
    c.size = number;
    c.state = SEGMENT;
    return STREAM_OK;
  }
  if (number > port.blockMax) return STREAM_BLOCK_TOO_LONG;
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
    endBlock(id);
    return;
  }
  c.state = BODY;
  c.missing = number;
  if (number < FRAME_MIN) {
    countDrop(c.port, DROP_SHORT);
  } else if (number > port.frameMax) {
    countDrop(c.port, DROP_LONG);
  } else {
    c.slot = takeSlot(number);
    if (c.slot != 0) changetype<Slot>(c.slot).length = number;
    else countDrop(c.port, DROP_MEMORY);
  }
}

@inline
function endBlock(id: u32): void {
  const c = connectionAt(id);
  c.state = --c.blocks != 0 ? SIZE : COUNT;
}
