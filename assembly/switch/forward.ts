/** The way of a frame through a hub, `protocol/data-plane.md` §6.1 and §6.2. */

import { DROP_HOST, DROP_LOOP, DROP_MALFORMED, DROP_MEMORY, DROP_SAME_PORT, DROP_SOURCE, DROP_STORM, DROP_TOO_LONG_FOR_PORT } from '../counters';
import { NONE, SEGMENTS, TCP_SEGMENT_MIN } from '../memory';
import { finish, segment } from '../offload/segment';
import { headerBytes, isSound } from '../offload/sound';
import { frameOf, releaseSlot, Slot, takeSlot } from '../pool';
import { countDrop, Port, portAt, PORT_BLOCKED, PORT_NO_STORM_LIMIT, PORT_OFFLOAD, PORT_OFFLOAD_UDP } from '../port';
import { enqueue } from '../queue/queue';
import { flowTag } from '../queue/tag';
import { bpduBridge, destination, ETHERTYPE_ARP, isBpdu, isGroup, MAC_BROADCAST, source } from '../wire/ethernet';
import { destinationIp, etherType, parse, protocol, sourceIp, tagged, vlan } from '../wire/packet';
import { TCP } from '../wire/tcp';
import { UDP } from '../wire/udp';
import { VLAN_BYTES } from '../wire/vlan';
import { isOfHost } from './bridged';
import { learn, lookup } from './fdb';
import { hubAt, MODE_PATCH } from './hubs';
import { clampMss, isSyn } from './mss';
import { punt, puntKind } from './punt';
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

/** Takes a frame from the port it came in on to the queues of the ports it goes to. Takes over the hold on the slot. */
export function forward(from: u32, slot: u32, now: f64): void {
  time = now;
  const cause = route(from, slot, now);
  if (cause != NONE) countDrop(from, cause);
  while (segments != 0) releaseSlot(load<u32>(SEGMENTS + --segments * 4));
  releaseSlot(slot);
}

function route(from: u32, slot: u32, now: f64): u32 {
  const frame = frameOf(slot);
  const length = changetype<Slot>(slot).length;
  const port = portAt(from);
  port.receivedBytes += length;
  const sound = checked(slot);
  port.receivedFrames += changetype<Slot>(slot).frames;
  framesForwarded += changetype<Slot>(slot).frames;
  if (!sound) return DROP_MALFORMED;
  const sourceMac = source(frame);
  const destinationMac = destination(frame);
  if (sourceMac == MAC_BROADCAST || sourceMac == 0 || sourceMac == destinationMac) return DROP_SOURCE;
  if (port.host != 0 && isOfHost(frame, port.host)) return DROP_HOST;
  syn = isSyn();
  if (syn && port.mss != 0) clampMss(frame, port.mss, changetype<Slot>(slot).unfinished != 0);
  const hub = hubAt(port.hub);
  if (hub.punts != 0) {
    const kind = puntKind(frame, length) & hub.punts;
    if (kind != 0 && punt(from, port.hub, hub, kind, slot)) return NONE;
  }
  if (port.flags & PORT_BLOCKED) return DROP_LOOP;
  if (hub.mode == MODE_PATCH) {
    flood(from, hub.firstPort, slot);
    return NONE;
  }
  const inVlan = <u64>vlan << 48;
  const station = isBpdu(frame, length) ? bpduBridge(frame) : sourceMac;
  const refused = learn(port.hub, station | inVlan, from, now);
  if (refused != NONE) return refused;
  if (!isGroup(destinationMac)) {
    const to = lookup(port.hub, destinationMac | inVlan, now);
    if (to == from) return DROP_SAME_PORT;
    if (to != NONE) {
      deliver(to, slot);
      return NONE;
    }
  }
  if (hub.stormLimit != 0 && (port.flags & PORT_NO_STORM_LIMIT) == 0) {
    const target = etherType == ETHERTYPE_ARP ? 0 : destinationIp;
    if (!passStorm(from, sourceMac, sourceIp, target, hub.stormLimit, now)) return DROP_STORM;
  }
  flood(from, hub.firstPort, slot);
  return NONE;
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
  const sound = checked(slot);
  if (sound) enqueue(to, slot, unit, tag, now);
  releaseSlot(slot);
  return sound;
}

/** Parses the frame and finds out what it stands for. False for one that is to be dropped as malformed. */
function checked(slot: u32): bool {
  const s = changetype<Slot>(slot);
  unit = s.length;
  if (!parse(frameOf(slot), s.length)) return false;
  tag = flowTag(frameOf(slot));
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

function flood(from: u32, first: u32, slot: u32): void {
  for (let to = first; to != NONE; to = portAt(to).nextInHub) {
    if (to != from) deliver(to, slot);
  }
}

/** Queues the frame as this port takes it. What one port needs is done once, and serves the others that need it. */
function deliver(to: u32, slot: u32): void {
  const port = portAt(to);
  if (port.flags & PORT_BLOCKED) return;
  if (port.host != 0 && isOfHost(frameOf(slot), port.host)) return countDrop(to, DROP_HOST);
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
