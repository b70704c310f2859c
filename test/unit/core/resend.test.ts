import { describe, expect, test } from 'vitest';
import { u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { bulk } from './frames.ts';
import { Ends, type Lane } from './resend-ends.ts';
import { BUILDS, Rig, TEST_SIZES } from './rig.ts';

/** How long a connection that stops may go unnoticed, and what it had may take to come another way. */
const NOTICED_MS = 250 + 50;

function expectAll({ near, far }: Ends, about: string): void {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    expect(from.drops, about).toEqual({});
    expect(from.rig.failures, about).toEqual([]);
    expect(to.got, about).toEqual(from.sent);
  }
}

function expectNothingKept({ near, far }: Ends, about: string): void {
  for (const { rig } of [near, far]) expect(rig.core.buffersFree, about).toBe(rig.core.buffersTotal);
}

describe.each(BUILDS)('%s: what a connection that dies has taken', (build) => {
  test('whatever stops, goes on and goes away: each frame comes once, and in order', { timeout: 120_000 }, () => {
    let [resent, doubled] = [0, 0];
    for (let seed = 1; seed <= 14; seed++) {
      const world = new World(seed);
      const compressed = { compress: true, deflate: true, windowed: true, windows: 40 };
      const ends = new Ends(build, world, 3 + world.pick(6), {
        qos: world.pick(2) === 0,
        ...(world.pick(3) === 0 ? compressed : {}),
      });
      let quietUntil = 0;
      for (let i = 0; i < 600; i++) {
        for (const end of [ends.near, ends.far]) {
          for (let k = world.pick(world.pick(8) === 0 ? 100 : 7); k > 0; k--) end.send(32 + world.pick(1_400));
        }
        // One trouble at a time is found out and made good before the other side stops waiting.
        if (ends.now > quietUntil) {
          for (const lane of ends.lanes) lane.frozen = lane.frozen && world.pick(3) !== 0;
          const [lane] = ends.lanes.filter((each) => !each.frozen).toSorted(() => world.chance() - 0.5);
          const others = ends.lanes.filter((each) => !each.frozen && each !== lane).length;
          if (lane !== undefined && others >= 2) {
            if (world.pick(2) === 0) ends.reset(lane);
            else lane.frozen = true;
          }
          if (ends.lanes.length < 4) ends.open();
          quietUntil = ends.now + NOTICED_MS + 100 + world.pick(400);
        }
        ends.step(1 + world.pick(10), world.pick(4) === 0 ? 3_000 : Number.POSITIVE_INFINITY);
      }
      for (const lane of ends.lanes) lane.frozen = false;
      ends.run(2_000);
      const about = `seed ${seed}`;
      expect([ends.near.skipped, ends.far.skipped], about).toEqual([0, 0]);
      expectAll(ends, about);
      expectNothingKept(ends, about);
      resent += ends.near.resent + ends.far.resent;
      doubled += ends.near.doubled + ends.far.doubled;
    }
    expect(resent).toBeGreaterThan(150);
    expect(doubled).toBeGreaterThan(15);
  });

  test('when all but one stop again and again, what comes too late for its turn still comes once', {
    timeout: 120_000,
  }, () => {
    let skipped = 0;
    for (let seed = 100; seed < 140; seed++) {
      const world = new World(seed);
      const ends = new Ends(build, world, 4);
      for (let i = 0; i < 500; i++) {
        for (const end of [ends.near, ends.far]) for (let k = world.pick(5); k > 0; k--) end.send(32 + world.pick(900));
        if (world.pick(12) === 0) {
          for (const lane of ends.lanes) lane.frozen = world.pick(3) !== 0;
          ends.lanes[world.pick(ends.lanes.length)]!.frozen = false;
        }
        ends.step(2 + world.pick(20));
      }
      for (const lane of ends.lanes) lane.frozen = false;
      ends.run(3_000);
      for (const [from, to] of [
        [ends.near, ends.far],
        [ends.far, ends.near],
      ] as const) {
        expect(from.rig.failures).toEqual([]);
        expect(new Set(to.got).size, `seed ${seed}: doubled`).toBe(to.got.length);
        const dropped = Object.values(from.drops).reduce((sum, count) => sum + count, 0);
        expect(to.got.length + dropped, `seed ${seed}: lost`).toBe(from.sent.length);
      }
      expectNothingKept(ends, `seed ${seed}`);
      skipped += ends.near.skipped + ends.far.skipped;
    }
    expect(skipped).toBeGreaterThan(10);
  });

  /** Some traffic, one way, on `count` connections. */
  function busy(count: number, options = {}): Ends {
    const ends = new Ends(build, new World(7), count, options);
    for (let i = 0; i < 60; i++) {
      ends.near.send(800);
      ends.step(1);
    }
    return ends;
  }

  function freeze(ends: Ends, lane: Lane, ms: number): number {
    lane.frozen = true;
    let longest = 0;
    let before = ends.now;
    for (let end = ends.now + ms; ends.now < end; ) {
      ends.near.send(800);
      const had = ends.far.got.length;
      ends.step(1);
      if (ends.far.got.length > had) {
        longest = Math.max(longest, ends.now - before);
        before = ends.now;
      }
    }
    return Math.max(longest, ends.now - before);
  }

  test.each([
    [2, {}],
    [8, {}],
    [2, { qos: true }],
    [3, { qos: true }],
  ])('of %i connections %o one stops: the others go on after a quarter of a second', (count, options) => {
    const ends = busy(count, options);
    const longest = freeze(ends, ends.lanes[0]!, 3_000);
    expect(longest).toBeGreaterThan(200);
    expect(longest).toBeLessThan(NOTICED_MS);
    ends.run(200);
    expectAll(ends, '');
    expect(ends.far.skipped).toBe(0);
  });

  test('one that goes on again is used again, and what it still brings is dropped', () => {
    const ends = busy(3);
    const [lane] = ends.lanes;
    freeze(ends, lane!, 1_000);
    const before = ends.far.doubled;
    lane!.frozen = false;
    ends.run(100);
    expect(ends.far.doubled).toBeGreaterThan(before);
    const sent = ends.near.rig.core.connectionBytes(lane!.near).sent;
    for (let i = 0; i < 30; i++) {
      ends.near.send(800);
      ends.step(1);
    }
    expect(ends.near.rig.core.connectionBytes(lane!.near).sent).toBeGreaterThan(sent + 4_000);
    expectAll(ends, '');
  });

  test.each([
    [3, {}],
    [4, { qos: true }],
  ])('of %i connections %o one is left alone for a while: the others go on at once', (count, options) => {
    const ends = busy(count, options);
    const lane = ends.lanes[0]!;
    const { core } = ends.near.rig;
    const sent = () => core.connectionBytes(lane.near).sent;
    expect(core.restConnection(lane.near, 200, ends.now)).toBe(true);
    expect(core.restConnection(lane.near, 200, ends.now)).toBe(false);
    const before = sent();
    expect(freeze(ends, lane, 190)).toBeLessThan(20);
    expect(sent()).toBe(before);
    // It is asked whether it goes on, and gets nothing more before it does.
    freeze(ends, lane, 100);
    expect(sent()).toBe(before + 12);
    lane.frozen = false;
    for (let i = 0; i < 60; i++) {
      ends.near.send(800);
      ends.step(1);
    }
    expect(sent()).toBeGreaterThan(before + 1_000);
    ends.run(200);
    expectAll(ends, '');
    expect([ends.far.skipped, ends.near.resent > 0]).toEqual([0, true]);
    expectNothingKept(ends, '');
  });

  test('half of the connections at most are left alone, and none when there is no other', () => {
    const asked = (count: number, options = {}) => {
      const ends = busy(count, options);
      return ends.lanes.map((lane) => ends.near.rig.core.restConnection(lane.near, 200, ends.now));
    };
    expect(asked(1)).toEqual([false]);
    expect(asked(2)).toEqual([true, false]);
    expect(asked(5)).toEqual([true, true, false, false, false]);
    // The last is for priority frames.
    expect(asked(2, { qos: true })).toEqual([false, false]);
    expect(asked(3, { qos: true })).toEqual([true, false, false]);
    expect(asked(4, { resends: false })).toEqual([false, false, false, false]);
  });

  test('one that is reset in the middle of a batch: the rest of it comes another way, and its frames once', () => {
    for (let at = 1; at < 3_400; at += 97) {
      const ends = new Ends(build, new World(at), 2);
      for (let i = 0; i < 4; i++) ends.near.send(800);
      ends.near.rig.drain();
      // What was dealt last lies on one of the wires: only a part of it comes.
      ends.step(0, 1);
      const [lane] = ends.lanes.toSorted((a, b) => b.up.bytes.length - a.up.bytes.length);
      const part = lane!.up.bytes.subarray(0, at);
      ends.far.rig.feed(lane!.far, part);
      lane!.up.bytes = new Uint8Array(0);
      ends.reset(lane!);
      ends.run(200);
      expectAll(ends, `at ${at}`);
      expectNothingKept(ends, `at ${at}`);
    }
  });

  test('when the last one goes, what it had waits for the next', () => {
    const ends = busy(2);
    for (const lane of ends.lanes) lane.frozen = true;
    for (let i = 0; i < 20; i++) {
      ends.near.send(800);
      ends.step(1);
    }
    for (const lane of [...ends.lanes]) ends.reset(lane);
    ends.run(3_000);
    ends.open();
    ends.run(200);
    expectAll(ends, '');
    expectNothingKept(ends, '');
  });

  test('a peer that rests for half a second gets nothing twice', () => {
    const ends = busy(4);
    for (const lane of ends.lanes) lane.frozen = true;
    for (let i = 0; i < 100; i++) {
      if (i % 10 === 0) ends.near.send(800);
      ends.step(5);
    }
    for (const lane of ends.lanes) lane.frozen = false;
    ends.run(500);
    expect(ends.near.resent).toBe(0);
    expectAll(ends, '');
  });

  test('no more is kept than 16 MiB of buffers, and no more is sent ahead of the first batch that is missing', () => {
    const ends = busy(2);
    const { core } = ends.near.rig;
    const free = core.buffersFree;
    for (const lane of ends.lanes) lane.frozen = true;
    let least = free;
    for (let i = 0; i < 240; i++) {
      for (let k = 0; k < 50; k++) ends.near.send(1_400);
      for (const { near, up } of ends.lanes) {
        // The network takes everything and delivers nothing.
        up.bytes = new Uint8Array(0);
        up.blocked = false;
        core.connectionWritable(near);
      }
      ends.step(1);
      least = Math.min(least, core.buffersFree);
    }
    // The queue is bounded by itself: 2.5 MB of frames.
    expect(free - least).toBeLessThanOrEqual(8_192 + 16 + 2_560_000 / 1_400 + 1);
    expect(core.queuedBytes(ends.near.tunnel.port)).toBeGreaterThan(2_000_000);
  });

  test('a peer that only puts batches in order is told nothing, and nothing is kept for it', () => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 16 });
    const hub = rig.core.openPatch();
    const [from, to] = [rig.session(hub), rig.session(hub, { orders: true })];
    rig.core.openConnection(to.port, true, rig.now);
    from.send(bulk(1));
    rig.drain();
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
    rig.feed(to.connection, Uint8Array.from([0x80, 0, 0, 1, ...u32(0), ...u32(60), ...bulk(2)]));
    rig.drain();
    rig.written.clear();
    expect(rig.core.tend(to.port, rig.now)).toBe(false);
    rig.now += 1_000;
    rig.drain();
    expect([...rig.written.keys()]).toEqual([]);
    // What would be told is no batch to it.
    rig.feed(to.connection, Uint8Array.from([0x80, 0, 0, 0, ...u32(0x1_0000), ...u32(1)]));
    expect(rig.failures).toHaveLength(1);
  });

  test('a session that ends while it owes its peer an answer leaves nothing for the next one with its port', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const listener = rig.session(hub);
    const open = () => rig.session(hub, { orders: true, resends: true });
    const first = open();
    rig.feed(first.connection, Uint8Array.from([0x80, 0, 0, 1, ...u32(0), ...u32(60), ...bulk(2)]));
    expect(rig.core.tend(first.port, rig.now)).toBe(true);
    rig.core.closePort(first.port);
    rig.now += 1_000;
    // The plane tends all ports of which it was told; that this one is gone it learns from the answer.
    expect(rig.core.tend(first.port, rig.now)).toBe(false);
    const second = open();
    expect(second.port).toBe(first.port);
    first.send(bulk(3));
    second.send(bulk(4));
    expect(listener.take()).toEqual([bulk(2), bulk(4)]);
  });

  test.each([
    ['more words than there are numbers', 0x1_0081],
    ['a kind that there is not', 0x4_0000],
    ['a mark with words', 0x2_0001],
  ])('%s end the connection', (_name, word) => {
    const rig = new Rig(build);
    const peer = rig.session(rig.core.openPatch(), { orders: true, resends: true });
    rig.feed(peer.connection, Uint8Array.from([0x80, 0, 0, 0, ...u32(word)]));
    expect(rig.failures).toHaveLength(1);
  });

  test('what has waited for one batch is more than a queue holds, and is not lost in it', () => {
    const ends = busy(5);
    const [lane] = ends.lanes;
    lane!.frozen = true;
    for (let i = 0; i < 200; i++) {
      for (let k = 0; k < 49; k++) ends.near.send(1_400);
      ends.step(1);
    }
    expect(ends.near.rig.core.queuedBytes(ends.near.tunnel.port)).toBeGreaterThan(0);
    ends.reset(lane!);
    ends.run(500);
    expect(ends.far.overflow).toEqual({});
    expectAll(ends, '');
    expect(ends.far.skipped).toBe(0);
  });

  test('a connection that gets behind is given less before it is known to have stopped', () => {
    const ends = busy(4);
    const [lane] = ends.lanes;
    lane!.frozen = true;
    for (let i = 0; i < 100; i++) {
      ends.near.send(1_400);
      ends.step(1);
    }
    // One of four would have been given 35,000 bytes.
    expect(lane!.up.bytes.length).toBeGreaterThan(1_400);
    expect(lane!.up.bytes.length).toBeLessThan(15_000);
    lane!.frozen = false;
    ends.run(300);
    expectAll(ends, '');
  });

  test.each([
    [false, 1],
    [true, 3],
  ])('much to send, round trips that are long: %s: %i connections carry it', (isLong, count) => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 16 });
    const hub = rig.core.openPatch();
    const [from, port] = [rig.session(hub), rig.core.openSession(hub, { orders: true, resends: true })];
    const connections = Array.from({ length: 3 }, () => rig.core.openConnection(port, true, rig.now, isLong));
    const used = new Set<number>();
    for (let i = 0; i < 40; i++) {
      rig.now += 1;
      for (let k = 0; k < 60; k++) from.send(bulk(k, 1_400));
      rig.drain();
      for (const connection of connections) {
        if (rig.takeBytes(connection).length > 0 && i >= 20) used.add(connection);
      }
    }
    expect(used.size).toBe(count);
  });

  test('with one connection nothing is kept', () => {
    const ends = new Ends(build, new World(1), 1);
    ends.lanes[0]!.frozen = true;
    for (let i = 0; i < 10; i++) ends.near.send(800);
    ends.step(1);
    expect(ends.near.rig.core.buffersFree).toBe(ends.near.rig.core.buffersTotal);
    ends.lanes[0]!.frozen = false;
    ends.run(300);
    expectAll(ends, '');
  });
});
