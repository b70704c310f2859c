import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BROADCAST, batch, frame, hex, mac, u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, framesOf, hexes, itemsOf, join, Rig } from './rig.ts';
import { hexVector, jsonVector } from './vectors.ts';

interface Rule {
  readonly case: string;
  readonly session_compressed: boolean;
  readonly input_hex: string | null;
  readonly input_size: number;
  readonly forwarded_frame_sizes: number[];
  readonly connection_closed: boolean;
}

/** Inputs that were too long to be recorded; their names describe them. */
const RECONSTRUCTED: Readonly<Record<string, Uint8Array>> = {
  'size 1600': batch(frame(BROADCAST, mac(1), 1600)),
  'size 1601': batch(frame(BROADCAST, mac(1), 1601)),
  'size 3200': batch(frame(BROADCAST, mac(1), 3200)),
  'size 3201': batch(frame(BROADCAST, mac(1), 3201)),
  'keep-alive size 512, then a batch': join(
    Uint8Array.from([...u32(0xffff_ffff), ...u32(512)]),
    new Uint8Array(512).fill(0x61),
    batch(frame(BROADCAST, mac(1))),
  ),
  'keep-alive size 513': join(
    Uint8Array.from([...u32(0xffff_ffff), ...u32(513)]),
    new Uint8Array(513).fill(0x61),
    batch(frame(BROADCAST, mac(1))),
  ),
};

const RULES = jsonVector<Rule[]>('receiver-rules.json');

describe.each(BUILDS)('%s: receiver-rules.json', (build) => {
  const rules = RULES.map((rule) => [rule.case, rule] as const);

  // None of these frames is IP: the reference's trimming of padding, which we do not do, changes nothing in them.
  test.each(rules)('%s', (_name, rule) => {
    const input = rule.input_hex === null ? RECONSTRUCTED[rule.case]! : hex(rule.input_hex);
    expect(input.length).toBe(rule.input_size);
    for (const pieces of [Number.POSITIVE_INFINITY, 1, 7]) {
      const rig = new Rig(build);
      const hub = rig.core.openSwitch(0);
      const sender = rig.session(hub, { compress: rule.session_compressed });
      const other = rig.session(hub);
      rig.feed(sender.connection, input, pieces);
      expect(other.sizes()).toEqual(rule.forwarded_frame_sizes);
      expect(rig.failures).toHaveLength(rule.connection_closed ? 1 : 0);
    }
  });
});

describe.each(BUILDS)('%s: captures of real streams', (build) => {
  const receive = (stream: Uint8Array, feed: (rig: Rig, connection: number) => void): Uint8Array[] => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const sender = rig.session(hub);
    // Towards a TAP all frames stay in their order, whatever flow they belong to.
    const other = rig.tap(hub);
    feed(rig, sender.connection);
    expect(rig.failures).toEqual([]);
    expect(sender.drops).toEqual({});
    const expected = framesOf(stream);
    expect(rig.core.portCounters(sender.port)).toMatchObject({
      receivedFrames: expected.length,
      receivedBytes: expected.reduce((sum, f) => sum + f.length, 0),
    });
    rig.drain();
    return rig.takeDelivered(other);
  };

  const plain = ['stream-plain-c2s.hex', 'stream-plain-s2c.hex'];

  test.each(plain)('%s: whole', (name) => {
    const stream = hexVector(name);
    const frames = framesOf(stream);
    expect(frames.length).toBeGreaterThan(5);
    expect(receive(stream, (rig, connection) => rig.feed(connection, stream))).toEqual(frames);
  });

  test.each(plain)('%s: one byte at a time', (name) => {
    const stream = hexVector(name);
    expect(receive(stream, (rig, connection) => rig.feed(connection, stream, 1))).toEqual(framesOf(stream));
  });

  test.each(plain)('%s: in random pieces', (name) => {
    const stream = hexVector(name);
    for (let seed = 1; seed <= 40; seed++) {
      const world = new World(seed);
      const got = receive(stream, (rig, connection) => {
        for (let at = 0; at < stream.length; ) {
          const size = 1 + world.pick(seed % 2 === 0 ? 12 : 400);
          rig.feed(connection, stream.subarray(at, at + size));
          at += size;
        }
      });
      expect(hexes(got), `seed ${seed}`).toEqual(hexes(framesOf(stream)));
    }
  });

  test.each(plain)('%s: what is sent on decodes to the same frames', (name) => {
    const stream = hexVector(name);
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const sender = rig.session(hub);
    const other = rig.session(hub);
    rig.feed(sender.connection, stream);
    rig.drain();
    const encoded = rig.takeBytes(other.connection);
    // One batch of everything, flow by flow: a receiver gets the same frames from it, and so do we.
    expect(itemsOf(encoded)).toHaveLength(1);
    const sent = framesOf(encoded);
    expect(hexes(sent).toSorted()).toEqual(hexes(framesOf(stream)).toSorted());
    expect(receive(encoded, (again, connection) => again.feed(connection, encoded))).toEqual(sent);
  });

  const compressed = ['stream-zlib-c2s.hex', 'stream-zlib-s2c.hex'];

  test.each(compressed)('%s: compressed by zlib, whole and one byte at a time', (name) => {
    const stream = hexVector(name);
    const frames = framesOf(stream).map((block) => Uint8Array.from(inflateSync(block)));
    expect(frames.length).toBeGreaterThan(5);
    for (const pieces of [Number.POSITIVE_INFINITY, 1]) {
      const rig = new Rig(build);
      const hub = rig.core.openPatch();
      const sender = rig.session(hub, { compress: true });
      const other = rig.tap(hub);
      rig.feed(sender.connection, stream, pieces);
      expect(sender.drops).toEqual({});
      rig.drain();
      expect(hexes(rig.takeDelivered(other))).toEqual(hexes(frames));
    }
  });

  test('zlib-block.json: the block of a real peer', () => {
    const { frame_hex, wire_block_body_hex } = jsonVector<Record<string, string>>('zlib-block.json');
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const sender = rig.session(hub, { compress: true });
    const other = rig.session(hub, { compress: true });
    rig.feed(sender.connection, batch(hex(wire_block_body_hex!)));
    const [block] = other.take();
    expect(Buffer.from(inflateSync(block!)).toString('hex')).toBe(frame_hex);
  });

  interface Lane {
    readonly connection: number;
    readonly sender: string;
    readonly first_batches_hex: string;
  }
  const lanes = jsonVector<Lane[]>('half-duplex-4conn-qos.json').map(
    (lane) => [lane.connection, lane.sender, lane] as const,
  );

  test.each(lanes)('half-duplex-4conn-qos.json: connection %i of the %s', (_connection, _sender, lane) => {
    const stream = hex(lane.first_batches_hex);
    expect(receive(stream, (rig, connection) => rig.feed(connection, stream))).toEqual(framesOf(stream));
    expect(receive(stream, (rig, connection) => rig.feed(connection, stream, 1))).toEqual(framesOf(stream));
  });

  test('half-duplex-4conn-qos.json: the connections with priority frames carry nothing else', () => {
    const rig = new Rig(build);
    const kinds = lanes.map(([connection, sender, lane]) => {
      const frames = framesOf(hex(lane.first_batches_hex));
      return [connection, sender, [...new Set(frames.map((f) => rig.core.isPriority(f)))]];
    });
    expect(kinds).toEqual([
      [1, 'client', [false]],
      [1, 'server', []],
      [2, 'client', []],
      [2, 'server', [false]],
      [3, 'client', []],
      [3, 'server', [true]],
      [4, 'client', [true]],
      [4, 'server', []],
    ]);
  });
});
