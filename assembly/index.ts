/**
 * The interface of the core, and nothing else. Arguments are trusted: `engine/core.ts`, the only caller, checks them.
 * Times are the host's milliseconds. Numbers of hubs, ports and connections are small integers; NONE says "no".
 */

import { useHostCodec as setHostCodec } from './codec';
import { closeConnection as closeConnectionState, connectionAt, initConnections, LONG, MAY_SEND, openConnection } from './connection';
import { CODES_END } from './deflate/block';
import { deflateZlib, initDeflate } from './deflate/deflate';
import { INFLATE_END, inflateZlib } from './deflate/inflate';
import {
  ACCESS, ACCESS_HUB_MAX, ACCESS_MAX, CONNECTION_BYTES, CONNECTIONS, DEFLATE, DEFLATE_CODES, DEFLATE_COUNTS, DEFLATE_RESULT, DEFLATE_RESULT_BYTES, DEFLATE_TOKENS, FRAME_MIN,
  HASH_TABLE, HASH_TABLE_BYTES, HOLD_MS, HUB_BYTES, HUBS, INBOX, INBOX_BYTES, INBOX_ENTRIES, INBOX_ENTRY,
  INBOX_TABLE, KEEP_ALIVE_MAX, KEEP_ALIVE_RETIRE, LARGE_FRAME_MAX, NONE, ORDER_MS, OUTBOX_ENTRIES, OUTBOX_TABLE, POOLS, PORT_BYTES, PORTS, PUNT_BYTES, PUNTS, PUNTS_BYTES, SCRATCH,
  SCRATCH_BYTES, SMALL_FRAME_MAX, TAP_BATCH, TAP_READ_LENGTHS, TAP_READ_OFFSETS, TAP_READ_TAGS, TAP_WRITE_LENGTHS, TAP_WRITE_OFFSETS, TAPS_READY,
  RULE_BYTES, WAITING,
} from './memory';
import { initPools, largeFree, largeTotal, memoryBytes as poolMemoryBytes, smallFree, smallTotal } from './pool';
import { accountOf, keepOf, orderOf, portAt, PORT_BLOCKED, PORT_CLASSES, PORT_CODEC, PORT_COUNTERS, PORT_DROPS, PORT_FREE, PORT_OFFLOAD, PORT_QOS, PORT_RETIRES, PORT_TAP, PORT_USED, takePort } from './port';
import { initBulk } from './queue/bulk';
import { fill as fillOutbox, hasWork, withdraw } from './queue/deal';
import { hold, isHeld, watchQueues } from './queue/hold';
import { setRate } from './queue/pace';
import { emptyQueues, openPorts, sharePools } from './queue/queue';
import { isPriority, isPriorityExtended } from './queue/classify';
import { initReady, markReady, unmarkReady } from './queue/ready';
import { flowTag } from './queue/tag';
import { seedRandom } from './random';
import { decode } from './stream/decode';
import { accountBytes } from './stream/account';
import { initBatches } from './stream/batches';
import { emptyKeep, takeBack } from './stream/keep';
import { emptyOrder, goOnInOrder, inOrder, isAhead, leaveOrder, releaseLate as releaseLateFrames } from './stream/order';
import { rest, tend as tendPort } from './stream/stall';
import { forgetPort, initFdb, sweepFdb } from './switch/fdb';
import { framesForwarded, goOn as goOnFrames, inject as injectFrame } from './switch/forward';
import { hubAt, joinHub, leaveHub, takeHub } from './switch/hubs';
import { joinLink as joinLinkEnds, moveLinks as moveLinkFrames, partLink } from './switch/link';
import { initPunts } from './switch/punt';
import { leavePolicy, setHubRules, setPortPolicy, setPortRates, watchHub } from './policy/policy';
import { initIps } from './policy/ip-table';
import { forgetWaits, initWaits } from './policy/waits';
import { initStorm } from './switch/storm';
import { dropBatch, initTaps, tapRead as tapReadBatch, tapWrite as tapWriteBatch, widenPlaces } from './tap';
import { destinationIp, destinationPort, etherType, flags, layer3, layer4, packetEnd, parse, protocol, sourceIp, sourcePort, vlan } from './wire/packet';

