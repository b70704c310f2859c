/** Policies of ports and access lists of hubs, and what has to be looked at because of them: the rest costs nothing. */

import { NONE } from '../memory';
import {
  portAt, PORT_CHECK_MAC, PORT_GUARDED, PORT_MONITOR, PORT_NO_STORM_LIMIT, PORT_POLICED, rulesOf,
} from '../port';
import { Hub, hubAt } from '../switch/hubs';
import { CHECK_IP, CHECK_IPV6, DHCP_FORCE, HUB_ACCESS, HUB_IPS, HUB_MONITORS, PRIVACY_FILTER, SOURCE_TESTS, TARGET_TESTS } from './bits';
import { forgetIps } from './ip-table';
import { setRates } from './rate';

/** Flags of a port that a policy may set. */
const OF_POLICY: u32 = PORT_CHECK_MAC | PORT_MONITOR | PORT_NO_STORM_LIMIT;
const ASKS_FOR_IPS: u32 = CHECK_IP | CHECK_IPV6 | DHCP_FORCE;

export function setPortPolicy(
  id: u32, source: u32, target: u32, flags: u32, stations: u32, ips: u32, ipv6s: u32, vlan: u32, user: u32, group: u32,
): void {
  leaveHubCounts(id);
  const port = portAt(id);
  const rules = rulesOf(id);
  port.flags |= flags & OF_POLICY;
  port.stationsMax = stations;
  rules.source = source & SOURCE_TESTS;
  rules.target = target & TARGET_TESTS;
  rules.ipMax = ips;
  rules.ipv6Max = ipv6s;
  rules.vlan = vlan;
  rules.user = user;
  rules.group = group;
  const hub = hubAt(port.hub);
  if (rules.source & ASKS_FOR_IPS) hub.watchers++;
  if (port.flags & PORT_MONITOR) hub.monitors++;
  watchHub(id);
}

export function setPortRates(id: u32, upload: f64, download: f64, now: f64): void {
  setRates(id, upload, download, now);
  watchHub(id);
}

export function setHubRules(id: u32, first: u32, count: u32, entryRules: u32): void {
  const hub = hubAt(id);
  hub.firstRule = first;
  hub.rules = count;
  hub.entryRules = entryRules;
  noteChecks(hub);
  for (let port = hub.firstPort; port != NONE; port = portAt(port).nextInHub) watchPort(port, hub);
}

/** A port that goes away. */
export function leavePolicy(id: u32): void {
  leaveHubCounts(id);
  forgetIps(id);
  noteChecks(hubAt(portAt(id).hub));
}

/** Finds out what is to be looked at, of the port and of all of its hub. */
export function watchHub(id: u32): void {
  const hub = hubAt(portAt(id).hub);
  noteChecks(hub);
  watchPort(id, hub);
}

function leaveHubCounts(id: u32): void {
  const port = portAt(id);
  const hub = hubAt(port.hub);
  if (rulesOf(id).source & ASKS_FOR_IPS) hub.watchers--;
  if (port.flags & PORT_MONITOR) hub.monitors--;
  port.flags &= ~PORT_MONITOR;
}

function noteChecks(hub: Hub): void {
  hub.checks = (hub.rules != 0 ? HUB_ACCESS : 0) | (hub.watchers != 0 ? HUB_IPS : 0) | (hub.monitors != 0 ? HUB_MONITORS : 0);
}

function watchPort(id: u32, hub: Hub): void {
  const port = portAt(id);
  const rules = rulesOf(id);
  const monitors = (port.flags & PORT_MONITOR) != 0;
  const policed = monitors || (rules.target & PRIVACY_FILTER) != 0 || (rules.source | rules.ipMax | rules.ipv6Max | rules.vlan) != 0 || rules.uploadRate != 0;
  const guarded = monitors || (rules.target | rules.vlan) != 0 || hub.rules > hub.entryRules;
  port.flags = (port.flags & ~(PORT_POLICED | PORT_GUARDED)) | (policed ? PORT_POLICED : 0) | (guarded ? PORT_GUARDED : 0);
}
