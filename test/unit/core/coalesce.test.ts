import { describe, expect, test } from 'vitest';
import { mac, u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { ACK, dissect, FIN, type PacketOptions, PSH, packet, rebuild, unfinished, virtioHeader } from './packets.ts';
import { BUILDS, type Build, hexes, Rig } from './rig.ts';
import { cut, groups } from './twin-offload.ts';

const OFFLOAD = { offload: true, offloadUdp: true, frameMax: 65_600 } as const;
const SIZES = { smallFrames: 1_024, largeFrames: 64, outBuffers: 8 };
const STAMP = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 3];

function bytes(length: number, from = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => ((i + from) * 131 + ((i + from) >> 8)) & 0xff);
}

/** Segments of one flow, one behind the other. */
function stream(count: number, o: PacketOptions = {}, size = 1_000): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: count }, (_, i) => {
    const at = i * size;
    const numbers = o.udp ? {} : { sequence: ((o.sequence ?? 1_000) + at) >>> 0 };
    return packet(bytes(size, at), { ...o, id: ((o.id ?? 5) + i) & 0xffff, ...numbers });
  });
}

class Joined {
  readonly rig: Rig;
  readonly #tap: number;
  readonly #peer: ReturnType<Rig['session']>;

  constructor(build: Build, tap: object = OFFLOAD, sizes = SIZES) {
    this.rig = new Rig(build, sizes);
    const hub = this.rig.core.openPatch();
    this.#tap = this.rig.tap(hub, tap);
    this.#peer = this.rig.session(hub);
  }

