/**
 * A port's two queues. Both are bounded in frames and in bytes, and what does not fit is dropped and counted: a slow
 * receiver never holds up the switch (`protocol/data-plane.md` §4.2 and Appendix C.7). The two have limits of their
 * own, so bulk can fill its queue without a priority frame being lost.
 */

import { DROP_MEMORY, DROP_QUEUE, DROP_TOO_LONG_FOR_PORT } from '../counters';
import { HOLD_BYTES, NONE, QUEUE_BYTES_MAX, QUEUE_FRAMES_MAX, RELEASE_BYTES } from '../memory';
import { frameOf, holdSlot, largeFree, largeTotal, Node, releaseNode, releaseSlot, Slot, smallFree, smallTotal, takeNode } from '../pool';
import { countDrop, portAt, PORT_QOS } from '../port';
import { markReady } from './ready';
import { isPriority } from './classify';

/**
 * Frames that each queue may hold however short of slots the pool is, as long as half of the pool is enough for all.
 * The other part is shared: a queue may hold as many frames as are left of it (dynamic thresholds, Choudhury and Hahne
 * 1998). Stalled sessions can thus take what is shared, one after the other, but never the last slots of the pool.
 */
const QUEUE_FRAMES_OWN: u32 = 16;

/** The port whose queue was last filled beyond HOLD_BYTES, or NONE; for `hold.ts`. */
export let filled: u32 = NONE;

export function clearFilled(): void {
  filled = NONE;
}

let ports: u32 = 0;
let ownSmall: u32 = 0;
let ownLarge: u32 = 0;
/** Slots that are not shared: what is held back for all ports. */
let keptSmall: u32 = 0;
let keptLarge: u32 = 0;

/** Deals the pools anew when the number of open ports has changed. */
export function sharePools(count: u32): void {
  ports = count;
  if (count == 0) return;
  // Two queues of a port have small frames; large ones are counted for both together.
  ownSmall = min(QUEUE_FRAMES_OWN, smallTotal / (4 * count));
  keptSmall = ownSmall * 2 * count;
  ownLarge = min(QUEUE_FRAMES_OWN, largeTotal / (2 * count));
  keptLarge = ownLarge * count;
}

export function openPorts(): u32 {
  return ports;
}

@inline
function limit(own: u32, kept: u32, free: u32): u32 {
  return min(QUEUE_FRAMES_MAX, max(own, free > kept ? free - kept : 0));
}

/**
 * Queues a frame for the port; the caller keeps its own hold on the slot. `unit` is the length of the frame, or of the
 * longest that a super-frame stands for.
 */
export function enqueue(id: u32, slot: u32, unit: u32): void {
  const port = portAt(id);
  const s = changetype<Slot>(slot);
  const length = s.length;
  if (unit > port.frameMax) return countDrop(id, DROP_TOO_LONG_FOR_PORT);
  const priority = (port.flags & PORT_QOS) != 0 && isPriority(frameOf(slot), length);
  const frames = priority ? port.frames1 : port.frames0;
  const bytes = priority ? port.bytes1 : port.bytes0;
  if (frames >= QUEUE_FRAMES_MAX || bytes > QUEUE_BYTES_MAX) return countDrop(id, DROP_QUEUE);
  const full = s.large ? port.large >= limit(ownLarge, keptLarge, largeFree) : frames >= limit(ownSmall, keptSmall, smallFree);
  if (full) return countDrop(id, DROP_QUEUE);
  const node = takeNode();
  if (node == 0) return countDrop(id, DROP_MEMORY);
  holdSlot(slot);
  const n = changetype<Node>(node);
  n.slot = slot;
  n.next = 0;
  if (s.large) port.large++;
  if (priority) {
    if (port.head1 == 0) port.head1 = node;
    else changetype<Node>(port.tail1).next = node;
    port.tail1 = node;
    port.frames1 = frames + 1;
    port.bytes1 = bytes + length;
  } else {
    if (port.head0 == 0) port.head0 = node;
    else changetype<Node>(port.tail0).next = node;
    port.tail0 = node;
    port.frames0 = frames + 1;
    port.bytes0 = bytes + length;
  }
  if (bytes < RELEASE_BYTES) port.late = 0;
  else if (bytes > HOLD_BYTES && !port.late) filled = id;
  if (!port.ready) markReady(id);
}

/** Takes the first frame off a queue that is not empty and counts it as sent; the caller gets the hold. */
export function dequeue(id: u32, priority: bool): u32 {
  const port = portAt(id);
  const node = priority ? port.head1 : port.head0;
  const n = changetype<Node>(node);
  const slot = n.slot;
  const length = changetype<Slot>(slot).length;
  if (changetype<Slot>(slot).large) port.large--;
  if (priority) {
    port.head1 = n.next;
    port.frames1--;
    port.bytes1 -= length;
  } else {
    port.head0 = n.next;
    port.frames0--;
    port.bytes0 -= length;
  }
  releaseNode(node);
  port.sentFrames += changetype<Slot>(slot).frames;
  port.sentBytes += length;
  return slot;
}

/** Gives back everything that a port still had to send. */
export function emptyQueues(id: u32): void {
  const port = portAt(id);
  while (port.head1 != 0) releaseSlot(dequeue(id, true));
  while (port.head0 != 0) releaseSlot(dequeue(id, false));
}
