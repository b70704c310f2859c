/** The hubs: each an Ethernet switch of its own. */

import { HUB_BYTES, HUBS, HUBS_MAX, NONE } from '../memory';
import { portAt } from '../port';

/** Learns stations and forwards to the port they are on. */
export const MODE_SWITCH: u32 = 0;
/** Gives every frame to all other ports, unseen: a client's TAP and its session. */
export const MODE_PATCH: u32 = 1;

@unmanaged
export class Hub {
  used: u32;
  mode: u32;
  firstPort: u32;
  ports: u32;
  /** Entries in the forwarding table. */
  fdb: u32;
  /** Flooded frames per second of one source; 0: no limit. */
  stormLimit: u32;
  /** Kinds of frames that the engine asks for, `punt.ts`. */
  punts: u32;
  /** HUB_ bits of `policy/bits.ts`: what is to be looked at in frames of every port. */
  checks: u32;
  /** The engine's own station on the hub, or 0. */
  station: u64;
  /** Its rules in ACCESS, and how many of them count before it is known who gets a frame. */
  firstRule: u32;
  rules: u32;
  entryRules: u32;
  /** Ports whose policy needs to know who has which IP address, and monitors. */
  watchers: u32;
  monitors: u32;
}

@inline
export function hubAt(hub: u32): Hub {
  return changetype<Hub>(HUBS + hub * HUB_BYTES);
}

export function takeHub(mode: u32, stormLimit: u32): u32 {
  for (let i: u32 = 0; i < HUBS_MAX; i++) {
    const hub = hubAt(i);
    if (hub.used) continue;
    hub.used = 1;
    hub.mode = mode;
    hub.firstPort = NONE;
    hub.ports = 0;
    hub.fdb = 0;
    hub.stormLimit = stormLimit;
    hub.punts = 0;
    hub.station = 0;
    hub.checks = 0;
    hub.rules = hub.entryRules = hub.watchers = hub.monitors = 0;
    return i;
  }
  return NONE;
}

export function joinHub(hub: u32, port: u32): void {
  const h = hubAt(hub);
  const p = portAt(port);
  p.hub = hub;
  p.previousInHub = NONE;
  p.nextInHub = h.firstPort;
  if (h.firstPort != NONE) portAt(h.firstPort).previousInHub = port;
  h.firstPort = port;
  h.ports++;
}

export function leaveHub(port: u32): void {
  const p = portAt(port);
  const h = hubAt(p.hub);
  if (p.previousInHub == NONE) h.firstPort = p.nextInHub;
  else portAt(p.previousInHub).nextInHub = p.nextInHub;
  if (p.nextInHub != NONE) portAt(p.nextInHub).previousInHub = p.previousInHub;
  h.ports--;
}
