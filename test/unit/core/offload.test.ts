import { describe, expect, test } from 'vitest';
import { BROADCAST, mac, u32 } from '../../sim/frames.ts';
import {
  ACK,
  CWR,
  dissect,
  FIN,
  isIntact,
  type PacketOptions,
  PSH,
  packet,
  unfinished,
  virtioHeader,
} from './packets.ts';
import { BUILDS, hexes, join, type Peer, Rig } from './rig.ts';

const OFFLOAD = { offload: true, offloadUdp: true, frameMax: 65_600 } as const;
const SIZES = { smallFrames: 512, largeFrames: 32, outBuffers: 16 };
const UNFINISHED = 0x8000_0000;

function bytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 131 + (i >> 8)) & 0xff);
}

/** A block of the stream between own peers whose checksum is unfinished. */
function block(frame: Uint8Array, segment: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...u32(1), ...u32((frame.length | UNFINISHED) >>> 0), ...u32(segment), ...frame]);
}

/** A super-frame as a TAP's kernel hands it over. */
function arrive(rig: Rig, tap: number, frame: Uint8Array, segment: number): void {
  rig.arriveWith(virtioHeader(frame, segment), tap, unfinished(frame));
}

const KINDS: readonly (readonly [name: string, options: PacketOptions])[] = [
  ['TCP over IPv4', {}],
  ['TCP over IPv6', { ipv6: true }],
  ['TCP with options', { options: [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8] }],
  ['TCP behind a VLAN tag and IPv4 options', { tag: 0x6007, ipOptions: 8 }],
  ['UDP over IPv4', { udp: true }],
  ['UDP over IPv6', { udp: true, ipv6: true }],
];

