import { describe, expect, test } from 'vitest';
import type { Dissection } from '../../../engine/core.ts';
import { BROADCAST, mac } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { FRAME_SEEDS, mutate } from './frame-seeds.ts';
import { BUILDS, join, Rig } from './rig.ts';
import { dissect as plain, type TwinDissection } from './twin-frame.ts';

const be16 = (value: number): number[] => [value >> 8, value & 0xff];
const ETHERNET = [...BROADCAST, ...mac(1)];
const TEN_1 = [10, 0, 0, 1];
const TEN_2 = [10, 0, 0, 2];

function ethernet(type: number, payload: number[], tci?: number): Uint8Array {
  const tag = tci === undefined ? [] : [0x81, 0x00, ...be16(tci)];
  return Uint8Array.from([...ETHERNET, ...tag, ...be16(type), ...payload]);
}

function ipv4(
  protocol: number,
  payload: number[],
  options: { fragment?: number; total?: number; words?: number } = {},
): number[] {
  const words = options.words ?? 5;
  const extra = new Array(Math.max(0, words - 5) * 4).fill(1);
  const total = options.total ?? 20 + extra.length + payload.length;
  const head = [0x40 | words, 0, ...be16(total), 0, 7, ...be16(options.fragment ?? 0), 64, protocol, 0, 0];
  return [...head, ...TEN_1, ...TEN_2, ...extra, ...payload];
}

function ipv6(next: number, payload: number[], length = payload.length): number[] {
  return [0x60, 0, 0, 0, ...be16(length), next, 64, ...new Array(31).fill(0), 1, ...payload];
}

const UDP = [...be16(1234), ...be16(53), ...be16(12), 0, 0, 1, 2, 3, 4];
const TCP = [...be16(443), ...be16(50_000), 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0, 9, 0, 0, 0, 0, 5, 6];
const ICMP = [8, 1, 0, 0, 0, 1];
const ARP = [0, 1, 0x08, 0x00, 6, 4, 0, 1, ...mac(1), ...TEN_1, 0, 0, 0, 0, 0, 0, ...TEN_2];
/** Next header, length in units of 8 without the first, six bytes of padding option. */
const extension = (next: number, units = 0): number[] => [
  next,
  units,
  1,
  4,
  0,
  0,
  0,
  0,
  ...new Array(units * 8).fill(0),
];
const fragmentHeader = (next: number, offset: number, more: boolean): number[] => [
  next,
  0,
  ...be16(offset * 8 + (more ? 1 : 0)),
  0,
  0,
  0,
  1,
];

const NONE: Partial<Dissection> = { layer3: 0, layer4: 0, protocol: 0, sourcePort: 0, destinationPort: 0, flags: 0 };
const IPV4_1 = 0x0a00_0001;

type Case = [name: string, frame: Uint8Array, expected: Partial<Dissection>];

