/** The extended rule: which frames are priority frames, and that the other one knows nothing of them. */
import { describe, expect, test } from 'vitest';
import { ACK, FIN, PSH, packet } from './packets.ts';
import { BUILDS, Rig } from './rig.ts';

const DATA = new Uint8Array(200);
const NONE = new Uint8Array(0);
/** RFC 4594, RFC 8622: what is bulk. */
const BULK_DSCP = [0, 1, 2, 8, 10, 12, 14, 26, 28, 30];

describe.each(BUILDS)('%s: the extended rule', (build) => {
  const { core } = new Rig(build);
  const extended = (frame: Uint8Array): boolean => core.isPriority(frame, 'extended');
  const everywhere = [{}, { ipv6: true }, { tag: 7 }, { ipv6: true, tag: 7 }];

  test('goes by DSCP, in IPv4 and IPv6, with and without a tag, and not by ECN', () => {
    for (const where of everywhere) {
      for (let tos = 0; tos < 256; tos++) {
        const frame = packet(DATA, { ...where, udp: true, tos });
        expect(extended(frame), `${JSON.stringify(where)} ${tos}`).toBe(!BULK_DSCP.includes(tos >> 2));
      }
    }
  });

  test('takes tags from "voice" on', () => {
    for (let priority = 0; priority < 8; priority++) {
      for (const ipv6 of [false, true]) {
        expect(extended(packet(DATA, { ipv6, tag: (priority << 13) | 5 }))).toBe(priority >= 5);
      }
    }
  });

  test('takes acknowledgements without data, and no other segments', () => {
    for (const where of everywhere) {
      expect(extended(packet(NONE, where))).toBe(true);
      expect(extended(packet(NONE, { ...where, options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] }))).toBe(true);
      expect(extended(packet(Uint8Array.of(1), where))).toBe(false);
      expect(extended(packet(DATA, { ...where, flags: ACK | PSH }))).toBe(false);
      for (const flag of [FIN, 0x02, 0x04]) expect(extended(packet(NONE, { ...where, flags: ACK | flag }))).toBe(false);
    }
    // Padding up to the shortest frame is no data.
    const padded = new Uint8Array(60);
    padded.set(packet(NONE));
    expect(extended(padded)).toBe(true);
  });

  test('takes DNS over UDP', () => {
    for (const where of everywhere) {
      const udp = (...ports: [number, number]) => extended(packet(DATA, { ...where, udp: true, ports }));
      expect([udp(53, 4_000), udp(4_000, 53), udp(54, 4_000), udp(4_000, 5_353)]).toEqual([true, true, false, false]);
      expect(extended(packet(DATA, { ...where, ports: [53, 4_000] }))).toBe(false);
    }
  });

  test('takes small ICMP and ICMPv6', () => {
    const icmp = (length: number, ipv6: boolean): Uint8Array => {
      const frame = packet(new Uint8Array(length - (ipv6 ? 62 : 42)), { ipv6, udp: true });
      frame[ipv6 ? 20 : 23] = ipv6 ? 58 : 1;
      return frame;
    };
    for (const ipv6 of [false, true]) {
      expect(icmp(128, ipv6)).toHaveLength(128);
      expect([extended(icmp(128, ipv6)), extended(icmp(129, ipv6))]).toEqual([true, false]);
    }
  });

  test('is no other than the reference has it for what both know', () => {
    expect(core.isPriority(packet(DATA, { tos: 0xb8 }))).toBe(true);
    expect(core.isPriority(packet(DATA, { ipv6: true, tos: 0xb8 }))).toBe(false);
    expect(core.isPriority(packet(NONE))).toBe(false);
    // ECN alone makes a frame a priority frame there.
    expect([core.isPriority(packet(DATA, { tos: 2 })), extended(packet(DATA, { tos: 2 }))]).toEqual([true, false]);
  });

  test('is what the port goes by that was opened with it', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const ports = (['packetix', 'extended'] as const).map((priorityRule) =>
      rig.session(hub, { qos: true, priorityRule }),
    );
    from.send(packet(DATA, { ipv6: true, tos: 0xb8 }), packet(DATA));
    rig.drain();
    const priority = ports.map(({ port }) => rig.core.classCounters(port).priority.frames);
    expect(priority).toEqual([0, 1]);
  });
});

describe.each(BUILDS)('%s: the tag of a flow', (build) => {
  const { core } = new Rig(build);
  const tag = (options: Parameters<typeof packet>[1], payload = DATA) => core.flowTag(packet(payload, options));

  test('is the same for all of its packets and differs in addresses, protocol and ports', () => {
    for (const ipv6 of [false, true]) {
      const same = [{}, { sequence: 77 }, { flags: ACK | PSH }, { tos: 0xb8 }, { id: 9 }, { ttl: 3 }];
      const tags = same.map((options, i) => tag({ ipv6, ...options }, DATA.subarray(0, i * 10)));
      expect(new Set(tags).size).toBe(1);
    }
    const others = [{}, { ports: [1, 2] }, { ports: [2, 1] }, { udp: true }, { ipv6: true }, { tag: 5 }] as const;
    expect(new Set(others.map((options) => tag({ ...options }))).size).toBe(others.length);
  });

  test('is the same for all fragments of a packet', () => {
    const first = packet(DATA, { udp: true });
    first[20] = 0x20;
    const later = packet(DATA, { udp: true, ports: [9, 9] });
    later[21] = 100;
    expect(core.flowTag(later)).toBe(core.flowTag(first));
  });

  test('spreads flows over the places', () => {
    const places = new Set(Array.from({ length: 64 }, (_, i) => tag({ ports: [40_000 + i, 443] }) % 32));
    expect(places.size).toBeGreaterThan(24);
  });
});
