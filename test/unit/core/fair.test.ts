import { describe, expect, test } from 'vitest';
import { frame, mac } from '../../sim/frames.ts';
import { packet } from './packets.ts';
import { type Accept, BUILDS, framesOf, Rig, TEST_SIZES } from './rig.ts';

const SIZES = { ...TEST_SIZES, smallFrames: 8_192, largeFrames: 64, outBuffers: 64 };
const NOTHING: Accept = () => [0, false];

/** A frame of the flow of that number, its last byte `fill`. */
function flow(number: number, fill = 0, length = 1_500): Uint8Array {
  return frame(mac(200), mac(number + 1), length, fill);
}

function flowOf(bytes: Uint8Array): number {
  return bytes[11]! - 1;
}

describe.each(BUILDS)('%s: flows of one session', (build) => {
  function pair() {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const to = rig.session(hub);
    return { rig, hub, from, to };
  }

  test('have as many bytes each, however many frames they have and however long these are', () => {
    const { rig, from, to } = pair();
    rig.core.setRate(to.connection, 3_000);
    for (let i = 0; i < 300; i++) from.send(flow(1));
    for (let i = 0; i < 40; i++) from.send(flow(2, 0, 500), flow(2, 0, 500), flow(2, 0, 500));
    for (let i = 0; i < 100; i++) from.send(flow(3));
    const bytes = [0, 0, 0, 0];
    for (let batch = 0; batch < 8; batch++) {
      expect(rig.core.fill(rig.now)).toBe(1);
      for (const each of framesOf(rig.core.offeredBytes(0))) bytes[flowOf(each)]! += each.length;
      rig.core.written(0, rig.core.offeredBytes(0).length, true);
    }
    const all = bytes.reduce((sum, each) => sum + each, 0);
    for (const each of bytes.slice(1)) expect(each / all).toBeCloseTo(1 / 3, 1);
  });

  test('one that was silent comes first, and does not when it always has something', () => {
    const { rig, from, to } = pair();
    rig.core.setRate(to.connection, 3_000);
    for (let i = 0; i < 100; i++) from.send(flow(1));
    const next = (): number[] => {
      rig.core.fill(rig.now);
      const got = framesOf(rig.core.offeredBytes(0)).map(flowOf);
      rig.core.written(0, rig.core.offeredBytes(0).length, true);
      return got;
    };
    expect(next()).not.toContain(2);
    from.send(flow(2, 0, 60));
    expect(next().indexOf(2)).toBeLessThanOrEqual(1);
    for (let i = 0; i < 100; i++) from.send(flow(2));
    const both = Array.from({ length: 4 }, next).flat();
    expect(both.filter((each) => each === 2).length).toBeGreaterThan(both.length / 3);
    expect(both.filter((each) => each === 1).length).toBeGreaterThan(both.length / 3);
  });

  test('of one the frames stay in their order', () => {
    const { from, to } = pair();
    for (let i = 0; i < 200; i++) from.send(flow(i % 7, i));
    const got = to.take();
    for (let number = 0; number < 7; number++) {
      const fills = got.filter((each) => flowOf(each) === number).map((each) => each.at(-1)!);
      expect(fills).toEqual(Array.from({ length: fills.length }, (_, i) => i * 7 + number));
      expect(fills.length).toBeGreaterThan(25);
    }
  });

  test('the longest loses its first frames when the queue is full, and the others none', () => {
    const { rig, from, to } = pair();
    from.send(flow(1, 1), flow(2, 2));
    for (let i = 0; i < 5_000; i++) from.send(flow(3, i & 0xff, 60));
    for (let i = 0; i < 2_000; i++) from.send(flow(4, i & 0xff, 1_500));
    rig.drain(NOTHING);
    rig.core.connectionWritable(to.connection);
    const got = to.take();
    const count = (number: number) => got.filter((each) => flowOf(each) === number).length;
    expect([count(1), count(2)]).toEqual([1, 1]);
    // Bytes count, not frames.
    expect(count(3)).toBeGreaterThan(2_000);
    expect(
      got
        .filter((each) => flowOf(each) === 4)
        .at(-1)!
        .at(-1),
    ).toBe(1_999 & 0xff);
    expect(to.drops['queue-full']).toBe(7_002 - got.length);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('more of them than there are places for: all get through', () => {
    const { from, to } = pair();
    const numbers = Array.from({ length: 150 }, (_, i) => i);
    for (const number of numbers) from.send(flow(number), flow(number));
    expect(
      to
        .take()
        .map(flowOf)
        .toSorted((a, b) => a - b),
    ).toEqual(numbers.flatMap((number) => [number, number]));
  });
});

describe.each(BUILDS)('%s: frames that wait for too long', (build) => {
  /** Batches of eight frames; each look takes one. */
  function slow() {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const to = rig.session(hub, { qos: true });
    rig.core.setRate(to.connection, 3_000);
    const takeBatch = (): Uint8Array[] => {
      rig.core.connectionWritable(to.connection);
      rig.drain((_, length) => [length, false]);
      return framesOf(rig.takeBytes(to.connection));
    };
    takeBatch();
    return { rig, from, to, takeBatch };
  }

  test('are dropped at the head once that has gone on for 100 ms, more and more often, until the queue is short', () => {
    const { rig, from, to, takeBatch } = slow();
    for (let i = 0; i < 600; i++) from.send(flow(1));
    const dropped = () => to.drops['waited-too-long'] ?? 0;
    const seen: number[] = [];
    for (let ms = 0; ms < 1_000; ms += 10) {
      takeBatch();
      seen.push(dropped());
      rig.now += 10;
      // As fast as it drains: the queue stays as long as it is.
      for (let i = 0; i < 8; i++) from.send(flow(1));
    }
    // Late from 20 ms on, and 100 ms of that.
    expect(seen.slice(0, 12)).toEqual(new Array(12).fill(0));
    expect(seen[13]).toBe(1);
    const between = (from: number, to: number) => seen[to]! - seen[from]!;
    expect(between(13, 40)).toBeGreaterThan(3);
    expect(between(60, 87)).toBeGreaterThan(between(13, 40));
    expect(dropped()).toBeLessThan(60);
    // It ends when the flow does not wait any more.
    while (takeBatch().length > 0) rig.now += 1;
    const end = dropped();
    for (let ms = 0; ms < 500; ms += 10) {
      from.send(flow(1), flow(1));
      takeBatch();
      rig.now += 10;
    }
    expect(dropped()).toBe(end);
    expect(rig.core.classCounters(to.port).bulk.drops).toBe(end);
  });

  test('belong to their flow: another one beside it loses nothing', () => {
    const { rig, from, takeBatch } = slow();
    for (let i = 0; i < 300; i++) from.send(flow(1));
    let got = 0;
    for (let ms = 0; ms < 500; ms += 10) {
      from.send(flow(2, 0, 200));
      for (let i = 0; i < 7; i++) from.send(flow(1));
      got += takeBatch().filter((each) => flowOf(each) === 2).length;
      rig.now += 10;
    }
    expect(got).toBe(50);
  });

  test('are not dropped after a rest in which nothing could leave, if they leave soon then', () => {
    const { rig, from, to, takeBatch } = slow();
    for (let i = 0; i < 40; i++) from.send(flow(1));
    rig.now += 5_000;
    for (let i = 0; i < 8; i++) {
      takeBatch();
      rig.now += 10;
    }
    expect(to.drops).toEqual({});
  });

  test('are counted by class, with how long they waited', () => {
    const { rig, from, to, takeBatch } = slow();
    const voice = packet(new Uint8Array(100), { udp: true, tos: 0xb8 });
    for (let i = 0; i < 200; i++) {
      from.send(voice, flow(1));
      rig.now += i % 50 === 0 ? 40 : 2;
      takeBatch();
    }
    const { bulk, priority } = rig.core.classCounters(to.port);
    expect([bulk.frames, priority.frames]).toEqual([200, 200]);
    expect(bulk.bytes).toBe(200 * 1_500);
    for (const { delayP50, delayP99 } of [bulk, priority]) {
      expect(delayP50).toBeGreaterThan(1.5);
      expect(delayP50).toBeLessThan(3);
      expect(delayP99).toBeGreaterThan(30);
      expect(delayP99).toBeLessThan(60);
    }
  });
});

describe.each(BUILDS)('%s: a connection that drains slowly', (build) => {
  test('gets small batches, as soon as its rate is known', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const to = rig.session(hub);
    const batchBytes = (): number => {
      for (let i = 0; i < 100; i++) from.send(flow(1));
      rig.core.fill(rig.now);
      const { length } = rig.core.offeredBytes(0);
      rig.core.written(0, length, true);
      rig.drain();
      rig.takeBytes(to.connection);
      return length;
    };
    expect(batchBytes()).toBeGreaterThan(120_000);
    // 1, 20 and 100 Mbit/s: four milliseconds, but no less than a frame.
    rig.core.setRate(to.connection, 125);
    expect(batchBytes()).toBeLessThan(3_200);
    rig.core.setRate(to.connection, 2_500);
    expect(batchBytes()).toBeLessThan(12_000);
    rig.core.setRate(to.connection, 12_500);
    expect(Math.abs(batchBytes() - 50_000)).toBeLessThan(2_000);
    rig.core.setRate(to.connection, 0);
    expect(batchBytes()).toBeGreaterThan(120_000);
  });
});

describe.each(BUILDS)('%s: flows of a session with a SoftEther peer', (build) => {
  function several(count: number) {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const port = rig.core.openSession(hub, {});
    const connections = Array.from({ length: count }, () => rig.core.openConnection(port, true, rig.now));
    const carried = (): number[][] => connections.map((connection) => framesOf(rig.takeBytes(connection)).map(flowOf));
    return { rig, from, connections, carried };
  }

  test('are spread over the connections, and each stays where it is', () => {
    const { rig, from, carried } = several(4);
    const rounds = Array.from({ length: 5 }, () => {
      for (let number = 0; number < 8; number++) from.send(flow(number));
      rig.drain();
      rig.now += 50;
      return carried();
    });
    expect(rounds[0]!.map((each) => each.length)).toEqual([2, 2, 2, 2]);
    expect(rounds[0]!.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const round of rounds) expect(round).toEqual(rounds[0]);
  });

  test('are spread also when each of them comes while the others have nothing to send', () => {
    const { rig, from, carried } = several(8);
    const used = Array.from({ length: 8 }, (_, number) => {
      from.send(flow(number));
      rig.drain();
      rig.now += 5;
      return carried().findIndex((frames) => frames.length > 0);
    });
    expect(used.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('go to the connection that drains fastest when they are new, or after a pause', () => {
    const { rig, from, connections, carried } = several(3);
    for (const [i, rate] of [100, 4_000, 100].entries()) rig.core.setRate(connections[i]!, rate);
    from.send(flow(1));
    rig.drain();
    expect(carried()).toEqual([[], [1], []]);
    for (const [i, rate] of [4_000, 100, 100].entries()) rig.core.setRate(connections[i]!, rate);
    rig.now += 150;
    from.send(flow(1));
    rig.drain();
    expect(carried()).toEqual([[], [1], []]);
    rig.now += 201;
    from.send(flow(1));
    rig.drain();
    expect(carried()).toEqual([[1], [], []]);
  });

  test('leave a connection that is closed', () => {
    const { rig, from, connections, carried } = several(2);
    from.send(flow(1));
    rig.drain();
    expect(carried()).toEqual([[], [1]]);
    rig.core.closeConnection(connections[1]!, rig.now);
    from.send(flow(1));
    rig.drain();
    expect(carried()).toEqual([[1], []]);
  });
});
