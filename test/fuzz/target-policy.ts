import type { AccessRule } from '../../engine/hub/access-rule.ts';
import { DEFAULT_POLICY, POLICY_FLAGS, type Policy } from '../../engine/login/policy.ts';
import { batch } from '../sim/frames.ts';
import {
  BROADCAST,
  data,
  dhcp,
  discovery,
  echo,
  ipv4,
  ipv6,
  ipv6Of,
  stationOf,
  tag,
  tcp,
  udp,
} from '../support/policy-frames.ts';
import { type Build, Rig } from '../unit/core/rig.ts';
import { check, corpus, type Target } from './target.ts';

const SIZES = { smallFrames: 256, largeFrames: 8, outBuffers: 8 };
const RULES: readonly AccessRule[] = [
  {
    priority: 1,
    action: 'pass',
    protocol: 17,
    toPorts: { first: 1_000, last: 2_000 },
    delay: 5,
    jitter: 100,
    loss: 10,
  },
  {
    priority: 2,
    action: 'discard',
    protocol: 6,
    tcpState: 'established',
    fromMac: { address: Uint8Array.from(stationOf(9)), mask: Uint8Array.from(BROADCAST) },
  },
  {
    priority: 3,
    action: 'discard',
    toUser: 'b',
    from: { address: Uint8Array.from(ipv6Of(1)), mask: new Uint8Array(16).fill(0xff) },
  },
];

function policy(...names: (keyof Policy)[]): Policy {
  return { ...DEFAULT_POLICY, ...Object.fromEntries(names.map((name) => [name, true])) };
}

/** What a session sends, with every policy on the one side or the other: nothing breaks, and nothing is left behind. */
export function policyTarget(build: Build): Target {
  const rig = new Rig(build, SIZES);
  const hub = rig.core.openSwitch(0);
  rig.core.setAccessList(hub, RULES);
  const { memory } = rig.core.readBatch;
  return {
    name: build === 'simd' ? 'policy' : `policy-${build}`,
    seeds: [...corpus('frame'), ...seeds()],
    maxBytes: 2_016,
    cost: 10,
    run(input) {
      const senders = [
        { ...policy('DHCPForce', 'CheckMac', 'CheckIPv6', 'NoBridge', 'NoRouting', 'NoRoutingV6'), VLanId: 0 },
        {
          ...policy('DHCPNoServer', 'NoServer', 'NoServerV6', 'RAFilter', 'DHCPv6NoServer', 'PrivacyFilter'),
          MaxUpload: 8_000,
        },
        { ...policy('CheckIP'), VLanId: 5, MaxUpload: 1_000_000 },
        policy(...POLICY_FLAGS.filter((name) => /Filter|Only/.test(name))),
      ];
      const receivers = [
        { ...policy('NoIPv6DefaultRouterInRA', 'PrivacyFilter'), MaxDownload: 8_000 },
        { ...DEFAULT_POLICY, VLanId: 5 },
        policy('ArpDhcpOnly', 'FilterIPv6'),
      ];
      const from = senders.map(() => rig.session(hub, { frameMax: 2_016 }));
      const to = receivers.map(() => rig.session(hub, { qos: true, frameMax: 2_020 }));
      const monitor = rig.session(hub, { frameMax: 2_020 });
      for (const [i, each] of senders.entries()) rig.core.setPolicy(from[i]!.port, each, rig.now, { user: 'a' });
      for (const [i, each] of receivers.entries()) rig.core.setPolicy(to[i]!.port, each, rig.now, { user: 'b' });
      rig.core.setPolicy(monitor.port, DEFAULT_POLICY, rig.now, { monitor: true });
      for (let round = 0; round < 2; round++) {
        for (const peer of [...from, ...to]) rig.feed(peer.connection, batch(input));
        rig.now += 7;
        if (rig.core.dueAt <= rig.now) rig.core.goOn(rig.now);
        rig.drain();
      }
      for (const { port } of [...from, ...to, monitor]) rig.core.closePort(port);
      rig.written.clear();
      check(rig.core.dueAt === Number.POSITIVE_INFINITY, 'frames wait for a port that is closed');
      check(rig.core.buffersFree === rig.core.buffersTotal, 'frame buffers are missing');
      check(rig.core.fdbSize(hub) === 0, 'stations are left behind');
      check(rig.failures.length === 0, 'the stream is broken');
      // Behind the numbers of the tables in front of the frames: nobody writes there.
      check(memory[0x3_cf00] === 0 && memory[0x140_f000] === 0, 'memory between the tables was written to');
    },
  };
}

function seeds(): Uint8Array[] {
  const [to, me, ip] = [BROADCAST, stationOf(1), [10, 77, 1, 1]];
  return [
    ipv4(to, me, ip, 17, dhcp(5, stationOf(1), ip, 1)),
    ipv4(to, me, ip, 17, udp(1_025, 1_500, data(2))),
    ipv4(to, me, ip, 6, tcp(0x12, 3)),
    ipv4(to, me, ip, 1, echo(8, 4)),
    ipv6(to, me, ipv6Of(1), 58, discovery(134, 5)),
    ipv6(to, me, ipv6Of(1), 17, udp(547, 546, data(6))),
    tag(ipv4(to, me, ip, 6, tcp(0x10, 7)), 5),
  ].map((frame) => Uint8Array.from(frame));
}
