/**
 * Deals what the sessions have to send to their connections, `protocol/data-plane.md` §4.3 and §5.2, and offers it to
 * the host in the outbox table.
 */

import { connectionAt, LONG, MAY_SEND } from '../connection';
import { NONE, OUT_BUFFER_BYTES, OUTBOX_ENTRIES, OUTBOX_ENTRY, OUTBOX_TABLE } from '../memory';
import { outFree, outTotal, releaseOut, takeOut } from '../pool';
import { downloadBytes } from '../policy/rate';
import { accountOf, keepOf, orderOf, portAt, PORT_LIMITED, PORT_ORDERS, PORT_QOS, PORT_RESENDS } from '../port';
import { isDue, nextTeller } from '../stream/account';
import { encodeAccount, encodeMark } from '../stream/control';
import { encodeAgain, encodeBatch, encodeKeepAlive } from '../stream/encode';
import { mayRun, nextToResend } from '../stream/keep';
import { assignLanes } from './lanes';
import { markReady, nextReady } from './ready';

/** Set by the host in `taken`: it wants no more for now and will say when it does. */
export const NOT_WRITABLE: u32 = 0x8000_0000;

/** Of several connections one has its turn for so many milliseconds or bytes: a longer one would be felt as delay. */
const TURN_MS: f64 = 1;
const TURN_BYTES: u32 = 16_000;
/**
 * So many bytes per millisecond, half a Gbit/s, and one connection may carry them all: then there are no turns, until it is
 * less than half of that, or the connection is known to be slower. It is looked every SPAN_MS: a sender's burst is over in less.
 */
const FAST: f64 = 60_000;
const SPAN_MS: f64 = 10;
/** Milliseconds for which the one connection is waited for before another has its turn: a write takes its time. */
const PATIENCE_MS: f64 = 3;

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

/** Whether the next `fill` may find something to send for the port. */
export function hasWork(id: u32): bool {
  const port = portAt(id);
  if (port.frames0 != 0 || port.frames1 != 0 || keepOf(id).waiting != 0 || accountOf(id).due == 2) return true;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const c = connectionAt(next);
    if (c.writable && !c.offered && (c.out != 0 || c.keepAlive != 0 || c.mark)) return true;
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
  // Those for bulk that have not stopped.
  let moving: u32 = 0;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    if (connectionAt(next).out != 0) held++;
    if (!(connectionAt(next).flags & MAY_SEND)) continue;
    sendable++;
    last = next;
    if (!connectionAt(next).stalled) moving++;
  }
  let reserved = port.flags & PORT_QOS && sendable >= 2 ? last : NONE;
  if (reserved != NONE && !connectionAt(reserved).stalled) moving--;
  if (moving == 0 && sendable != 0) {
    // Bulk goes where priority frames go, or wherever it can.
    if (reserved == NONE || connectionAt(reserved).stalled) trustAll(id);
    reserved = NONE;
  }
  const orders = (port.flags & PORT_ORDERS) != 0;
  // With one connection for bulk there is nothing to keep apart.
  const single = sendable - (reserved == NONE ? 0 : 1) == 1;
  const resends = (port.flags & PORT_RESENDS) != 0;
  const again = resends && keepOf(id).waiting != 0;
  const limited = (port.flags & PORT_LIMITED) != 0;
  const allowance = limited && port.frames0 != 0 ? downloadBytes(id, now) : OUT_BUFFER_BYTES;
  const runs = port.frames0 != 0 && allowance != 0 && (!resends || mayRun(id, now));
  const byFlow = !orders && !single;
  if (byFlow && port.frames0 != 0) assignLanes(id, reserved, now);
  const bulk = orders ? nextInTurn(id, reserved, now) : lastFree(id, reserved);
  // What the peer is told rides with bulk, if there is any.
  const rides = bulk != NONE && (runs || again);
  const teller = resends && !rides && accountOf(id).due == 2 ? nextTeller(id) : NONE;
  const turn = orders && !single && bulk != NONE && !hasEverything(id, bulk) ? TURN_BYTES : OUT_BUFFER_BYTES;
  const most = min(turn, allowance);
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    const c = connectionAt(next);
    if (!c.writable || c.offered) continue;
    if (offered >= OUTBOX_ENTRIES) {
      markReady(id);
      return true;
    }
    if (c.out == 0) {
      const takesPriority = port.frames1 != 0 && next == (reserved == NONE ? bulk : reserved);
      const takesBulk = runs && (byFlow ? c.flows != 0 && isFree(next) : next == bulk);
      const takesAgain = again && next == bulk;
      if (!takesPriority && !takesBulk && !takesAgain && next != teller && c.keepAlive == 0 && !c.mark) continue;
      c.out = held == 0 || outFree > outTotal >> 1 ? takeOut() : 0;
      if (c.out == 0) {
        starved = true;
        continue;
      }
      held++;
      c.outLength = c.outTaken = 0;
      // First, because it fits in an empty buffer.
      if (takesAgain) {
        for (let batch = nextToResend(id); batch != 0 && c.outLength < turn && encodeAgain(next, id, batch, now); ) batch = nextToResend(id);
        noteTurn(id, next, c.outLength, now);
      }
      if (c.mark) encodeMark(c, next, now);
      if (resends && !c.stalled && isDue(id)) encodeAccount(c, id);
      if (c.keepAlive != 0 && c.outLength + 8 + c.keepAlive <= OUT_BUFFER_BYTES) encodeKeepAlive(c);
      if (takesPriority) encodeBatch(next, id, true, NONE, OUT_BUFFER_BYTES, false, now);
      if (takesBulk && c.outLength < turn) {
        const before = c.outLength;
        encodeBatch(next, id, false, byFlow ? next : NONE, most, reserved != NONE, now);
        if (orders) noteTurn(id, next, c.outLength - before, now);
      }
      if (c.outLength == 0) {
        // All that its flows had was dropped meanwhile.
        releaseOut(c.out);
        c.out = 0;
        held--;
        continue;
      }
      c.sent = now;
    }
    offer(next);
  }
  if (starved) markReady(id);
  // What is left waits for its limit, also when that was met only now.
  else if (limited && port.frames0 != 0) downloadBytes(id, now);
  return !starved;
}

