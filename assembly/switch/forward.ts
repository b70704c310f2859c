/** The way of a frame through a hub, `protocol/data-plane.md` §6.1 and §6.2. */

import {
  DROP_ACCESS, DROP_HOST, DROP_LOOP, DROP_MALFORMED, DROP_MEMORY, DROP_POLICY, DROP_QUEUE, DROP_RATE, DROP_SAME_PORT, DROP_SOURCE, DROP_STORM,
  DROP_TOO_LONG_FOR_PORT,
} from '../counters';
import { NONE, SEGMENTS, TCP_SEGMENT_MIN } from '../memory';
import { finish, segment } from '../offload/segment';
import { headerBytes, isSound } from '../offload/sound';
import { accessRule, AccessRule, NO_RULE, OPEN, ruleOnEntry, ruleOnExit } from '../policy/access';
import { noteSource } from '../policy/addresses';
import { withoutRouter } from '../policy/advertisement';
import { HUB_ACCESS, HUB_IPS, NO_DEFAULT_ROUTER, PRIVACY_FILTER, SOURCE_TESTS, TARGET_TESTS } from '../policy/bits';
import { maySend, mayGet } from '../policy/filters';
import { isEndOfFlow, isIcmpv6Of, isRequest, isUnlimited, ROUTER_ADVERTISEMENT } from '../policy/kinds';
import { TOO_MUCH, uploadTime, uploadTurn } from '../policy/rate';
import { insertTag, withoutTag } from '../policy/tag';
import { STAGE_FILTERS, STAGE_LEARNING, STAGE_SENDING, takeDue, waitFrame, waitPort, waitSlot, waitStage } from '../policy/waits';
import { frameOf, releaseSlot, Slot, takeSlot } from '../pool';
import {
  countDrop, Port, portAt, PORT_BLOCKED, PORT_GUARDED, PORT_MONITOR, PORT_NO_STORM_LIMIT, PORT_OFFLOAD, PORT_OFFLOAD_UDP, PORT_POLICED, Rules,
  rulesOf,
} from '../port';
import { slowRate } from '../queue/pace';
import { enqueue } from '../queue/queue';
import { markReady } from '../queue/ready';
import { flowTag } from '../queue/tag';
import { random32 } from '../random';
import { bpduBridge, destination, ETHERTYPE_ARP, isBpdu, isGroup, MAC_BROADCAST, source } from '../wire/ethernet';
import { destinationIp, etherType, parse, protocol, sourceIp, tagged, vlan } from '../wire/packet';
import { TCP } from '../wire/tcp';
import { UDP } from '../wire/udp';
import { VLAN_BYTES } from '../wire/vlan';
import { isOfHost } from './bridged';
import { learn, lookup } from './fdb';
import { hubAt, Hub, MODE_PATCH } from './hubs';
import { clampMss, isSyn } from './mss';
import { punt, puntKind, puntRequest } from './punt';
import { passStorm } from './storm';

/** Frames that entered a hub since the start; a super-frame counts as those that it stands for. */
export let framesForwarded: f64 = 0;

/** Frames into which the super-frame at hand has been cut; 0 as long as nobody needed that. */
let segments: u32 = 0;
/** Bytes of the longest frame on a wire that the frame at hand stands for, and the flag of a port that takes it as it is. */
let unit: u32 = 0;
let taker: u32 = 0;
/** What tells its flow from others, and when it came, host's ms. */
let tag: u32 = 0;
let time: f64 = 0;
/** Whether it opens a TCP connection. */
let syn: bool = false;
/** The port that a frame that is checked came from. */
let sender: u32 = NONE;
/** Policies or the hub have more to ask than whether its station is known. */
let checked: bool = false;
/** It has met no rule of the access list yet, and those that ask who gets it are still to come. */
let open: bool = false;
/** A session with its VLAN is to get it without its tag. */
let untags: bool = false;

/** Takes a frame from the port it came in on to the queues of the ports it goes to. Takes over the hold on the slot. */
export function forward(from: u32, slot: u32, now: f64): void {
  time = now;
  const cause = route(from, slot, now);
  if (cause != NONE) countDrop(from, cause);
  dropSegments();
  releaseSlot(slot);
}

