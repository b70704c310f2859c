/** What is to be set in the machine, from what was asked for and what servers said. */

import { holds } from '../config/network.ts';
import { network } from '../dhcp/addresses.ts';
import type { Lease4 } from '../dhcp/client4.ts';
import type { MachineChange } from '../host.ts';
import { parseIpv4 } from '../pack/ip-text.ts';
import type { ClientSettings } from './options.ts';

export interface PlanInput {
  readonly settings: ClientSettings;
  readonly tap: string;
  /** Of the TAP's interface: tables and rules get numbers by it. */
  readonly index: number;
  /** The kernel has IPv6. */
  readonly ipv6: boolean;
  /** The profile sets the MTU. */
  readonly fixedMtu: boolean;
  /** Addresses of the server, or of the proxy, and its port: they stay reachable without the tunnel. */
  readonly servers: readonly string[];
  readonly port: number;
  readonly lease4: Lease4 | undefined;
  readonly addresses6: readonly LeasedAddress6[];
  /** A router of the hub, by its advertisement. */
  readonly router6: string | undefined;
  readonly dns6: readonly string[];
  readonly search6: readonly string[];
  /** Networks that the machine is attached to otherwise. */
  readonly lan: readonly string[];
}

export interface LeasedAddress6 {
  readonly address: string;
  readonly obtained: number;
  /** Seconds. */
  readonly valid: number;
  readonly preferred: number;
}

export interface Planned {
  /** Of what takes each other's place the keys are the same. */
  readonly key: string;
  readonly change: MachineChange;
  /** A server wanted it: when it cannot be had, that is said, and the rest goes on. */
  readonly soft: boolean;
  /** Made again when it is another. */
  readonly stamp?: number;
}

export interface Plan {
  readonly changes: readonly Planned[];
  readonly routes: readonly PlannedRoute[];
  readonly dns: { readonly servers: readonly string[]; readonly search: readonly string[] } | undefined;
}

export interface PlannedRoute {
  readonly to: string;
  readonly via?: string;
  readonly origin: 'profile' | 'dhcp';
}

const DEFAULT_4 = '0.0.0.0/0';
const DEFAULT_6 = '::/0';
/** Ours among the numbers of tables and rules; rules of the kernel begin at 32766, and 0 is the local table. */
const TABLE_BASE = 0x455400;
const PRIORITY_BASE = 20_000;
const PRIORITIES = 8;
/** So many TAPs have priorities of their own. */
const PRIORITY_SETS = 1_000;
const MTU = 1500;
/** RFC 8200 §5. */
const MTU_MIN_6 = 1280;

export function plan(input: PlanInput): Plan {
  const routes = routesOf(input);
  const dns = dnsOf(input);
  return {
    routes,
    dns,
    // Protection first, what sends traffic another way last: undone in reverse.
    changes: [
      ...ipv6Of(input),
      ...firewallOf(input),
      ...addressesOf(input),
      ...steer(input, routes),
      ...dnsChange(input, dns),
    ],
  };
}

function ipv6Of({ settings: { ipv6 }, tap }: PlanInput): Planned[] {
  if (ipv6 === undefined) return [];
  return [{ key: 'ipv6', change: { kind: 'ipv6', tap, mode: ipv6 === 'off' ? 'off' : 'auto' }, soft: false }];
}

function firewallOf({ settings, tap, servers, port, lan }: PlanInput): Planned[] {
  if (!settings.killSwitch || servers.length === 0) return [];
  const change: MachineChange = { kind: 'firewall', tap, servers, port, lan: settings.allowLan ? lan : [] };
  return [{ key: 'firewall', change, soft: false }];
}

function addressesOf({ lease4, addresses6, tap, servers, settings, fixedMtu }: PlanInput): Planned[] {
  const found: Planned[] = [];
  const metric = settings.metric === undefined ? {} : { metric: settings.metric };
  // With the server's own address this machine would take itself for the server, and not get there any more.
  if (lease4 !== undefined && !servers.includes(lease4.address)) {
    const address = `${lease4.address}/${lease4.prefix}`;
    // A network that holds the server would lead the tunnel into itself.
    const onLink = !servers.some((server) => holds(networkOf(lease4), server));
    const validSeconds = lease4.lease ?? Number.POSITIVE_INFINITY;
    const life = Number.isFinite(validSeconds) ? { validSeconds, preferredSeconds: validSeconds } : {};
    const change: MachineChange = { kind: 'address', tap, address, onLink, ...life, ...metric };
    found.push({ key: `address ${address}`, change, soft: true, stamp: lease4.obtained });
    const mtu = mtuOf(lease4.mtu, settings);
    if (mtu !== undefined && !fixedMtu) found.push({ key: 'mtu', change: { kind: 'mtu', tap, mtu }, soft: true });
  }
  for (const { address, valid, preferred, obtained } of addresses6) {
    if (servers.includes(address)) continue;
    const life = Number.isFinite(valid) ? { validSeconds: valid, preferredSeconds: Math.min(preferred, valid) } : {};
    const change: MachineChange = { kind: 'address', tap, address: `${address}/128`, onLink: false, ...life };
    found.push({ key: `address ${address}/128`, change, soft: true, stamp: obtained });
  }
  return found;
}

/** The core has room for frames of the usual size: only smaller ones are taken. */
function mtuOf(mtu: number | undefined, { ipv6 }: ClientSettings): number | undefined {
  if (mtu === undefined || mtu >= MTU) return undefined;
  return ipv6 === 'auto' || ipv6 === 'dhcp' ? Math.max(mtu, MTU_MIN_6) : mtu;
}

