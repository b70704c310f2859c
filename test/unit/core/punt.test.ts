import { describe, expect, test } from 'vitest';
import { PUNT_ADVERTISEMENT, PUNT_DHCP, PUNT_PROBE } from '../../../engine/core.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { BUILDS, Rig } from './rig.ts';

const STATION = [2, 0, 0, 0, 0, 9];
const PROBE = [0x88, 0xb5, 0x4c, 0x4f, 0x4f, 0x4b];

/** A frame of `bytes` behind the addresses, at least `length` long. */
function made(to: number[], from: number[], bytes: readonly number[], length = 60): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(Math.max(length, 12 + bytes.length));
  made.set(to);
  made.set(from, 6);
  made.set(bytes, 12);
  return made;
}

/** An IPv4 datagram of UDP between these ports, without data. */
function datagram(to: number[], source: number, destination: number): Uint8Array<ArrayBuffer> {
  const ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const udp = [source >> 8, source & 255, destination >> 8, destination & 255, 0, 8, 0, 0];
  return made(to, mac(7), [0x08, 0x00, ...ip, ...udp]);
}

/** An ICMPv6 message of a type. */
function icmpv6(type: number): Uint8Array<ArrayBuffer> {
  const address = [0xfe, 0x80, ...new Array(13).fill(0), 1];
  return made([0x33, 0x33, 0, 0, 0, 1], mac(7), [
    0x86,
    0xdd,
    0x60,
    0,
    0,
    0,
    0,
    8,
    58,
    255,
    ...address,
    ...address,
    type,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
}

describe.each(BUILDS)('%s: frames for the engine', (build) => {
  const open = () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    return { rig, hub, a: rig.tap(hub), b: rig.tap(hub) };
  };

  test('a hub that asks for nothing forwards all of them', () => {
    const { rig, a, b } = open();
    const frames = [made(BROADCAST, mac(1), PROBE), datagram(BROADCAST, 67, 68), icmpv6(134)];
    rig.arrive(a, ...frames);
    rig.drain();
    expect(rig.takeDelivered(b)).toHaveLength(3);
    expect(rig.core.hasPunted).toBe(false);
  });

  test('a probe goes to the engine alone; what only has its EtherType goes on', () => {
    const { rig, hub, a, b } = open();
    rig.core.setPunts(hub, PUNT_PROBE);
    const probe = made(BROADCAST, mac(1), PROBE);
    rig.arrive(a, probe, made(BROADCAST, mac(1), [0x88, 0xb5, 1, 2, 3, 4]));
    rig.drain();
    expect(rig.takeDelivered(b)).toHaveLength(1);
    expect(rig.core.takePunted()).toEqual([{ port: a, hub, kind: PUNT_PROBE, frame: probe }]);
    expect(rig.core.takePunted()).toEqual([]);
  });

  test('of answers of DHCP it gets a copy, and all of those to its own station', () => {
    const { rig, hub, a, b } = open();
    rig.core.setPunts(hub, PUNT_DHCP, Uint8Array.from(STATION));
    const frames = [datagram(BROADCAST, 67, 68), datagram(mac(3), 67, 68), datagram(STATION, 67, 68)];
    rig.arrive(a, ...frames, datagram(BROADCAST, 68, 67));
    rig.drain();
    expect(rig.core.takePunted().map((each) => each.frame)).toEqual(frames);
    expect(rig.takeDelivered(b)).toEqual([frames[0], frames[1], datagram(BROADCAST, 68, 67)]);
  });

  test('what is in a VLAN is nobody else’s', () => {
    const { rig, hub, a, b } = open();
    rig.core.setPunts(hub, PUNT_DHCP | PUNT_PROBE, Uint8Array.from(STATION));
    const inVlan = (frame: Uint8Array): Uint8Array<ArrayBuffer> =>
      Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 7, ...frame.subarray(12)]);
    rig.arrive(a, inVlan(datagram(STATION, 67, 68)), inVlan(made(BROADCAST, mac(1), PROBE)));
    rig.drain();
    expect(rig.core.hasPunted).toBe(false);
    expect(rig.takeDelivered(b)).toHaveLength(2);
  });

  test('router advertisements are copied, solicitations are not', () => {
    const { rig, hub, a, b } = open();
    rig.core.setPunts(hub, PUNT_ADVERTISEMENT);
    rig.arrive(a, icmpv6(134), icmpv6(133));
    rig.drain();
    expect(rig.core.takePunted().map((each) => each.kind)).toEqual([PUNT_ADVERTISEMENT]);
    expect(rig.takeDelivered(b)).toHaveLength(2);
  });

  test('more than 31 in one turn are lost, and nothing else is', () => {
    const { rig, hub, a, b } = open();
    rig.core.setPunts(hub, PUNT_PROBE);
    for (let i = 0; i < 100; i++) rig.arrive(a, made(BROADCAST, mac(1), [...PROBE, i]), frame(BROADCAST, mac(1), 60));
    rig.drain();
    expect(rig.core.takePunted().map((each) => each.frame[18])).toEqual(Array.from({ length: 31 }, (_, i) => i));
    expect(rig.takeDelivered(b)).toHaveLength(100);
  });

  test('what is injected leaves by one port as it is', () => {
    const { rig, a, b } = open();
    const sent = made(BROADCAST, mac(1), PROBE);
    expect(rig.core.inject(b, sent, rig.now)).toBe(true);
    expect(rig.core.inject(b, new Uint8Array(10), rig.now)).toBe(false);
    rig.drain();
    expect(rig.takeDelivered(a)).toEqual([]);
    expect(rig.takeDelivered(b)).toEqual([sent]);
    expect(() => rig.core.inject(b, new Uint8Array(70_000), rig.now)).toThrow(/at most 65536 bytes, got 70000/);
  });

  test('a blocked port gets and gives nothing but probes, and is learned anew afterwards', () => {
    const { rig, hub, a, b } = open();
    const c = rig.tap(hub);
    rig.core.setPunts(hub, PUNT_PROBE);
    rig.arrive(b, frame(BROADCAST, mac(2), 60));
    expect(rig.core.fdbSize(hub)).toBe(1);
    rig.drain();
    for (const port of [a, c]) rig.takeDelivered(port);
    rig.core.block(b, true);
    expect(rig.core.fdbSize(hub)).toBe(0);
    rig.arrive(b, frame(BROADCAST, mac(2), 60), made(BROADCAST, mac(1), PROBE));
    rig.arrive(a, frame(BROADCAST, mac(1), 60), frame(mac(2), mac(1), 60));
    rig.core.inject(b, made(BROADCAST, mac(9), PROBE), rig.now);
    rig.drain();
    expect(rig.takeDelivered(a)).toEqual([]);
    expect(rig.takeDelivered(b)).toEqual([made(BROADCAST, mac(9), PROBE)]);
    expect(rig.takeDelivered(c)).toHaveLength(2);
    expect(rig.core.takePunted()).toHaveLength(1);
    expect(rig.core.portCounters(b).drops).toEqual({ loop: 1 });
    rig.core.block(b, false);
    rig.arrive(a, frame(BROADCAST, mac(1), 60));
    rig.arrive(b, frame(mac(1), mac(2), 60));
    rig.drain();
    expect(rig.takeDelivered(b)).toHaveLength(1);
    expect(rig.takeDelivered(a)).toHaveLength(1);
  });
});
