/** What a port of the core does for an interface that is bridged: `protocol/data-plane.md` §6.2, §6.8 and §6.11. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { VNET_HEADER_BYTES } from '../../../engine/host.ts';
import { BROADCAST, frame, hex, mac } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { type PacketOptions, packet, unfinished, virtioHeader } from './packets.ts';
import { BUILDS, hexes, Rig } from './rig.ts';

const CHECK_MS = 13_000;
const SYN = 0x02;
const NO_HEADER = new Uint8Array(VNET_HEADER_BYTES);

/** A SYN with these options behind the MSS. */
function syn(mss: number, options: PacketOptions & { behind?: readonly number[] } = {}): Uint8Array<ArrayBuffer> {
  const { behind = [1, 3, 3, 7], flags = SYN, ...rest } = options;
  return packet(new Uint8Array(0), { ...rest, flags, options: [2, 4, mss >> 8, mss & 255, ...behind] });
}

/** What the core is to make of `syn` with that MSS: the same made anew. */
function clamped(mss: number, limit: number, options: Parameters<typeof syn>[1] = {}): Uint8Array<ArrayBuffer> {
  const target = Math.max(64, limit - (options.ipv6 ? 20 : 0) - (options.tag === undefined ? 0 : 4));
  return syn(Math.min(mss, target), options);
}

describe.each(BUILDS)('%s: a port that checks addresses', (build) => {
  function three() {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    return { rig, a: rig.session(hub), b: rig.session(hub, { checkMac: true }), c: rig.session(hub) };
  }

  test('gets no station that was heard elsewhere in the last 13 s', () => {
    const { rig, a, b, c } = three();
    a.send(frame(BROADCAST, mac(1)));
    c.take();
    rig.now += CHECK_MS;
    b.send(frame(BROADCAST, mac(1)));
    expect(c.take()).toEqual([]);
    expect(b.drops).toEqual({ 'known-elsewhere': 1 });
    // What was refused is no sign of life of the station.
    rig.now += 1;
    b.send(frame(BROADCAST, mac(1)));
    expect(c.take()).toHaveLength(1);
    expect(b.drops).toEqual({ 'known-elsewhere': 1 });
  });

  test('keeps none from a port that does not, and none of its own', () => {
    const { a, b, c } = three();
    b.send(frame(BROADCAST, mac(1)));
    b.send(frame(BROADCAST, mac(1)));
    a.send(frame(BROADCAST, mac(1)));
    expect(c.take()).toHaveLength(3);
    b.take();
    c.send(frame(mac(1), mac(2)));
    expect(b.take()).toEqual([]);
    expect(a.take()).not.toEqual([]);
  });
});

describe.each(BUILDS)('%s: the address of the host', (build) => {
  const HOST = mac(77);

  function bridged() {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const wire = rig.tap(hub, { hostMac: Uint8Array.from(HOST), offload: true, frameMax: 65_600 });
    const drops = () => rig.core.portCounters(wire).drops;
    const delivered = () => {
      rig.drain();
      return rig.takeDelivered(wire);
    };
    return { rig, wire, drops, delivered, a: rig.session(hub), b: rig.session(hub) };
  }

  /** A DHCP message of the client `chaddr`. */
  function dhcp(
    ports: readonly [number, number],
    from: number[],
    chaddr: number[],
    length = 240,
  ): Uint8Array<ArrayBuffer> {
    const message = new Uint8Array(length);
    message.set([ports[0] === 68 ? 1 : 2, 1, 6]);
    message.set(chaddr, 28);
    return packet(message, { to: BROADCAST, from, udp: true, ports });
  }

  test('passes neither way', () => {
    const { rig, wire, drops, delivered, a, b } = bridged();
    a.send(frame(HOST, mac(1)));
    a.send(frame(BROADCAST, HOST));
    // Others of the hub may have such a station of their own.
    expect(b.take()).toHaveLength(2);
    expect(delivered()).toEqual([]);
    expect(drops()).toEqual({ 'host-address': 2 });
    rig.arriveWith(NO_HEADER, wire, frame(BROADCAST, HOST), frame(HOST, mac(9)));
    expect(a.take()).toEqual([]);
    expect(drops()).toEqual({ 'host-address': 4 });
    a.send(frame(BROADCAST, mac(1)));
    expect(delivered()).toHaveLength(1);
  });

  test('nor does its DHCP, and that of others does', () => {
    const { rig, wire, drops, delivered, a } = bridged();
    a.send(dhcp([68, 67], mac(1), HOST));
    a.send(dhcp([67, 68], mac(1), HOST));
    expect(delivered()).toEqual([]);
    rig.arriveWith(NO_HEADER, wire, dhcp([67, 68], mac(9), HOST));
    expect(a.take()).toEqual([]);
    expect(drops()).toEqual({ 'host-address': 3 });
    const others = [
      dhcp([68, 67], mac(1), mac(1)),
      dhcp([67, 69], mac(1), HOST),
      // Too short to name a client.
      dhcp([67, 68], mac(1), HOST, 34).subarray(0, 14 + 28 + 33),
    ];
    a.send(...others);
    expect(delivered()).toHaveLength(3);
    rig.arriveWith(NO_HEADER, wire, dhcp([67, 68], mac(9), mac(1)));
    expect(a.take()).toHaveLength(1);
  });
});

