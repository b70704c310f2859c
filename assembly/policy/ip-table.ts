/**
 * Which session has which IP address, `protocol/data-plane.md` §6.4. One table serves all hubs, and an entry is on the list
 * of its port, the one that was heard last first. When the table is full, who adds to it loses the address that it has not
 * used for longest, or, having none, the oldest of a few is lost: nobody can push out what others have.
 */

import { EXCLUSIVE_MS, IP_AGE_MS, IP_BUCKETS, IP_BUCKETS_MAX, IP_ENTRY, IP_LEASED_AGE_MS, IP_SWEEP, IPS, IPS_MAX, NONE } from '../memory';
import { rulesOf } from '../port';

@unmanaged
class Entry {
  /** The address: of IPv4 `high` is 0. */
  high: u64;
  low: u64;
  seen: f64;
  /** When it is forgotten; host's ms. */
  until: f64;
  hub: u32;
  /** NONE while the entry is free. */
  port: u32;
  nextInBucket: u32;
  nextOfPort: u32;
  previousOfPort: u32;
  /** Bit 0: IPv6. Bit 1: a DHCP server gave it. */
  flags: u32;
}

const IPV6: u32 = 1;
const LEASED: u32 = 2;

let factor: u64 = 1;
let freeTop: u32 = NONE;
let fresh: u32 = 0;
let cursor: u32 = 0;

export function initIps(secret: u64): void {
  factor = (secret ^ (secret << 17)) | 1;
  memory.fill(IP_BUCKETS, 0xff, IP_BUCKETS_MAX * 4);
  freeTop = NONE;
  fresh = cursor = 0;
}

/** What becomes of a frame with the source address. */
export const IP_PASSES: u32 = 0;
/** Another session has it. */
export const IP_TAKEN: u32 = 1;
/** The session has as many as it may have. */
export const IP_TOO_MANY: u32 = 2;
/** No DHCP server gave it. */
export const IP_NOT_LEASED: u32 = 3;

/**
 * The port used the address. `most` is how many of its kind it may have before new ones are refused, 0 for any number: one
 * that is known from another session is no new one, as in the reference. `recorded` says whether the
 * table takes such addresses; `exclusive` that it must not be another's, `leased` that a DHCP server must have given it.
 */
export function noteIp(
  port: u32, hub: u32, ipv6: bool, high: u64, low: u64, most: u32, recorded: bool, exclusive: bool, leased: bool, now: f64,
): u32 {
  const rules = rulesOf(port);
  // Most frames come from the station that the last one came from.
  const first = ipv6 ? rules.ipv6First : rules.ipFirst;
  if (first != NONE) {
    const entry = entryAt(first);
    if (entry.low == low && entry.high == high && now <= entry.until) {
      if (leased && !(entry.flags & LEASED)) return IP_NOT_LEASED;
      touch(entry, now);
      return IP_PASSES;
    }
  }
  let index = find(hub, ipv6, high, low);
  if (index != NONE && now > entryAt(index).until) {
    forget(index);
    index = NONE;
  }
  if (index != NONE) {
    const entry = entryAt(index);
    if (entry.port != port && exclusive && now - entry.seen <= EXCLUSIVE_MS) return IP_TAKEN;
    if (leased && !(entry.flags & LEASED)) return IP_NOT_LEASED;
    touch(entry, now);
    unlink(index);
    link(index, port);
    return IP_PASSES;
  }
  if (leased) return IP_NOT_LEASED;
  if (!hasRoom(port, ipv6, most, now)) return IP_TOO_MANY;
  if (recorded) add(port, hub, ipv6, high, low, now);
  return IP_PASSES;
}

/** A DHCP server has given the IPv4 address to a station of the port, for so many seconds. */
export function leaseIpv4(port: u32, hub: u32, ip: u64, seconds: u32, now: f64): void {
  let index = find(hub, false, 0, ip);
  if (index == NONE) index = add(port, hub, false, 0, ip, now);
  if (index == NONE) return;
  const entry = entryAt(index);
  if (entry.port != port) {
    unlink(index);
    link(index, port);
  }
  entry.flags |= LEASED;
  touch(entry, now);
  // Nobody is asked whether he is still there, so the lease counts as long as the server said.
  entry.until = Math.max(entry.until, now + <f64>seconds * 1000);
}

/** Forgets all addresses of a port. */
export function forgetIps(port: u32): void {
  const rules = rulesOf(port);
  while (rules.ipFirst != NONE) forget(rules.ipFirst);
  while (rules.ipv6First != NONE) forget(rules.ipv6First);
}

@inline
function entryAt(index: u32): Entry {
  return changetype<Entry>(IPS + index * IP_ENTRY);
}

@inline
function touch(entry: Entry, now: f64): void {
  entry.seen = now;
  entry.until = Math.max(entry.until, now + (entry.flags & LEASED ? IP_LEASED_AGE_MS : IP_AGE_MS));
}