const CASES: Case[] = [
  ['an unknown EtherType', ethernet(0x88b5, [1, 2]), { ...NONE, etherType: 0x88b5, vlan: 0, packetEnd: 16 }],
  ['802.3', ethernet(46, new Array(46).fill(0)), { ...NONE, etherType: 46 }],
  ['type 1500 is a length', ethernet(1500, []), { ...NONE, etherType: 1500 }],
  ['type 1501 is a type', ethernet(1501, []), { ...NONE, etherType: 1501 }],
  ['a tag', ethernet(0x88b5, [1], 0xe123), { ...NONE, etherType: 0x88b5, vlan: 0x123 }],
  ['a tag in a tag', ethernet(0x8100, [0, 5, 0x08, 0x00], 7), { ...NONE, etherType: 0x8100, vlan: 7 }],
  ['ARP', ethernet(0x0806, ARP), { ...NONE, etherType: 0x0806, layer3: 14, sourceIp: IPV4_1, destinationIp: 0 }],
  ['ARP with a tag', ethernet(0x0806, ARP, 9), { ...NONE, vlan: 9, layer3: 18, sourceIp: IPV4_1 }],
  [
    'IPv4 UDP',
    ethernet(0x0800, ipv4(17, UDP)),
    {
      layer3: 14,
      layer4: 34,
      protocol: 17,
      sourcePort: 1234,
      destinationPort: 53,
      packetEnd: 46,
      sourceIp: IPV4_1,
      destinationIp: IPV4_1 + 1,
    },
  ],
  [
    'IPv4 UDP with a tag',
    ethernet(0x0800, ipv4(17, UDP), 3),
    { vlan: 3, layer3: 18, layer4: 38, sourcePort: 1234, packetEnd: 50 },
  ],
  [
    'IPv4 TCP',
    ethernet(0x0800, ipv4(6, TCP)),
    { layer4: 34, protocol: 6, sourcePort: 443, destinationPort: 50_000, flags: 0x12 },
  ],
  ['IPv4 ICMP', ethernet(0x0800, ipv4(1, ICMP)), { layer4: 34, protocol: 1, sourcePort: 8, destinationPort: 1 }],
  ['IPv4 with options', ethernet(0x0800, ipv4(17, UDP, { words: 15 })), { layer4: 74, sourcePort: 1234 }],
  [
    'IPv4 with padding behind it',
    ethernet(0x0800, [...ipv4(17, UDP), ...new Array(14).fill(0)]),
    { layer4: 34, packetEnd: 46 },
  ],
  [
    'IPv4 with a total length beyond the frame',
    ethernet(0x0800, ipv4(17, UDP, { total: 9_000 })),
    { layer4: 34, packetEnd: 46 },
  ],
  [
    'IPv4 with a total length of 0, as offloads leave it',
    ethernet(0x0800, ipv4(17, UDP, { total: 0 })),
    { layer4: 34, packetEnd: 46 },
  ],
  ['IPv4, first fragment', ethernet(0x0800, ipv4(17, UDP, { fragment: 0x2000 })), { layer4: 34, protocol: 17 }],
  [
    'IPv4, first fragment that is shorter than its UDP header',
    ethernet(0x0800, ipv4(17, UDP.slice(0, 4), { fragment: 0x2000 })),
    { layer3: 14, layer4: 0, protocol: 17 },
  ],
  [
    'IPv4, later fragment',
    ethernet(0x0800, ipv4(17, [1, 2], { fragment: 0x2001 })),
    { layer3: 14, layer4: 0, protocol: 17, sourcePort: 0 },
  ],
  [
    'IPv4, last fragment',
    ethernet(0x0800, ipv4(6, [1, 2], { fragment: 0x0001 })),
    { layer3: 14, layer4: 0, protocol: 6 },
  ],
  ['IPv4 with "don\'t fragment"', ethernet(0x0800, ipv4(17, UDP, { fragment: 0x4000 })), { layer4: 34 }],
  [
    'IPv4 with a header length below 20 is kept and not looked into',
    ethernet(0x0800, ipv4(17, UDP, { words: 4 })),
    { ...NONE, etherType: 0x0800, sourceIp: 0 },
  ],
  [
    'IPv4 with a header beyond the frame is kept and not looked into',
    ethernet(0x0800, [0x4f, ...ipv4(17, UDP).slice(1)]),
    { ...NONE, sourceIp: 0 },
  ],
  ['IPv4 of another protocol', ethernet(0x0800, ipv4(47, [])), { layer3: 14, layer4: 0, protocol: 47 }],
  ["IPv4 with ICMPv6's number", ethernet(0x0800, ipv4(58, [])), { layer4: 0, protocol: 58 }],
  [
    'TCP with a header length below 20 is kept and not looked into',
    ethernet(0x0800, ipv4(6, TCP.with(12, 0x40))),
    { layer3: 14, layer4: 0, protocol: 6, flags: 0 },
  ],
  [
    'TCP with a header beyond the packet is kept and not looked into',
    ethernet(0x0800, ipv4(6, TCP.with(12, 0xf0))),
    { layer4: 0, sourcePort: 0 },
  ],
  [
    'IPv6 UDP',
    ethernet(0x86dd, ipv6(17, UDP)),
    { layer3: 14, layer4: 54, protocol: 17, sourcePort: 1234, packetEnd: 66 },
  ],
  ['IPv6 TCP with a tag', ethernet(0x86dd, ipv6(6, TCP), 4), { vlan: 4, layer3: 18, layer4: 58, flags: 0x12 }],
  ['IPv6 ICMP', ethernet(0x86dd, ipv6(58, [135, 0, 0, 0])), { layer4: 54, protocol: 58, sourcePort: 135 }],
  ["IPv6 with IPv4's ICMP number", ethernet(0x86dd, ipv6(1, [])), { layer4: 0, protocol: 1 }],
  ['IPv6 with padding behind it', ethernet(0x86dd, [...ipv6(17, UDP), 0, 0, 0]), { layer4: 54, packetEnd: 66 }],
  [
    'IPv6 with payload length 0, as offloads leave it',
    ethernet(0x86dd, ipv6(17, UDP, 0)),
    { layer4: 54, packetEnd: 66 },
  ],
  ['IPv6 with hop-by-hop options', ethernet(0x86dd, ipv6(0, [...extension(17), ...UDP])), { layer4: 62, protocol: 17 }],
  [
    'IPv6 with routing and long destination options',
    ethernet(0x86dd, ipv6(43, [...extension(60), ...extension(6, 2), ...TCP])),
    { layer4: 86, protocol: 6 },
  ],
  [
    'IPv6, first fragment',
    ethernet(0x86dd, ipv6(44, [...fragmentHeader(17, 0, true), ...UDP])),
    { layer4: 62, protocol: 17 },
  ],
  [
    'IPv6, later fragment',
    ethernet(0x86dd, ipv6(44, [...fragmentHeader(17, 1, false), 1])),
    { layer3: 14, layer4: 0, protocol: 17 },
  ],
  [
    'IPv6, later fragment of extension headers',
    ethernet(0x86dd, ipv6(44, [...fragmentHeader(60, 1, false), 1])),
    { layer4: 0, protocol: 60 },
  ],
  [
    'IPv6 with eight extension headers',
    ethernet(0x86dd, ipv6(60, [...Array.from({ length: 7 }, () => extension(60)).flat(), ...extension(17), ...UDP])),
    { layer4: 118, protocol: 17 },
  ],
  [
    'IPv6 with nine extension headers is kept and not looked into',
    ethernet(0x86dd, ipv6(60, [...Array.from({ length: 8 }, () => extension(60)).flat(), ...extension(17), ...UDP])),
    { layer3: 14, layer4: 0, protocol: 60 },
  ],
  ['IPv6 with authentication is kept and not looked into', ethernet(0x86dd, ipv6(51, [])), { layer4: 0, protocol: 51 }],
];