/** Has frames that have waited long enough go on, and sessions send that have. */
export function goOn(now: f64): void {
  time = now;
  while (takeDue(now)) {
    if (waitStage == STAGE_SENDING) {
      rulesOf(waitPort).pacing = 0;
      markReady(waitPort);
      continue;
    }
    const slot = waitSlot;
    const from = waitPort;
    rulesOf(from).uploadWaiting -= waitStage == STAGE_FILTERS ? changetype<Slot>(slot).length : 0;
    prepare(slot);
    const cause = portAt(from).flags & PORT_BLOCKED ? DROP_LOOP : waitStage == STAGE_FILTERS ? screen(from, slot, now) : follow(from, slot, now);
    if (cause != NONE) countDrop(from, cause);
    dropSegments();
    releaseSlot(slot);
  }
}

function route(from: u32, slot: u32, now: f64): u32 {
  const frame = frameOf(slot);
  const length = changetype<Slot>(slot).length;
  const port = portAt(from);
  port.receivedBytes += length;
  const sound = prepare(slot);
  port.receivedFrames += changetype<Slot>(slot).frames;
  framesForwarded += changetype<Slot>(slot).frames;
  if (!sound) return DROP_MALFORMED;
  const sourceMac = source(frame);
  const destinationMac = destination(frame);
  if (sourceMac == MAC_BROADCAST || sourceMac == 0 || sourceMac == destinationMac) return DROP_SOURCE;
  if (port.host != 0 && isOfHost(frame, port.host)) return DROP_HOST;
  if (syn && port.mss != 0) clampMss(frame, port.mss, changetype<Slot>(slot).unfinished != 0);
  const hub = hubAt(port.hub);
  if (hub.punts != 0) {
    const kind = puntKind(frame, length) & hub.punts;
    if (kind != 0 && punt(from, port.hub, hub, kind, slot)) return NONE;
  }
  if ((port.flags & (PORT_BLOCKED | PORT_POLICED)) | hub.checks) {
    if (port.flags & PORT_BLOCKED) return DROP_LOOP;
    return admit(from, slot, now);
  }
  if (hub.mode == MODE_PATCH) {
    flood(from, hub.firstPort, slot);
    return NONE;
  }
  return switchFrame(from, slot, sourceMac, destinationMac, now);
}

/** `protocol/data-plane.md` §6.1 steps 2, 8 and 9: a VLAN's tag, monitors, the limit for uploads. */
function admit(from: u32, slot: u32, now: f64): u32 {
  if (portAt(from).flags & PORT_MONITOR) return DROP_POLICY;
  const rules = rulesOf(from);
  const s = changetype<Slot>(slot);
  if (rules.vlan == 0 && rules.uploadRate == 0) return screen(from, slot, now);
  // At a low rate a super-frame would take its place for too long, and a second tag is not understood by those who cut.
  const cuts = s.segment != 0 && ((rules.uploadRate != 0 && slowRate(rules.uploadRate)) || (rules.vlan != 0 && tagged));
  if (!cuts) {
    if (s.unfinished && rules.vlan != 0 && tagged) finish(slot);
    return limit(from, slot, now);
  }
  // Not among those of the frame at hand, which each piece is in its turn: they are given back with it.
  const pieces = segment(slot);
  if (pieces == 0) return DROP_MEMORY;
  for (let i: u32 = 0; i < pieces; i++) {
    const piece = load<u32>(SEGMENTS + i * 4);
    prepare(piece);
    const cause = limit(from, piece, now);
    if (cause != NONE) countDrop(from, cause);
    releaseSlot(piece);
  }
  return NONE;
}

function limit(from: u32, slot: u32, now: f64): u32 {
  const rules = rulesOf(from);
  if (rules.vlan == 0) return pay(from, slot, now);
  const inside = insertTag(slot, rules.vlan);
  if (inside == 0) return DROP_MEMORY;
  prepare(inside);
  const cause = pay(from, inside, now);
  if (inside != slot) releaseSlot(inside);
  return cause;
}

