/** The way of a frame through a hub, `protocol/data-plane.md` §6.1 and §6.2. */

import { DROP_MALFORMED, DROP_SAME_PORT, DROP_SOURCE, DROP_STATIONS, DROP_STORM } from '../counters';
import { NONE } from '../memory';
import { frameOf, releaseSlot, Slot } from '../pool';
import { countDrop, portAt, PORT_NO_STORM_LIMIT } from '../port';
import { enqueue } from '../queue/queue';
import { bpduBridge, destination, ETHERTYPE_ARP, isBpdu, isGroup, MAC_BROADCAST, source } from '../wire/ethernet';
import { destinationIp, etherType, parse, sourceIp, vlan } from '../wire/packet';
import { learn, lookup } from './fdb';
import { hubAt, MODE_PATCH } from './hubs';
import { passStorm } from './storm';

/** Frames that entered a hub since the start. */
export let framesForwarded: f64 = 0;

/** Takes a frame from the port it came in on to the queues of the ports it goes to. Takes over the hold on the slot. */
export function forward(from: u32, slot: u32, now: f64): void {
  framesForwarded++;
  const cause = route(from, slot, now);
  if (cause != NONE) countDrop(from, cause);
  releaseSlot(slot);
}

function route(from: u32, slot: u32, now: f64): u32 {
  const frame = frameOf(slot);
  const length = changetype<Slot>(slot).length;
  const port = portAt(from);
  port.receivedFrames++;
  port.receivedBytes += length;
  if (!parse(frame, length)) return DROP_MALFORMED;
  const sourceMac = source(frame);
  const destinationMac = destination(frame);
  if (sourceMac == MAC_BROADCAST || sourceMac == 0 || sourceMac == destinationMac) return DROP_SOURCE;
  const hub = hubAt(port.hub);
  if (hub.mode == MODE_PATCH) {
    flood(from, hub.firstPort, slot);
    return NONE;
  }
  const tag = <u64>vlan << 48;
  const station = isBpdu(frame, length) ? bpduBridge(frame) : sourceMac;
  if (!learn(port.hub, station | tag, from, now)) return DROP_STATIONS;
  if (!isGroup(destinationMac)) {
    const to = lookup(port.hub, destinationMac | tag, now);
    if (to == from) return DROP_SAME_PORT;
    if (to != NONE) {
      enqueue(to, slot);
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

function flood(from: u32, first: u32, slot: u32): void {
  for (let to = first; to != NONE; to = portAt(to).nextInHub) {
    if (to != from) enqueue(to, slot);
  }
}