  /** What the kernel gets of frames that arrive together: how many it is told that each stands for, and the frames. */
  write(frames: readonly Uint8Array[]): { headers: Uint8Array[]; frames: Uint8Array[] } {
    const free = this.rig.core.buffersFree;
    this.#peer.send(...frames);
    this.rig.drain();
    expect(this.rig.core.buffersFree).toBe(free);
    return { headers: this.rig.takeHeaders(this.#tap), frames: this.rig.takeDelivered(this.#tap) };
  }

  /** The same, cut again and checked; returns how many frames each that was written stands for. */
  sizes(frames: readonly Uint8Array[], expected = groups(frames)): number[] {
    const written = this.write(frames);
    const back = written.frames.flatMap((frame, i) => {
      const segment = new DataView(written.headers[i]!.buffer).getUint16(4, true);
      if (segment === 0) {
        expect(hexes([written.headers[i]!])).toEqual(hexes([new Uint8Array(10)]));
        return [frame];
      }
      expect(hexes([written.headers[i]!])).toEqual(hexes([virtioHeader(frame, segment)]));
      expect(hexes([frame])).toEqual(hexes([unfinished(frame)]));
      return cut(frame, segment);
    });
    // What may differ: identifications that nobody looks at, where there is "don't fragment".
    const order = expected.flat();
    expect(hexes(back.map(withoutId))).toEqual(hexes(order.map((number) => withoutId(frames[number]!))));
    return written.headers.map((header, i) => {
      const segment = new DataView(header.buffer).getUint16(4, true);
      return segment === 0 ? 1 : Math.ceil(dissect(written.frames[i]!).payload.length / segment);
    });
  }
}

function withoutId(frame: Uint8Array): Uint8Array {
  const { layer3, ipv6 } = dissect(frame);
  if (ipv6 || (frame[layer3 + 6]! & 0x40) === 0) return frame;
  const made = Uint8Array.from(frame);
  made.fill(0, layer3 + 4, layer3 + 6);
  made.fill(0, layer3 + 10, layer3 + 12);
  return made;
}

function changed(frame: Uint8Array, at: number, ...values: number[]): Uint8Array<ArrayBuffer> {
  const made = Uint8Array.from(frame);
  made.set(values, at);
  return made;
}

describe.each(BUILDS)('%s: frames for a TAP', (build) => {
  test.each<[string, PacketOptions]>([
    ['TCP over IPv4', {}],
    ['TCP over IPv6', { ipv6: true }],
    ['TCP with time stamps', { options: STAMP }],
    ['TCP behind a VLAN tag', { tag: 0x2005 }],
    ['TCP over a sequence number of zero', { sequence: 0xffff_f800 }],
    ['TCP that may be fragmented, with its numbers', { dontFragment: false, id: 0xfffe }],
    ['UDP over IPv4', { udp: true }],
    ['UDP over IPv6', { udp: true, ipv6: true }],
  ])('of %s are joined', (_name, o) => {
    const joined = new Joined(build);
    expect(joined.sizes(stream(10, o))).toEqual([10]);
  });

  const next = (o: PacketOptions, payload = bytes(1_000)): Uint8Array<ArrayBuffer> =>
    packet(payload, { sequence: 3_000, id: 7, ...o });

  test.each<[string, Uint8Array, number[]]>([
    ['a shorter one ends it', next({}, bytes(999)), [3, 1]],
    ['a longer one does not fit', next({}, bytes(1_001)), [2, 2]],
    ['PSH ends it', next({ flags: ACK | PSH }), [3, 1]],
    ['FIN stands for itself', next({ flags: ACK | FIN }), [2, 1, 1]],
    ['SYN stands for itself', next({ flags: ACK | 2 }), [2, 1, 1]],
    ['ECE stands for itself', next({ flags: ACK | 0x40 }), [2, 1, 1]],
    ['a hole', next({ sequence: 3_001 }), [2, 2]],
    ['a repetition', next({ sequence: 2_000 }), [2, 2]],
    ['another acknowledgement', next({ acknowledgement: 78 }), [2, 2]],
    ['another time to live', next({ ttl: 63 }), [2, 2]],
    ['another type of service', next({ tos: 4 }), [2, 2]],
    ['an option', next({ options: STAMP }), [2, 2]],
    ['may be fragmented', next({ dontFragment: false }), [2, 2]],
    ['IPv4 options', next({ ipOptions: 4 }), [2, 1, 1]],
    ['another window', packetWithWindow(next({})), [2, 2]],
    ['no payload', next({}, bytes(0)), [2, 1, 1]],
    ['a wrong checksum', changed(next({}), 60, 0xff), [2, 1, 1]],
  ])('%s', (_name, third, expected) => {
    const joined = new Joined(build);
    const [first, second] = stream(2);
    // The fourth continues the third as it stands.
    const { sequence, payload, id } = dissect(third);
    const fourth = rebuild(third, bytes(1_000), {
      sequence: (sequence + payload.length) >>> 0,
      flags: ACK,
      id: id + 1,
    });
    const frames = [first!, second!, third, fourth];
    const sizes = joined.sizes(frames);
    expect(sizes).toEqual(groups(frames).map((group) => group.length));
    expect(sizes.slice(0, expected.length - 1)).toEqual(expected.slice(0, -1));
  });

  test('packets that may be fragmented are joined by their numbers only', () => {
    const joined = new Joined(build);
    const frames = stream(4, { dontFragment: false });
    frames[2] = packet(bytes(1_000, 2_000), { sequence: 3_000, id: 99, dontFragment: false });
    expect(joined.sizes(frames)).toEqual([2, 1, 1]);
  });

  test('flows do not disturb each other, and keep the order of their first frames', () => {
    const joined = new Joined(build);
    const flows = [{ ports: [1, 2] }, { ports: [1, 3] }, { ipv6: true }, { udp: true }, { from: mac(9) }] as const;
    const streams = flows.map((o) => stream(5, o as PacketOptions));
    const mixed = Array.from({ length: 25 }, (_, i) => streams[i % 5]![Math.floor(i / 5)]!);
    expect(joined.sizes(mixed)).toEqual([5, 5, 5, 5, 5]);
  });

  test('a super-frame is no longer than an IP packet may be', () => {
    const joined = new Joined(build);
    expect(joined.sizes(stream(100))).toEqual([65, 35]);
    expect(joined.sizes(stream(100, { ipv6: true }, 1_448))).toEqual([45, 45, 10]);
    expect(joined.sizes(stream(150, { udp: true }, 100))).toEqual([64, 64, 22]);
  });

  test.each([
    ['of the payload', 500, {}],
    ['of the IPv4 header', 24, {}],
    ['of the IPv4 header of a datagram', 25, { udp: true }],
    ['of a datagram', 100, { udp: true }],
  ])('a wrong checksum %s is never covered by a super-frame', (_name, at, o) => {
    const joined = new Joined(build);
    for (const damaged of [0, 1, 2, 3]) {
      const frames = stream(4, o);
      frames[damaged] = changed(frames[damaged]!, at, frames[damaged]![at]! ^ 1);
      const { frames: written } = joined.write(frames);
      expect(hexes(written)).toContain(hexes([frames[damaged]!])[0]);
    }
  });

  test('a datagram that is shorter than its packet stands for itself', () => {
    const joined = new Joined(build);
    const frames = stream(3, { udp: true });
    // Its checksum fits the length that IP says.
    const short = changed(frames[1]!, 38, (1_007 >> 8) & 0xff, 1_007 & 0xff);
    const view = new DataView(short.buffer);
    view.setUint16(40, (view.getUint16(40) + 1) & 0xffff);
    frames[1] = short;
    expect(joined.write(frames).frames.map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
  });

  test('frames of less than 8 bytes of payload are not joined: the kernel has no such super-frames', () => {
    const joined = new Joined(build);
    const seven = stream(3, {}, 7);
    expect(joined.sizes(seven, [[0], [1], [2]])).toEqual([1, 1, 1]);
    expect(joined.sizes(stream(3, {}, 8))).toEqual([3]);
  });

  test.each([
    ['a fragment', changed(packet(bytes(1_000, 1), { udp: true }), 20, 0x20, 0)],
    ['IPv4 options', packet(bytes(1_000, 1), { ipOptions: 4 })],
    ['an extension header of IPv6', changed(packet(bytes(1_000, 1), { ipv6: true }), 20, 60)],
  ])('nothing passes %s', (_name, odd) => {
    const joined = new Joined(build);
    const [first, second, third] = stream(3);
    const lengths = joined.write([first!, second!, odd, third!]).frames.map((frame) => frame.length);
    expect(lengths).toEqual([first!.length + 1_000, odd.length, third!.length]);
  });

  test('an unfinished checksum is as good as a right one', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const tap = rig.tap(hub, OFFLOAD);
    const peer = rig.session(hub, OFFLOAD);
    const frames = stream(4).flatMap((frame) => [...u32((frame.length | 0x8000_0000) >>> 0), ...u32(0), ...frame]);
    rig.feed(peer.connection, Uint8Array.from([...u32(4), ...frames]));
    rig.drain();
    expect(rig.takeHeaders(tap)).toHaveLength(1);
  });

  test('nothing is joined for a TAP without offloads, and no datagrams for one without those of UDP', () => {
    expect(new Joined(build, {}).sizes(stream(4), [[0], [1], [2], [3]])).toEqual([1, 1, 1, 1]);
    const frames = [...stream(3, { udp: true }), ...stream(3)];
    const tcpOnly = new Joined(build, { offload: true, frameMax: 65_600 });
    expect(tcpOnly.sizes(frames, groups(frames, false))).toEqual([1, 1, 1, 3]);
  });

  test('without large buffers frames are written one by one', () => {
    const joined = new Joined(build, OFFLOAD, { smallFrames: 256, largeFrames: 0, outBuffers: 8 });
    expect(joined.sizes(stream(4), [[0], [1], [2], [3]])).toEqual([1, 1, 1, 1]);
  });

  test('a flooded frame is not changed for the others', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const tap = rig.tap(hub, OFFLOAD);
    const [peer, other] = [rig.session(hub), rig.session(hub)];
    const frames = stream(5);
    peer.send(...frames);
    rig.drainTaps();
    expect(rig.takeHeaders(tap)).toHaveLength(1);
    expect(hexes(other.take())).toEqual(hexes(frames));
  });

  test('any mixture of frames: the twin joins the same, and cut again they are what came', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const world = new World(seed);
      const frames = mixture(world);
      const joined = new Joined(build);
      const expected = groups(frames);
      expect(joined.sizes(frames, expected), `seed ${seed}`).toEqual(expected.map((group) => group.length));
    }
  });

