/**
 * A port's two queues. Both are bounded in frames and in bytes, and what does not fit is dropped and counted: a slow
 * receiver never holds up the switch (`protocol/data-plane.md` §4.2 and Appendix C.7). The two have limits of their
 * own, so bulk can fill its queue without a priority frame being lost.
 */

import { DROP_MEMORY, DROP_QUEUE, DROP_TOO_LONG_FOR_PORT } from '../counters';
import { QUEUE_BYTES_MAX, QUEUE_FRAMES_MAX } from '../memory';
import { frameOf, holdSlot, Node, releaseNode, releaseSlot, Slot, smallFree, largeFree, takeNode } from '../pool';
import { countDrop, portAt, PORT_QOS } from '../port';
import { markReady } from './ready';
import { isPriority } from './classify';

/**
 * However short of slots the pool is, a port may queue this many frames. It keeps every session talking while a few
 * stalled ones hold most of the pool.
 */
const QUEUE_FRAMES_MIN: u32 = 16;

/** Queues a frame for the port; the caller keeps its own hold on the slot. */
export function enqueue(id: u32, slot: u32): void {
  const port = portAt(id);
  const s = changetype<Slot>(slot);
  const length = s.length;
  if (length > port.frameMax) return countDrop(id, DROP_TOO_LONG_FOR_PORT);
  const priority = (port.flags & PORT_QOS) != 0 && isPriority(frameOf(slot), length);
  const frames = priority ? port.frames1 : port.frames0;
  const bytes = priority ? port.bytes1 : port.bytes0;
  // A queue may hold as many frames as there are free slots left (dynamic thresholds, Choudhury and Hahne 1998).
  const free = max(s.large ? largeFree : smallFree, QUEUE_FRAMES_MIN);
  if (frames >= min(QUEUE_FRAMES_MAX, free) || bytes > QUEUE_BYTES_MAX) return countDrop(id, DROP_QUEUE);
  const node = takeNode();
  if (node == 0) return countDrop(id, DROP_MEMORY);
  holdSlot(slot);
  const n = changetype<Node>(node);
  n.slot = slot;
  n.next = 0;
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
  if (!port.ready) markReady(id);
}

/** Takes the first frame off a queue that is not empty and counts it as sent; the caller gets the hold. */
export function dequeue(id: u32, priority: bool): u32 {
  const port = portAt(id);
  const node = priority ? port.head1 : port.head0;
  const n = changetype<Node>(node);
  const slot = n.slot;
  const length = changetype<Slot>(slot).length;
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
  port.sentFrames++;
  port.sentBytes += length;
  return slot;
}

/** Gives back everything that a port still had to send. */
export function emptyQueues(id: u32): void {
  const port = portAt(id);
  while (port.head1 != 0) releaseSlot(dequeue(id, true));
  while (port.head0 != 0) releaseSlot(dequeue(id, false));
}