/** Shortest length at which each of these frames is whole: one byte less is malformed, down to 14. */
const SHORTEST: [name: string, frame: Uint8Array, length: number][] = [
  ['Ethernet', ethernet(0x88b5, []), 14],
  ['a tag', ethernet(0x88b5, [], 1), 18],
  ['ARP', ethernet(0x0806, ARP), 42],
  ['ARP with a tag', ethernet(0x0806, ARP, 1), 46],
  ['IPv4 UDP', ethernet(0x0800, ipv4(17, UDP)), 42],
  ['IPv4 TCP', ethernet(0x0800, ipv4(6, TCP)), 54],
  ['IPv4 ICMP', ethernet(0x0800, ipv4(1, ICMP)), 38],
  ['IPv4 of another protocol', ethernet(0x0800, ipv4(99, [])), 34],
  ['IPv4 UDP with a tag', ethernet(0x0800, ipv4(17, UDP), 1), 46],
  ['IPv6 UDP', ethernet(0x86dd, ipv6(17, UDP)), 62],
  ['IPv6 TCP', ethernet(0x86dd, ipv6(6, TCP)), 74],
  ['IPv6 ICMP', ethernet(0x86dd, ipv6(58, [1, 2, 3, 4])), 58],
  ['IPv6 of another protocol', ethernet(0x86dd, ipv6(99, [])), 54],
  ['IPv6 with hop-by-hop options', ethernet(0x86dd, ipv6(0, extension(99))), 62],
  ['IPv6 with long options', ethernet(0x86dd, ipv6(60, extension(99, 3))), 86],
  ['IPv6, a later fragment', ethernet(0x86dd, ipv6(44, fragmentHeader(6, 5, true))), 62],
];