export {
  ACCESS, ACCESS_HUB_MAX, ACCESS_MAX, RULE_BYTES, WAITING,
  CODES_END, CONNECTION_BYTES, CONNECTIONS, DEFLATE, DEFLATE_CODES, DEFLATE_COUNTS, DEFLATE_RESULT, DEFLATE_RESULT_BYTES,
  DEFLATE_TOKENS, FRAME_MIN, HASH_TABLE, HASH_TABLE_BYTES, INFLATE_END, HOLD_MS, HUB_BYTES, HUBS, INBOX, INBOX_BYTES, INBOX_ENTRIES, INBOX_TABLE,
  KEEP_ALIVE_MAX, LARGE_FRAME_MAX, NONE, ORDER_MS, OUTBOX_ENTRIES, OUTBOX_TABLE, POOLS, PORT_BYTES, PORT_CLASSES, PORT_CODEC, PORT_COUNTERS, PORT_DROPS, PORT_USED, PORTS,
  PUNT_BYTES, PUNTS, PUNTS_BYTES, SCRATCH, SCRATCH_BYTES, TAP_BATCH, TAP_READ_LENGTHS, TAP_READ_OFFSETS, TAP_READ_TAGS, TAP_WRITE_LENGTHS, TAP_WRITE_OFFSETS,
  TAPS_READY,
};

/** 1 in the build with SIMD. */
export const SIMD: u32 = ASC_FEATURE_SIMD ? 1 : 0;

/** Bytes of memory that pools of this size need in all. */
export function memoryBytes(small: u32, large: u32, out: u32, windows: u32): f64 {
  return <f64>poolMemoryBytes(small, large, out, windows);
}

/** Once, before anything else, on fresh memory. The seeds are secret random numbers. */
export function init(small: u32, large: u32, out: u32, windows: u32, seed1: u64, seed2: u64): void {
  initPools(small, large, out, windows);
  initBatches();
  initConnections();
  initReady();
  sharePools(0);
  initTaps();
  initPunts();
  initFdb(seed1);
  initStorm(seed2);
  initIps(seed1 ^ seed2);
  initWaits();
  seedRandom(seed1 ^ (seed2 << 1));
  initDeflate();
}

/** A new hub, or NONE. `mode` 0 switches, 1 gives every frame to all other ports. */
export function openHub(mode: u32, stormLimit: u32): u32 {
  return takeHub(mode, stormLimit);
}

/** Gives a hub back; its ports must be closed. */
export function closeHub(hub: u32): void {
  hubAt(hub).used = 0;
}

/** A new port of a hub, or NONE. */
export function openPort(hub: u32, kind: u32, portFlags: u32, frameMax: u32, blockMax: u32, stationsMax: u32): u32 {
  const id = takePort();
  if (id == NONE) return NONE;
  const port = portAt(id);
  port.kind = kind;
  // A TAP has one queue: frames towards a host are not sorted.
  port.flags = kind == PORT_TAP ? portFlags & ~PORT_QOS : portFlags;
  port.frameMax = frameMax;
  port.blockMax = blockMax;
  port.stationsMax = stationsMax;
  initBulk(id);
  joinHub(hub, id);
  watchHub(id);
  sharePools(openPorts() + 1);
  if (kind == PORT_TAP && (portFlags & PORT_OFFLOAD || frameMax > SMALL_FRAME_MAX)) widenPlaces();
  return id;
}

/** Closes a port with its connections; what it still had to send is lost. */
export function closePort(id: u32): void {
  const port = portAt(id);
  while (port.firstConnection != NONE) {
    withdraw(port.firstConnection);
    closeConnectionState(port.firstConnection);
  }
  leavePolicy(id);
  forgetWaits(id);
  emptyOrder(id);
  emptyKeep(id);
  emptyQueues(id);
  if (port.kind == PORT_TAP) dropBatch(id);
  partLink(id);
  forgetPort(id);
  unmarkReady(id);
  leaveHub(id);
  sharePools(openPorts() - 1);
  port.kind = PORT_FREE;
}

