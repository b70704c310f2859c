/**
 * Towards a peer that does not put frames in order, each flow keeps to a connection. A new one, and one that has been
 * silent, goes to the connection that drains most for each flow that it carries; so does one whose connection is gone or
 * has stopped.
 */

import { Connection, connectionAt, MAY_SEND } from '../connection';
import { BULK_FLOWS, NONE } from '../memory';
import { portAt } from '../port';
import { Flow, flowAt, PAUSE_MS } from './bulk';

/** A connection that has not taken the last batch for so many milliseconds has stopped. */
const STALL_MS: f64 = 250;

/**
 * Gives every flow that has something to send a connection of the port, `reserved` excepted. A flow counts for its connection
 * also while it has nothing: those of TCP that fill no queue would all get the same one otherwise.
 */
export function assignLanes(id: u32, reserved: u32, now: f64): void {
  for (let next = portAt(id).firstConnection; next != NONE; next = connectionAt(next).next) connectionAt(next).flows = 0;
  let homeless = false;
  for (let i: u32 = 0; i < BULK_FLOWS; i++) {
    const flow = flowAt(id, i);
    if (flow.head == 0 && now - flow.used > PAUSE_MS) continue;
    if (carries(flow.lane, id, reserved, now)) connectionAt(flow.lane).flows++;
    else if (flow.head != 0) homeless = true;
  }
  if (!homeless) return;
  const port = portAt(id);
  for (let list: u32 = 0; list < 2; list++) {
    for (let i = list == 0 ? port.newFlows : port.oldFlows; i != NONE; i = flowAt(id, i).next) {
      const flow = flowAt(id, i);
      if (flow.head != 0 && !carries(flow.lane, id, reserved, now)) assign(id, flow, reserved, now);
    }
  }
}

function assign(id: u32, flow: Flow, reserved: u32, now: f64): void {
  let best = NONE;
  for (let next = portAt(id).firstConnection; next != NONE; next = connectionAt(next).next) {
    if (carries(next, id, reserved, now) && (best == NONE || isBetter(next, best))) best = next;
  }
  flow.lane = best;
  if (best != NONE) connectionAt(best).flows++;
}

/** Of two with as much for each of their flows, as of two of which nothing is known, one that is free, and the later one. */
function isBetter(id: u32, than: u32): bool {
  const c = connectionAt(id);
  const other = connectionAt(than);
  const known = c.rate != 0 && other.rate != 0;
  const mine: u64 = known ? c.rate : 1;
  const theirs: u64 = known ? other.rate : 1;
  const left = mine * (other.flows + 1);
  const right = theirs * (c.flows + 1);
  if (left != right) return left > right;
  return isFree(c) || !isFree(other);
}

function carries(lane: u32, id: u32, reserved: u32, now: f64): bool {
  if (lane == NONE || lane == reserved) return false;
  const c = connectionAt(lane);
  if (c.port != id || !(c.flags & MAY_SEND)) return false;
  return isFree(c) || now - c.sent < STALL_MS;
}

@inline
function isFree(c: Connection): bool {
  return c.writable != 0 && c.out == 0;
}