function pay(from: u32, slot: u32, now: f64): u32 {
  const rules = rulesOf(from);
  if (rules.uploadRate == 0) return screen(from, slot, now);
  const length = changetype<Slot>(slot).length;
  let due = now;
  if (!isUnlimited()) {
    due = uploadTime(rules, length, now);
    if (due == TOO_MUCH) return DROP_RATE;
  } else if (isEndOfFlow() && rules.uploadWaiting != 0) {
    due = uploadTurn(rules, now);
  }
  if (due <= now) return screen(from, slot, now);
  if (!waitFrame(due, from, slot, STAGE_FILTERS)) return DROP_RATE;
  rules.uploadWaiting += length;
  return NONE;
}

/** Filters and the access list, `protocol/data-plane.md` §6.5 and §6.7. */
function screen(from: u32, slot: u32, now: f64): u32 {
  const hub = hubAt(portAt(from).hub);
  const tests = rulesOf(from).source & SOURCE_TESTS;
  const frame = frameOf(slot);
  if (tests != 0 && !maySend(tests, frame)) return DROP_POLICY;
  open = false;
  if (hub.checks & HUB_ACCESS) {
    const found = ruleOnEntry(hub, from, frame);
    if (found < OPEN) {
      const rule = accessRule(found);
      if (isStopped(rule)) return DROP_ACCESS;
      if (rule.redirects && isRequest(frame)) {
        puntRequest(from, portAt(from).hub, found - hub.firstRule, frame);
        return DROP_ACCESS;
      }
      if (rule.delay != 0) return waitFrame(now + delayOf(rule), from, slot, STAGE_LEARNING) ? NONE : DROP_QUEUE;
    } else {
      open = found == OPEN;
    }
  }
  return learnAndSwitch(from, slot, now);
}

/** A frame that a rule has delayed. */
function follow(from: u32, slot: u32, now: f64): u32 {
  open = false;
  return learnAndSwitch(from, slot, now);
}

function learnAndSwitch(from: u32, slot: u32, now: f64): u32 {
  checked = true;
  sender = from;
  const frame = frameOf(slot);
  const cause = switchFrame(from, slot, source(frame), destination(frame), now);
  checked = open = false;
  return cause;
}

@inline
function isStopped(rule: AccessRule): bool {
  return rule.discards != 0 || (rule.loss != 0 && random32() % 100 < rule.loss);
}

/** The delay of the rule and its jitter, ms. */
function delayOf(rule: AccessRule): f64 {
  const span = (<f64>rule.delay * <f64>rule.jitter) / 100;
  return <f64>rule.delay + span * ((<f64>random32() / 4_294_967_295) * 2 - 1);
}

function switchFrame(from: u32, slot: u32, sourceMac: u64, destinationMac: u64, now: f64): u32 {
  const frame = frameOf(slot);
  const port = portAt(from);
  const hub = hubAt(port.hub);
  const inVlan = <u64>vlan << 48;
  const station = isBpdu(frame, changetype<Slot>(slot).length) ? bpduBridge(frame) : sourceMac;
  const refused = learn(port.hub, station | inVlan, from, now);
  if (refused != NONE) return refused;
  let to = NONE;
  if (!isGroup(destinationMac)) {
    to = lookup(port.hub, destinationMac | inVlan, now);
    if (to == from) return DROP_SAME_PORT;
  }
  if (checked && (hub.checks & HUB_IPS || watches(from))) {
    const cause = noteSource(from, port.hub, frame, now);
    if (cause != NONE) return cause;
  }
  if (to == NONE && hub.stormLimit != 0 && (port.flags & PORT_NO_STORM_LIMIT) == 0) {
    const target = etherType == ETHERTYPE_ARP ? 0 : destinationIp;
    if (!passStorm(from, sourceMac, sourceIp, target, hub.stormLimit, now)) return DROP_STORM;
  }
  if (checked && hub.monitors != 0) copyToMonitors(hub, from, slot);
  if (to != NONE) deliver(to, slot);
  else flood(from, hub.firstPort, slot);
  if (untags) deliverUntagged(hub, slot);
  return NONE;
}

