import { describe, expect, test } from 'vitest';
import { batch, u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { bulk, voice } from './frames.ts';
import { BUILDS, framesOf, hexes, itemsOf, join, Rig, TEST_SIZES } from './rig.ts';

/** What one write carries at most. */
const OUT_BUFFER = 0x2_0000;

describe.each(BUILDS)('%s: the sender', (build) => {
  /** `from` floods to `to`, which has one connection so far. */
  function pair(options: { qos?: boolean; smallFrames?: number } = {}) {
    const rig = new Rig(build, { ...TEST_SIZES, smallFrames: options.smallFrames ?? 1_024 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const to = rig.session(hub, { qos: options.qos === true });
    return { rig, hub, from, to };
  }

  test('frames leave in one batch, to the byte', () => {
    const { rig, from, to } = pair();
    const frames = [bulk(1), bulk(2, 1514), bulk(3, 14)];
    from.send(...frames);
    rig.drain();
    expect(rig.takeBytes(to.connection)).toEqual(batch(...frames));
    expect(rig.core.portCounters(to.port)).toMatchObject({ sentFrames: 3, sentBytes: 60 + 1514 + 14 });
  });

  test('with nothing to send there is no offer', () => {
    const { rig } = pair();
    expect(rig.core.fill(rig.now)).toBe(0);
  });

  test.each([0, 1, 2, 3, 4, 5, 511, 512])('a keep-alive of %i bytes', (size) => {
    const { rig, to } = pair();
    rig.core.keepAlive(to.connection, size);
    rig.drain();
    const sent = rig.takeBytes(to.connection);
    expect([...sent.subarray(0, 8)]).toEqual([...u32(0xffff_ffff), ...u32(size)]);
    expect(sent).toHaveLength(8 + size);
  });

  test('the bytes of keep-alives are random', () => {
    const { rig, to } = pair();
    const seen = new Set<number>();
    for (let i = 0; i < 8; i++) {
      rig.core.keepAlive(to.connection, 512);
      rig.drain();
      for (const byte of rig.takeBytes(to.connection).subarray(8)) seen.add(byte);
    }
    expect(seen.size).toBe(256);
  });

  test('a keep-alive is never larger than 512 bytes', () => {
    const { rig, to } = pair();
    rig.core.keepAlive(to.connection, 513);
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection))).toEqual([{ kind: 'keep-alive', size: 512 }]);
  });

  test('a keep-alive goes first, and once', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1));
    rig.core.keepAlive(to.connection, 3);
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection)).map((item) => item.kind)).toEqual(['keep-alive', 'batch']);
    from.send(bulk(2));
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection)).map((item) => item.kind)).toEqual(['batch']);
  });

  test('with QoS on one connection the priority batch goes first', () => {
    const { rig, from, to } = pair({ qos: true });
    from.send(bulk(1), voice(2), bulk(3), voice(4));
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection))).toEqual([
      { kind: 'batch', frames: [voice(2), voice(4)] },
      { kind: 'batch', frames: [bulk(1), bulk(3)] },
    ]);
  });

  test('without QoS priority frames have their turn like others', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1), voice(2), bulk(3));
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection))).toEqual([{ kind: 'batch', frames: [bulk(1), bulk(3), voice(2)] }]);
  });

  test('a frame that is larger than what is left of the out buffer waits for the next', () => {
    const { rig, from, to } = pair();
    // 4 + 81 x (4 + 1600) leaves 1144 bytes: a frame of 1141 does not fit behind its size, one of 1140 would.
    const frames = Array.from({ length: 81 }, (_, i) => bulk(i, 1600));
    const left = OUT_BUFFER - 4 - 81 * 1604;
    for (const [length, fits] of [
      [left - 4, true],
      [left - 3, false],
    ] as const) {
      from.send(...frames, bulk(99, length), bulk(100));
      expect(rig.core.fill(rig.now)).toBe(1);
      expect(framesOf(rig.core.offeredBytes(0))).toHaveLength(fits ? 82 : 81);
      if (fits) expect(rig.core.offeredBytes(0)).toHaveLength(OUT_BUFFER);
      rig.core.written(0, rig.core.offeredBytes(0).length, true);
      rig.drain();
      const rest = fits ? [bulk(100)] : [bulk(99, length), bulk(100)];
      expect(itemsOf(rig.takeBytes(to.connection))).toEqual([{ kind: 'batch', frames: rest }]);
    }
  });

  test('a priority batch that fills the buffer leaves no empty batch behind it', () => {
    const { rig, from, to } = pair({ qos: true });
    const left = OUT_BUFFER - 4 - 81 * 1604;
    from.send(...Array.from({ length: 81 }, (_, i) => voice(i, 1600)), voice(99, left - 4), bulk(1));
    rig.drain();
    const items = itemsOf(rig.takeBytes(to.connection));
    expect(items.map((item) => (item.kind === 'batch' ? item.frames.length : 0))).toEqual([82, 1]);
  });

  test.each([
    ['one byte', () => 1],
    ['half', (length: number) => Math.ceil(length / 2)],
    ['all but one byte', (length: number) => Math.max(1, length - 1)],
    ['all', (length: number) => length],
  ])('a host that takes %s at a time gets the whole stream', (_name, share) => {
    const { rig, from, to } = pair();
    const frames = Array.from({ length: 20 }, (_, i) => bulk(i, 60 + i));
    from.send(...frames);
    for (let i = 0; i < 5_000; i++) {
      rig.drain((_connection, length) => [share(length), true]);
      rig.core.connectionWritable(to.connection);
      if (rig.core.fill(rig.now) === 0) break;
      // Put the offer back: nothing was taken.
      rig.core.written(0, 0, true);
      rig.core.fill(rig.now);
      rig.core.connectionWritable(to.connection);
    }
    expect(rig.takeBytes(to.connection)).toEqual(batch(...frames));
  });

  test('a connection that took less than all is not offered again before the host says so', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1));
    rig.drain((_connection, length) => [length - 1, true]);
    from.send(bulk(2));
    expect(rig.core.fill(rig.now)).toBe(0);
    rig.core.connectionWritable(to.connection);
    rig.drain();
    expect(rig.takeBytes(to.connection)).toEqual(join(batch(bulk(1)), batch(bulk(2))));
  });

  test('a connection that took all and wants no more is not offered again before the host says so', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1));
    rig.drain((_connection, length) => [length, false]);
    from.send(bulk(2));
    rig.core.keepAlive(to.connection, 1);
    expect(rig.core.fill(rig.now)).toBe(0);
    rig.core.connectionWritable(to.connection);
    rig.drain();
    expect(itemsOf(rig.takeBytes(to.connection)).map((item) => item.kind)).toEqual(['batch', 'keep-alive', 'batch']);
  });

  test('a host that says "writable" while it is writing is heard', () => {
    for (const taken of [0, 1, 64 + 4]) {
      const { rig, from, to } = pair();
      from.send(bulk(1));
      expect(rig.core.fill(rig.now)).toBe(1);
      rig.core.written(0, taken, false);
      // Before the next `fill`: the write of another connection has called back.
      rig.core.connectionWritable(to.connection);
      from.send(bulk(2));
      const first = batch(bulk(1)).subarray(0, taken);
      rig.drain();
      expect(join(first, rig.takeBytes(to.connection)), `${taken} bytes taken`).toEqual(
        join(batch(bulk(1)), batch(bulk(2))),
      );
    }
  });

  test('what waited for a connection leaves when one joins', () => {
    const { rig, from, hub } = pair();
    const port = rig.core.openSession(hub, {});
    from.send(bulk(1), bulk(2));
    rig.drain();
    const connection = rig.core.openConnection(port, true, rig.now);
    rig.drain();
    expect(framesOf(rig.takeBytes(connection))).toEqual([bulk(1), bulk(2)]);
  });

  test('a connection that may not send is never written to', () => {
    const { rig, from, hub } = pair();
    const port = rig.core.openSession(hub, {});
    const receiving = rig.core.openConnection(port, false, rig.now);
    from.send(bulk(1));
    rig.drain();
    expect(rig.takeBytes(receiving)).toHaveLength(0);
    const sending = rig.core.openConnection(port, true, rig.now);
    rig.core.openConnection(port, false, rig.now);
    rig.drain();
    expect(framesOf(rig.takeBytes(sending))).toEqual([bulk(1)]);
  });

  test('sending is noted with its time', () => {
    const { rig, from, to } = pair();
    const start = rig.now;
    rig.now += 500;
    from.send(bulk(1));
    expect(rig.core.sentAt(to.connection)).toBe(start);
    rig.drain();
    expect(rig.core.sentAt(to.connection)).toBe(start + 500);
    rig.now += 500;
    rig.core.keepAlive(to.connection, 0);
    rig.drain();
    expect(rig.core.sentAt(to.connection)).toBe(start + 1_000);
  });

  test('random sizes and random writes: nothing is lost, doubled or out of order', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const world = new World(seed);
      const { rig, from, to } = pair({ smallFrames: 8_192 });
      const sent: Uint8Array[] = [];
      for (let round = 0; round < 40; round++) {
        const frames = Array.from({ length: world.pick(30) }, () => bulk(world.pick(256), 14 + world.pick(1587)));
        sent.push(...frames);
        if (frames.length > 0) from.send(...frames);
        rig.drain((_connection, length) => [world.pick(length + 1), world.chance() < 0.5]);
        if (world.chance() < 0.5) rig.core.connectionWritable(to.connection);
      }
      for (let i = 0; i < 100; i++) {
        rig.core.connectionWritable(to.connection);
        rig.drain();
      }
      expect(hexes(framesOf(rig.takeBytes(to.connection))), `seed ${seed}`).toEqual(hexes(sent));
      expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
    }
  });
});
