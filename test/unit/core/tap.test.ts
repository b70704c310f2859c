import { describe, expect, test } from 'vitest';
import { VNET_HEADER_BYTES } from '../../../engine/host.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { bulk, voice } from './frames.ts';
import { BUILDS, hexes, Rig, TEST_SIZES } from './rig.ts';

const BATCH = 128;

describe.each(BUILDS)('%s: a TAP', (build) => {
  function pair(sizes = TEST_SIZES) {
    const rig = new Rig(build, sizes);
    const hub = rig.core.openPatch();
    return { rig, hub, tap: rig.tap(hub), session: rig.session(hub) };
  }

  test('has a batch of places, each with room for a frame and its virtio header', () => {
    const { rig } = pair();
    expect(rig.places).toBe(BATCH);
    const { memory, offsets, lengths } = rig.core.readBatch;
    expect(new Set(offsets).size).toBe(BATCH);
    expect(new Set(lengths)).toEqual(new Set([2_016 + VNET_HEADER_BYTES]));
    for (const [i, offset] of offsets.entries()) expect(offset + lengths[i]!).toBeLessThanOrEqual(memory.length);
  });

  test.each([0, 1, 2, 127, 128, 129, 500])('%i frames arrive whole and in order', (count) => {
    const { rig, tap, session } = pair({ ...TEST_SIZES, smallFrames: 2_048 });
    const frames = Array.from({ length: count }, (_, i) => bulk(i & 0xff, 60 + (i % 1_400)));
    rig.arrive(tap, ...frames);
    expect(hexes(session.take())).toEqual(hexes(frames));
    expect(rig.places).toBe(BATCH);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - BATCH);
  });

  test('one call takes over a batch', () => {
    const { rig, tap } = pair();
    const before = rig.core.calls;
    rig.arrive(tap, ...Array.from({ length: BATCH }, (_, i) => bulk(i)));
    expect(rig.core.calls - before).toBe(1);
  });

  test.each([
    1, 127, 128, 129, 400,
  ])('%i frames for it are written in batches, with an empty virtio header', (count) => {
    const { rig, tap, session } = pair();
    const frames = Array.from({ length: count }, (_, i) => bulk(i & 0xff, 14 + (i % 1_500)));
    session.send(...frames);
    expect(rig.core.takeReadyTaps()).toEqual([tap]);
    expect(rig.core.takeReadyTaps()).toEqual([]);
    const sizes: number[] = [];
    const got: Uint8Array[] = [];
    for (let length = rig.core.tapWrite(tap); length > 0; length = rig.core.tapWrite(tap)) {
      sizes.push(length);
      const { memory, offsets, lengths } = rig.core.writeBatch;
      for (let i = 0; i < length; i++) {
        const at = offsets[i]!;
        expect([...memory.subarray(at, at + VNET_HEADER_BYTES)]).toEqual(new Array(VNET_HEADER_BYTES).fill(0));
        got.push(memory.slice(at + VNET_HEADER_BYTES, at + lengths[i]!));
      }
    }
    expect(hexes(got)).toEqual(hexes(frames));
    expect(sizes).toEqual([
      ...new Array(Math.floor(count / BATCH)).fill(BATCH),
      ...(count % BATCH ? [count % BATCH] : []),
    ]);
    expect(rig.core.portCounters(tap).sentFrames).toBe(count);
  });

  test('is announced again for frames that come after its last batch', () => {
    const { rig, tap, session } = pair();
    for (let i = 0; i < 3; i++) {
      session.send(bulk(i));
      rig.drainTaps();
      expect(rig.takeDelivered(tap)).toEqual([bulk(i)]);
    }
  });

  test('frames that come while a batch is being written follow in the next', () => {
    const { rig, tap, session } = pair();
    session.send(bulk(1), bulk(2));
    rig.core.takeReadyTaps();
    expect(rig.core.tapWrite(tap)).toBe(2);
    session.send(bulk(3));
    expect(rig.core.tapWrite(tap)).toBe(1);
    expect(rig.core.tapWrite(tap)).toBe(0);
    session.send(bulk(4));
    expect(rig.core.takeReadyTaps()).toEqual([tap]);
  });

  test('what is shorter than a frame is dropped', () => {
    const { rig, tap, session } = pair();
    rig.arrive(tap, new Uint8Array(0), bulk(1, 13), bulk(2, 14));
    expect(session.sizes()).toEqual([14]);
    expect(rig.core.portCounters(tap).drops).toEqual({ malformed: 2 });
  });

  test('what is longer than the session takes is dropped there', () => {
    const { rig, tap, session } = pair();
    rig.arrive(tap, bulk(1, 1_600), bulk(2, 1_601), bulk(3, 2_016));
    expect(session.sizes()).toEqual([1_600]);
    expect(session.drops).toEqual({ 'too-long-for-port': 2 });
  });

  test('its own frames do not come back', () => {
    const { rig, tap, session } = pair();
    rig.arrive(tap, bulk(1));
    session.take();
    expect(rig.core.takeReadyTaps()).toEqual([]);
  });

  test('several TAPs share the places, and each gets what is its own', () => {
    const rig = new Rig(build);
    const hubs = [rig.core.openSwitch(0), rig.core.openSwitch(0)];
    const taps = hubs.flatMap((hub) => [rig.tap(hub), rig.tap(hub)]);
    for (const [i, tap] of taps.entries()) {
      rig.arrive(tap, frame(BROADCAST, mac(i), 60 + i));
      rig.drain();
      const others = taps.map((other) => rig.takeDelivered(other).map((f) => f.length));
      expect(others).toEqual(taps.map((_, k) => (k === (i ^ 1) ? [60 + i] : [])));
    }
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - BATCH);
  });

  test('closing one that is announced takes it off the table', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const session = rig.session(hub);
    const taps = Array.from({ length: 4 }, () => rig.tap(hub));
    session.send(bulk(1));
    rig.core.closePort(taps[1]!);
    rig.core.closePort(taps[3]!);
    expect(rig.core.takeReadyTaps().toSorted()).toEqual([taps[0]!, taps[2]!].toSorted());
  });

  test('closing one in the middle of its batch gives everything back', () => {
    const { rig, tap, session } = pair();
    session.send(...Array.from({ length: 200 }, (_, i) => bulk(i)));
    rig.core.takeReadyTaps();
    rig.core.tapWrite(tap);
    rig.core.closePort(tap);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - rig.places);
  });

  test('places hold a quarter of the pool at most, and come back when it was short', () => {
    const { rig, hub, tap, session } = pair({ smallFrames: 64, largeFrames: 4, outBuffers: 4 });
    expect(rig.places).toBe(16);
    const asleep = rig.core.openSession(hub, {});
    for (let i = 0; i < 20; i++) {
      if (rig.places > 0) rig.arrive(tap, ...Array.from({ length: rig.places }, (_, k) => bulk(k)));
      else rig.places = rig.core.tapRead(tap, 0, rig.now);
    }
    expect(rig.core.portCounters(asleep).drops['queue-full']).toBeGreaterThan(0);
    session.take();
    rig.core.closePort(asleep);
    rig.places = rig.core.tapRead(tap, 0, rig.now);
    expect(rig.places).toBe(16);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - 16);
  });

  test('frames for it are not sorted by priority, even where it was asked for', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const session = rig.session(hub);
    const tap = rig.tap(hub, { qos: true });
    session.send(bulk(1), voice(2), bulk(3));
    rig.drain();
    expect(rig.takeDelivered(tap)).toEqual([bulk(1), voice(2), bulk(3)]);
  });
});
