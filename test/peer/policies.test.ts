/**
 * What policies and access lists stop: a real SoftEther server and ours get the same frames from the same sessions, and the
 * same frames have to come out at the same sessions.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessRule } from '../../engine/hub/access-rule.ts';
import type { Policy } from '../../engine/login/policy.ts';
import type { Scenario, ScenarioResult } from '../../lab/frames-main.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { projectRoot, runtimePath } from '../../lab/runtime.ts';
import { SoftEtherServer } from '../../lab/softether.ts';
import {
  arp,
  BROADCAST,
  data,
  dhcp,
  discovery,
  echo,
  ethernet,
  hasRightChecksum,
  ipOf,
  ipv4,
  ipv6,
  ipv6Of,
  recognise,
  stationOf,
  tag,
  tcp,
  udp,
} from '../support/policy-frames.ts';

const SECOND = 1_000;
const SERVER = '10.77.9.1';
const THEIRS = 443;
const OURS = 5_555;
/** What a hub and the sessions' tasks need for some hundred frames. */
const WAIT_MS = 150;

interface User {
  readonly hub: string;
  readonly policy: Partial<Policy>;
  /** Default `true`. */
  readonly bridge?: boolean;
  readonly monitor?: boolean;
  readonly group?: string;
}

/** Each has one policy, and all are without the limit of flooded frames, which would be met. */
const USERS: Readonly<Record<string, User>> = {
  watch: { hub: 'pol', policy: {} },
  station: { hub: 'pol', policy: {}, bridge: false },
  dhcpFilter: { hub: 'pol', policy: { DHCPFilter: true } },
  dhcpNoServer: { hub: 'pol', policy: { DHCPNoServer: true } },
  dhcpForce: { hub: 'pol', policy: { DHCPForce: true } },
  noBridge: { hub: 'pol', policy: { NoBridge: true } },
  noRouting: { hub: 'pol', policy: { NoRouting: true } },
  checkMac: { hub: 'pol', policy: { CheckMac: true } },
  checkIp: { hub: 'pol', policy: { CheckIP: true } },
  arpDhcpOnly: { hub: 'pol', policy: { ArpDhcpOnly: true } },
  privacyA: { hub: 'pol', policy: { PrivacyFilter: true } },
  privacyB: { hub: 'pol', policy: { PrivacyFilter: true } },
  noServer: { hub: 'pol', policy: { NoServer: true } },
  maxMac2: { hub: 'pol', policy: { MaxMac: 2 } },
  maxMac5: { hub: 'pol', policy: { MaxMac: 5 } },
  maxIp5: { hub: 'pol', policy: { MaxIP: 5 } },
  rsAndRa: { hub: 'pol', policy: { RSandRAFilter: true } },
  ra: { hub: 'pol', policy: { RAFilter: true } },
  dhcpv6Filter: { hub: 'pol', policy: { DHCPv6Filter: true } },
  dhcpv6NoServer: { hub: 'pol', policy: { DHCPv6NoServer: true } },
  noRoutingV6: { hub: 'pol', policy: { NoRoutingV6: true } },
  checkIpv6: { hub: 'pol', policy: { CheckIPv6: true } },
  noServerV6: { hub: 'pol', policy: { NoServerV6: true } },
  maxIpv6: { hub: 'pol', policy: { MaxIPv6: 2 } },
  filterIpv4: { hub: 'pol', policy: { FilterIPv4: true } },
  filterIpv6: { hub: 'pol', policy: { FilterIPv6: true } },
  filterNonIp: { hub: 'pol', policy: { FilterNonIP: true } },
  noRouter: { hub: 'pol', policy: { NoIPv6DefaultRouterInRA: true } },
  noRouterIfV6: { hub: 'pol', policy: { NoIPv6DefaultRouterInRAWhenIPv6: true } },
  vlanA: { hub: 'pol', policy: { VLanId: 5 } },
  vlanB: { hub: 'pol', policy: { VLanId: 5 } },
  vlanC: { hub: 'pol', policy: { VLanId: 6 } },
  monitor: { hub: 'pol', policy: { MonitorPort: true }, monitor: true },
  ruleA: { hub: 'acc', policy: {} },
  ruleB: { hub: 'acc', policy: {}, group: 'some' },
  ruleC: { hub: 'acc', policy: {} },
  ruleD: { hub: 'acc', policy: {} },
  ruleMonitor: { hub: 'acc', policy: { MonitorPort: true }, monitor: true },
};
const NAMES = Object.keys(USERS);

