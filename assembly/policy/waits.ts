/**
 * Frames that wait: for the upload limit of their session, or because a rule delays them. A heap by the time at which they
 * go on; those of one time in the order in which they came. A port that waits for its download limit has a place in it too.
 */

import { NONE, PORTS_MAX, WAIT_BYTES, WAITING, WAITS_HEAD, WAITS_MAX, WAITS_SHARE } from '../memory';
import { holdSlot, releaseSlot, Slot, smallFree, smallTotal, largeFree, largeTotal } from '../pool';

@unmanaged
class Wait {
  due: f64;
  order: u32;
  slot: u32;
  port: u32;
  stage: u32;
}

/** Where the frame goes on. */
export const STAGE_FILTERS: u32 = 1;
export const STAGE_LEARNING: u32 = 2;
/** No frame: the port may send again. */
export const STAGE_SENDING: u32 = 3;

let count: u32 = 0;
let order: u32 = 0;

export let waitSlot: u32 = 0;
export let waitPort: u32 = NONE;
export let waitStage: u32 = 0;

export function initWaits(): void {
  count = order = 0;
  store<f64>(WAITING, Infinity);
}

/** Has the frame go on at `due`; the caller keeps its own hold on the slot. False when there is no room. */
export function waitFrame(due: f64, port: u32, slot: u32, stage: u32): bool {
  if (count >= WAITS_MAX) return false;
  const short = changetype<Slot>(slot).large ? largeFree < largeTotal / WAITS_SHARE : smallFree < smallTotal / WAITS_SHARE;
  if (short) return false;
  holdSlot(slot);
  push(due, port, slot, stage);
  return true;
}

/** To be called once for a port until its time has come. */
export function waitToSend(due: f64, port: u32): void {
  push(due, port, 0, STAGE_SENDING);
}

/** Takes the one that is due; the caller gets the hold on its slot. */
export function takeDue(now: f64): bool {
  if (count == 0 || waitAt(0).due > now) return false;
  const first = waitAt(0);
  waitSlot = first.slot;
  waitPort = first.port;
  waitStage = first.stage;
  remove(0);
  return true;
}

/** Forgets those of a port that goes away. */
export function forgetWaits(port: u32): void {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const wait = waitAt(i);
    if (wait.port == port) {
      if (wait.slot != 0) releaseSlot(wait.slot);
      continue;
    }
    if (kept != i) memory.copy(changetype<usize>(waitAt(kept)), changetype<usize>(wait), WAIT_BYTES);
    kept++;
  }
  if (kept == count) return;
  count = kept;
  for (let i = kept >> 1; i > 0; i--) sink(i - 1);
  store<f64>(WAITING, count == 0 ? Infinity : waitAt(0).due);
}

@inline
function waitAt(index: u32): Wait {
  return changetype<Wait>(WAITING + WAITS_HEAD + index * WAIT_BYTES);
}

function push(due: f64, port: u32, slot: u32, stage: u32): void {
  if (count >= WAITS_MAX + PORTS_MAX) return;
  const index = count++;
  const wait = waitAt(index);
  wait.due = due;
  wait.order = order++;
  wait.slot = slot;
  wait.port = port;
  wait.stage = stage;
  rise(index);
  store<f64>(WAITING, waitAt(0).due);
}

function remove(index: u32): void {
  count--;
  if (index != count) {
    memory.copy(changetype<usize>(waitAt(index)), changetype<usize>(waitAt(count)), WAIT_BYTES);
    sink(index);
    rise(index);
  }
  store<f64>(WAITING, count == 0 ? Infinity : waitAt(0).due);
}

function rise(index: u32): void {
  while (index != 0) {
    const above = (index - 1) >> 1;
    if (!isBefore(index, above)) return;
    swap(index, above);
    index = above;
  }
}

function sink(index: u32): void {
  while (true) {
    let least = index;
    const left = index * 2 + 1;
    if (left < count && isBefore(left, least)) least = left;
    if (left + 1 < count && isBefore(left + 1, least)) least = left + 1;
    if (least == index) return;
    swap(index, least);
    index = least;
  }
}

@inline
function isBefore(a: u32, b: u32): bool {
  const left = waitAt(a);
  const right = waitAt(b);
  return left.due != right.due ? left.due < right.due : <i32>(left.order - right.order) < 0;
}

function swap(a: u32, b: u32): void {
  const left = changetype<usize>(waitAt(a));
  const right = changetype<usize>(waitAt(b));
  const v0 = load<u64>(left);
  const v1 = load<u64>(left, 8);
  const v2 = load<u64>(left, 16);
  store<u64>(left, load<u64>(right));
  store<u64>(left, load<u64>(right, 8), 8);
  store<u64>(left, load<u64>(right, 16), 16);
  store<u64>(right, v0);
  store<u64>(right, v1, 8);
  store<u64>(right, v2, 16);
}
