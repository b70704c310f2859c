/**
 * The forwarding table: which port a station was last heard on, `protocol/data-plane.md` §6.2. The key is the MAC
 * address with the VLAN, in a hub. One table serves all hubs. Buckets are chosen by a hash with a secret factor, so
 * that nobody can aim addresses at one bucket, and every walk is bounded by the entries of that bucket.
 */

import { DROP_ELSEWHERE, DROP_STATIONS } from '../counters';
import { EXCLUSIVE_MS, FDB, FDB_AGE_MS, FDB_BUCKETS, FDB_BUCKETS_MAX, FDB_ENTRY, FDB_MAX, FDB_SWEEP, FDB_SWEEP_MS, NONE } from '../memory';
import { portAt, PORT_CHECK_MAC } from '../port';
import { hubAt } from './hubs';

@unmanaged
class Entry {
  /** MAC address in bits 0 to 47, VLAN in bits 48 to 59. */
  key: u64;
  seen: f64;
  hub: u32;
  /** NONE while the entry is free. */
  port: u32;
  nextInBucket: u32;
  nextOfPort: u32;
  previousOfPort: u32;
}

let factor: u64 = 0x9e37_79b9_7f4a_7c15;
let freeTop: u32 = NONE;
let fresh: u32 = 0;
let cursor: u32 = 0;
/** When a learning may look for expired entries again. */
let sweepDue: f64 = 0;

export function initFdb(secret: u64): void {
  factor = secret | 1;
  memory.fill(FDB_BUCKETS, 0xff, FDB_BUCKETS_MAX * 4);
  freeTop = NONE;
  fresh = 0;
  cursor = 0;
  sweepDue = 0;
}

@inline
function entryAt(index: u32): Entry {
  return changetype<Entry>(FDB + index * FDB_ENTRY);
}

@inline
function bucketOf(hub: u32, key: u64): u32 {
  let h = (key ^ (<u64>hub << 52)) * factor;
  h ^= h >> 29;
  h *= 0xbf58_476d_1ce4_e5b9;
  return FDB_BUCKETS + ((<u32>(h >> 40) & (FDB_BUCKETS_MAX - 1)) << 2);
}

function find(bucket: u32, hub: u32, key: u64): u32 {
  let index = load<u32>(bucket);
  while (index != NONE) {
    const entry = entryAt(index);
    if (entry.key == key && entry.hub == hub) return index;
    index = entry.nextInBucket;
  }
  return NONE;
}

/** The port behind which the station is, or NONE. */
export function lookup(hub: u32, key: u64, now: f64): u32 {
  const index = find(bucketOf(hub, key), hub, key);
  if (index == NONE) return NONE;
  const entry = entryAt(index);
  return now - entry.seen > FDB_AGE_MS ? NONE : entry.port;
}

/**
 * Notes that the station was heard on the port. NONE, or why the frame is to be dropped: the port has as many stations as it
 * may have, or is not to have one that was heard elsewhere just now. A full table is no reason to drop: the station stays
 * unknown and is flooded to.
 */
export function learn(hub: u32, key: u64, port: u32, now: f64): u32 {
  const bucket = bucketOf(hub, key);
  let index = find(bucket, hub, key);
  if (index != NONE) {
    const entry = entryAt(index);
    if (entry.port != port) {
      if (portAt(port).flags & PORT_CHECK_MAC && now - entry.seen <= EXCLUSIVE_MS) return DROP_ELSEWHERE;
      entry.seen = now;
      if (atLimit(port)) return DROP_STATIONS;
      unlinkFromPort(index);
      linkToPort(index, port);
    }
    entry.seen = now;
    return NONE;
  }
  if (atLimit(port)) return DROP_STATIONS;
  index = takeEntry(now);
  if (index == NONE) return NONE;
  const entry = entryAt(index);
  entry.key = key;
  entry.hub = hub;
  entry.seen = now;
  entry.nextInBucket = load<u32>(bucket);
  store<u32>(bucket, index);
  linkToPort(index, port);
  hubAt(hub).fdb++;
  return NONE;
}

/** Forgets every station of a port. */
export function forgetPort(port: u32): void {
  const p = portAt(port);
  while (p.fdbHead != NONE) forget(p.fdbHead);
}

/** Looks at the next FDB_SWEEP entries and forgets the expired ones. */
export function sweepFdb(now: f64): void {
  const steps = min(FDB_SWEEP, fresh);
  for (let i: u32 = 0; i < steps; i++) {
    if (cursor >= fresh) cursor = 0;
    const entry = entryAt(cursor);
    if (entry.port != NONE && now - entry.seen > FDB_AGE_MS) forget(cursor);
    cursor++;
  }
}

@inline
function atLimit(port: u32): bool {
  const p = portAt(port);
  return p.stationsMax != 0 && p.stations >= p.stationsMax;
}

function takeEntry(now: f64): u32 {
  if (freeTop == NONE && fresh >= FDB_MAX && now >= sweepDue) {
    sweepDue = now + FDB_SWEEP_MS;
    sweepFdb(now);
  }
  if (freeTop != NONE) {
    const index = freeTop;
    freeTop = entryAt(index).nextInBucket;
    return index;
  }
  return fresh < FDB_MAX ? fresh++ : NONE;
}

function forget(index: u32): void {
  const entry = entryAt(index);
  const bucket = bucketOf(entry.hub, entry.key);
  if (load<u32>(bucket) == index) {
    store<u32>(bucket, entry.nextInBucket);
  } else {
    let before = load<u32>(bucket);
    while (entryAt(before).nextInBucket != index) before = entryAt(before).nextInBucket;
    entryAt(before).nextInBucket = entry.nextInBucket;
  }
  unlinkFromPort(index);
  hubAt(entry.hub).fdb--;
  entry.port = NONE;
  entry.nextInBucket = freeTop;
  freeTop = index;
}

function linkToPort(index: u32, port: u32): void {
  const entry = entryAt(index);
  const p = portAt(port);
  entry.port = port;
  entry.previousOfPort = NONE;
  entry.nextOfPort = p.fdbHead;
  if (p.fdbHead != NONE) entryAt(p.fdbHead).previousOfPort = index;
  p.fdbHead = index;
  p.stations++;
}

function unlinkFromPort(index: u32): void {
  const entry = entryAt(index);
  const p = portAt(entry.port);
  if (entry.previousOfPort == NONE) p.fdbHead = entry.nextOfPort;
  else entryAt(entry.previousOfPort).nextOfPort = entry.nextOfPort;
  if (entry.nextOfPort != NONE) entryAt(entry.nextOfPort).previousOfPort = entry.previousOfPort;
  p.stations--;
}