const RULES: readonly AccessRule[] = [
  { priority: 1, action: 'discard', protocol: 17, toPorts: { first: 1_999, last: 1_999 }, active: false },
  { priority: 10, action: 'discard', protocol: 17, toPorts: { first: 2_000, last: 2_010 } },
  { priority: 20, action: 'pass', protocol: 6, toPorts: { first: 80, last: 80 } },
  { priority: 30, action: 'discard', protocol: 6, tcpState: 'established' },
  { priority: 35, action: 'discard', protocol: 1, from: range(ipOf(33), 24), to: range([10, 77, 0, 249], 32) },
  { priority: 36, action: 'discard', from: range(ipOf(34, 7), 32) },
  { priority: 36, action: 'pass', from: range(ipOf(34, 7), 32), protocol: 47 },
  { priority: 40, action: 'discard', from: range(ipv6Of(33, 2), 128) },
  { priority: 45, action: 'discard', fromMac: { address: bytes(stationOf(33, 3)), mask: bytes(BROADCAST) } },
  { priority: 50, action: 'discard', fromUser: 'ruleB', protocol: 50 },
  { priority: 51, action: 'discard', fromGroup: 'some', protocol: 17, toPorts: { first: 3_002, last: 3_002 } },
  { priority: 52, action: 'discard', fromUser: 'ruleD' },
  { priority: 55, action: 'discard', toUser: 'ruleC', protocol: 17, toPorts: { first: 3_000, last: 3_000 } },
  { priority: 60, action: 'discard', protocol: 17, fromPorts: { first: 3_001, last: 3_004 } },
];

/** What was sent, by number. */
const labels: string[] = [];
const phases: { waitMs: number; send: (readonly [number, string])[] }[] = [];

type Make = (number: number) => readonly number[];

let pending: (readonly [number, string])[] = [];

/** Frames of sessions, each with what it is called. Those of one session keep their order. */
function sends(...list: readonly (readonly [session: string, what: string, make: Make])[]): void {
  for (const [session, what, make] of list) {
    const number = labels.push(`${session}: ${what}`) - 1;
    pending.push([NAMES.indexOf(session), Buffer.from(make(number)).toString('hex')]);
  }
}

/** What comes now comes after what was sent so far has arrived. */
function settle(): void {
  phases.push({ waitMs: WAIT_MS, send: pending });
  pending = [];
}

/** What every session of the hub of policies sends. */
const BATTERY: readonly (readonly [
  what: string,
  make: (session: number, to: readonly number[], number: number) => readonly number[],
])[] = [
  ['ARP', (i, to, n) => arp(to, stationOf(i), ipOf(i), n)],
  ['IPv4', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 0xfd, data(n))],
  ['ICMP', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 1, echo(8, n))],
  ['SYN', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 6, tcp(0x02, n))],
  ['SYN and ACK', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 6, tcp(0x12, n))],
  ['ACK', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 6, tcp(0x10, n))],
  ['UDP', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 17, udp(1025, 53, data(n)))],
  ['DHCP of a client', (i, to, n) => ipv4(to, stationOf(i), [0, 0, 0, 0], 17, dhcp(1, stationOf(i), [0, 0, 0, 0], n))],
  ['DHCP of a server', (i, to, n) => ipv4(to, stationOf(i), ipOf(i), 17, dhcp(2, stationOf(250), [10, 77, 250, 1], n))],
  ['IPv6', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 17, udp(1025, 53, data(n)))],
  ['SYN and ACK of IPv6', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 6, tcp(0x12, n))],
  ['SYN of IPv6', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 6, tcp(0x02, n))],
  ['ICMPv6', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 58, echo(128, n))],
  ['RS', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 58, discovery(133, n))],
  ['RA', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 58, discovery(134, n))],
  ['NS', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 58, discovery(135, n))],
  ['DHCPv6 of a client', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 17, udp(546, 547, [1, 0, 0, 1, ...data(n)]))],
  ['DHCPv6 of a server', (i, to, n) => ipv6(to, stationOf(i), ipv6Of(i), 17, udp(547, 546, [2, 0, 0, 1, ...data(n)]))],
  ['neither', (i, to, n) => ethernet(to, stationOf(i), 0x88b5, [...data(n), ...new Array(20).fill(0)])],
  [
    '802.3',
    (i, to, n) => ethernet(to, stationOf(i), 50, [0xaa, 0xaa, 3, 0, 0, 0, 1, 2, ...data(n), ...new Array(10).fill(0)]),
  ],
  ['tagged IPv4', (i, to, n) => tag(ipv4(to, stationOf(i), ipOf(i), 0xfd, data(n)), 5)],
  [
    'tagged DHCP',
    (i, to, n) => tag(ipv4(to, stationOf(i), [0, 0, 0, 0], 17, dhcp(1, stationOf(i), [0, 0, 0, 0], n)), 5),
  ],
  ['tagged ARP', (i, to, n) => tag(arp(to, stationOf(i), ipOf(i), n), 6)],
];