describe.each(BUILDS)('%s: what is in a frame', (build) => {
  const rig = new Rig(build);
  const { core } = rig;

  test.each(CASES)('%s', (_name, frame, expected) => {
    expect(core.dissect(frame)).toMatchObject({ valid: true, ...expected });
  });

  test.each(SHORTEST)('%s is whole from its shortest length on', (_name, frame, shortest) => {
    for (let length = 0; length <= frame.length; length++) {
      expect(core.dissect(frame.subarray(0, length)).valid, `${length} bytes`).toBe(length >= shortest);
    }
  });

  test('an IPv6 header of another version is malformed', () => {
    for (let version = 0; version < 16; version++) {
      const frame = ethernet(0x86dd, ipv6(17, UDP));
      frame[14] = version << 4;
      expect(core.dissect(frame).valid).toBe(version === 6);
    }
  });

  test('transport headers end with the packet, not with the padding behind it', () => {
    const padded = (payload: number[]): Uint8Array => join(ethernet(0x0800, payload), new Uint8Array(40));
    expect(core.dissect(padded(ipv4(17, UDP.slice(0, 7)))).valid).toBe(false);
    expect(core.dissect(padded(ipv4(6, TCP.slice(0, 19)))).valid).toBe(false);
    expect(core.dissect(padded(ipv4(1, ICMP.slice(0, 3)))).valid).toBe(false);
    const padded6 = (payload: number[]): Uint8Array => join(ethernet(0x86dd, payload), new Uint8Array(40));
    expect(core.dissect(padded6(ipv6(17, UDP.slice(0, 7)))).valid).toBe(false);
    expect(core.dissect(padded6(ipv6(0, extension(6)))).valid).toBe(false);
  });

  test('nothing of the frame before is seen', () => {
    core.dissect(ethernet(0x0800, ipv4(6, TCP), 5));
    expect(core.dissect(ethernet(0x88b5, []))).toEqual({
      valid: true,
      etherType: 0x88b5,
      packetEnd: 14,
      ...NONE,
      vlan: 0,
      sourceIp: 0,
      destinationIp: 0,
    });
    // Bytes behind a short frame belong to the longer one that was there before.
    core.dissect(ethernet(0x0806, ARP));
    expect(core.dissect(ethernet(0x0806, ARP).subarray(0, 41)).valid).toBe(false);
  });

  test('a frame of 64 KiB, and no more', () => {
    const frame = join(ethernet(0x0800, ipv4(17, UDP, { total: 65_522 })), new Uint8Array(65_536 - 46));
    expect(core.dissect(frame)).toMatchObject({ valid: true, packetEnd: 65_536, layer4: 34 });
    expect(() => core.dissect(new Uint8Array(65_537))).toThrow(/at most 65536 bytes, got 65537/);
    expect(() => core.isPriority(new Uint8Array(65_537))).toThrow(/core\.isPriority: input/);
  });

  function same(frame: Uint8Array, what: string): void {
    expect(low(core.dissect(frame)), what).toEqual(lowTwin(plain(frame)));
  }

  test('the twin agrees on all cases, cut at every length', () => {
    for (const [name, frame] of [...CASES, ...SHORTEST]) {
      for (let length = 0; length <= frame.length; length++)
        same(frame.subarray(0, length), `${name}, ${length} bytes`);
    }
  });

  test('the twin agrees on mutated frames', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const world = new World(seed);
      for (let i = 0; i < 60; i++)
        same(mutate(world, FRAME_SEEDS[world.pick(FRAME_SEEDS.length)]!), `seed ${seed}, frame ${i}`);
    }
  });

  test('the twin agrees on random bytes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World(seed);
      for (let i = 0; i < 50; i++) {
        const frame = world.bytes(world.pick(120));
        if (frame.length > 20) frame.set(be16([0x0800, 0x0806, 0x86dd, 0x8100][world.pick(4)]!), 12);
        same(frame, `seed ${seed}, frame ${i}`);
      }
    }
  });
});

/** Malformed frames have nothing but that in common. */
function low(found: Dissection): unknown {
  return found.valid ? found : false;
}

function lowTwin(found: TwinDissection): unknown {
  const { sourceIp, destinationIp, ...rest } = found;
  if (!found.valid) return false;
  return { ...rest, sourceIp: Number(sourceIp & 0xffff_ffffn), destinationIp: Number(destinationIp & 0xffff_ffffn) };
}