describe.each(BUILDS)('%s: the MSS', (build) => {
  function clamping(limit: number) {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const tap = rig.tap(hub, { mssClamp: limit, offload: true, frameMax: 1418 });
    return { rig, tap, a: rig.session(hub), b: rig.session(hub) };
  }

  const VECTORS: { case: string; target_mss: number; input_frame_hex: string; output_frame_hex: string }[] = JSON.parse(
    readFileSync(new URL('../../vectors/mss-clamp-1309.json', import.meta.url), 'utf8'),
  );

  test.each(VECTORS)('as the reference does it: $case', (vector) => {
    const { rig, tap, a } = clamping(vector.target_mss);
    rig.arriveWith(NO_HEADER, tap, hex(vector.input_frame_hex));
    expect(hexes(a.take())).toEqual([vector.output_frame_hex]);
  });

  test('is lowered towards the port and from it, and between others it is not', () => {
    const { rig, tap, a, b } = clamping(1360);
    a.send(syn(1460));
    expect(hexes(b.take())).toEqual(hexes([syn(1460)]));
    rig.drain();
    expect(hexes(rig.takeDelivered(tap))).toEqual(hexes([syn(1360)]));
    rig.arriveWith(NO_HEADER, tap, syn(1460, { flags: SYN | 0x10, from: mac(3) }));
    expect(hexes(a.take())).toEqual(hexes([syn(1360, { flags: SYN | 0x10, from: mac(3) })]));
  });

  test('is lowered where the checksum is unfinished', () => {
    const { rig, tap, a } = clamping(1360);
    for (const ipv6 of [false, true]) {
      rig.arriveWith(virtioHeader(syn(1460, { ipv6 }), 0), tap, unfinished(syn(1460, { ipv6 })));
      expect(hexes(a.take())).toEqual(hexes([clamped(1460, 1360, { ipv6 })]));
    }
  });

  test('a port gets its own, and the others what was sent', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const ports = [1000, 536, undefined].map((mssClamp) => rig.session(hub, { mssClamp }));
    const from = rig.tap(hub, { offload: true, frameMax: 65_600 });
    rig.arriveWith(virtioHeader(syn(1460), 0), from, unfinished(syn(1460)));
    expect(ports.map((port) => hexes(port.take()))).toEqual([1000, 536, 1460].map((mss) => hexes([syn(mss)])));
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - rig.places);
  });

  test('its plain twin agrees on random segments', () => {
    const seed = 20_261_130;
    const rigs = new Map<number, Omit<ReturnType<typeof clamping>, 'b'>>();
    const world = new World(seed);
    const pick = <T>(...all: readonly T[]): T => all[world.bytes(1)[0]! % all.length]!;
    for (let i = 0; i < 2_000; i++) {
      const limit = pick(60, 64, 80, 536, 1240, 1360, 1460);
      const mss = pick(1, 64, 536, 1240, 1341, 1360, 1440, 1460, 8960, 65_495);
      const [port, sequence] = [world.bytes(2)[0]! + 1024, (world.bytes(2)[0]! << 8) + world.bytes(2)[1]!];
      const options = {
        ...{
          ipv6: pick(true, false),
          flags: SYN | pick(0, 0x10, 0xc0),
          from: mac(5),
          sequence,
          ports: [port, 443] as const,
        },
        ...(pick(true, false) ? { tag: 0x2005 } : {}),
        behind: pick([], [4, 2], [1, 3, 3, 7], [8, 10, ...world.bytes(8), 1, 1]),
      };
      const { rig, tap, a } = rigs.get(limit) ?? clamping(limit);
      rigs.set(limit, { rig, tap, a });
      rig.arriveWith(NO_HEADER, tap, syn(mss, options));
      expect(hexes(a.take()), `seed ${seed}, round ${i}`).toEqual(hexes([clamped(mss, limit, options)]));
    }
  });

  test('other segments, fragments and segments without room for options stay as they are', () => {
    const { rig, tap, a } = clamping(536);
    const cut = syn(1460);
    new DataView(cut.buffer).setUint16(20, 0x2000);
    for (const same of [
      syn(1460, { flags: 0x10 }),
      syn(1460, { flags: SYN | 0x04 }),
      syn(1460, { flags: SYN | 0x20 }),
      packet(new Uint8Array(0), { flags: SYN, options: [1, 2, 4, 5, 0xb4] }),
      packet(Uint8Array.of(2, 4, 5, 0xb4), { flags: SYN }),
      packet(Uint8Array.of(2, 4, 5, 0xb4), { udp: true }),
      cut,
    ]) {
      rig.arriveWith(NO_HEADER, tap, same);
      expect(hexes(a.take())).toEqual(hexes([same]));
    }
  });
});

