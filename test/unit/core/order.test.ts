import { describe, expect, test } from 'vitest';
import type { PortOptions } from '../../../engine/core.ts';
import { u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { bulk, voice } from './frames.ts';
import { BUILDS, type Build, hexes, join, type Peer, Rig, TEST_SIZES } from './rig.ts';

const ORDER_MS = 250;
const NUMBERED = 0x8000_0000;
const SIZES = { ...TEST_SIZES, outBuffers: 64, windows: 40 };
const word = (value: number) => Uint8Array.from(u32(value >>> 0));

/** A batch as a peer sends it. */
function numbered(number: number, ...frames: Uint8Array[]): Uint8Array {
  return join(word(frames.length | NUMBERED), word(number), ...frames.flatMap((frame) => [word(frame.length), frame]));
}

/** The receiving node: a session on several connections, and one that gets what it brings. */
class Receiver {
  readonly rig: Rig;
  readonly peer: Peer;
  readonly lanes: number[];
  readonly #sink: Peer;

  constructor(build: Build, lanes: number, tunnel: PortOptions = {}) {
    this.rig = new Rig(build, SIZES);
    const hub = this.rig.core.openPatch();
    this.peer = this.rig.session(hub, { orders: true, ...tunnel });
    this.#sink = this.rig.session(hub);
    this.lanes = [this.peer.connection];
    while (this.lanes.length < lanes) this.lanes.push(this.rig.core.openConnection(this.peer.port, true, this.rig.now));
  }

  feed(lane: number, bytes: Uint8Array, pieces?: number): void {
    this.rig.feed(this.lanes[lane]!, bytes, pieces);
  }

  /** Which of the frames that `bulk` made have come since the last look. */
  take(): string[] {
    return hexes(this.#sink.take());
  }

  release(): boolean {
    return this.rig.core.releaseLate(this.peer.port, this.rig.now);
  }

  get skipped(): number {
    return this.rig.core.batchesSkipped(this.peer.port);
  }

  expectAllGivenBack(): void {
    expect(this.rig.core.buffersFree).toBe(this.rig.core.buffersTotal);
    expect(this.rig.failures).toEqual([]);
  }
}

const names = (...numbers: number[]) => hexes(numbers.map((number) => bulk(number)));

describe.each(BUILDS)('%s: the order of batches on several connections', (build) => {
  test('is kept, whichever connection is faster and however the streams are cut', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const world = new World(seed);
      const receiver = new Receiver(build, 2 + world.pick(7));
      const wires: Uint8Array[][] = receiver.lanes.map(() => []);
      let frames = 0;
      for (let batch = 0; batch < 40; batch++) {
        const made = Array.from({ length: 1 + world.pick(4) }, () => bulk(frames++));
        wires[world.pick(wires.length)]!.push(numbered(batch, ...made));
      }
      const streams = wires.map((parts) => join(...parts));
      const got: string[] = [];
      while (streams.some((stream) => stream.length > 0)) {
        const lane = world.pick(streams.length);
        const length = Math.min(streams[lane]!.length, 1 + world.pick(world.pick(3) === 0 ? 20 : 500));
        receiver.feed(lane, streams[lane]!.subarray(0, length));
        streams[lane] = streams[lane]!.subarray(length);
        got.push(...receiver.take());
      }
      expect(got, `seed ${seed}`).toEqual(names(...Array.from({ length: frames }, (_, i) => i)));
      expect(receiver.skipped).toBe(0);
      receiver.expectAllGivenBack();
    }
  });

  test('a frame whose turn it is does not wait for the end of its batch', () => {
    const receiver = new Receiver(build, 2);
    const first = numbered(0, bulk(1), bulk(2));
    receiver.feed(1, numbered(1, bulk(3)));
    expect(receiver.take()).toEqual([]);
    receiver.feed(0, first.subarray(0, first.length - 1));
    expect(receiver.take()).toEqual(names(1));
    receiver.feed(0, first.subarray(first.length - 1));
    expect(receiver.take()).toEqual(names(2, 3));
  });

  test('a batch that waits in part goes on when its turn comes', () => {
    const receiver = new Receiver(build, 2);
    const second = numbered(1, bulk(3), bulk(4));
    receiver.feed(1, second.subarray(0, second.length - 1));
    receiver.feed(0, numbered(0, bulk(1)));
    expect(receiver.take()).toEqual(names(1, 3));
    receiver.feed(1, second.subarray(second.length - 1));
    receiver.feed(0, numbered(2, bulk(5)));
    expect(receiver.take()).toEqual(names(4, 5));
  });

  test('what is not numbered waits for nobody', () => {
    const receiver = new Receiver(build, 2);
    receiver.feed(1, numbered(1, bulk(3)));
    receiver.feed(1, join(word(1), word(bulk(9).length), bulk(9)));
    expect(receiver.take()).toEqual(names(9));
    receiver.feed(0, numbered(0, bulk(1)));
    expect(receiver.take()).toEqual(names(1, 3));
  });

  test('a batch that does not come is waited for, but not for long; and taken when it comes at last', () => {
    const receiver = new Receiver(build, 3);
    receiver.feed(1, numbered(1, bulk(3)));
    receiver.rig.now += ORDER_MS - 1;
    receiver.feed(2, numbered(3, bulk(5)));
    expect(receiver.release()).toBe(true);
    expect(receiver.take()).toEqual([]);
    receiver.rig.now += 1;
    // Two are missing, and whoever has the one is likely to have the other.
    expect(receiver.release()).toBe(false);
    expect(receiver.take()).toEqual(names(3, 5));
    expect(receiver.skipped).toBe(2);
    receiver.feed(0, numbered(0, bulk(1)));
    receiver.feed(0, numbered(2, bulk(4)));
    expect(receiver.take()).toEqual(names(1, 4));
    receiver.feed(2, numbered(4, bulk(6)));
    expect(receiver.take()).toEqual(names(6));
    expect(receiver.skipped).toBe(2);
    receiver.expectAllGivenBack();
  });

  test('a batch that stops in its middle is given up likewise, and its rest is taken', () => {
    const receiver = new Receiver(build, 2);
    const first = numbered(0, bulk(1), bulk(2));
    receiver.feed(0, first.subarray(0, first.length - 5));
    receiver.feed(1, numbered(1, bulk(3)));
    expect(receiver.take()).toEqual(names(1));
    receiver.rig.now += ORDER_MS;
    expect(receiver.release()).toBe(false);
    receiver.feed(1, numbered(2, bulk(4)));
    expect(receiver.take()).toEqual(names(3, 4));
    receiver.feed(0, first.subarray(first.length - 5));
    receiver.feed(0, numbered(3, bulk(5)));
    expect(receiver.take()).toEqual(names(2, 5));
  });

  test('what a connection has brought is not lost when it goes', () => {
    const receiver = new Receiver(build, 3);
    receiver.feed(1, numbered(1, bulk(2)));
    receiver.feed(1, numbered(3, bulk(4)));
    receiver.feed(2, numbered(4, bulk(5)));
    receiver.rig.core.closeConnection(receiver.lanes[1]!, receiver.rig.now);
    expect(receiver.take()).toEqual(names(2, 4, 5));
    receiver.feed(0, numbered(0, bulk(1)));
    receiver.feed(0, numbered(2, bulk(3)));
    receiver.feed(0, numbered(5, bulk(6)));
    expect(receiver.take()).toEqual(names(1, 3, 6));
    receiver.expectAllGivenBack();
  });

  test('the others do not wait for the rest of a batch whose connection is gone', () => {
    const receiver = new Receiver(build, 2);
    const first = numbered(0, bulk(1), bulk(2));
    receiver.feed(0, first.subarray(0, first.length - 5));
    receiver.feed(1, numbered(1, bulk(3)));
    receiver.rig.core.closeConnection(receiver.lanes[0]!, receiver.rig.now);
    expect(receiver.take()).toEqual(names(1, 3));
    expect(receiver.release()).toBe(false);
    receiver.expectAllGivenBack();
  });

  test('a port that is closed gives back what waits', () => {
    const receiver = new Receiver(build, 2);
    receiver.feed(1, numbered(1, bulk(3), bulk(4)));
    receiver.rig.core.closePort(receiver.peer.port);
    receiver.expectAllGivenBack();
  });

  test('frames that wait do not use up the buffers of others', () => {
    const receiver = new Receiver(build, 2);
    // The first never comes; a quarter of the small buffers stays free.
    for (let i = 1; i <= 2_000; i++) {
      receiver.feed(1, numbered(i, bulk(i)));
      expect(receiver.rig.core.buffersFree).toBeGreaterThanOrEqual(SIZES.smallFrames >> 2);
      receiver.take();
    }
    expect(receiver.skipped).toBeGreaterThan(0);
    receiver.expectAllGivenBack();
  });

  test('numbers begin anew behind the last', () => {
    const receiver = new Receiver(build, 2);
    // Everything in between is given up.
    for (let number = 0x3fff_ffff; number <= 0x7fff_ffff; number += 0x2000_0000) {
      receiver.feed(0, numbered(number, bulk(1)));
      receiver.rig.now += ORDER_MS;
      receiver.release();
    }
    receiver.feed(0, numbered(0x7fff_ffff, bulk(1)));
    receiver.rig.now += ORDER_MS;
    receiver.release();
    receiver.take();
    receiver.feed(1, numbered(1, bulk(8)));
    receiver.feed(0, numbered(0, bulk(7)));
    expect(receiver.take()).toEqual(names(7, 8));
  });

  test.each([
    ['an empty batch', join(word(NUMBERED), word(0))],
    ['a number of 32 bits', join(word(1 | NUMBERED), word(0x8000_0000))],
  ])('%s ends the connection', (_name, bytes) => {
    const receiver = new Receiver(build, 2);
    receiver.feed(0, bytes);
    expect(receiver.rig.failures.map(({ cause }) => cause)).toEqual([expect.stringContaining('number of a batch')]);
  });

  test('a peer that has not agreed gets a plain stream, and its bit is part of a count', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const [from, to] = [rig.session(hub), rig.session(hub)];
    from.send(bulk(1));
    rig.drain();
    expect(new DataView(rig.takeBytes(to.connection).buffer).getUint32(0)).toBe(1);
  });

  test('both ends: connections that block at random, with priority frames between and compressed', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const world = new World(seed);
      const tunnel: PortOptions =
        seed % 2 === 0 ? { qos: true } : { qos: true, compress: true, deflate: true, windowed: true, windows: 20 };
      const receiver = new Receiver(build, 5, tunnel);
      const rig = new Rig(build, SIZES, seed);
      const hub = rig.core.openPatch();
      const source = rig.session(hub);
      const near = rig.session(hub, { orders: true, ...tunnel });
      const lanes = [near.connection];
      while (lanes.length < 5) lanes.push(rig.core.openConnection(near.port, true, rig.now));
      const wires: Uint8Array[] = lanes.map(() => new Uint8Array(0));
      const got: string[] = [];
      const sent: string[] = [];
      const priority: string[] = [];
      const step = (busy: boolean): void => {
        rig.drain((_, length) => (busy && world.pick(2) === 0 ? [world.pick(length), false] : [length, true]));
        lanes.forEach((lane, i) => {
          wires[i] = join(wires[i]!, rig.takeBytes(lane));
          if (world.pick(2) === 0 || !busy) rig.core.connectionWritable(lane);
          const length = busy ? world.pick(wires[i]!.length + 1) : wires[i]!.length;
          receiver.feed(i, wires[i]!.subarray(0, length));
          wires[i] = wires[i]!.subarray(length);
        });
        got.push(...receiver.take());
      };
      for (let i = 0; i < 120; i++) {
        const frame = world.pick(6) === 0 ? voice(i) : bulk(i, 100 + world.pick(900));
        (rig.core.isPriority(frame) ? priority : sent).push(hexes([frame])[0]!);
        source.send(frame);
        if (world.pick(3) === 0) step(true);
      }
      for (let i = 0; i < 8; i++) step(false);
      const isPriority = new Set(priority);
      expect(
        got.filter((each) => !isPriority.has(each)),
        `seed ${seed}`,
      ).toEqual(sent);
      expect(got.filter((each) => isPriority.has(each)).toSorted(), `seed ${seed}`).toEqual(priority.toSorted());
      expect(receiver.skipped).toBe(0);
      receiver.expectAllGivenBack();
    }
  });
});