function planPolicies(): void {
  const members = NAMES.filter((name) => USERS[name]!.hub === 'pol');
  const all = (what: string, make: Make | ((session: number, number: number) => readonly number[])) =>
    members.map((name): readonly [string, string, Make] => [name, what, (number) => make(NAMES.indexOf(name), number)]);
  const watch = stationOf(0);
  sends(
    ...all('its first', (i, n) => ethernet(BROADCAST, stationOf(i), 0x88b5, [...data(n), ...new Array(20).fill(0)])),
  );
  settle();
  for (const [k, [what, make]] of BATTERY.entries()) {
    sends(...all(`${what} to all`, (i, n) => make(i, BROADCAST, n)));
    if (what === 'IPv4' || what === 'SYN and ACK' || what === 'neither') {
      sends(...all(`${what} to watch`, (i, n) => make(i, i === 0 ? stationOf(1) : watch, n)));
    }
    if (k % 4 === 3) settle();
  }
  settle();
  const stations = ['noBridge', 'maxMac2', 'maxMac5', 'station', 'noRouting'];
  for (let further = 1; further <= 6; further++) {
    sends(
      ...stations.map((name): readonly [string, string, Make] => [
        name,
        `station ${further}`,
        (n) =>
          ethernet(BROADCAST, stationOf(NAMES.indexOf(name), further), 0x88b5, [...data(n), ...new Array(20).fill(0)]),
      ]),
    );
  }
  const routers = ['noRouting', 'maxIp5', 'station', 'noBridge'];
  const addressed = (names: readonly string[], what: string, ip: (session: number) => readonly number[]) =>
    names.map((name): readonly [string, string, Make] => {
      const i = NAMES.indexOf(name);
      return [name, what, (n) => ipv4(BROADCAST, stationOf(i), ip(i), 0xfd, data(n))];
    });
  sends(...addressed(routers, 'public address', (i) => [203, 0, 113, i]));
  for (let further = 2; further <= 7; further++)
    sends(...addressed(routers, `address ${further}`, (i) => ipOf(i, further)));
  sends(...addressed(routers, 'another public address', (i) => [198, 51, 100, i]));
  sends(...addressed(routers, 'its first address', (i) => ipOf(i)));
  settle();
  sends(...addressed(routers, "watch's address", () => ipOf(0)));
  settle();
  const v6 = ['noRoutingV6', 'maxIpv6'];
  const addressedV6 = (names: readonly string[], what: string, ip: (session: number) => readonly number[]) =>
    names.map((name): readonly [string, string, Make] => {
      const i = NAMES.indexOf(name);
      return [name, what, (n) => ipv6(BROADCAST, stationOf(i), ip(i), 17, udp(1025, 53, data(n)))];
    });
  sends(...addressedV6(v6, 'global address', (i) => ipv6Of(i, 1, [0x20, 0x01])));
  sends(...addressedV6(v6, 'unique local address', (i) => ipv6Of(i, 1, [0xfd, 0x00])));
  for (let from = 2; from <= 17; from += 4) {
    sends(...[0, 1, 2, 3].flatMap((k) => addressedV6(v6, `address ${from + k}`, (i) => ipv6Of(i, from + k))));
  }
  sends(...addressedV6(v6, 'another global address', (i) => ipv6Of(i, 2, [0x20, 0x01])));
  sends(['watch', 'IPv4 again', (n) => ipv4(BROADCAST, watch, ipOf(0), 0xfd, data(n))]);
  sends(['watch', 'IPv6 again', (n) => ipv6(BROADCAST, watch, ipv6Of(0), 17, udp(1025, 53, data(n)))]);
  settle();
  const takers = ['checkMac', 'checkIp', 'checkIpv6', 'dhcpForce', 'filterIpv6'];
  sends(...addressed(takers.slice(0, 4), "watch's address", () => ipOf(0)));
  sends(...addressedV6(takers.slice(0, 4), "watch's IPv6 address", () => ipv6Of(0)));
  sends([
    'checkMac',
    "watch's station",
    (n) => ethernet(BROADCAST, watch, 0x88b5, [...data(n), ...new Array(20).fill(0)]),
  ]);
  sends([
    'ra',
    "watch's station, without CheckMac",
    (n) => ethernet(BROADCAST, watch, 0x88b5, [...data(n), ...new Array(20).fill(0)]),
  ]);
  settle();
  const force = NAMES.indexOf('dhcpForce');
  const leased = ipOf(force, 99);
  sends(...addressed(['dhcpForce'], 'address before a lease', () => leased));
  settle();
  sends([
    'watch',
    'DHCPACK',
    (n) => ipv4(stationOf(force), watch, [10, 77, 0, 250], 17, dhcp(5, stationOf(force), leased, n)),
  ]);
  settle();
  sends(...addressed(['dhcpForce'], 'leased address', () => leased));
  sends(['dhcpForce', 'ARP of the leased address', (n) => arp(BROADCAST, stationOf(force), leased, n)]);
  sends(...addressed(['dhcpForce'], 'address without a lease', () => ipOf(force, 98)));
  sends(['watch', 'tagged for vlanA and vlanB', (n) => tag(ipv4(BROADCAST, watch, ipOf(0), 0xfd, data(n)), 5)]);
  sends([
    'watch',
    'tagged for vlanA alone',
    (n) => tag(ipv4(stationOf(NAMES.indexOf('vlanA')), watch, ipOf(0), 0xfd, data(n)), 5),
  ]);
  settle();
}