/** The address of the host itself on a bridged interface, 0 for none (`switch/bridged.ts`), and the port's MSS (`switch/mss.ts`). */
export function guardPort(id: u32, host: u64, mss: u32): void {
  const port = portAt(id);
  port.host = host;
  port.mss = mss;
}

/**
 * What the policy of a port says: tests as bits (`policy/bits.ts`), PORT_ flags that it adds, stations and addresses that it
 * may have, 0 for any number, its VLAN or 0, and the numbers of its user and group in access lists, 0 for none.
 */
export function setPolicy(
  port: u32, source: u32, target: u32, flags: u32, stations: u32, ips: u32, ipv6s: u32, ownVlan: u32, user: u32, group: u32,
): void {
  setPortPolicy(port, source, target, flags, stations, ips, ipv6s, ownVlan, user, group);
}

/** Limits of what a session sends and gets, bytes per millisecond; 0: none. */
export function setRates(port: u32, upload: f64, download: f64, now: f64): void {
  setPortRates(port, upload, download, now);
}

/** The rules of a hub's access list: a part of ACCESS, of which so many count before it is known who gets a frame. */
export function setAccess(hub: u32, first: u32, count: u32, entryRules: u32): void {
  setHubRules(hub, first, count, entryRules);
}

/** Has frames go on, and sessions be sent something, whose time has come: see WAITING. */
export function goOn(now: f64): void {
  goOnFrames(now);
}

/** Which kinds of frames the engine asks for, and the address of its own station, 0 for none: `switch/punt.ts`. */
export function setPunts(hub: u32, kinds: u32, station: u64): void {
  hubAt(hub).punts = kinds;
  hubAt(hub).station = station;
}

/** Has the frame of `length` bytes at SCRATCH leave by the port; 0 when it cannot. */
export function inject(port: u32, length: u32, now: f64): u32 {
  return injectFrame(port, SCRATCH, length, now) ? 1 : 0;
}

/** A blocked port lets only probes pass. What it had learned is forgotten. */
export function blockPort(id: u32, yes: u32): void {
  const port = portAt(id);
  if (yes) {
    port.flags |= PORT_BLOCKED;
    forgetPort(id);
  } else {
    port.flags &= ~PORT_BLOCKED;
  }
}

/** Forgets the stations behind a port: the way to them may be another one now. */
export function forgetStations(id: u32): void {
  forgetPort(id);
}

/** Joins two ports that were opened as links: see `switch/link.ts`. */
export function joinLink(a: u32, b: u32): void {
  joinLinkEnds(a, b);
}

/** See `switch/link.ts`. */
export function moveLinks(now: f64): u32 {
  return moveLinkFrames(now);
}

/** A new connection of a session's port, or NONE. `maySend`: this side sends on it; `isLong`: its round trips are long. */
export function joinConnection(port: u32, maySend: u32, isLong: u32, now: f64): u32 {
  const id = openConnection(port, (maySend ? MAY_SEND : 0) | (isLong ? LONG : 0), now);
  // What waited for a connection can leave now.
  if (id != NONE) markReady(port);
  return id;
}

export function closeConnection(id: u32, now: f64): void {
  const port = connectionAt(id).port;
  if (port == NONE) return;
  withdraw(id);
  leaveOrder(id, now);
  takeBack(id);
  closeConnectionState(id);
  // Another connection may have to carry now what waited for this one.
  markReady(port);
}

/** In the result of a piece: its connection is not to be read for now, see `queue/hold.ts`. */
const HELD: u32 = 0x100;
/** Frames of its session wait for others: see `stream/order.ts`. */
const WAITS: u32 = 0x200;
/** Its session is to be tended: see `stream/stall.ts`. */
const TENDED: u32 = 0x400;

