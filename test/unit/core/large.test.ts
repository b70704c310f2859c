import { describe, expect, test } from 'vitest';
import { CLIENT_SIZES, SERVER_SIZES } from '../../../engine/core.ts';
import { batch } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { bulk } from './frames.ts';
import { BUILDS, hexes, itemsOf, Rig } from './rig.ts';

/** A frame that one TSO burst makes: 65,535 bytes of packet behind 14 of Ethernet and 4 of tag. */
const LARGEST = 65_553;
const FRAME_MAX = 65_600;
const SIZES = [1_601, 2_016, 2_017, 9_014, 32_768, 65_535, LARGEST, FRAME_MAX];

describe.each(BUILDS)('%s: frames of 64 KiB', (build) => {
  function pair(sizes = CLIENT_SIZES) {
    const rig = new Rig(build, sizes);
    const hub = rig.core.openPatch();
    return { rig, hub, from: rig.session(hub, { frameMax: FRAME_MAX }), to: rig.session(hub, { frameMax: FRAME_MAX }) };
  }

  test.each(SIZES)('a frame of %i bytes from session to session', (length) => {
    const { from, to } = pair();
    const sent = bulk(0, length);
    sent.set(new World(length).bytes(length - 14), 14);
    from.send(sent);
    expect(hexes(to.take())).toEqual(hexes([sent]));
  });

  test('larger ones are dropped, and far larger ones end the connection', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1));
    rig.feed(from.connection, Uint8Array.of(0, 0, 0, 1, 0, 1, 0, 0x41));
    expect(rig.failures).toHaveLength(1);
    expect(to.take()).toHaveLength(1);
    const wide = rig.session(rig.core.openPatch(), { frameMax: 1_600, blockMax: 70_000 });
    wide.send(bulk(1, 70_000), bulk(1, 1_601));
    expect(wide.drops).toEqual({ 'too-long': 2 });
    expect(rig.failures).toHaveLength(1);
  });

  test('in pieces', () => {
    const { rig, from, to } = pair();
    const sent = new World(5).bytes(LARGEST);
    sent.set(bulk(1).subarray(0, 14));
    rig.feed(from.connection, batch(sent), 1_400);
    expect(hexes(to.take())).toEqual(hexes([sent]));
  });

  test('one fits in an out buffer beside another, and a third waits', () => {
    const { rig, from, to } = pair();
    for (let i = 0; i < 3; i++) from.send(bulk(i, 65_500));
    rig.drain();
    expect(
      itemsOf(rig.takeBytes(to.connection)).map((item) => (item.kind === 'batch' ? item.frames.length : 0)),
    ).toEqual([2, 1]);
  });

  test('the largest and a keep-alive of 512 bytes leave together', () => {
    const { rig, from, to } = pair();
    from.send(bulk(1, FRAME_MAX));
    rig.core.keepAlive(to.connection, 512);
    expect(rig.core.fill(rig.now)).toBe(1);
    expect(rig.core.offeredBytes(0)).toHaveLength(8 + 512 + 4 + 4 + FRAME_MAX);
  });

  test('a SoftEther peer is not given one', () => {
    const { rig, hub, from } = pair();
    const plain = rig.session(hub);
    from.send(bulk(1, 1_600), bulk(1, 1_601), bulk(1, LARGEST));
    expect(plain.sizes()).toEqual([1_600]);
    expect(plain.drops).toEqual({ 'too-long-for-port': 2 });
  });

  test.each([
    ['client', CLIENT_SIZES],
    ['server', SERVER_SIZES],
  ])('through a TAP with a large MTU, both ways, with the memory of a %s', (_name, sizes) => {
    const { rig, hub, from, to } = pair(sizes);
    const tap = rig.tap(hub, { frameMax: FRAME_MAX });
    const frames = SIZES.map((length, i) => bulk(i, length));
    rig.arrive(tap, ...frames);
    expect(hexes(to.take())).toEqual(hexes(frames));
    expect(hexes(from.take())).toEqual(hexes(frames));
    from.send(...frames);
    rig.drain();
    expect(hexes(rig.takeDelivered(tap))).toEqual(hexes(frames));
    expect(hexes(to.take())).toEqual(hexes(frames));
    expect(from.drops).toEqual({});
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - rig.places);
  });

  test('small frames from such a TAP do not wait in large slots', () => {
    const { rig, hub, from, to } = pair({ smallFrames: 512, largeFrames: 16, outBuffers: 4 });
    const tap = rig.tap(hub, { frameMax: FRAME_MAX });
    expect(rig.places).toBe(4);
    for (let i = 0; i < 10; i++) rig.arrive(tap, ...Array.from({ length: 4 }, () => bulk(i)));
    // Forty small frames wait, and the large slots are as free as before.
    expect(rig.places).toBe(4);
    rig.arrive(tap, bulk(9, LARGEST));
    expect(to.take()).toHaveLength(41);
    expect(from.take()).toHaveLength(41);
  });

  test('a TAP with an ordinary MTU that was there before gets along', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const session = rig.session(hub, { frameMax: FRAME_MAX });
    const small = rig.tap(hub);
    rig.arrive(small, bulk(1));
    const before = rig.core.buffersTotal - rig.core.buffersFree;
    expect(session.take()).toHaveLength(1);
    expect(rig.places).toBe(before - 1);
    const wide = rig.tap(hub, { frameMax: FRAME_MAX });
    rig.arrive(small, bulk(2));
    rig.arrive(wide, bulk(3, LARGEST));
    expect(session.sizes()).toEqual([60, LARGEST]);
    rig.drain();
    expect(rig.takeDelivered(wide).map((f) => f.length)).toEqual([60]);
    // The ordinary one cannot take it.
    expect(rig.takeDelivered(small)).toEqual([]);
    expect(rig.core.portCounters(small).drops).toEqual({ 'too-long-for-port': 1 });
  });

  test('large slots that run out are counted, and small frames go on', () => {
    const { rig, from, to } = pair({ smallFrames: 256, largeFrames: 4, outBuffers: 4 });
    // Unfinished frames on four connections hold them all.
    const frame = batch(bulk(1, 9_000));
    const halves = Array.from({ length: 5 }, () => rig.core.openConnection(from.port, true, rig.now));
    for (const connection of halves) rig.feed(connection, frame.subarray(0, 5_000));
    expect(from.drops).toEqual({ 'no-memory': 1 });
    from.send(bulk(9));
    expect(to.sizes()).toEqual([60]);
    for (const connection of halves) rig.feed(connection, frame.subarray(5_000));
    expect(to.take().length).toBeGreaterThan(0);
    expect(rig.core.buffersFree).toBe(260);
  });

  test('a queue full of small frames has room for a large one, and the other way round', () => {
    const { from, to } = pair({ smallFrames: 1_024, largeFrames: 64, outBuffers: 4 });
    from.send(...Array.from({ length: 200 }, (_, i) => bulk(i)));
    from.send(bulk(1, LARGEST));
    for (let i = 0; i < 12; i++) from.send(bulk(1, 3_000));
    from.send(bulk(2));
    expect(to.drops).toEqual({});
    expect(to.take()).toHaveLength(214);
  });
});