function planRules(): void {
  const [a, b, c, d] = ['ruleA', 'ruleB', 'ruleC', 'ruleD'].map((name) => NAMES.indexOf(name)) as [
    number,
    number,
    number,
    number,
  ];
  for (const [name, i] of [
    ['ruleA', a],
    ['ruleB', b],
    ['ruleC', c],
    ['ruleD', d],
  ] as const) {
    const v4 =
      (protocol: number, payload: (n: number) => number[], ip = ipOf(i), target?: readonly number[]): Make =>
      (n) =>
        ipv4(BROADCAST, stationOf(i), ip, protocol, payload(n), target);
    sends(
      [name, 'neither', (n) => ethernet(BROADCAST, stationOf(i), 0x88b5, [...data(n), ...new Array(20).fill(0)])],
      [name, 'ARP', (n) => arp(BROADCAST, stationOf(i), ipOf(i), n)],
      ...[1_999, 2_000, 2_010, 2_011, 3_000, 3_002, 3_003].map((port): readonly [string, string, Make] => [
        name,
        `UDP to ${port}`,
        v4(17, (n) => udp(1_025, port, data(n))),
      ]),
      [name, 'UDP from 3004', v4(17, (n) => udp(3_004, 53, data(n)))],
      [name, 'ACK to 80', v4(6, (n) => tcp(0x10, n))],
      [name, 'ACK to 81', v4(6, (n) => tcp(0x10, n, [1_025, 81]))],
      [name, 'SYN to 81', v4(6, (n) => tcp(0x02, n, [1_025, 81]))],
      [name, 'SYN and ACK to 81', v4(6, (n) => tcp(0x12, n, [1_025, 81]))],
      [name, 'ICMP', v4(1, (n) => echo(8, n))],
      [name, 'ICMP to 249', v4(1, (n) => echo(8, n), ipOf(i), [10, 77, 0, 249])],
      [name, 'GRE of .7', v4(47, (n) => data(n), ipOf(i, 7))],
      [name, 'ESP of .7', v4(50, (n) => data(n), ipOf(i, 7))],
      [name, 'ESP', v4(50, (n) => data(n))],
      [name, 'station 3', (n) => ethernet(BROADCAST, stationOf(i, 3), 0x88b5, [...data(n), ...new Array(20).fill(0)])],
      [name, 'IPv6 of 2', (n) => ipv6(BROADCAST, stationOf(i), ipv6Of(i, 2), 17, udp(1_025, 53, data(n)))],
      [name, 'IPv6', (n) => ipv6(BROADCAST, stationOf(i), ipv6Of(i), 17, udp(1_025, 53, data(n)))],
      [name, 'UDP of IPv6 to 2000', (n) => ipv6(BROADCAST, stationOf(i), ipv6Of(i), 17, udp(1_025, 2_000, data(n)))],
      [
        name,
        'tagged UDP to 2000',
        (n) => tag(ipv4(BROADCAST, stationOf(i), ipOf(i), 17, udp(1_025, 2_000, data(n))), 5),
      ],
    );
    settle();
  }
}

