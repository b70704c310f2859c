/**
 * A port's bulk frames. Each flow has a queue of its own, and they are served in turn, the same number of bytes each
 * (RFC 8290): a flow waits for itself and not for others. A flow that has been silent comes first. What has waited for too
 * long is dropped at the head, so that the sender inside learns of it as early as can be (RFC 8289). Towards a TAP
 * or a link, which take what there is at once, all frames are one flow.
 */

import { DROP_LATE } from '../counters';
import { BULK, BULK_FLOW_BYTES, BULK_FLOWS, NONE, WAIT_INTERVAL_MS, WAIT_TARGET_MS } from '../memory';
import { Node, releaseNode, releaseSlot, Slot } from '../pool';
import { countDrop, portAt, PORT_LIMITED, PORT_SESSION } from '../port';
import { countClassDrop, stamp, waited } from './classes';

/** Bytes that each flow has in its turn: the longest ordinary frame. */
const QUANTUM: i32 = 1514;
/** Places in which a flow is looked for. */
const PROBES: u32 = 4;
/** Milliseconds of silence after which a flow may go another way. */
export const PAUSE_MS: f64 = 200;
/** A flow that drops frames again so soon goes on where it ended: milliseconds. */
const MEMORY_MS: f64 = 16 * WAIT_INTERVAL_MS;

/** A limit lets things pass in steps, and its queue must not run empty between them: milliseconds. */
const LIMITED_TARGET_MS: f64 = 40;

const IDLE: u32 = 0;
const NEW: u32 = 1;
const OLD: u32 = 2;

@unmanaged
export class Flow {
  head: u32;
  tail: u32;
  bytes: u32;
  deficit: i32;
  /** What tells it from others. */
  tag: u32;
  /** In its list. */
  next: u32;
  state: u32;
  /** The connection that it keeps to, where frames are not put in order behind it; NONE: any. */
  lane: u32;
  /** When it last had a frame, host's ms. */
  used: f64;
  /** When frames will have waited for too long for WAIT_INTERVAL_MS; 0: they have not. */
  lateAt: f64;
  dropAt: f64;
  /** Drops in this row, and at the end of the one before; `dropping` says that it goes on. */
  count: u16;
  lastCount: u16;
  dropping: u32;
}

@inline
export function flowAt(id: u32, index: u32): Flow {
  return changetype<Flow>(BULK + (id * BULK_FLOWS + index) * BULK_FLOW_BYTES);
}

/** A port begins. */
export function initBulk(id: u32): void {
  memory.fill(changetype<usize>(flowAt(id, 0)), 0, BULK_FLOWS * BULK_FLOW_BYTES);
  for (let i: u32 = 0; i < BULK_FLOWS; i++) flowAt(id, i).lane = NONE;
}

/** Puts the frame behind those of its flow. */
export function pushBulk(id: u32, node: u32, tag: u32, now: f64): void {
  const port = portAt(id);
  const index = find(id, tag);
  const flow = flowAt(id, index);
  const n = changetype<Node>(node);
  n.next = 0;
  n.time = stamp(now);
  if (flow.head == 0) flow.head = node;
  else changetype<Node>(flow.tail).next = node;
  flow.tail = node;
  const length = changetype<Slot>(n.slot).length;
  flow.bytes += length;
  port.frames0++;
  port.bytes0 += length;
  if (flow.state == IDLE) {
    if (flow.tag != tag || now - flow.used > PAUSE_MS) flow.lane = NONE;
    flow.tag = tag;
    flow.deficit = QUANTUM;
    append(id, index, NEW);
  }
  flow.used = now;
}

let at: u32 = NONE;

/**
 * The place in the queue of the frame that is to leave next, of the flows on `lane` or, with NONE, of any; 0 when there is
 * none. `takeBulk` takes it.
 */
export function nextBulk(id: u32, lane: u32, now: f64): u32 {
  const port = portAt(id);
  while (true) {
    at = first(port.newFlows, id, lane);
    if (at == NONE) at = first(port.oldFlows, id, lane);
    if (at == NONE) return 0;
    const flow = flowAt(id, at);
    if (flow.deficit <= 0) {
      flow.deficit += QUANTUM;
      remove(id, at);
      append(id, at, OLD);
      continue;
    }
    if (port.kind == PORT_SESSION) dropLate(id, flow, now);
    if (flow.head != 0) return flow.head;
    const isNew = flow.state == NEW;
    remove(id, at);
    // A flow that always has one frame at a time must not always be a new one.
    if (isNew && port.oldFlows != NONE) append(id, at, OLD);
    else flow.state = IDLE;
  }
}

/** Takes the frame that `nextBulk` named off the queue; the caller gets its hold on the slot. */
export function takeBulk(id: u32, now: f64): u32 {
  const flow = flowAt(id, at);
  flow.used = now;
  const slot = shift(id, flow);
  flow.deficit -= changetype<Slot>(slot).length;
  return slot;
}

