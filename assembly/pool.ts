/**
 * Frame buffers. A slot holds one frame, with head room in front of it, and is counted by those who hold it: a flooded
 * frame is stored once. Free slots form a stack, so that the next frame finds a slot that is still in the cache.
 */

import { LARGE_FRAME_MAX, LARGE_SLOT_BYTES, NODE_BYTES, NODES, NODES_MAX, OUT_BUFFER_BYTES, POOLS, SLOT_HEAD, SMALL_FRAME_MAX, SMALL_SLOT_BYTES, WINDOW_BYTES } from './memory';

/** The fields in front of a frame. A slot is named by its address. */
@unmanaged
export class Slot {
  /** Holders, free at 0; a frame has one for each port at most. */
  refs: u16;
  /** Frames that it stands for, for the counters. */
  frames: u16;
  /** Bytes of the frame. */
  length: u32;
  /** Next on the free stack. */
  next: u32;
  large: u8;
  /** The transport checksum is unfinished: whoever cannot say so to the next must finish it (`offload/sound.ts`). */
  unfinished: u8;
  /**
   * Payload bytes of each frame that this super-frame stands for; 0 for a frame that stands for itself. A super-frame's
   * checksum is unfinished.
   */
  segment: u16;
}

/** One place in a queue. Named by its address. */
@unmanaged
export class Node {
  slot: u32;
  next: u32;
  /** When it was queued: `queue/classes.ts`. */
  time: u32;
}

export let smallTotal: u32 = 0;
export let largeTotal: u32 = 0;
export let outTotal: u32 = 0;
export let smallFree: u32 = 0;
export let largeFree: u32 = 0;
export let outFree: u32 = 0;

let smallTop: u32 = 0;
let largeTop: u32 = 0;
let outTop: u32 = 0;
let nodeTop: u32 = 0;
// Slots and nodes that were never used are not on a stack yet: building the stacks would touch every page of the pools.
let smallFresh: u32 = 0;
let smallEnd: u32 = 0;
let largeFresh: u32 = 0;
let largeEnd: u32 = 0;
let outFresh: u32 = 0;
let outEnd: u32 = 0;
let windowTop: u32 = 0;
let windowFresh: u32 = 0;
let windowEnd: u32 = 0;
let nodeFresh: u32 = NODES;

/** Bytes of memory that this many slots and buffers need in all. */
export function memoryBytes(small: u32, large: u32, out: u32, windows: u32): u64 {
  return <u64>POOLS + <u64>small * SMALL_SLOT_BYTES + <u64>large * LARGE_SLOT_BYTES + <u64>out * OUT_BUFFER_BYTES + <u64>windows * WINDOW_BYTES;
}

export function initPools(small: u32, large: u32, out: u32, windows: u32): void {
  smallFresh = POOLS;
  smallEnd = smallFresh + small * SMALL_SLOT_BYTES;
  largeFresh = smallEnd;
  largeEnd = largeFresh + large * LARGE_SLOT_BYTES;
  outFresh = largeEnd;
  outEnd = outFresh + out * OUT_BUFFER_BYTES;
  windowFresh = outEnd;
  windowEnd = windowFresh + windows * WINDOW_BYTES;
  smallTotal = smallFree = small;
  largeTotal = largeFree = large;
  outTotal = outFree = out;
  smallTop = largeTop = outTop = windowTop = nodeTop = 0;
  nodeFresh = NODES;
}

@inline
export function frameOf(slot: u32): u32 {
  return slot + SLOT_HEAD;
}

/** A slot with one holder for a frame of up to `length` bytes, or 0. */
export function takeSlot(length: u32): u32 {
  return length <= SMALL_FRAME_MAX ? takeSmall() : length <= LARGE_FRAME_MAX ? takeLarge() : 0;
}

export function takeSmall(): u32 {
  let slot = smallTop;
  if (slot != 0) {
    smallTop = changetype<Slot>(slot).next;
  } else {
    if (smallFresh >= smallEnd) return 0;
    slot = smallFresh;
    smallFresh += SMALL_SLOT_BYTES;
    changetype<Slot>(slot).large = 0;
  }
  smallFree--;
  plain(slot);
  return slot;
}

export function takeLarge(): u32 {
  let slot = largeTop;
  if (slot != 0) {
    largeTop = changetype<Slot>(slot).next;
  } else {
    if (largeFresh >= largeEnd) return 0;
    slot = largeFresh;
    largeFresh += LARGE_SLOT_BYTES;
    changetype<Slot>(slot).large = 1;
  }
  largeFree--;
  plain(slot);
  return slot;
}

@inline
function plain(slot: u32): void {
  const s = changetype<Slot>(slot);
  s.refs = s.frames = 1;
  s.unfinished = 0;
  s.segment = 0;
}

@inline
export function holdSlot(slot: u32): void {
  changetype<Slot>(slot).refs++;
}

export function releaseSlot(slot: u32): void {
  const s = changetype<Slot>(slot);
  if (--s.refs != 0) return;
  if (s.large) {
    s.next = largeTop;
    largeTop = slot;
    largeFree++;
  } else {
    s.next = smallTop;
    smallTop = slot;
    smallFree++;
  }
}

/** An out buffer, or 0. */
export function takeOut(): u32 {
  let buffer = outTop;
  if (buffer != 0) {
    outTop = load<u32>(buffer);
  } else {
    if (outFresh >= outEnd) return 0;
    buffer = outFresh;
    outFresh += OUT_BUFFER_BYTES;
  }
  outFree--;
  return buffer;
}

export function releaseOut(buffer: u32): void {
  store<u32>(buffer, outTop);
  outTop = buffer;
  outFree++;
}

/** A window, or 0. */
export function takeWindow(): u32 {
  let window = windowTop;
  if (window != 0) {
    windowTop = load<u32>(window);
  } else {
    if (windowFresh >= windowEnd) return 0;
    window = windowFresh;
    windowFresh += WINDOW_BYTES;
  }
  return window;
}

export function releaseWindow(window: u32): void {
  store<u32>(window, windowTop);
  windowTop = window;
}

/** A queue entry, or 0. */
export function takeNode(): u32 {
  let node = nodeTop;
  if (node != 0) {
    nodeTop = changetype<Node>(node).next;
  } else {
    if (nodeFresh >= NODES + NODES_MAX * NODE_BYTES) return 0;
    node = nodeFresh;
    nodeFresh += NODE_BYTES;
  }
  return node;
}

export function releaseNode(node: u32): void {
  changetype<Node>(node).next = nodeTop;
  nodeTop = node;
}
