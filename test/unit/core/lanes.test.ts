import { describe, expect, test } from 'vitest';
import { bulk, voice } from './frames.ts';
import { type Accept, BUILDS, Rig, TEST_SIZES } from './rig.ts';

describe.each(BUILDS)('%s: bulk of own peers on several connections', (build) => {
  /** `from` floods to a session of an own peer with `count` connections. */
  function several(count: number, options: { qos?: boolean } = {}) {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 32 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const port = rig.core.openSession(hub, { qos: options.qos === true, orders: true });
    const connections = Array.from({ length: count }, () => rig.core.openConnection(port, true, rig.now));
    /** Which connections have got bytes since the last look. */
    const used = (): number[] => connections.flatMap((c, i) => (rig.takeBytes(c).length > 0 ? [i] : []));
    const send = (bytes: number): number[] => {
      for (let left = bytes; left > 0; left -= 1_500) from.send(bulk(1, Math.min(left, 1_500)));
      rig.drain();
      return used();
    };
    return { rig, from, port, connections, used, send };
  }

  test('one has it for a millisecond, then the next', () => {
    const { rig, send } = several(3);
    const turns: number[][] = [];
    for (let i = 0; i < 8; i++) {
      turns.push(send(100));
      rig.now += 0.5;
    }
    const [first] = turns[0]!;
    expect(turns.map(([lane]) => (lane! - first! + 3) % 3)).toEqual([0, 0, 1, 1, 2, 2, 0, 0]);
  });

  test('one has it for 16,000 bytes at the most', () => {
    const { rig, from, connections } = several(3);
    for (let i = 0; i < 20; i++) from.send(bulk(1, 1_500));
    rig.drain();
    const bytes = connections.map((connection) => rig.takeBytes(connection).length).toSorted((a, b) => a - b);
    expect(bytes[0]).toBe(0);
    expect(bytes[2]).toBeLessThan(16_000 + 1_500 + 100);
  });

  /** Half a Gbit/s and more, until one of them has everything; which it is. */
  function hurry(rig: Rig, send: (bytes: number) => number[]): number {
    let used: number[] = [];
    for (let i = 0; i < 24; i++) {
      rig.now += 1;
      used = send(66_000);
    }
    return used[0]!;
  }

  test('when they carry half a Gbit/s one has everything, until it is half of that', () => {
    const { rig, send } = several(3);
    const lane = hurry(rig, send);
    for (let i = 0; i < 5; i++) {
      rig.now += 1;
      expect(send(66_000)).toEqual([lane]);
    }
    for (let i = 0; i < 12; i++) {
      rig.now += 2;
      send(40_000);
    }
    rig.now += 2;
    expect(send(66_000)).toHaveLength(3);
  });

  test('not when that one is known to be slower', () => {
    const { rig, connections, send } = several(3);
    for (const connection of connections) rig.core.setRate(connection, 20_000);
    hurry(rig, send);
    rig.now += 1;
    expect(send(66_000)).toHaveLength(3);
  });

  test('the one that has everything is waited for while it is busy, but no longer than three milliseconds', () => {
    const { rig, from, connections, used, send } = several(2);
    const lane = hurry(rig, send);
    const busy: Accept = (connection, length) => (connection === connections[lane] ? [length, false] : [length, true]);
    rig.now += 1;
    for (let i = 0; i < 84; i++) from.send(bulk(1, 1_500));
    rig.drain(busy);
    expect(used()).toEqual([lane]);
    rig.now += 2.9;
    expect(send(100)).toEqual([]);
    rig.now += 0.2;
    expect(send(100)).toEqual([1 - lane]);
  });

  test('one that takes no more hands over at once', () => {
    const { rig, from, connections, used } = several(3);
    from.send(bulk(1));
    rig.drain((_, length) => [length, false]);
    const [lane] = used();
    from.send(bulk(2));
    rig.drain();
    const [next] = used();
    expect(next).not.toBe(lane);
    // It comes back when it takes bytes again.
    rig.core.connectionWritable(connections[lane!]!);
    const seen = new Set<number>();
    for (let i = 0; i < 4; i++) {
      rig.now += 1;
      from.send(bulk(3));
      rig.drain();
      seen.add(used()[0]!);
    }
    expect(seen).toEqual(new Set([0, 1, 2]));
  });

  test('the reserved one carries priority frames and nothing else', () => {
    const { rig, from, used, send } = several(3, { qos: true });
    const seen = new Set<number>();
    for (let i = 0; i < 6; i++) {
      rig.now += 1;
      for (const lane of send(100)) seen.add(lane);
    }
    expect(seen).toEqual(new Set([0, 1]));
    from.send(voice(1));
    rig.drain();
    expect(used()).toEqual([2]);
  });

  test('the connection whose turn it is may go away', () => {
    const { rig, connections, send } = several(3);
    const [lane] = send(126_000);
    rig.core.closeConnection(connections[lane!]!, rig.now);
    expect(send(100)).toHaveLength(1);
  });
});