/** Of each policy something that the reference stops, and something that it lets pass. */
const STOPPED = [
  'dhcpFilter: DHCP of a client to all',
  'dhcpNoServer: DHCP of a server to all',
  'dhcpForce: IPv4 to all',
  'dhcpForce: address without a lease',
  'noBridge: station 4',
  'station: station 4',
  'maxMac2: station 4',
  'maxMac5: station 6',
  'noRouting: address 6',
  'maxIp5: address 7',
  'noRouting: another public address',
  "checkMac: watch's station",
  "checkIp: watch's address",
  "checkIpv6: watch's IPv6 address",
  'arpDhcpOnly: IPv4 to all',
  'noServer: SYN and ACK to all',
  'noServerV6: SYN and ACK of IPv6 to all',
  'rsAndRa: RS to all',
  'ra: RA to all',
  'dhcpv6Filter: DHCPv6 of a client to all',
  'dhcpv6NoServer: DHCPv6 of a server to all',
  'noRoutingV6: address 17',
  'maxIpv6: address 7',
  'filterIpv4: ARP to all',
  'filterIpv6: IPv6 to all',
  'filterNonIp: tagged IPv4 to all',
  'monitor: IPv4 to all',
  'ruleA: UDP to 2000',
  'ruleD: neither',
];
const PASSED = [
  'dhcpFilter: tagged DHCP to all',
  'dhcpNoServer: DHCP of a client to all',
  'dhcpForce: leased address',
  'noRouting: public address',
  "noRouting: watch's address",
  'arpDhcpOnly: IPv4 to watch',
  'noServer: SYN to all',
  'ra: RS to all',
  "ra: watch's station, without CheckMac",
  'filterIpv4: tagged IPv4 to all',
];

let lab: Lab;
let server: LabHost;
let client: LabHost;
let directory: string;
let theirs: Record<string, string>;

