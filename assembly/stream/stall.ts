/**
 * Connections that have stopped: the peer got nothing of what they were given, for longer than it takes, while others went
 * on. Such a one gets nothing more until the peer says that it goes on. The same for those of which the host knows that they
 * are about to deliver next to nothing for a while.
 */

import { Connection, connectionAt, MAY_SEND } from '../connection';
import { NONE, STALL_MS } from '../memory';
import { keepOf, portAt, PORT_QOS, PORT_RESENDS, PORT_SESSION } from '../port';
import { isHeld } from '../queue/hold';
import { markReady } from '../queue/ready';
import { accountTime } from './account';
import { takeBack } from './keep';
import { goOnInOrder, inOrder } from './order';

/** Round trips without anything, if that is longer than STALL_MS. */
const ROUND_TRIPS: f64 = 3;
/** The same before one is known: as long as TCP waits then (RFC 6298 §2.1). */
const UNKNOWN_MS: f64 = 1_000;
/** When the others do not go on either it may be the peer that rests. Then it takes so many times as long. */
const TOGETHER: f64 = 4;
/** Milliseconds after which a connection that has stopped is asked again: the answer may have been on another that has. */
const MARK_MS: f64 = 1_000;

/** To be called every TEND_MS while it says so: finds connections that have stopped, and tells the peer what has come. */
export function tend(port: u32, now: f64): bool {
  // Between two looks the port may have been closed.
  if (portAt(port).kind != PORT_SESSION || !(portAt(port).flags & PORT_RESENDS)) return false;
  if (!isHeld(port, now)) goOnInOrder(port, now);
  let again = accountTime(port, now) || keepOf(port).first != 0 || !inOrder(port);
  for (let id = portAt(port).firstConnection; id != NONE; id = connectionAt(id).next) {
    const c = connectionAt(id);
    if (c.stalled) {
      again = true;
      if (c.mark || now - c.marked < MARK_MS || !(c.flags & MAY_SEND)) continue;
      c.mark = 1;
      markReady(port);
    } else if (hasStopped(id, now)) {
      takeBack(id);
      c.stalled = 1;
      c.mark = c.flags & MAY_SEND ? 1 : 0;
      again = true;
    }
  }
  return again;
}

/** It delivers hardly anything for so many milliseconds. False: it goes on, as too few others would be left. */
export function rest(id: u32, ms: f64, now: f64): bool {
  const c = connectionAt(id);
  const port = portAt(c.port);
  if (port.kind != PORT_SESSION || !(port.flags & PORT_RESENDS) || c.stalled || !(c.flags & MAY_SEND)) return false;
  let all: u32 = 0;
  let moving: u32 = 0;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const other = connectionAt(next);
    if (!(other.flags & MAY_SEND)) continue;
    all++;
    if (next != id && !other.stalled) moving++;
  }
  // One is for priority frames.
  const apart: u32 = port.flags & PORT_QOS && all >= 2 ? 1 : 0;
  if (moving <= apart || (moving - apart) << 1 < all - apart) return false;
  takeBack(id);
  c.stalled = 1;
  c.mark = 0;
  // It is asked then.
  c.marked = now + ms - MARK_MS;
  return true;
}

/** The peer got what was sent behind all that the connection had when it stopped. */
export function goOn(id: u32, now: f64): void {
  const c = connectionAt(id);
  if (!c.stalled) return;
  c.stalled = 0;
  c.since = now;
  markReady(c.port);
}

function hasStopped(id: u32, now: f64): bool {
  const c = connectionAt(id);
  const rested = now - c.since;
  if (c.outstanding == 0 || rested < patience(c)) return false;
  let others: u32 = 0;
  let alone = true;
  for (let next = portAt(c.port).firstConnection; next != NONE; next = connectionAt(next).next) {
    const other = connectionAt(next);
    if (next == id || !(other.flags & MAY_SEND) || other.stalled) continue;
    others++;
    if (other.moved > c.since && (other.outstanding == 0 || now - other.moved < STALL_MS)) return true;
    if (other.outstanding != 0) alone = false;
  }
  return others != 0 && (alone || rested >= TOGETHER * patience(c));
}

function patience(c: Connection): f64 {
  const roundTrip = c.roundTrip != 0 ? c.roundTrip : keepOf(c.port).roundTrip;
  return roundTrip == 0 ? UNKNOWN_MS : max(STALL_MS, ROUND_TRIPS * roundTrip);
}
