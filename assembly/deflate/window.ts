/**
 * What one direction of a connection has carried last, so that a frame can refer to the frames before it. Both sides
 * keep the same: TCP brings the frames in the order in which they were deflated.
 */

import { HASH_BITS, HASH_TABLE_BYTES, WINDOW_BYTES } from '../memory';
import { endBits, startBits } from './block';
import { writeBlocks } from './deflate';
import { DISTANCE_MAX } from './format';
import { inflate, INFLATE_SLACK } from './inflate';

/** In front of a window's bytes. Named by its address. */
@unmanaged
class Window {
  /** Where the next frame goes. */
  at: u32;
  /** A position in the table is an address less this. */
  bias: u32;
  /** Address of the frame that was inflated last. */
  frame: u32;
  unused: u32;
}

const HEAD: u32 = 16;
/** A window for deflating has its table of positions at the end. Any frame fits behind 32 KiB. */
const DEFLATE_CAPACITY: u32 = WINDOW_BYTES - HEAD - HASH_TABLE_BYTES;
/** What is found at 0 in a fresh table lies too far back. */
const POSITION_FIRST: u32 = 0x1_0000;

export function initDeflateWindow(address: u32): void {
  const window = changetype<Window>(address);
  window.at = address + HEAD;
  window.bias = window.at - POSITION_FIRST;
  memory.fill(tableOf(address), 0, HASH_TABLE_BYTES);
}

export function initInflateWindow(address: u32): void {
  changetype<Window>(address).at = address + HEAD;
}

/**
 * Deflates `length` bytes at `from` to `to`, where `zlibBound` of them and eight bytes fit.
 * Returns the length; 0 if it is not below `limit`: then the frame must not be sent this way, and is not in the window.
 */
export function deflateInWindow(address: u32, from: u32, length: u32, to: u32, limit: u32): u32 {
  const window = changetype<Window>(address);
  window.bias -= makeRoom(address, address + HEAD + DEFLATE_CAPACITY, length);
  const at = window.at;
  memory.copy(at, from, length);
  startBits(to);
  writeBlocks(at, at + length, address + HEAD, tableOf(address), HASH_BITS, window.bias);
  const deflated = endBits() - to;
  if (deflated >= limit) return 0;
  window.at = at + length;
  return deflated;
}

/**
 * Inflates what `deflateInWindow` made of a frame, and returns its length, or why not, below 0. It stays at
 * `inflatedFrame` until the next call.
 */
export function inflateInWindow(address: u32, from: u32, length: u32, limit: u32): i32 {
  const window = changetype<Window>(address);
  makeRoom(address, address + WINDOW_BYTES, limit);
  const at = window.at;
  const bytes = inflate(from, length, address + HEAD, at, limit);
  if (bytes < 0) return bytes;
  window.frame = at;
  window.at = at + bytes;
  return bytes;
}

@inline
export function inflatedFrame(address: u32): u32 {
  return changetype<Window>(address).frame;
}

/** Moves the last 32 KiB to the front when `length` bytes do not fit behind them, and returns by how much. */
function makeRoom(address: u32, end: u32, length: u32): u32 {
  const window = changetype<Window>(address);
  if (end - window.at >= length + INFLATE_SLACK) return 0;
  const moved = window.at - DISTANCE_MAX - (address + HEAD);
  memory.copy(address + HEAD, window.at - DISTANCE_MAX, DISTANCE_MAX);
  window.at -= moved;
  return moved;
}

@inline
function tableOf(address: u32): u32 {
  return address + HEAD + DEFLATE_CAPACITY;
}