/** Drops the first frame of the flow that has most bytes. False when there is none. */
export function dropOfLongest(id: u32, cause: u32): bool {
  let longest = flowAt(id, 0);
  for (let i: u32 = 1; i < BULK_FLOWS; i++) {
    const flow = flowAt(id, i);
    if (flow.bytes > longest.bytes) longest = flow;
  }
  if (longest.head == 0) return false;
  dropFirst(id, longest, cause);
  return true;
}

/** Gives back all of them. */
export function emptyBulk(id: u32): void {
  for (let i: u32 = 0; i < BULK_FLOWS; i++) {
    const flow = flowAt(id, i);
    while (flow.head != 0) releaseSlot(shift(id, flow));
  }
}

/** The one of `list` that is on the lane, or NONE. */
@inline
function first(list: u32, id: u32, lane: u32): u32 {
  let index = list;
  if (lane == NONE) return index;
  while (index != NONE && flowAt(id, index).lane != lane) index = flowAt(id, index).next;
  return index;
}

/** Where a flow is or shall be: its own place, a free one, or one that it has to share. */
function find(id: u32, tag: u32): u32 {
  const start = tag % BULK_FLOWS;
  let free = NONE;
  for (let i: u32 = 0; i < PROBES; i++) {
    const index = (start + i) % BULK_FLOWS;
    const flow = flowAt(id, index);
    if (flow.tag == tag && (flow.state != IDLE || flow.used != 0)) return index;
    if (flow.state == IDLE && free == NONE) free = index;
  }
  return free == NONE ? start : free;
}

function dropLate(id: u32, flow: Flow, now: f64): void {
  const target = portAt(id).flags & PORT_LIMITED ? LIMITED_TARGET_MS : WAIT_TARGET_MS;
  let late = isLate(flow, target, now);
  if (flow.dropping) {
    if (!late) flow.dropping = 0;
    while (flow.dropping && now >= flow.dropAt) {
      dropFirst(id, flow, DROP_LATE);
      flow.count++;
      late = isLate(flow, target, now);
      if (late) flow.dropAt += spacing(flow.count);
      else flow.dropping = 0;
    }
    return;
  }
  if (!late) return;
  dropFirst(id, flow, DROP_LATE);
  isLate(flow, target, now);
  flow.dropping = 1;
  const recent = flow.count - flow.lastCount;
  flow.count = recent > 1 && flow.count > flow.lastCount && now - flow.dropAt < MEMORY_MS ? recent : 1;
  flow.lastCount = flow.count;
  flow.dropAt = now + spacing(flow.count);
}

@inline
function spacing(count: u32): f64 {
  return WAIT_INTERVAL_MS / Math.sqrt(<f64>count);
}

/** Whether frames have waited for too long for WAIT_INTERVAL_MS. The last frame of a flow is never dropped for that. */
function isLate(flow: Flow, target: f64, now: f64): bool {
  if (flow.head == 0 || flow.head == flow.tail || waited(flow.head, now) < target) {
    flow.lateAt = 0;
    return false;
  }
  if (flow.lateAt == 0) {
    flow.lateAt = now + WAIT_INTERVAL_MS;
    return false;
  }
  return now >= flow.lateAt;
}

function dropFirst(id: u32, flow: Flow, cause: u32): void {
  releaseSlot(shift(id, flow));
  countDrop(id, cause);
  countClassDrop(id, false);
}

function shift(id: u32, flow: Flow): u32 {
  const port = portAt(id);
  const node = flow.head;
  const slot = changetype<Node>(node).slot;
  const length = changetype<Slot>(slot).length;
  flow.head = changetype<Node>(node).next;
  flow.bytes -= length;
  port.frames0--;
  port.bytes0 -= length;
  if (changetype<Slot>(slot).large) port.large--;
  releaseNode(node);
  return slot;
}

function append(id: u32, index: u32, state: u32): void {
  const port = portAt(id);
  const flow = flowAt(id, index);
  flow.state = state;
  flow.next = NONE;
  if (state == NEW) {
    if (port.newFlows == NONE) port.newFlows = index;
    else flowAt(id, port.newLast).next = index;
    port.newLast = index;
  } else {
    if (port.oldFlows == NONE) port.oldFlows = index;
    else flowAt(id, port.oldLast).next = index;
    port.oldLast = index;
  }
}

function remove(id: u32, index: u32): void {
  const port = portAt(id);
  const flow = flowAt(id, index);
  const isNew = flow.state == NEW;
  let before = NONE;
  for (let i = isNew ? port.newFlows : port.oldFlows; i != index; i = flowAt(id, i).next) before = i;
  if (before != NONE) flowAt(id, before).next = flow.next;
  else if (isNew) port.newFlows = flow.next;
  else port.oldFlows = flow.next;
  if (flow.next != NONE) return;
  if (isNew) port.newLast = before;
  else port.oldLast = before;
}