/** Handles the first `count` pieces of the inbox; the result of each is in its entry. */
export function receive(count: u32, now: f64): void {
  for (let i: u32 = 0; i < count; i++) {
    const entry = INBOX_TABLE + i * INBOX_ENTRY;
    const id = load<u32>(entry);
    const at = INBOX + load<u32>(entry, 4);
    const port = connectionAt(id).port;
    let result: u32 = 0;
    // The connection may have been closed since its bytes came.
    if (port != NONE) {
      watchQueues();
      result = decode(id, at, at + load<u32>(entry, 8), now);
      if (hold(port, now) || isAhead(id)) result |= HELD;
      if (!inOrder(port)) result |= WAITS;
      if (accountBytes(port, load<u32>(entry, 8))) result |= TENDED;
    }
    store<u32>(entry, result, 12);
  }
}

/** Forwards frames of the port that have waited for too long; 1 when some still wait. */
export function releaseLate(port: u32, now: f64): u32 {
  return releaseLateFrames(port, now) ? 1 : 0;
}

/** See `stream/stall.ts`. */
export function tend(port: u32, now: f64): u32 {
  return tendPort(port, now) ? 1 : 0;
}

/** Batches that were sent again, and those that had come before. */
export function batchesResent(port: u32): u32 {
  return keepOf(port).resent;
}

export function batchesDoubled(port: u32): u32 {
  return accountOf(port).doubles;
}

/** How often the port has given batches up. */
export function batchesSkipped(port: u32): u32 {
  return orderOf(port).skipped;
}

/** How fast the connection drains, bytes per millisecond; 0: that is not known. See `queue/pace.ts`. */
export function connectionRate(id: u32, rate: u32): void {
  if (connectionAt(id).port != NONE) setRate(id, rate);
}

/** See `stream/stall.ts`; 0 when it goes on. */
export function restConnection(id: u32, ms: f64, now: f64): u32 {
  return connectionAt(id).port != NONE && rest(id, ms, now) ? 1 : 0;
}

/** Has the next `fill` look at what waits in the port: one of its connections may have stopped meanwhile. */
export function revise(port: u32): void {
  if (portAt(port).frames0 != 0) markReady(port);
}

/** See `queue/deal.ts`. */
export function fill(now: f64): u32 {
  return fillOutbox(now);
}

/** The host takes bytes for this connection again; 1 when there may be some for it. */
export function connectionWritable(id: u32): u32 {
  const connection = connectionAt(id);
  if (connection.port == NONE) return 0;
  if (connection.offered) {
    // The host called back while it was writing: `fill` must not forget it when it notes what was written.
    connection.offered = 2;
    return 1;
  }
  connection.writable = 1;
  if (!hasWork(connection.port)) return 0;
  markReady(connection.port);
  return 1;
}

/** Has the connection send a keep-alive of `size` bytes, 0 to 512, before anything else. */
export function keepAlive(id: u32, size: u32): void {
  const connection = connectionAt(id);
  if (connection.port == NONE) return;
  connection.keepAlive = min(size, KEEP_ALIVE_MAX) + 1;
  markReady(connection.port);
}

/**
 * Sends nothing more on this connection but what is in its buffer already and, when the peer knows what it means, a last
 * word. The other connections of the session carry the rest.
 */
export function retireConnection(id: u32): void {
  const connection = connectionAt(id);
  if (connection.port == NONE) return;
  connection.flags &= ~MAY_SEND;
  if (portAt(connection.port).flags & PORT_RETIRES) connection.keepAlive = KEEP_ALIVE_RETIRE + 1;
  markReady(connection.port);
}

/** Whether the host has taken everything that the connection had to send. */
export function connectionDrained(id: u32): u32 {
  const connection = connectionAt(id);
  return connection.port == NONE || (connection.out == 0 && connection.keepAlive == 0) ? 1 : 0;
}

/** Bytes of the tunnel stream each way, and bytes in the out buffer that the host has not taken. */
export function connectionReceivedBytes(id: u32): f64 {
  return <f64>connectionAt(id).receivedBytes;
}

export function connectionSentBytes(id: u32): f64 {
  return <f64>connectionAt(id).sentBytes;
}