/** Whether the port's policy asks who has which IP address. */
@inline
function watches(port: u32): bool {
  const rules = rulesOf(port);
  return (rules.ipMax | rules.ipv6Max) != 0;
}

/**
 * Queues a frame of the engine's own, of `length` bytes at `frame`, for one port, blocked or not. False when there is no
 * buffer for it, or it is malformed.
 */
export function inject(to: u32, frame: u32, length: u32, now: f64): bool {
  const slot = takeSlot(length);
  if (slot == 0) return false;
  changetype<Slot>(slot).length = length;
  memory.copy(frameOf(slot), frame, length);
  const sound = prepare(slot);
  if (sound) enqueue(to, slot, unit, tag, now);
  releaseSlot(slot);
  return sound;
}

/** Parses the frame and finds out what it stands for. False for one that is to be dropped as malformed. */
function prepare(slot: u32): bool {
  const s = changetype<Slot>(slot);
  unit = s.length;
  if (!parse(frameOf(slot), s.length)) return false;
  tag = flowTag(frameOf(slot));
  syn = isSyn();
  if (!s.unfinished) return true;
  if (!isSound(slot)) return false;
  const payload = <u32>s.segment;
  taker = PORT_OFFLOAD;
  if (payload == 0) return true;
  unit = headerBytes + payload;
  s.frames = <u16>((s.length - headerBytes + payload - 1) / payload);
  if (protocol == UDP) taker = PORT_OFFLOAD_UDP;
  return true;
}

function dropSegments(): void {
  while (segments != 0) releaseSlot(load<u32>(SEGMENTS + --segments * 4));
}

function flood(from: u32, first: u32, slot: u32): void {
  for (let to = first; to != NONE; to = portAt(to).nextInHub) {
    if (to != from) deliver(to, slot);
  }
}

/** Queues the frame as this port takes it, if its policy lets it pass. */
function deliver(to: u32, slot: u32): void {
  const port = portAt(to);
  if (port.flags & (PORT_BLOCKED | PORT_GUARDED)) {
    if (port.flags & PORT_BLOCKED || !isLetThrough(to, slot)) return;
  }
  if (port.host != 0 && isOfHost(frameOf(slot), port.host)) return countDrop(to, DROP_HOST);
  put(to, slot);
}

/** What one port needs is done once, and serves the others that need it. */
function put(to: u32, slot: u32): void {
  const port = portAt(to);
  if (syn && port.mss != 0) return deliverClamped(to, slot);
  const s = changetype<Slot>(slot);
  if (s.segment != 0 && protocol == TCP && unit > longest(port) && takes(port, s)) return deliverShorter(to, slot);
  if (!s.unfinished || takes(port, s)) return enqueue(to, slot, unit, tag, time);
  if (s.segment == 0) {
    finish(slot);
    return enqueue(to, slot, unit, tag, time);
  }
  if (segments == 0) segments = segment(slot);
  if (segments == 0) return countDrop(to, DROP_MEMORY);
  for (let i: u32 = 0; i < segments; i++) enqueue(to, load<u32>(SEGMENTS + i * 4), unit, tag, time);
}

/** A copy, for the other ports get the frame as it is. Such frames are rare, and small. */
function deliverClamped(to: u32, slot: u32): void {
  const s = changetype<Slot>(slot);
  const copy = takeSlot(s.length);
  if (copy == 0) return countDrop(to, DROP_MEMORY);
  const c = changetype<Slot>(copy);
  c.length = s.length;
  c.unfinished = s.unfinished;
  memory.copy(frameOf(copy), frameOf(slot), s.length);
  clampMss(frameOf(copy), portAt(to).mss, c.unfinished != 0);
  if (c.unfinished && !(portAt(to).flags & PORT_OFFLOAD)) finish(copy);
  enqueue(to, copy, unit, tag, time);
  releaseSlot(copy);
}