  test('what is cut can be joined to what it was', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const world = new World(seed);
      const size = 48 + world.pick(1_400);
      const o: PacketOptions = {
        ipv6: world.pick(2) === 0,
        udp: world.pick(3) === 0,
        tag: world.pick(2) ? 7 : undefined,
      };
      const whole = packet(bytes(size * (1 + world.pick(40)) + world.pick(size)), { ...o, id: world.pick(0x1_0000) });
      const written = new Joined(build).write(cut(whole, size));
      expect(hexes(written.frames), `seed ${seed}`).toEqual(
        hexes([dissect(whole).payload.length > size ? unfinished(whole) : whole]),
      );
    }
  });
});

function packetWithWindow(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const { payload, sequence, flags, id } = dissect(frame);
  return rebuild(changed(frame, 48, 0x30), payload, { sequence, flags, id });
}

/** Segments of a few flows, most of them in order, some with something wrong. */
function mixture(world: World): Uint8Array[] {
  const flows = Array.from({ length: 1 + world.pick(20) }, (_, i) => ({
    o: {
      ports: [1_000 + i, 80] as const,
      ipv6: world.pick(3) === 0,
      udp: world.pick(4) === 0,
      tag: world.pick(4) === 0 ? 5 : undefined,
      dontFragment: world.pick(3) !== 0,
      options: world.pick(3) === 0 ? STAMP : [],
    },
    size: 1 + world.pick(1_400),
    sequence: world.pick(0x1_0000_0000),
    id: world.pick(0x1_0000),
  }));
  return Array.from({ length: 1 + world.pick(90) }, () => {
    const flow = flows[world.pick(flows.length)]!;
    const oddity = world.pick(25);
    const length = oddity === 0 ? world.pick(1_400) : flow.size;
    if (oddity === 1) flow.sequence = (flow.sequence + 1) >>> 0;
    const made = packet(bytes(length, flow.sequence), {
      ...flow.o,
      sequence: flow.sequence,
      id: flow.id & 0xffff,
      flags: oddity === 2 ? ACK | PSH : oddity === 3 ? ACK | FIN : ACK,
      ttl: oddity === 4 ? 9 : 64,
      acknowledgement: oddity === 5 ? 1 : 2,
    });
    flow.sequence = (flow.sequence + length) >>> 0;
    flow.id += oddity === 6 ? 2 : 1;
    if (oddity === 7 && length > 0) made[made.length - 1]! ^= 0x40;
    return made;
  });
}
