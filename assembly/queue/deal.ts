/**
 * Deals what the sessions have to send to their connections, `protocol/data-plane.md` §4.3 and §5.2, and offers it to
 * the host in the outbox table.
 */

import { connectionAt, MAY_SEND } from '../connection';
import { NONE, OUTBOX_ENTRIES, OUTBOX_ENTRY, OUTBOX_TABLE } from '../memory';
import { outFree, outTotal, releaseOut, takeOut } from '../pool';
import { portAt, PORT_QOS } from '../port';
import { encodeBatch, encodeKeepAlive } from '../stream/encode';
import { markReady, nextReady } from './ready';

/** Set by the host in `taken`: it wants no more for now and will say when it does. */
export const NOT_WRITABLE: u32 = 0x8000_0000;

let offered: u32 = 0;

/**
 * Notes what the host wrote of the last offer, then makes the next and returns its number of entries. The host writes
 * each, puts what was taken into the table, and calls again until the answer is 0.
 */
export function fill(now: f64): u32 {
  settle();
  // A port that cannot be served now leaves the list and comes back when one of its connections can be written to.
  // One that finds no out buffer goes to its end; others may still have a buffer that is half written.
  let starved = NONE;
  while (offered < OUTBOX_ENTRIES) {
    const id = nextReady();
    if (id == NONE) break;
    if (id == starved) {
      markReady(id);
      break;
    }
    if (!serve(id, now) && starved == NONE) starved = id;
  }
  return offered;
}

/** Forgets the offer of a connection that goes away. */
export function withdraw(id: u32): void {
  for (let i: u32 = 0; i < offered; i++) {
    const entry = OUTBOX_TABLE + i * OUTBOX_ENTRY;
    if (load<u32>(entry) == id) store<u32>(entry, NONE);
  }
}

function settle(): void {
  for (let i: u32 = 0; i < offered; i++) {
    const entry = OUTBOX_TABLE + i * OUTBOX_ENTRY;
    const id = load<u32>(entry);
    if (id == NONE) continue;
    const c = connectionAt(id);
    const word = load<u32>(entry, 12);
    const taken = min(word & ~NOT_WRITABLE, c.outLength - c.outTaken);
    c.outTaken += taken;
    c.sentBytes += taken;
    const all = c.outTaken == c.outLength;
    c.writable = c.offered == 2 || (all && !(word & NOT_WRITABLE)) ? 1 : 0;
    c.offered = 0;
    if (all) {
      releaseOut(c.out);
      c.out = 0;
    }
    // Also when this connection takes no more: another one of the session may.
    if (hasWork(c.port)) markReady(c.port);
  }
  offered = 0;
}

function hasWork(id: u32): bool {
  const port = portAt(id);
  if (port.head0 != 0 || port.head1 != 0) return true;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const c = connectionAt(next);
    if (c.writable && !c.offered && (c.out != 0 || c.keepAlive != 0)) return true;
  }
  return false;
}

/** False when an out buffer was missing: every one is held by a connection that the host is still writing to. */
function serve(id: u32, now: f64): bool {
  let starved = false;
  const port = portAt(id);
  // The last connection that may send is for priority frames when there is another one (§5.2).
  let last = NONE;
  let sendable: u32 = 0;
  // Buffers that its connections hold. Half of all are for ports that hold none: a session whose 32 connections do not
  // read must not silence those that do.
  let held: u32 = 0;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    if (connectionAt(next).out != 0) held++;
    if (!(connectionAt(next).flags & MAY_SEND)) continue;
    sendable++;
    last = next;
  }
  const reserved = port.flags & PORT_QOS && sendable >= 2 ? last : NONE;
  let bulk = NONE;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const c = connectionAt(next);
    if (c.flags & MAY_SEND && c.writable && c.out == 0 && !c.offered && next != reserved) bulk = next;
  }
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const c = connectionAt(next);
    if (!c.writable || c.offered) continue;
    if (offered >= OUTBOX_ENTRIES) {
      markReady(id);
      return true;
    }
    if (c.out == 0) {
      const takesPriority = port.head1 != 0 && next == (reserved == NONE ? bulk : reserved);
      const takesBulk = port.head0 != 0 && next == bulk;
      if (!takesPriority && !takesBulk && c.keepAlive == 0) continue;
      c.out = held == 0 || outFree > outTotal >> 1 ? takeOut() : 0;
      if (c.out == 0) {
        starved = true;
        continue;
      }
      held++;
      c.outLength = c.outTaken = 0;
      if (c.keepAlive != 0) encodeKeepAlive(c);
      if (takesPriority) encodeBatch(c, id, true);
      if (takesBulk) encodeBatch(c, id, false);
      c.sent = now;
    }
    offer(next);
  }
  if (starved) markReady(id);
  return !starved;
}

function offer(id: u32): void {
  const c = connectionAt(id);
  const entry = OUTBOX_TABLE + offered++ * OUTBOX_ENTRY;
  c.offered = 1;
  store<u32>(entry, id);
  store<u32>(entry, c.out + c.outTaken, 4);
  store<u32>(entry, c.outLength - c.outTaken, 8);
  store<u32>(entry, 0, 12);
}
