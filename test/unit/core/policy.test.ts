import { describe, expect, test } from 'vitest';
import type { AccessRule } from '../../../engine/hub/access-rule.ts';
import { DEFAULT_POLICY, POLICY_FLAGS, type Policy } from '../../../engine/login/policy.ts';
import { World } from '../../sim/world.ts';
import {
  arp,
  BROADCAST,
  data,
  dhcp,
  discovery,
  echo,
  ethernet,
  ipv4,
  ipv6,
  ipv6Of,
  stationOf,
  tag,
  tcp,
  udp,
} from '../../support/policy-frames.ts';
import { BUILDS, hexes, Rig } from './rig.ts';
import { TwinHub, type TwinSession } from './twin-policy.ts';

const SESSIONS = 8;
const STEPS = 500;
const LIVES = 6;
/** What has no effect on frames, or is tested by itself. */
const OTHERS = [
  'Access',
  'FixPassword',
  'MonitorPort',
  'NoIPv6DefaultRouterInRAWhenIPv6',
  'NoQoS',
  'NoSavePassword',
  'Ver3',
];
const TESTED = POLICY_FLAGS.filter((name) => !OTHERS.includes(name));

function somePolicy(world: World): Policy {
  const flags = Object.fromEntries(TESTED.map((name) => [name, world.chance() < 0.12]));
  const number = (chance: number, below: number) => (world.chance() < chance ? 1 + world.pick(below) : 0);
  return {
    ...DEFAULT_POLICY,
    ...flags,
    MaxMac: number(0.2, 8),
    MaxIP: number(0.2, 8),
    MaxIPv6: number(0.2, 8),
    VLanId: number(0.25, 2),
  };
}

function someFrame(world: World, from: number): Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[world.pick(list.length)]!;
  // Now and then another one's.
  const me = world.chance() < 0.9 ? from : world.pick(SESSIONS);
  const station = stationOf(me, world.pick(5));
  const to = world.chance() < 0.5 ? BROADCAST : stationOf(world.pick(SESSIONS), world.pick(5));
  const ip = pick([
    [10, 0, me, world.pick(7)],
    [10, 0, me, 1],
    [203, 0, me, world.pick(3)],
    [0, 0, 0, 0],
  ]);
  const ip6 = ipv6Of(
    me,
    world.pick(18),
    pick([
      [0xfe, 0x80],
      [0xfe, 0x80],
      [0x20, 0x01],
      [0xff, 0x02],
    ]),
  );
  const ports = pick([
    [67, 68],
    [68, 67],
    [546, 547],
    [547, 546],
    [1_025, 53],
    [53, 2_000],
  ] as const);
  const flags = pick([0x02, 0x12, 0x10, 0x11]);
  const number = world.pick(0xffff);
  const other = stationOf(world.pick(SESSIONS), world.pick(5));
  const frame = pick([
    () => arp(to, station, ip, number),
    () => ipv4(to, station, ip, 0xfd, data(number)),
    () => ipv4(to, station, ip, 1, echo(8, number)),
    () => ipv4(to, station, ip, 6, tcp(flags, number)),
    () => ipv4(to, station, ip, 17, udp(ports[0], ports[1], data(number))),
    () => ipv4(to, station, ip, 17, dhcp(pick([1, 2, 5, 5, 5]), other, [10, 0, other[4]!, world.pick(7)], number)),
    () => ipv6(to, station, ip6, 6, tcp(flags, number)),
    () => ipv6(to, station, ip6, 17, udp(ports[0], ports[1], data(number))),
    () => ipv6(to, station, ip6, 58, echo(128, number)),
    () => ipv6(to, station, ip6, 58, discovery(pick([133, 134, 134, 135]), number)),
    () => ethernet(to, station, 0x88b5, data(number)),
    () => ethernet(to, station, 30, data(number)),
  ])();
  const cut = world.chance() < 0.05 ? frame.slice(0, 14 + world.pick(frame.length - 13)) : frame;
  return Uint8Array.from(world.chance() < 0.15 ? tag(cut, world.pick(4)) : cut);
}

