/**
 * A port's two queues, bulk and priority. Both are bounded in frames and in bytes: a slow receiver never holds up the
 * switch (`protocol/data-plane.md` §4.2 and Appendix C.7). The two have limits of their own, so bulk can fill its queue
 * without a priority frame being lost. Of bulk that does not fit the longest flow loses its first frame.
 */

import { DROP_MEMORY, DROP_QUEUE, DROP_RATE, DROP_TOO_LONG_FOR_PORT } from '../counters';
import { HOLD_BYTES, NONE, QUEUE_BYTES_MAX, QUEUE_FRAMES_MAX, RELEASE_BYTES } from '../memory';
import { frameOf, holdSlot, largeFree, largeTotal, Node, releaseNode, releaseSlot, Slot, smallFree, smallTotal, takeNode } from '../pool';
import { isEndOfFlow, isUnlimited } from '../policy/kinds';
import { countDownload, mayOvertake } from '../policy/rate';
import { countDrop, portAt, PORT_EXTENDED, PORT_LIMITED, PORT_QOS, PORT_SESSION, Rules, rulesOf } from '../port';
import { dropOfLongest, emptyBulk, nextBulk, pushBulk, takeBulk } from './bulk';
import { countClassDrop, countLeft, stamp } from './classes';
import { markReady } from './ready';
import { isPriority, isPriorityExtended } from './classify';

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
 * longest that a super-frame stands for; `tag` tells its flow from others.
 */
export function enqueue(id: u32, slot: u32, unit: u32, tag: u32, now: f64): void {
  const port = portAt(id);
  const s = changetype<Slot>(slot);
  if (unit > port.frameMax) return countDrop(id, DROP_TOO_LONG_FOR_PORT);
  let priority = (port.flags & PORT_QOS) != 0 && hasPriority(port.flags, frameOf(slot), s.length);
  const limited = (port.flags & PORT_LIMITED) != 0;
  if (limited) {
    priority = overtakes(rulesOf(id), priority, s.length, now);
    while (!priority && port.bytes0 > rulesOf(id).downloadBytesMax) dropOfLongest(id, DROP_RATE);
  }
  if (priority) {
    if (isFull(id, true) || isShort(id, slot, port.frames1)) return refuse(id, true, DROP_QUEUE);
  } else {
    while (isFull(id, false)) if (!dropOfLongest(id, DROP_QUEUE)) return refuse(id, false, DROP_QUEUE);
    if (isShort(id, slot, port.frames0) && (!dropOfLongest(id, DROP_QUEUE) || isShort(id, slot, port.frames0))) {
      return refuse(id, false, DROP_QUEUE);
    }
  }
  const node = takeNode();
  if (node == 0) return refuse(id, priority, DROP_MEMORY);
  holdSlot(slot);
  changetype<Node>(node).slot = slot;
  if (s.large) port.large++;
  const bytes = priority ? port.bytes1 : port.bytes0;
  if (priority) pushPriority(id, node, s.length, now);
  else pushBulk(id, node, port.kind == PORT_SESSION ? tag : 0, now);
  if (bytes < RELEASE_BYTES) port.late = 0;
  else if (bytes > HOLD_BYTES && !port.late && !limited) filled = id;
  if (!port.ready) markReady(id);
}

/**
 * The slot of the frame that is to leave next, or 0; `dequeue` takes it. Bulk can be asked for by the connection that its
 * flow keeps to, `lane`; with NONE it is of any.
 */
export function peek(id: u32, priority: bool, lane: u32, now: f64): u32 {
  const node = priority ? portAt(id).head1 : nextBulk(id, lane, now);
  peeked = node;
  return node == 0 ? 0 : changetype<Node>(node).slot;
}

/** Takes the frame that `peek` named off its queue and counts it as sent; the caller gets the hold. */
export function dequeue(id: u32, priority: bool, now: f64): u32 {
  const port = portAt(id);
  const s = changetype<Slot>(changetype<Node>(peeked).slot);
  const frames = <u32>s.frames;
  const length = s.length;
  if (port.kind == PORT_SESSION) countLeft(id, priority, frames, length, peeked, now);
  if (port.flags & PORT_LIMITED && !priority) countDownload(id, length, now);
  port.sentFrames += frames;
  port.sentBytes += length;
  return priority ? shiftPriority(id) : takeBulk(id, now);
}

/** Gives back everything that a port still had to send. */
export function emptyQueues(id: u32): void {
  while (portAt(id).head1 != 0) releaseSlot(shiftPriority(id));
  emptyBulk(id);
}

/** The place in its queue of what `peek` found last. */
let peeked: u32 = 0;

/** The frame is the one that was parsed last, or a piece of it. */
@inline
function hasPriority(flags: u32, frame: u32, length: u32): bool {
  return flags & PORT_EXTENDED ? isPriorityExtended(frame, length) : isPriority(frame, length);
}

/**
 * Of a session with a limit: whether the frame, parsed last, has its turn before others. What the limit does not count has,
 * but for the ends of flows, which stay behind their data.
 */
function overtakes(rules: Rules, priority: bool, length: u32, now: f64): bool {
  if (isUnlimited()) return !isEndOfFlow();
  return priority && mayOvertake(rules, length, now);
}

@inline
function isFull(id: u32, priority: bool): bool {
  const port = portAt(id);
  if (priority) return port.frames1 >= QUEUE_FRAMES_MAX || port.bytes1 > QUEUE_BYTES_MAX;
  return port.frames0 >= QUEUE_FRAMES_MAX || port.bytes0 > QUEUE_BYTES_MAX;
}

/** Whether the port has its share of the slots; `frames` are those in the queue. */
@inline
function isShort(id: u32, slot: u32, frames: u32): bool {
  if (changetype<Slot>(slot).large) return portAt(id).large >= limit(ownLarge, keptLarge, largeFree);
  return frames >= limit(ownSmall, keptSmall, smallFree);
}

function refuse(id: u32, priority: bool, cause: u32): void {
  countDrop(id, cause);
  countClassDrop(id, priority);
}

function pushPriority(id: u32, node: u32, length: u32, now: f64): void {
  const port = portAt(id);
  changetype<Node>(node).next = 0;
  changetype<Node>(node).time = stamp(now);
  if (port.head1 == 0) port.head1 = node;
  else changetype<Node>(port.tail1).next = node;
  port.tail1 = node;
  port.frames1++;
  port.bytes1 += length;
}

function shiftPriority(id: u32): u32 {
  const port = portAt(id);
  const node = port.head1;
  const slot = changetype<Node>(node).slot;
  port.head1 = changetype<Node>(node).next;
  port.frames1--;
  port.bytes1 -= changetype<Slot>(slot).length;
  if (changetype<Slot>(slot).large) port.large--;
  releaseNode(node);
  return slot;
}