export function connectionUnsentBytes(id: u32): u32 {
  const connection = connectionAt(id);
  return connection.out == 0 ? 0 : connection.outLength - connection.outTaken;
}

/** Bytes that wait in a port's queues. */
export function portQueuedBytes(id: u32): u32 {
  return portAt(id).bytes0 + portAt(id).bytes1;
}

/** See `tap.ts`. */
export function tapRead(port: u32, count: u32, now: f64): u32 {
  return tapReadBatch(port, count, now);
}

/** Whether the session's connections are not to be read now: see `queue/hold.ts`. */
export function connectionHeld(id: u32, now: f64): u32 {
  const port = connectionAt(id).port;
  if (!isHeld(port, now)) goOnInOrder(port, now);
  return isAhead(id) || isHeld(port, now) ? 1 : 0;
}

/** Whether the TAP is not to be read now: see `queue/hold.ts`. */
export function tapHeld(port: u32, now: f64): u32 {
  return isHeld(port, now) ? 1 : 0;
}

/** See `tap.ts`. */
export function tapWrite(port: u32): u32 {
  return tapWriteBatch(port);
}

/** To be called every ten seconds or so: forgets stations that have not been heard for long. */
export function housekeep(now: f64): void {
  sweepFdb(now);
}

export function hubFdb(hub: u32): u32 {
  return hubAt(hub).fdb;
}

export function connectionReceivedAt(id: u32): f64 {
  return connectionAt(id).received;
}

export function connectionSentAt(id: u32): f64 {
  return connectionAt(id).sent;
}

export function framesIn(): f64 {
  return framesForwarded;
}

export function slotsFree(): u32 {
  return smallFree + largeFree;
}

export function slotsTotal(): u32 {
  return smallTotal + largeTotal;
}

/** Whether the frame of `length` bytes at SCRATCH is a priority frame, by the one rule or by the other. */
export function classify(length: u32, extended: u32): u32 {
  if (!extended) return isPriority(SCRATCH, length) ? 1 : 0;
  return parse(SCRATCH, length) && isPriorityExtended(SCRATCH, length) ? 1 : 0;
}

/** What tells the flow of the frame of `length` bytes at SCRATCH from others. */
export function tagOf(length: u32): u32 {
  return parse(SCRATCH, length) ? flowTag(SCRATCH) : 0;
}

/**
 * Parses the frame of `length` bytes at SCRATCH and writes what it found to the words before the end of SCRATCH:
 * etherType, vlan, layer3, layer4, packetEnd, protocol, sourcePort, destinationPort, flags, then the low halves of the
 * source and the destination IP. Returns 0 for a malformed frame.
 */
export function dissect(length: u32): u32 {
  const ok = parse(SCRATCH, length) ? 1 : 0;
  const at = SCRATCH + SCRATCH_BYTES - 64;
  store<u32>(at, etherType);
  store<u32>(at, vlan, 4);
  store<u32>(at, layer3, 8);
  store<u32>(at, layer4, 12);
  store<u32>(at, packetEnd, 16);
  store<u32>(at, protocol, 20);
  store<u32>(at, sourcePort, 24);
  store<u32>(at, destinationPort, 28);
  store<u32>(at, flags, 32);
  store<u32>(at, <u32>sourceIp, 36);
  store<u32>(at, <u32>destinationIp, 40);
  return ok;
}

/** Has the host deflate and inflate single blocks: what the module imports is called then, and only then. */
export function useHostCodec(yes: u32): void {
  setHostCodec(yes != 0);
}

/** The zlib stream of `length` bytes at SCRATCH, 65,536 at most, at DEFLATE_RESULT; returns its length. */
export function deflate(length: u32): u32 {
  return deflateZlib(SCRATCH, length, DEFLATE_RESULT);
}

/** Inflates the zlib stream of `length` bytes at SCRATCH to DEFLATE_RESULT: its bytes, `limit` at most, or why not, below 0. */
export function inflate(length: u32, limit: u32): i32 {
  return inflateZlib(SCRATCH, length, DEFLATE_RESULT, limit);
}