/** Whether a port with a policy is to be given the frame as it is; it may get another one instead. */
function isLetThrough(to: u32, slot: u32): bool {
  if (portAt(to).flags & PORT_MONITOR) return false;
  const rules = rulesOf(to);
  const tests = rules.target & TARGET_TESTS;
  if (tests != 0) {
    if ((tests & PRIVACY_FILTER && checked && rulesOf(sender).target & PRIVACY_FILTER) || !mayGet(tests, frameOf(slot))) {
      countDrop(to, DROP_POLICY);
      return false;
    }
  }
  if (open && isStoppedOnExit(to, slot)) return false;
  if (rules.vlan != 0) {
    untagFor(rules);
    return false;
  }
  if (tests & NO_DEFAULT_ROUTER && isIcmpv6Of(ROUTER_ADVERTISEMENT)) {
    const copy = withoutRouter(slot);
    if (copy == 0) {
      countDrop(to, DROP_MEMORY);
    } else {
      enqueue(to, copy, unit, tag, time);
      releaseSlot(copy);
    }
    return false;
  }
  return true;
}

/** The rules of the access list that ask who gets the frame; they do not delay it. */
function isStoppedOnExit(to: u32, slot: u32): bool {
  const found = ruleOnExit(hubAt(portAt(to).hub), sender, to, frameOf(slot));
  if (found == NO_RULE || !isStopped(accessRule(found))) return false;
  countDrop(to, DROP_ACCESS);
  return true;
}

/** `protocol/data-plane.md` §6.9. */
function copyToMonitors(hub: Hub, from: u32, slot: u32): void {
  for (let to = hub.firstPort; to != NONE; to = portAt(to).nextInHub) {
    if ((portAt(to).flags & (PORT_MONITOR | PORT_BLOCKED)) != PORT_MONITOR || to == from) continue;
    if (open && isStoppedOnExit(to, slot)) continue;
    if (rulesOf(to).vlan == 0) put(to, slot);
    else untagFor(rulesOf(to));
  }
}

/** Gives the frame without its tag to the sessions that have its VLAN and are to get it. */
function deliverUntagged(hub: Hub, slot: u32): void {
  untags = false;
  const bare = withoutTag(slot);
  // Those that were cut have the tag.
  dropSegments();
  if (bare != 0) prepare(bare);
  for (let to = hub.firstPort; to != NONE; to = portAt(to).nextInHub) {
    const rules = rulesOf(to);
    if (!rules.untags) continue;
    rules.untags = 0;
    if (bare == 0) countDrop(to, DROP_MEMORY);
    else put(to, bare);
  }
  if (bare == 0) return;
  dropSegments();
  releaseSlot(bare);
}

function untagFor(rules: Rules): void {
  if (!tagged || vlan != rules.vlan) return;
  rules.untags = 1;
  untags = true;
}

/** The longest frame for a port whose limit leaves room for a VLAN tag. */
@inline
function longest(port: Port): u32 {
  return tagged ? port.frameMax : port.frameMax - VLAN_BYTES;
}

/**
 * A super-frame of TCP whose frames would be too long for the port: it gets the same bytes in shorter ones. That is so while
 * the ends of a connection have not been told of a smaller MSS, as it was there before the port.
 */
function deliverShorter(to: u32, slot: u32): void {
  const most = longest(portAt(to));
  const s = changetype<Slot>(slot);
  if (most < headerBytes + TCP_SEGMENT_MIN) return countDrop(to, DROP_TOO_LONG_FOR_PORT);
  const copy = takeSlot(s.length);
  if (copy == 0) return countDrop(to, DROP_MEMORY);
  const c = changetype<Slot>(copy);
  const payload = most - headerBytes;
  c.length = s.length;
  c.unfinished = 1;
  c.segment = <u16>payload;
  c.frames = <u16>((s.length - headerBytes + payload - 1) / payload);
  memory.copy(frameOf(copy), frameOf(slot), s.length);
  enqueue(to, copy, most, tag, time);
  releaseSlot(copy);
}

/** Whether the port takes the unfinished frame as it is. A super-frame would block a slow connection for too long. */
@inline
function takes(port: Port, s: Slot): bool {
  return (port.flags & taker) != 0 && !(port.slow && s.segment != 0);
}