@inline
function bucketOf(hub: u32, ipv6: bool, high: u64, low: u64): u32 {
  let h = (low ^ (<u64>hub << 40) ^ (<u64>ipv6 << 63)) * factor;
  h = (h ^ (h >> 29) ^ high) * 0xbf58_476d_1ce4_e5b9;
  h = (h ^ (h >> 31)) * factor;
  return IP_BUCKETS + ((<u32>(h >> 40) & (IP_BUCKETS_MAX - 1)) << 2);
}

function find(hub: u32, ipv6: bool, high: u64, low: u64): u32 {
  let index = load<u32>(bucketOf(hub, ipv6, high, low));
  while (index != NONE) {
    const entry = entryAt(index);
    if (entry.low == low && entry.high == high && entry.hub == hub && (entry.flags & IPV6) == <u32>ipv6) return index;
    index = entry.nextInBucket;
  }
  return NONE;
}

/** Whether the port may have one more; looks for some of its own that have expired if need be. */
function hasRoom(port: u32, ipv6: bool, most: u32, now: f64): bool {
  if (most == 0) return true;
  const rules = rulesOf(port);
  if ((ipv6 ? rules.ipv6s : rules.ips) < most) return true;
  let index = ipv6 ? rules.ipv6Last : rules.ipLast;
  for (let i: u32 = 0; i < IP_SWEEP && index != NONE; i++) {
    const before = entryAt(index).previousOfPort;
    if (now > entryAt(index).until) forget(index);
    index = before;
  }
  return (ipv6 ? rules.ipv6s : rules.ips) < most;
}

function add(port: u32, hub: u32, ipv6: bool, high: u64, low: u64, now: f64): u32 {
  const index = takeEntry(port, now);
  if (index == NONE) return NONE;
  const entry = entryAt(index);
  entry.high = high;
  entry.low = low;
  entry.hub = hub;
  entry.flags = ipv6 ? IPV6 : 0;
  entry.until = 0;
  touch(entry, now);
  const bucket = bucketOf(hub, ipv6, high, low);
  entry.nextInBucket = load<u32>(bucket);
  store<u32>(bucket, index);
  link(index, port);
  return index;
}

function takeEntry(port: u32, now: f64): u32 {
  if (freeTop == NONE && fresh < IPS_MAX) return fresh++;
  if (freeTop == NONE) {
    const rules = rulesOf(port);
    const own = rules.ipLast != NONE ? rules.ipLast : rules.ipv6Last;
    forget(own != NONE ? own : oldest(now));
  }
  const index = freeTop;
  freeTop = entryAt(index).nextInBucket;
  return index;
}

/** Of the next IP_SWEEP entries of a table that is full, the one that was heard least recently. */
function oldest(now: f64): u32 {
  let found = NONE;
  for (let i: u32 = 0; i < IP_SWEEP; i++) {
    cursor = (cursor + 1) & (IPS_MAX - 1);
    if (found == NONE || entryAt(cursor).until < entryAt(found).until) found = cursor;
  }
  return found;
}

function forget(index: u32): void {
  const entry = entryAt(index);
  const bucket = bucketOf(entry.hub, (entry.flags & IPV6) != 0, entry.high, entry.low);
  if (load<u32>(bucket) == index) {
    store<u32>(bucket, entry.nextInBucket);
  } else {
    let before = load<u32>(bucket);
    while (entryAt(before).nextInBucket != index) before = entryAt(before).nextInBucket;
    entryAt(before).nextInBucket = entry.nextInBucket;
  }
  unlink(index);
  entry.port = NONE;
  entry.nextInBucket = freeTop;
  freeTop = index;
}

function link(index: u32, port: u32): void {
  const entry = entryAt(index);
  const rules = rulesOf(port);
  const ipv6 = (entry.flags & IPV6) != 0;
  const first = ipv6 ? rules.ipv6First : rules.ipFirst;
  entry.port = port;
  entry.previousOfPort = NONE;
  entry.nextOfPort = first;
  if (first != NONE) entryAt(first).previousOfPort = index;
  if (ipv6) {
    rules.ipv6First = index;
    if (first == NONE) rules.ipv6Last = index;
    rules.ipv6s++;
  } else {
    rules.ipFirst = index;
    if (first == NONE) rules.ipLast = index;
    rules.ips++;
  }
}

function unlink(index: u32): void {
  const entry = entryAt(index);
  const rules = rulesOf(entry.port);
  const next = entry.nextOfPort;
  const previous = entry.previousOfPort;
  if (next != NONE) entryAt(next).previousOfPort = previous;
  if (previous != NONE) entryAt(previous).nextOfPort = next;
  if (entry.flags & IPV6) {
    if (previous == NONE) rules.ipv6First = next;
    if (next == NONE) rules.ipv6Last = previous;
    rules.ipv6s--;
  } else {
    if (previous == NONE) rules.ipFirst = next;
    if (next == NONE) rules.ipLast = previous;
    rules.ips--;
  }
}