function someRules(world: World): AccessRule[] {
  const maybe = <T>(chance: number, make: () => T): T | undefined => (world.chance() < chance ? make() : undefined);
  const mask = (length: number) => Uint8Array.from({ length }, () => (world.chance() < 0.7 ? 0xff : 0));
  return Array.from({ length: world.pick(12) }, () => {
    const v6 = world.chance() < 0.4;
    const address = (): Uint8Array => {
      const me = world.pick(SESSIONS);
      return Uint8Array.from(v6 ? ipv6Of(me, world.pick(18)) : [10, 0, me, world.pick(7)]);
    };
    const range = () => ({ address: address(), mask: mask(v6 ? 16 : 4) });
    const mac = () => ({ address: Uint8Array.from(stationOf(world.pick(SESSIONS), world.pick(5))), mask: mask(6) });
    const ports = () => {
      const first = world.pick(1_100);
      return { first, last: first + world.pick(1_100) };
    };
    return {
      priority: 1 + world.pick(6),
      action: world.chance() < 0.6 ? 'discard' : 'pass',
      active: maybe(0.2, () => world.chance() < 0.5),
      from: maybe(0.3, range),
      to: maybe(0.2, range),
      protocol: maybe(0.3, () => [1, 6, 17, 58][world.pick(4)]!),
      fromPorts: maybe(0.2, ports),
      toPorts: maybe(0.2, ports),
      tcpState: maybe(0.15, () => (world.chance() < 0.5 ? 'established' : 'unestablished')),
      fromMac: maybe(0.2, mac),
      toMac: maybe(0.1, mac),
      fromUser: maybe(0.2, () => `u${world.pick(SESSIONS)}`),
      fromGroup: maybe(0.1, () => `g${world.pick(3)}`),
      toUser: maybe(0.1, () => `u${world.pick(SESSIONS)}`),
      toGroup: maybe(0.05, () => `g${world.pick(3)}`),
    } satisfies AccessRule;
  });
}

describe.each(BUILDS)('%s: a hub with policies and its twin', (build) => {
  test(`agree on ${LIVES} lives of ${STEPS} frames, and nothing leaks`, { timeout: 60_000 }, () => {
    const first = 1 + Math.floor(Math.random() * 1e6);
    for (let seed = first; seed < first + LIVES; seed++) {
      const world = new World(seed);
      const sessions = Array.from({ length: SESSIONS }, (_, i): TwinSession => {
        const policy = somePolicy(world);
        return { policy, user: `u${i}`, group: `g${i % 3}`, monitor: i === SESSIONS - 1 };
      });
      const twin = new TwinHub(sessions);
      const rig = new Rig(build);
      const hub = rig.core.openSwitch(0);
      if (seed % 3 !== 0) {
        twin.rules = someRules(world);
        rig.core.setAccessList(hub, twin.rules);
      }
      const peers = sessions.map(({ policy, user, group, monitor }) => {
        const peer = rig.session(hub);
        // Half of them write names otherwise.
        rig.core.setPolicy(peer.port, policy, rig.now, { user: user?.toUpperCase(), group, monitor: monitor === true });
        return peer;
      });
      // The core records addresses for others only where a policy asks for them: one that is there all the time does.
      const asker = rig.session(hub);
      rig.core.setPolicy(asker.port, { ...DEFAULT_POLICY, CheckIP: true, ArpDhcpOnly: true }, rig.now);
      for (let step = 0; step < STEPS; step++) {
        rig.now += world.chance() < 0.01 ? 70_000 : world.pick(300);
        twin.now = rig.now;
        const from = world.pick(SESSIONS);
        const frame = someFrame(world, from);
        const expected = twin.send(from, frame);
        peers[from]!.send(frame);
        for (const [i, peer] of peers.entries()) {
          const got = hexes(peer.take());
          expect(got, `seed ${seed}, step ${step}, ${i} of ${hexes([frame])} from ${from}`).toEqual(
            hexes(expected.get(i) ?? []),
          );
        }
        asker.take();
      }
      for (const { port } of [...peers, asker]) rig.core.closePort(port);
      expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
      expect(rig.failures).toEqual([]);
    }
  });
});
