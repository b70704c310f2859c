/**
 * Frames that the engine is to see: the few that it speaks itself, probes for loops and what concerns the addresses of a
 * client. A hub asks for kinds of them. They are copied to a table that the engine empties once in a turn.
 */

import { PUNT_BYTES, PUNT_FRAME_MAX, PUNTS, PUNTS_MAX } from '../memory';
import { finish } from '../offload/segment';
import { frameOf, Slot } from '../pool';
import { portAt, PORT_LEAF } from '../port';
import { destination, ETHERTYPE_IPV4, ETHERTYPE_IPV6, isGroup } from '../wire/ethernet';
import { ICMPV6 } from '../wire/icmp';
import { destinationPort, etherType, layer4, protocol, sourcePort, tagged } from '../wire/packet';
import { tcpHeaderBytes } from '../wire/tcp';
import { UDP } from '../wire/udp';
import { Hub } from './hubs';

/** A probe of our own that looks for loops: the engine alone gets it. */
export const PUNT_PROBE: u32 = 1;
/** What a DHCP or DHCPv6 server says to a client (RFC 2131 §4.1, RFC 8415 §7.2). */
export const PUNT_DHCP: u32 = 2;
/** Router advertisements, RFC 4861 §4.2. */
export const PUNT_ADVERTISEMENT: u32 = 4;
/** What a rule of the access list redirects; no hub has to ask for it. Its headers only. */
export const PUNT_REDIRECT: u32 = 8;

/** Local experimental EtherType 1 of IEEE 802. */
export const ETHERTYPE_PROBE: u32 = 0x88b5;
/** The first bytes behind it: others may use the number too. */
const PROBE_MARK: u32 = 0x4b4f_4f4c;
const PROBE_BYTES: u32 = 18;

/** Whoever sends many requests must not take the places of probes. */
const REQUESTS_MAX: u32 = PUNTS_MAX / 2;

const ROUTER_ADVERTISEMENT: u32 = 134;

export function initPunts(): void {
  store<u32>(PUNTS, 0);
}

/** Whether the engine takes another frame in this turn. */
export function hasPuntRoom(): bool {
  return load<u32>(PUNTS) < PUNTS_MAX;
}

/** The kind of the frame that was parsed last, or 0: what is in a VLAN is its stations' own. */
export function puntKind(frame: u32, length: u32): u32 {
  if (tagged) return 0;
  if (etherType == ETHERTYPE_PROBE) return length >= PROBE_BYTES && load<u32>(frame, 14) == PROBE_MARK ? PUNT_PROBE : 0;
  if (layer4 == 0) return 0;
  if (protocol == UDP) {
    if (etherType == ETHERTYPE_IPV4) return destinationPort == 68 && sourcePort == 67 ? PUNT_DHCP : 0;
    return etherType == ETHERTYPE_IPV6 && destinationPort == 546 ? PUNT_DHCP : 0;
  }
  return protocol == ICMPV6 && sourcePort == ROUTER_ADVERTISEMENT ? PUNT_ADVERTISEMENT : 0;
}

/**
 * Puts a frame into the table. True when nobody else is to get it: a probe, and an answer of DHCP to the hub's own station,
 * which has no other use for it.
 */
export function punt(from: u32, hub: u32, h: Hub, kind: u32, slot: u32): bool {
  if (kind == PUNT_PROBE && portAt(from).flags & PORT_LEAF) return true;
  const s = changetype<Slot>(slot);
  const frame = frameOf(slot);
  if (s.unfinished && s.segment == 0) finish(slot);
  const count = load<u32>(PUNTS);
  if (count < PUNTS_MAX && s.length <= PUNT_FRAME_MAX) {
    const at = PUNTS + (count + 1) * PUNT_BYTES;
    store<u32>(at, from);
    store<u32>(at, hub, 4);
    store<u32>(at, kind, 8);
    store<u32>(at, s.length, 12);
    memory.copy(at + 16, frame, s.length);
    store<u32>(PUNTS, count + 1);
  }
  if (kind == PUNT_PROBE) return true;
  const to = destination(frame);
  return kind == PUNT_DHCP && !isGroup(to) && to == h.station;
}

/**
 * Puts the headers of the TCP segment that was parsed last into the table, with the rule's place in the hub's list above the
 * kind, and the offset of the TCP header above the length. Without room it is forgotten: its sender repeats it.
 */
export function puntRequest(from: u32, hub: u32, rule: u32, frame: u32): void {
  const length = layer4 + tcpHeaderBytes(frame + layer4);
  const count = load<u32>(PUNTS);
  if (count >= REQUESTS_MAX || length > PUNT_FRAME_MAX) return;
  const at = PUNTS + (count + 1) * PUNT_BYTES;
  store<u32>(at, from);
  store<u32>(at, hub, 4);
  store<u32>(at, PUNT_REDIRECT | (rule << 8), 8);
  store<u32>(at, length | (layer4 << 16), 12);
  memory.copy(at + 16, frame, length);
  store<u32>(PUNTS, count + 1);
}