function networkOf({ address, prefix }: Lease4): string {
  return network(parseIpv4(address)!, prefix);
}

function routesOf({ settings, lease4, router6, addresses6 }: PlanInput): PlannedRoute[] {
  const own = (six: boolean) => settings.gateways.find((gateway) => gateway.includes(':') === six);
  const classless = lease4?.routes ?? [];
  // What the profile asks for goes to the router, whatever else the server says that there is.
  const router4 = classless.find(({ to }) => to === DEFAULT_4)?.via ?? lease4?.routers[0];
  const via4 = own(false) ?? router4;
  const via6 = own(true) ?? router6;
  const routes: PlannedRoute[] = [];
  const add = (route: PlannedRoute): void => {
    if (!routes.some(({ to }) => to === route.to)) routes.push(route);
  };
  // Until there is an address nothing goes there: neither of the profile nor of a server.
  const ready4 = lease4 !== undefined || !settings.dhcp;
  if (settings.defaultRoute) {
    if (via4 !== undefined && ready4) add({ to: DEFAULT_4, via: via4, origin: 'profile' });
    if (via6 !== undefined) add({ to: DEFAULT_6, via: via6, origin: 'profile' });
  }
  for (const to of settings.routes) {
    const six = to.includes(':');
    if (!six && !ready4) continue;
    if (six && settings.ipv6 === 'dhcp' && addresses6.length === 0) continue;
    const via = six ? via6 : via4;
    add({ to, ...(via === undefined ? {} : { via }), origin: 'profile' });
  }
  if (settings.serverRoutes && lease4 !== undefined) {
    // RFC 3442: with classless routes routers do not count.
    for (const { to, via } of classless) add({ to, ...(via === undefined ? {} : { via }), origin: 'dhcp' });
    if (classless.length === 0 && router4 !== undefined) add({ to: DEFAULT_4, via: router4, origin: 'dhcp' });
  }
  return routes;
}

/**
 * The default route, and every network that holds the server, have a table of their own that is asked after the main one
 * without its default route. The way to the server is what the main table says, whatever that is at the time: nothing has to
 * be copied, and nothing has to follow when the machine comes to another network.
 */
function steer(input: PlanInput, routes: readonly PlannedRoute[]): Planned[] {
  const { settings, tap, index, servers, port, lease4 } = input;
  const table = TABLE_BASE + index;
  const first = PRIORITY_BASE + (index % PRIORITY_SETS) * PRIORITIES;
  const apart = (to: string) => to.endsWith('/0') || servers.some((server) => holds(to, server));
  const metric = settings.metric === undefined ? {} : { metric: settings.metric };
  const made = routes.map(({ to, via, origin }): Planned => {
    const own = apart(to);
    const change: MachineChange = {
      kind: 'route',
      tap,
      to,
      ...(via === undefined ? {} : { via }),
      ...(own ? { table } : metric),
    };
    return { key: `route ${to}`, change, soft: origin === 'dhcp' };
  });
  const link = lease4 === undefined ? undefined : networkOf(lease4);
  if (link !== undefined && apart(link) && !routes.some(({ to }) => to === link)) {
    made.unshift({ key: `route ${link}`, change: { kind: 'route', tap, to: link, table }, soft: true });
  }
  const tabled = made.flatMap(({ change }) =>
    change.kind === 'route' && change.table !== undefined ? [change.to] : [],
  );
  const rules = ([4, 6] as const).flatMap((family): Planned[] => {
    if (family === 6 && !input.ipv6) return [];
    const ofFamily = (text: string) => text.includes(':') === (family === 6);
    const hasDefault = tabled.some((to) => to.endsWith('/0') && ofFamily(to));
    // Traffic of the other family must not go around the tunnel.
    const blocked = settings.defaultRoute && !hasDefault && tabled.some((to) => to.endsWith('/0'));
    if (!blocked && !tabled.some(ofFamily)) return [];
    const rule = (offset: number, change: Pick<Extract<MachineChange, { kind: 'rule' }>, 'table' | 'to'>): Planned => ({
      key: `rule ${family} ${offset} ${change.to?.address ?? ''}`,
      change: { kind: 'rule', family, priority: first + offset, ...change },
      soft: false,
    });
    return [
      ...servers.filter(ofFamily).map((address) => rule(0, { to: { address, port }, table: 'main' })),
      ...servers.filter(ofFamily).map((address) => rule(1, { to: { address, port }, table: 'unreachable' })),
      rule(2, { table: 'main-without-default' }),
      ...(tabled.some(ofFamily) ? [rule(3, { table })] : []),
      ...(blocked ? [rule(4, { table: 'unreachable' })] : []),
    ];
  });
  return [...made, ...rules];
}

function dnsOf({ settings, lease4, dns6, search6 }: PlanInput): Plan['dns'] {
  const unique = (list: readonly string[]) => [...new Set(list)];
  const offered = settings.serverDns ? [...(lease4?.dns ?? []), ...dns6] : [];
  const servers = unique([...settings.dns, ...offered]);
  if (servers.length === 0) return undefined;
  const domains = settings.serverDns
    ? [...(lease4?.domain === undefined ? [] : [lease4.domain]), ...(lease4?.search ?? []), ...search6]
    : [];
  return { servers, search: unique([...settings.search, ...domains]) };
}

function dnsChange({ tap }: PlanInput, dns: Plan['dns']): Planned[] {
  return dns === undefined ? [] : [{ key: 'dns', change: { kind: 'dns', tap, ...dns }, soft: false }];
}