describe.each(BUILDS)('%s: a VLAN tag that the kernel took out', (build) => {
  /** As if the kernel had read the frame so. */
  function arriveTagged(rig: Rig, tap: number, tag: number[], header: Uint8Array, bytes: Uint8Array): void {
    rig.core.readBatch.tags!.set(new Uint32Array(Uint8Array.from(tag).buffer));
    rig.arriveWith(header, tap, bytes);
    expect(rig.core.readBatch.tags!.every((each) => each === 0)).toBe(true);
  }

  function bridged() {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const tap = rig.tap(hub, { offload: true, offloadUdp: true, frameMax: 65_600 });
    return { rig, tap, a: rig.session(hub, { frameMax: 65_600 }) };
  }

  test('is put back, whatever its type', () => {
    const { rig, tap, a } = bridged();
    const plain = frame(BROADCAST, mac(1), 61);
    for (const tag of [
      [0x81, 0, 0x20, 5],
      [0x88, 0xa8, 0, 9],
    ]) {
      arriveTagged(rig, tap, tag, NO_HEADER, plain);
      const expected = Uint8Array.from([...plain.subarray(0, 12), ...tag, ...plain.subarray(12)]);
      expect(hexes(a.take())).toEqual(hexes([expected]));
    }
    rig.arriveWith(NO_HEADER, tap, plain);
    expect(hexes(a.take())).toEqual(hexes([plain]));
  });

  test('and the checksum is still found, also in a super-frame', () => {
    const { rig, tap, a } = bridged();
    const payload = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7);
    for (const udp of [false, true]) {
      for (const bytes of [payload.subarray(0, 300), payload]) {
        const segment = bytes.length > 1400 ? 1400 : 0;
        const tagged = packet(bytes, { udp, tag: 0x2005 });
        const untagged = packet(bytes, { udp });
        arriveTagged(rig, tap, [0x81, 0, 0x20, 5], virtioHeader(untagged, segment), unfinished(untagged));
        const got = hexes(a.take());
        rig.arriveWith(virtioHeader(tagged, segment), tap, unfinished(tagged));
        expect(got).toEqual(hexes(a.take()));
        expect(got.length).toBe(segment === 0 ? 1 : 15);
      }
    }
  });
});