/** No connection is left that has not stopped: none is any better than the others. */
function trustAll(id: u32): void {
  for (let next = portAt(id).firstConnection; next != NONE; next = connectionAt(next).next) connectionAt(next).stalled = 0;
}

/** Of several that are free the last is used, as the reference does (§4.3). */
function lastFree(id: u32, reserved: u32): u32 {
  let last = NONE;
  for (let next = portAt(id).firstConnection; next != NONE; next = connectionAt(next).next) {
    if (next != reserved && isFree(next)) last = next;
  }
  return last;
}

/**
 * Between own peers, who keep batches in order, connections have their turn: a path that limits each of them lets through
 * what all may have together, and a flow inside never meets the limit of one. The next is the one that has least under way:
 * what everything else would wait for at the other end goes where it is there first. When they carry so much together that
 * nothing limits them, and their round trips are short, one has everything: what comes on one connection need not be put in
 * order.
 */
function nextInTurn(id: u32, reserved: u32, now: f64): u32 {
  const order = orderOf(id);
  const lane = order.lane;
  if (lane != reserved && connectionAt(lane).port == id && connectionAt(lane).flags & MAY_SEND) {
    const fast = hasEverything(id, lane);
    const goesOn = fast || (order.laneBytes < TURN_BYTES && now - order.laneSince < TURN_MS);
    if (isFree(lane) && goesOn) return lane;
    if (!isFree(lane) && fast && now - order.laneUsed < PATIENCE_MS) return NONE;
  }
  // Of those for which the peer has least to wait, the one whose turn was longest ago.
  let best = NONE;
  let least: u32 = u32.MAX_VALUE;
  let bestFollows = false;
  let passed = false;
  for (let next = portAt(id).firstConnection; next != NONE; next = connectionAt(next).next) {
    if (next != reserved && isFree(next)) {
      const bytes = connectionAt(next).outstandingBytes;
      if (best == NONE || bytes < least || (bytes == least && passed && !bestFollows)) {
        best = next;
        least = bytes;
        bestFollows = passed;
      }
    }
    if (next == lane) passed = true;
  }
  return best;
}

@inline
function hasEverything(id: u32, lane: u32): bool {
  const c = connectionAt(lane);
  if (orderOf(id).fast == 0 || (c.flags & LONG) != 0) return false;
  return c.rate == 0 || <f64>c.rate > FAST / 2;
}

/** The connection got a batch of so many bytes. */
function noteTurn(id: u32, connection: u32, bytes: u32, now: f64): void {
  const order = orderOf(id);
  if (order.lane != connection || now - order.laneSince >= TURN_MS) {
    order.lane = connection;
    order.laneSince = now;
    order.laneBytes = 0;
  }
  order.laneBytes += bytes;
  order.laneUsed = now;
  const span = now - order.spanSince;
  if (span >= SPAN_MS) {
    order.fast = <f64>order.spanBytes >= span * (order.fast ? FAST / 2 : FAST) ? 1 : 0;
    order.spanSince = now;
    order.spanBytes = 0;
  }
  order.spanBytes += bytes;
}

@inline
function isFree(id: u32): bool {
  const c = connectionAt(id);
  return (c.flags & MAY_SEND) != 0 && c.writable != 0 && c.out == 0 && !c.offered && !c.stalled;
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
