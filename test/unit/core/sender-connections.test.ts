import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { bulk, voice } from './frames.ts';
import { type Accept, BUILDS, framesOf, itemsOf, Rig, TEST_SIZES } from './rig.ts';

describe.each(BUILDS)('%s: several connections of one session', (build) => {
  /** `from` floods to a session with `count` connections. */
  function several(count: number, options: { qos?: boolean; outBuffers?: number } = {}) {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: options.outBuffers ?? 16 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const port = rig.core.openSession(hub, { qos: options.qos === true });
    const connections = Array.from({ length: count }, () => rig.core.openConnection(port, true, rig.now));
    /** Fill bytes of the frames that each connection carried. */
    const carried = (): number[][] => connections.map((c) => framesOf(rig.takeBytes(c)).map((f) => f.at(-1)!));
    return { rig, hub, from, port, connections, carried };
  }

  test('without QoS each flow has a connection, from the last one on', () => {
    const { rig, from, carried } = several(4);
    from.send(bulk(1), voice(2), bulk(3));
    rig.drain();
    expect(carried()).toEqual([[], [], [2], [1, 3]]);
  });

  test('one that takes bytes again asks for a turn when there is something for it, and else for none', () => {
    const { rig, from, connections, carried } = several(1);
    from.send(bulk(1));
    rig.drain((_, length) => [length, false]);
    expect(rig.core.connectionWritable(connections[0]!)).toBe(false);
    expect(rig.core.fill(rig.now)).toBe(0);
    from.send(bulk(2));
    rig.drain((_, length) => [length, false]);
    from.send(bulk(3));
    expect(rig.core.connectionWritable(connections[0]!)).toBe(true);
    rig.drain();
    expect(carried()).toEqual([[1, 2, 3]]);
  });

  test('with QoS the last one is for priority frames and the one before it for the rest', () => {
    const { rig, from, carried } = several(5, { qos: true });
    from.send(bulk(1), voice(2), bulk(3), voice(4));
    rig.drain();
    expect(carried()).toEqual([[], [], [], [1, 3], [2, 4]]);
  });

  test('with QoS and no priority frames the last one stays silent', () => {
    const { rig, from, carried } = several(2, { qos: true });
    from.send(bulk(1));
    rig.drain();
    expect(carried()).toEqual([[1], []]);
  });

  test('a slow one gets batches of one frame, and of three when priority frames leave on another', () => {
    for (const [count, frames] of [
      [1, 1],
      [2, 3],
    ] as const) {
      const { rig, from, connections } = several(count, { qos: true });
      rig.core.setRate(connections[0]!, 300);
      for (let i = 0; i < 9; i++) from.send(bulk(i, 1_514));
      rig.core.fill(rig.now);
      expect(framesOf(rig.core.offeredBytes(0))).toHaveLength(frames);
    }
  });

  test('with QoS only those that may send count', () => {
    const { rig, from, port, connections, carried } = several(2, { qos: true });
    const receiving = rig.core.openConnection(port, false, rig.now);
    connections.push(receiving);
    from.send(bulk(1), voice(2));
    rig.drain();
    expect(carried()).toEqual([[1], [2], []]);
  });

  test('when the reserved one dies the one before it takes over', () => {
    const { rig, from, connections, carried } = several(3, { qos: true });
    rig.core.closeConnection(connections[2]!, rig.now);
    from.send(bulk(1), voice(2));
    rig.drain();
    expect(carried()).toEqual([[1], [2], []]);
  });

  test('a flow waits for its connection, and leaves it when that has stopped', () => {
    const { rig, from, connections, carried } = several(3);
    const blocked = new Set([connections[2]!]);
    const accept: Accept = (connection, length) => (blocked.has(connection) ? [0, false] : [length, true]);
    from.send(bulk(1));
    rig.drain(accept);
    from.send(bulk(2));
    rig.drain(accept);
    rig.now += 249;
    from.send(bulk(3));
    rig.drain(accept);
    expect(carried()).toEqual([[], [], []]);
    rig.now += 2;
    from.send(bulk(4));
    rig.drain(accept);
    // 1 is stuck in the third: what was dealt to a connection stays with it.
    expect(carried()).toEqual([[], [2, 3, 4], []]);
    blocked.clear();
    rig.core.connectionWritable(connections[2]!);
    from.send(bulk(5));
    rig.drain(accept);
    // It does not go back: the frames that it has there would be overtaken.
    expect(carried()).toEqual([[], [5], [1]]);
  });

  test('what a connection has no room for waits for it', () => {
    const { rig, from, connections, carried } = several(2);
    // More than one out buffer, and the host takes one and then no more.
    for (let i = 0; i < 100; i++) from.send(bulk(i, 1600));
    rig.drain((_connection, length) => [length, false]);
    expect(carried()).toEqual([[], Array.from({ length: 81 }, (_, i) => i)]);
    rig.core.connectionWritable(connections[1]!);
    rig.drain();
    expect(carried()).toEqual([[], Array.from({ length: 19 }, (_, i) => 81 + i)]);
  });

  test('bulk that waited for a connection that dies goes to the one that is left', () => {
    const { rig, from, connections, carried } = several(2, { qos: true });
    from.send(bulk(1));
    rig.drain((_connection, length) => [length, false]);
    // The first takes no more, and the second is reserved.
    from.send(bulk(2));
    rig.drain();
    expect(carried()).toEqual([[1], []]);
    rig.core.closeConnection(connections[0]!, rig.now);
    rig.drain();
    expect(carried()).toEqual([[], [2]]);
  });

  test('priority frames wait for their connection and do not follow bulk', () => {
    const { rig, from, connections, carried } = several(2, { qos: true });
    from.send(voice(1));
    rig.drain((_connection, length) => [length, false]);
    from.send(voice(2), bulk(3));
    rig.drain();
    expect(carried()).toEqual([[3], [1]]);
    rig.core.connectionWritable(connections[1]!);
    rig.drain();
    expect(carried()).toEqual([[], [2]]);
  });

  test('each connection sends its own keep-alive', () => {
    const { rig, connections } = several(3, { qos: true });
    for (const [i, connection] of connections.entries()) rig.core.keepAlive(connection, i);
    rig.drain();
    expect(connections.map((connection) => itemsOf(rig.takeBytes(connection)))).toEqual([
      [{ kind: 'keep-alive', size: 0 }],
      [{ kind: 'keep-alive', size: 1 }],
      [{ kind: 'keep-alive', size: 2 }],
    ]);
  });

  test('an offer is withdrawn when its connection closes', () => {
    const { rig, from, hub, connections } = several(1);
    const other = rig.session(hub);
    from.send(bulk(1));
    expect(rig.core.fill(rig.now)).toBe(2);
    const offers = [rig.core.offeredConnection(0), rig.core.offeredConnection(1)];
    const index = offers.indexOf(connections[0]!);
    rig.core.closeConnection(connections[0]!, rig.now);
    expect(rig.core.offeredConnection(index)).toBeUndefined();
    // The host may still say what it wrote.
    rig.core.written(index, 10, true);
    rig.core.written(1 - index, 0, true);
    expect(rig.core.fill(rig.now)).toBe(0);
    rig.core.connectionWritable(other.connection);
    expect(other.sizes()).toEqual([60]);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('an offer is withdrawn when its session closes, and its number can be used again', () => {
    const { rig, from, hub, port, connections } = several(2, { qos: true });
    from.send(bulk(1), voice(2));
    expect(rig.core.fill(rig.now)).toBe(2);
    rig.core.closePort(port);
    expect(rig.core.offeredConnection(0)).toBeUndefined();
    expect(rig.core.offeredConnection(1)).toBeUndefined();
    const again = rig.session(hub);
    expect(again.port).toBe(port);
    expect(connections).not.toContain(again.connection);
    expect(rig.core.fill(rig.now)).toBe(0);
    expect(again.take()).toEqual([]);
    expect(rig.core.portCounters(again.port)).toMatchObject({ sentFrames: 0, drops: {} });
  });

  test('a session that closes while it waits for its turn leaves no trace', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const sessions = Array.from({ length: 4 }, () => rig.session(hub));
    // Every place on the list: first, middle, last, and all.
    for (const gone of [[0], [1], [3], [0, 1], [2, 3], [0, 1, 2, 3]]) {
      from.send(bulk(9));
      for (const i of gone) rig.core.closePort(sessions[i]!.port);
      rig.drain();
      for (const [i, session] of sessions.entries()) {
        expect(framesOf(rig.takeBytes(session.connection))).toHaveLength(gone.includes(i) ? 0 : 1);
        if (gone.includes(i)) sessions[i] = rig.session(hub);
      }
    }
  });

  test('with all out buffers held, sessions wait, and one that frees its own goes on', () => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 2 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const sessions = Array.from({ length: 5 }, () => rig.session(hub));
    from.send(bulk(1), bulk(2));
    const held: number[] = [];
    const accept: Accept = (connection) => {
      held.push(connection);
      return [1, false];
    };
    rig.drain(accept);
    expect(held).toHaveLength(2);
    expect(rig.core.fill(rig.now)).toBe(0);
    // One of them can be written to, while three others stand in front of it and find no buffer.
    rig.core.connectionWritable(held[1]!);
    rig.drain();
    // Its buffer was freed and served all those that waited.
    const others = sessions.filter((session) => session.connection !== held[0]);
    expect(others.map((session) => frameCount(rig, session.connection))).toEqual([2, 2, 2, 2]);
    rig.core.connectionWritable(held[0]!);
    rig.drain();
    expect(frameCount(rig, held[0]!)).toBe(2);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('a session whose connections do not read holds half of the out buffers at most', () => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 16 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const deaf = rig.core.openSession(hub, {});
    const connections = new Set(Array.from({ length: 32 }, () => rig.core.openConnection(deaf, true, rig.now)));
    const accept: Accept = (connection, length) => (connections.has(connection) ? [0, false] : [length, true]);
    const held = new Set<number>();
    for (let i = 0; i < 40; i++) {
      from.send(flow(i));
      rig.drain((connection, length) => {
        if (connections.has(connection)) held.add(connection);
        return accept(connection, length);
      });
    }
    expect(held.size).toBe(8);
    const others = Array.from({ length: 8 }, () => rig.session(hub));
    from.send(bulk(99));
    rig.drain(accept);
    expect(others.map((other) => frameCount(rig, other.connection))).toEqual(others.map(() => 1));
  });

  test('an out buffer comes back from a connection that closes', () => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 1 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    for (let i = 0; i < 10; i++) {
      const to = rig.session(hub);
      from.send(bulk(i));
      rig.drain((_connection, length) => [length >> 1, false]);
      rig.core.closePort(to.port);
    }
    const last = rig.session(hub);
    from.send(bulk(99));
    expect(last.take()).toEqual([bulk(99)]);
  });

  test('more connections than one offer has room for: all are served', () => {
    const rig = new Rig(build, { ...TEST_SIZES, smallFrames: 2_048, outBuffers: 600 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const sessions = Array.from({ length: 600 }, () => rig.session(hub));
    from.send(bulk(1));
    let most = 0;
    for (let offers = rig.core.fill(rig.now); offers > 0; offers = rig.core.fill(rig.now)) {
      most = Math.max(most, offers);
      for (let i = 0; i < offers; i++) rig.core.written(i, rig.core.offeredBytes(i).length, true);
    }
    expect(most).toBe(512);
    for (const session of sessions) expect(rig.core.portCounters(session.port).sentFrames).toBe(1);
  });

  test('32 connections of one session', () => {
    const { rig, from, connections, carried } = several(32, { qos: true, outBuffers: 80 });
    for (let i = 0; i < 31; i++) {
      from.send(flow(i));
      rig.drain((_connection, length) => [length, false]);
    }
    from.send(voice(77));
    rig.drain((_connection, length) => [length, false]);
    expect(carried()).toEqual([...Array.from({ length: 31 }, (_, i) => [30 - i]), [77]]);
    for (const connection of connections.toReversed()) rig.core.closeConnection(connection, rig.now);
    from.send(bulk(1));
    rig.drain();
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - 1);
  });
});

/** A frame of another flow for each number. */
function flow(number: number): Uint8Array {
  return frame(BROADCAST, mac(number + 1), 60, number);
}

/** How many frames a connection carried since the last look. */
function frameCount(rig: Rig, connection: number): number {
  const bytes = rig.takeBytes(connection);
  return bytes.length === 0 ? 0 : framesOf(bytes).length;
}