beforeAll(async () => {
  planPolicies();
  planRules();
  lab = await Lab.create();
  const lan = await lab.addSwitch('lan');
  [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
  await lab.connect(server, lan, { address: `${SERVER}/24` });
  await lab.connect(client, lan, { address: '10.77.9.2/24' });
  directory = await mkdtemp(join(tmpdir(), 'etherloom-policies-'));
  const reference = await SoftEtherServer.start(server, {
    ports: [THEIRS],
    hubs: ['pol', 'acc'].map((hub) => ({
      name: hub,
      users: Object.entries(USERS)
        .filter(([, user]) => user.hub === hub)
        .map(([name, { policy }]) => ({ name, policy: words({ ...policy, NoBroadcastLimiter: true }) })),
    })),
  });
  await reference.vpncmd(
    ['GroupCreate some /REALNAME: /NOTE:', 'GroupJoin some /USERNAME:ruleB', ...RULES.flatMap(commandsOf)],
    { hub: 'acc' },
  );
  theirs = await arrivals(THEIRS);
  await reference.stop();
}, 120 * SECOND);

afterAll(async () => {
  await lab?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

describe('the reference', () => {
  test('stops something and lets something pass for each policy', () => {
    expect(Object.keys(theirs)).toHaveLength(labels.length);
    for (const label of STOPPED) expect(theirs[label], label).toBe('');
    for (const label of PASSED) expect(theirs[label], label).toContain('watch');
    expect(theirs['watch: DHCP of a client to all']).not.toMatch(/dhcpFilter/);
    expect(theirs['watch: neither to all']).not.toMatch(/filterNonIp|arpDhcpOnly/);
    expect(theirs['privacyA: IPv4 to all']).not.toMatch(/privacyB/);
    expect(theirs['watch: tagged for vlanA and vlanB']).toMatch(/vlanA, vlanB/);
  });
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test('the same frames come to the same sessions as from SoftEther', { timeout: 60 * SECOND }, async () => {
    const file = join(directory, 'server.json');
    const hubs = ['pol', 'acc'].map((hub) => ({
      name: hub,
      users: Object.entries(USERS)
        .filter(([, user]) => user.hub === hub)
        .map(([name, { policy, group }]) => ({ name, group, policy: { ...policy, NoBroadcastLimiter: true } })),
      taps: [],
      stormLimit: 32,
      access: hub === 'acc' ? RULES : [],
    }));
    const asText = (_key: string, value: unknown) =>
      value instanceof Uint8Array ? `bytes:${Buffer.from(value).toString('hex')}` : value;
    await writeFile(file, JSON.stringify({ address: SERVER, port: OURS, hubs }, asText));
    const child = await server.spawn(
      [runtimePath(runtime), join(projectRoot, 'dist/lab/engine-server-main.js'), file],
      {},
    );
    await child.waitForLine(/^listening/, 20 * SECOND);
    const ours = await arrivals(OURS);
    await child.stop();
    expect(differences(ours)).toEqual({});
    expect(ours['watch: RA to all']).toContain('noRouter (no router), noRouterIfV6,');
  });
});

/** Frames that came elsewhere than from the reference: who got them from us, and from it. */
function differences(ours: Record<string, string>): Record<string, { ours: string; theirs: string }> {
  const found: Record<string, { ours: string; theirs: string }> = {};
  for (const label of labels) {
    const [mine, its] = [ours[label]!, theirs[label]!].map(plain) as [string, string];
    const [left, right] = [mine.split(', '), its.split(', ')];
    const only = (one: string[], other: string[]) => one.filter((name) => !other.includes(name)).join(', ');
    if (mine !== its) found[label] = { ours: only(left, right), theirs: only(right, left) };
  }
  return found;
}

/**
 * The reference takes the router out of the one copy of the frame, so that sessions without the policy get it changed too
 * when they come behind one that has it: there it counts who gets it.
 */
function plain(receivers: string): string {
  return receivers.replaceAll(/(?<!noRouter) \(no router\)/g, '');
}

/** Of each frame who got it. */
async function arrivals(port: number): Promise<Record<string, string>> {
  const scenario: Scenario = {
    sessions: NAMES.map((user) => {
      const { hub, bridge, monitor } = USERS[user]!;
      return {
        host: SERVER,
        port,
        hub,
        user,
        ...(bridge === undefined ? {} : { bridge }),
        ...(monitor === undefined ? {} : { monitor }),
      };
    }),
    phases,
  };
  const file = join(directory, `scenario-${port}.json`);
  await writeFile(file, JSON.stringify(scenario));
  await client.run([runtimePath('node'), join(projectRoot, 'dist/lab/frames-main.js'), file], {
    timeoutMs: 60 * SECOND,
  });
  const result = JSON.parse(await readFile(`${file}.result`, 'utf8')) as ScenarioResult;
  const receivers = labels.map((): string[] => []);
  for (const [i, { frames, error }] of result.entries()) {
    if (error !== undefined) throw new Error(`${NAMES[i]}: ${error}`);
    for (const hex of frames) {
      const found = recognise(hex);
      if (found === undefined || receivers[found.number] === undefined) continue;
      const { number, tagged, lifetime } = found;
      const isSound = lifetime === undefined || hasRightChecksum(hex);
      receivers[number]!.push(
        `${NAMES[i]}${tagged ? ' (tagged)' : ''}${lifetime === 0 ? ' (no router)' : ''}${isSound ? '' : ' (bad checksum)'}`,
      );
    }
  }
  return Object.fromEntries(labels.map((label, number) => [label, receivers[number]!.toSorted().join(', ')]));
}

function words(policy: Partial<Policy>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(policy).map(([name, value]) => [name, value === true ? 'yes' : value === false ? 'no' : value]),
  );
}

function range(address: readonly number[], bits: number) {
  return {
    address: bytes(address),
    mask: bytes(address.map((_, i) => (0xff << (8 - Math.max(0, Math.min(8, bits - i * 8)))) & 0xff)),
  };
}

function bytes(list: readonly number[]): Uint8Array {
  return Uint8Array.from(list);
}

/**
 * The rule as vpncmd takes it: one without addresses is of IPv4 there as soon as it asks for a protocol, so it takes two. The
 * one that is not active is the first of all.
 */
function commandsOf(rule: AccessRule): string[] {
  const both = rule.from === undefined && rule.to === undefined && rule.protocol !== undefined;
  const commands = both
    ? [commandOf(rule, false), commandOf(rule, true)]
    : [commandOf(rule, rule.from?.address.length === 16)];
  return rule.active === false ? [...commands, 'AccessDisable 1', 'AccessDisable 2'] : commands;
}

function commandOf(rule: AccessRule, isV6: boolean): string {
  const ip = (found: AccessRule['from']): string => {
    if (found === undefined) return isV6 ? '::/0' : '0.0.0.0/0';
    const hex = Buffer.from(found.address).toString('hex');
    const bits = [...found.mask].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    return isV6 ? `${hex.match(/.{4}/g)!.join(':')}/${bits}` : `${[...found.address].join('.')}/${bits}`;
  };
  const mac = (found: AccessRule['from']): string => {
    const text = (part: Uint8Array) => [...part].map((byte) => byte.toString(16).padStart(2, '0')).join('-');
    return found === undefined ? '' : `${text(found.address)}/${text(found.mask)}`;
  };
  const ports = (found: AccessRule['toPorts']): string => (found === undefined ? '' : `${found.first}-${found.last}`);
  const protocols: Record<number, string> = { 1: 'icmpv4', 6: 'tcp', 17: 'udp' };
  const protocol = rule.protocol === undefined ? 'ip' : (protocols[rule.protocol] ?? String(rule.protocol));
  // Build 9674 discards SYN segments by a rule that was made with "Established", and all others by one with the other word.
  const state = rule.tcpState === undefined ? '' : rule.tcpState === 'established' ? 'Unestablished' : 'Established';
  return (
    `${isV6 ? 'AccessAdd6' : 'AccessAdd'} ${rule.action} /MEMO:m /PRIORITY:${rule.priority} ` +
    `/SRCUSERNAME:${rule.fromUser ?? rule.fromGroup ?? ''} /DESTUSERNAME:${rule.toUser ?? rule.toGroup ?? ''} ` +
    `/SRCMAC:${mac(rule.fromMac)} /DESTMAC:${mac(rule.toMac)} /SRCIP:${ip(rule.from)} /DESTIP:${ip(rule.to)} ` +
    `/PROTOCOL:${protocol} /SRCPORT:${ports(rule.fromPorts)} /DESTPORT:${ports(rule.toPorts)} /TCPSTATE:${state}`
  );
}