describe.each(BUILDS)('%s: offloads', (build) => {
  function setUp(options: { tap?: object; peer?: object } = {}) {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const tap = rig.tap(hub, options.tap ?? OFFLOAD);
    const peer = rig.session(hub, options.peer ?? OFFLOAD);
    return { rig, hub, tap, peer };
  }

  test.each(KINDS)('%s goes whole to an own peer', (_name, options) => {
    const { rig, tap, peer } = setUp();
    const frame = packet(bytes(9_000), options);
    arrive(rig, tap, frame, 1_400);
    rig.drain();
    expect(hexes([rig.takeBytes(peer.connection)])).toEqual(hexes([block(unfinished(frame), 1_400)]));
    expect(rig.core.portCounters(tap).receivedFrames).toBe(7);
    expect(rig.core.portCounters(peer.port).sentFrames).toBe(7);
  });

  test.each(KINDS)('%s comes whole from an own peer, with a header of our own', (_name, options) => {
    const { rig, tap, peer } = setUp();
    const frame = packet(bytes(9_000), options);
    // Whatever the peer wrote into the checksum field.
    const sent = Uint8Array.from(frame);
    rig.feed(peer.connection, block(sent, 1_400), 1_000);
    rig.drain();
    expect(hexes(rig.takeHeaders(tap))).toEqual(hexes([virtioHeader(frame, 1_400)]));
    expect(hexes(rig.takeDelivered(tap))).toEqual(hexes([unfinished(frame)]));
  });

  test.each(KINDS)('%s is cut for everyone else', (_name, options) => {
    const { rig, tap, peer } = setUp({ peer: {} });
    const flags = ACK | PSH | FIN | CWR;
    arrive(rig, tap, packet(bytes(9_000), { ...options, flags, id: 0xfffe, sequence: 0xffff_f000 }), 1_400);
    const frames = peer.take();
    expect(frames.map((frame) => dissect(frame).payload.length)).toEqual([...new Array(6).fill(1_400), 600]);
    for (const [i, frame] of frames.entries()) {
      const last = i === 6;
      const kept = ACK | (last ? PSH | FIN : 0) | (i === 0 ? CWR : 0);
      expect(isIntact(frame), `frame ${i}`).toBe(true);
      const from = { sequence: (0xffff_f000 + i * 1_400) >>> 0, id: (0xfffe + i) & 0xffff, flags: kept };
      expect(hexes([frame])).toEqual(
        hexes([packet(bytes(9_000).subarray(i * 1_400, (i + 1) * 1_400), { ...options, ...from })]),
      );
    }
  });

  test.each(KINDS)('the checksum of %s is finished for everyone else', (_name, options) => {
    for (let length = 0; length < 70; length++) {
      const { rig, tap, peer } = setUp({ peer: {} });
      const frame = packet(bytes(length), options);
      arrive(rig, tap, frame, 0);
      expect(hexes(peer.take())).toEqual(hexes([frame]));
    }
  });

  test('a UDP checksum of zero is sent as 0xffff', () => {
    const { rig, tap, peer } = setUp({ peer: {} });
    const base = packet(Uint8Array.of(0, 0), { udp: true });
    const view = new DataView(base.buffer);
    // The payload that makes the sum 0xffff, and with it the checksum 0.
    const frame = packet(Uint8Array.of(view.getUint16(40) >> 8, view.getUint16(40) & 0xff), { udp: true });
    arrive(rig, tap, frame, 0);
    const [sent] = peer.take();
    expect([...sent!.slice(40, 42)]).toEqual([0xff, 0xff]);
    expect(isIntact(sent!)).toBe(true);
  });

  test('of a packet that the core cannot look into, the checksum is finished where the kernel says', () => {
    const { rig, tap, peer } = setUp();
    // A second tag in front of IPv4.
    const inner = packet(bytes(100));
    const frame = join(inner.subarray(0, 12), Uint8Array.of(0x81, 0, 0, 5, 0x81, 0, 0, 6), inner.subarray(12));
    const open = join(frame.subarray(0, 20), unfinished(inner).subarray(12));
    const header = virtioHeader(inner, 0);
    new DataView(header.buffer).setUint16(6, 14 + 8 + 20, true);
    rig.arriveWith(header, tap, open);
    expect(hexes(peer.take())).toEqual(hexes([frame]));
  });

  test('a super-frame is cut for an own peer whose connections would take too long for it', () => {
    const { rig, tap, peer } = setUp();
    const frames = (rate: number): number => {
      rig.core.setRate(peer.connection, rate);
      const before = rig.core.portCounters(peer.port).sentFrames;
      arrive(rig, tap, packet(bytes(9_000)), 1_400);
      rig.core.fill(rig.now);
      const blocks = new DataView(rig.core.offeredBytes(0).slice().buffer).getUint32(0);
      rig.core.written(0, rig.core.offeredBytes(0).length, true);
      rig.drain();
      expect(rig.core.portCounters(peer.port).sentFrames - before).toBe(7);
      return blocks;
    };
    // Unknown; 40 Mbit/s, and from there up and down again: what lies between the two bounds changes nothing.
    expect([0, 5_000, 7_000, 8_000, 7_000, 5_500].map(frames)).toEqual([1, 7, 7, 1, 1, 7]);
    // The fastest of them counts.
    const fast = rig.core.openConnection(peer.port, true, rig.now);
    rig.core.setRate(fast, 20_000);
    expect(frames(100)).toBe(1);
  });

  test('a flooded super-frame is cut once', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openSwitch(0);
    const tap = rig.tap(hub, { ...OFFLOAD, noStormLimit: true });
    const own = rig.session(hub, OFFLOAD);
    const others = [rig.session(hub), rig.session(hub), rig.session(hub)];
    const free = rig.core.buffersFree;
    arrive(rig, tap, packet(bytes(14_000), { to: BROADCAST }), 1_400);
    // The super-frame and its ten pieces.
    expect(rig.core.buffersFree).toBe(free - 11);
    for (const other of others) expect(other.take()).toHaveLength(10);
    rig.drain();
    expect(rig.takeBytes(own.connection)).toHaveLength(4 + 8 + 54 + 14_000);
    expect(rig.core.buffersFree).toBe(free);
  });

  test('a TAP that takes no UDP super-frames gets the pieces', () => {
    const { rig, tap, peer } = setUp({ tap: { offload: true, frameMax: 65_600 } });
    rig.feed(peer.connection, block(packet(bytes(3_000), { udp: true }), 1_000));
    rig.feed(peer.connection, block(packet(bytes(3_000)), 1_000));
    rig.drain();
    const headers = rig.takeHeaders(tap).map((header) => header[1]);
    expect(headers).toEqual([0, 0, 0, 1]);
  });

  test('a TAP without offloads gets whole frames only, and nobody looks at its header', () => {
    const { rig, tap, peer } = setUp({ tap: {} });
    rig.feed(peer.connection, block(packet(bytes(3_000)), 1_000));
    rig.drain();
    const frames = rig.takeDelivered(tap);
    expect(frames.map((frame) => frame.length)).toEqual([1_054, 1_054, 1_054]);
    expect(frames.every(isIntact)).toBe(true);
    rig.arrive(tap, frames[0]!);
    expect(peer.take()).toHaveLength(1);
  });

  test('frames whose pieces are too long for a port are dropped as such', () => {
    const { rig, tap, peer } = setUp({ peer: { frameMax: 1_600 } });
    arrive(rig, tap, packet(bytes(9_000)), 8_000);
    expect(peer.take()).toEqual([]);
    expect(peer.drops).toEqual({ 'too-long-for-port': 2 });
  });

  test('without memory for the pieces none is sent, and nothing leaks', () => {
    const rig = new Rig(build, { smallFrames: 64, largeFrames: 8, outBuffers: 4 });
    const hub = rig.core.openPatch();
    const tap = rig.tap(hub, OFFLOAD);
    const peer = rig.session(hub);
    const free = rig.core.buffersFree;
    arrive(rig, tap, packet(bytes(65_000)), 500);
    expect(rig.core.buffersFree).toBe(free);
    expect(peer.drops).toEqual({ 'no-memory': 1 });
  });

  describe('what a peer claims', () => {
    function claims(frame: Uint8Array, segment: number): { drops: object; delivered: number; peer: Peer } {
      const { rig, tap, peer } = setUp();
      rig.feed(peer.connection, block(frame, segment));
      rig.drain();
      return { drops: peer.drops, delivered: rig.takeHeaders(tap).length, peer };
    }
    const changed = (frame: Uint8Array, at: number, ...values: number[]): Uint8Array<ArrayBuffer> => {
      const made = Uint8Array.from(frame);
      made.set(values, at);
      return made;
    };
    const good = packet(bytes(3_000));
    const good6 = packet(bytes(3_000), { ipv6: true });
    const datagram = packet(bytes(3_000), { udp: true });

    test.each<[string, Uint8Array, number]>([
      ['an IP length beyond the frame', changed(good, 16, 0x40, 0), 1_000],
      ['an IP length short of the frame', changed(good, 16, 0x02, 0), 1_000],
      ['an IPv6 length beyond the frame', changed(good6, 18, 0x40, 0), 1_000],
      ['an IPv6 length short of the frame', changed(good6, 18, 0x02, 0), 1_000],
      ['a TCP header that ends behind the packet', changed(packet(bytes(8)), 46, 0xf0), 0],
      ['a TCP header of less than 20 bytes', changed(good, 46, 0x40), 1_000],
      ['a UDP length of its own', changed(datagram, 38, 0, 50), 1_000],
      ['a first fragment', changed(good, 20, 0x20, 0), 1_000],
      ['a later fragment', changed(good, 20, 0x00, 0x10), 1_000],
      ['another protocol', changed(good, 23, 47), 1_000],
      ['no IP at all', changed(good, 12, 0x88, 0xb5), 1_000],
      ['SYN on a super-frame', changed(good, 47, ACK | 0x02), 1_000],
      ['RST on a super-frame', changed(good, 47, ACK | 0x04), 1_000],
      ['URG on a super-frame', changed(good, 47, ACK | 0x20), 1_000],
      ['a segment of 7 bytes', good, 7],
      ['more than 128 datagrams', datagram, 23],
    ])('%s: the frame is malformed', (_name, frame, segment) => {
      expect(claims(frame, segment)).toMatchObject({ drops: { malformed: 1 }, delivered: 0 });
    });

    test.each<[string, Uint8Array, number]>([
      ['a segment of 8 bytes', packet(bytes(65_000)), 8],
      ['128 datagrams', datagram, 24],
      ['a segment as long as the payload', good, 3_000],
      ['a SYN with an unfinished checksum', changed(packet(bytes(0)), 47, 0x02), 0],
      ['padding behind a packet with an unfinished checksum', join(packet(bytes(1)), new Uint8Array(5)), 0],
    ])('%s is fine', (_name, frame, segment) => {
      expect(claims(frame, segment)).toMatchObject({ drops: {}, delivered: 1 });
    });

    test('a segment as long as the payload is no super-frame', () => {
      const { rig, tap, peer } = setUp();
      rig.feed(peer.connection, block(good, 3_000));
      rig.drain();
      expect(hexes(rig.takeHeaders(tap))).toEqual(hexes([virtioHeader(good, 0)]));
    });

    test('a segment of more than 65,535 bytes ends the connection', () => {
      const { rig, peer } = setUp();
      rig.feed(peer.connection, block(good, 0x1_0000));
      expect(rig.failures).toEqual([
        { connection: peer.connection, cause: 'a block says that it stands for frames of more than 65,535 bytes' },
      ]);
    });

    test('who did not agree cannot claim', () => {
      const { rig, peer } = setUp({ peer: {} });
      rig.feed(peer.connection, block(good, 1_000));
      expect(rig.failures).toHaveLength(1);
    });

    test('an empty block is nothing, whatever it claims', () => {
      const { rig, peer, tap } = setUp();
      rig.feed(
        peer.connection,
        Uint8Array.from([...u32(2), ...u32(UNFINISHED), ...u32(7), ...u32(60), ...good.subarray(0, 60)]),
      );
      rig.drain();
      expect(rig.failures).toEqual([]);
      expect(rig.takeHeaders(tap)).toHaveLength(1);
    });
  });
});

