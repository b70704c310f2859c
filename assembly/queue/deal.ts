/**
 * Deals what the sessions have to send to their connections, `protocol/data-plane.md` §4.3 and §5.2, and offers it to
 * the host in the outbox table.
 */

import { connectionAt, MAY_SEND } from '../connection';
import { NONE, OUTBOX_ENTRIES, OUTBOX_ENTRY, OUTBOX_TABLE } from '../memory';
import { releaseOut, takeOut } from '../pool';
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
  while (offered < OUTBOX_ENTRIES) {
    const id = nextReady();
    if (id == NONE || !serve(id, now)) break;
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
    const taken = load<u32>(entry, 12);
    c.offered = 0;
    c.outTaken += min(taken & ~NOT_WRITABLE, c.outLength - c.outTaken);
    c.sentBytes += taken & ~NOT_WRITABLE;
    c.writable = taken & NOT_WRITABLE ? 0 : 1;
    if (c.outTaken == c.outLength) {
      releaseOut(c.out);
      c.out = 0;
    } else {
      c.writable = 0;
    }
    if (c.writable && hasWork(c.port)) markReady(c.port);
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

/** False when no out buffer was free: every one is held by a connection that the host is still writing to. */
function serve(id: u32, now: f64): bool {
  const port = portAt(id);
  // The last connection that may send is for priority frames when there is another one (§5.2).
  let last = NONE;
  let sendable: u32 = 0;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
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
      c.out = takeOut();
      if (c.out == 0) {
        markReady(id);
        return false;
      }
      c.outLength = c.outTaken = 0;
      if (c.keepAlive != 0) encodeKeepAlive(c);
      if (takesPriority) encodeBatch(c, id, true);
      if (takesBulk) encodeBatch(c, id, false);
      c.sent = now;
    }
    offer(next);
  }
  return true;
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