describe.each(BUILDS)('%s: what fills a queue', (build) => {
  const STALL = (): readonly [number, boolean] => [0, false];

  function setUp() {
    const rig = new Rig(build, { smallFrames: 512, largeFrames: 200, outBuffers: 16 });
    const hub = rig.core.openSwitch(0);
    const tap = rig.tap(hub, { ...OFFLOAD, noStormLimit: true });
    const [slow, other] = [rig.session(hub, OFFLOAD), rig.session(hub, OFFLOAD)];
    slow.send(packet(bytes(0), { from: mac(2), to: BROADCAST }));
    other.send(packet(bytes(0), { from: mac(3), to: BROADCAST }));
    rig.drain();
    rig.takeHeaders(tap);
    const send = (to: number, count = 1): void => {
      for (let i = 0; i < count; i++) arrive(rig, tap, packet(bytes(64_000), { to: mac(to) }), 1_400);
    };
    const held = (): boolean => rig.core.isTapHeld(tap, rig.now);
    return { rig, tap, slow, other, send, held };
  }

  test('waits until the queue is shorter', () => {
    const { rig, send, held } = setUp();
    send(2, 17);
    expect(held()).toBe(false);
    send(2);
    expect(held()).toBe(true);
    rig.drain();
    expect(held()).toBe(false);
  });

  test('waits for 10 ms and then not again before the receiver has caught up', () => {
    const { rig, slow, send, held } = setUp();
    send(2, 18);
    rig.drain(STALL);
    rig.now += 9;
    expect(held()).toBe(true);
    rig.now += 1;
    expect(held()).toBe(false);
    send(2, 5);
    expect(held()).toBe(false);
    rig.core.connectionWritable(slow.connection);
    rig.drain();
    send(2, 18);
    expect(held()).toBe(true);
  });

  test('so does a session', () => {
    const { rig, other, slow } = setUp();
    const held: number[] = [];
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        rig.core.push(other.connection, block(packet(bytes(64_000), { from: mac(3), to: mac(2) }), 1_400));
        rig.core.receive(
          rig.now,
          () => {},
          () => {},
          (connection) => held.push(connection),
        );
      }
    };
    send(17);
    expect(held).toEqual([]);
    send(1);
    expect(held).toEqual([other.connection]);
    expect(rig.core.isHeld(other.connection, rig.now)).toBe(true);
    expect(rig.core.isHeld(slow.connection, rig.now)).toBe(false);
    rig.drain();
    expect(rig.core.isHeld(other.connection, rig.now)).toBe(false);
  });

  test('does not wait for a port that is gone', () => {
    const { rig, slow, send, held } = setUp();
    send(2, 18);
    expect(held()).toBe(true);
    rig.core.closePort(slow.port);
    expect(held()).toBe(false);
  });
});
