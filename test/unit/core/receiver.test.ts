import { describe, expect, test } from 'vitest';
import { BROADCAST, batch, frame, mac, u32 } from '../../sim/frames.ts';
import { BUILDS, join, Rig } from './rig.ts';

const bytes = (...parts: (Uint8Array | number[])[]): Uint8Array => join(...parts.map((part) => Uint8Array.from(part)));
const block = (length: number): Uint8Array => bytes(u32(length), frame(BROADCAST, mac(1), length));
const keepAlive = (size: number): Uint8Array => bytes(u32(0xffff_ffff), u32(size), new Uint8Array(size).fill(0x4e));
const GOOD = batch(frame(BROADCAST, mac(1), 60));

describe.each(BUILDS)('%s: the receiver', (build) => {
  function pair() {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    return { rig, from: rig.session(hub), to: rig.session(hub) };
  }

  /** What comes of a stream however it is cut: whole, byte by byte, and cut in two at every place. */
  function everyWay(stream: Uint8Array, sizes: number[], causes: string[] = []): void {
    const feeds: ((rig: Rig, connection: number) => void)[] = [
      (rig, connection) => rig.feed(connection, stream),
      (rig, connection) => rig.feed(connection, stream, 1),
      (rig, connection) => rig.feed(connection, stream, 3),
    ];
    const { rig, from, to } = pair();
    for (const feed of feeds) {
      const { rig: fresh, from: source, to: target } = pair();
      feed(fresh, source.connection);
      expect(target.sizes()).toEqual(sizes);
      expect(fresh.failures.map((failure) => failure.cause)).toEqual(causes);
    }
    // One rig for all cuts: a stream that ends cleanly leaves the receiver as it was.
    if (causes.length > 0) return;
    const step = stream.length > 300 ? 97 : 1;
    for (let cut = 0; cut <= stream.length; cut += step) {
      rig.feed(from.connection, stream.subarray(0, cut));
      rig.feed(from.connection, stream.subarray(cut));
      expect(to.sizes(), `cut at ${cut}`).toEqual(sizes);
    }
    expect(rig.failures).toEqual([]);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  }

  test('a count of 0 stays where it is', () => everyWay(bytes(u32(0), u32(0), u32(0), GOOD), [60]));

  test('a batch of three', () => everyWay(bytes(u32(3), block(60), block(61), block(62)), [60, 61, 62]));

  test('two batches in a row', () => everyWay(bytes(GOOD, u32(2), block(14), block(99)), [60, 14, 99]));

  test('keep-alives before, between and behind', () => {
    everyWay(bytes(keepAlive(0), GOOD, keepAlive(5), keepAlive(1), u32(0), GOOD, keepAlive(512)), [60, 60]);
  });

  test('an empty block counts and carries nothing', () => {
    everyWay(bytes(u32(3), u32(0), block(60), u32(0), GOOD), [60, 60]);
    everyWay(bytes(u32(2), u32(0), u32(0), GOOD), [60]);
  });

  test('a keep-alive mark inside a batch is a size, and too large', () => {
    everyWay(bytes(u32(2), block(60), keepAlive(4)), [60], ['a block is longer than the session allows']);
  });

  test.each([
    [1, 'too-short'],
    [13, 'too-short'],
    [1601, 'too-long'],
    [3200, 'too-long'],
  ])('a block of %i bytes is consumed, dropped and counted as %s', (length, cause) => {
    everyWay(bytes(u32(2), block(length), block(60)), [60]);
    const { rig, from } = pair();
    rig.feed(from.connection, batch(frame(BROADCAST, mac(1), length)));
    expect(from.drops).toEqual({ [cause]: 1 });
    expect(rig.core.portCounters(from.port).receivedFrames).toBe(0);
  });

  test.each([14, 15, 60, 1514, 1599, 1600])('a block of %i bytes is delivered', (length) => {
    everyWay(bytes(u32(2), block(length), block(60)), [length, 60]);
  });

  test.each([3201, 0x1_0000, 0x7fff_ffff, 0xffff_ffff])('a block of %i bytes ends the connection', (length) => {
    everyWay(bytes(GOOD, u32(1), u32(length), GOOD), [60], ['a block is longer than the session allows']);
  });

  test.each([513, 0x1_0000, 0xffff_ffff])('a keep-alive of %i bytes ends the connection', (size) => {
    everyWay(bytes(GOOD, u32(0xffff_ffff), u32(size), GOOD), [60], ['a keep-alive is longer than 512 bytes']);
  });

  test.each([0, 1, 511, 512])('a keep-alive of %i bytes is accepted', (size) => {
    everyWay(bytes(keepAlive(size), GOOD), [60]);
  });

  test('what comes behind an error is ignored, in the same call and later', () => {
    const { rig, from, to } = pair();
    rig.feed(from.connection, bytes(u32(1), u32(3201), GOOD));
    for (let i = 0; i < 10; i++) rig.feed(from.connection, GOOD, 5);
    expect(to.sizes()).toEqual([]);
    expect(rig.failures).toHaveLength(1);
    expect(rig.core.portCounters(from.port).receivedFrames).toBe(0);
  });

  test('an error ends one connection; the other one of the session goes on', () => {
    const { rig, from, to } = pair();
    const second = rig.core.openConnection(from.port, true, rig.now);
    rig.feed(from.connection, bytes(u32(1), u32(3201)));
    rig.feed(second, GOOD);
    expect(rig.failures.map((failure) => failure.connection)).toEqual([from.connection]);
    expect(to.sizes()).toEqual([60]);
  });

  test('a batch of 0xFFFFFFFE never ends', () => {
    const { rig, from, to } = pair();
    rig.feed(from.connection, bytes(u32(0xffff_fffe), block(60), u32(0), block(61)));
    expect(to.sizes()).toEqual([60, 61]);
    // Still inside: this would be a count, and is a size.
    rig.feed(from.connection, block(62));
    expect(to.sizes()).toEqual([62]);
    rig.feed(from.connection, u32Bytes(0xffff_ffff));
    expect(rig.failures).toHaveLength(1);
  });

  test('a count announces nothing: no frame buffer is taken before a block has a size', () => {
    const { rig, from } = pair();
    rig.feed(from.connection, u32Bytes(0xffff_fffe));
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
    rig.feed(from.connection, u32Bytes(60));
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - 1);
  });

  test('a block that is dropped takes no frame buffer', () => {
    const { rig, from } = pair();
    for (const length of [1, 13, 1601, 3200]) {
      rig.feed(from.connection, bytes(u32(1), u32(length)));
      expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
      rig.feed(from.connection, new Uint8Array(length));
    }
    expect(from.drops).toEqual({ 'too-short': 2, 'too-long': 2 });
  });

  test('an unfinished frame is given back when its connection closes', () => {
    const { rig, from } = pair();
    rig.feed(from.connection, GOOD.subarray(0, 20));
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - 1);
    rig.core.closeConnection(from.connection, rig.now);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('connections keep their own state, also when their pieces alternate', () => {
    const { rig, from, to } = pair();
    const second = rig.core.openConnection(from.port, true, rig.now);
    const other = batch(frame(BROADCAST, mac(2), 200));
    for (let at = 0; at < other.length; at++) {
      if (at < GOOD.length) rig.core.push(from.connection, GOOD.subarray(at, at + 1));
      rig.core.push(second, other.subarray(at, at + 1));
      if (at % 11 === 0) rig.receive();
    }
    rig.receive();
    expect(to.sizes()).toEqual([60, 200]);
  });

  test('bytes of a connection that was closed before they were handled are ignored', () => {
    const { rig, from, to } = pair();
    rig.core.push(from.connection, GOOD);
    rig.core.closeConnection(from.connection, rig.now);
    rig.receive();
    expect(to.sizes()).toEqual([]);
  });

  test('only what is complete counts as heard', () => {
    const { rig, from } = pair();
    const start = rig.now;
    const heard = (part: Uint8Array): number => {
      rig.now += 100;
      rig.feed(from.connection, part);
      return rig.core.receivedAt(from.connection) - start;
    };
    expect(rig.core.receivedAt(from.connection)).toBe(start);
    expect(heard(GOOD.subarray(0, 30))).toBe(0);
    expect(heard(GOOD.subarray(30))).toBe(200);
    expect(heard(u32Bytes(0))).toBe(200);
    expect(heard(u32Bytes(0xffff_ffff))).toBe(200);
    expect(heard(u32Bytes(4))).toBe(200);
    expect(heard(Uint8Array.of(1, 2, 3))).toBe(200);
    expect(heard(Uint8Array.of(4))).toBe(700);
    expect(heard(keepAlive(0))).toBe(800);
    // A block that is dropped was received all the same.
    expect(heard(bytes(u32(1), block(1601)))).toBe(900);
    expect(heard(bytes(u32(1), u32(0)))).toBe(1_000);
  });

  test('the inbox takes a whole turn: many pieces, and then says that it is full', () => {
    const { rig, from, to } = pair();
    const second = rig.core.openConnection(from.port, true, rig.now);
    expect(rig.core.inboxUsed).toBe(false);
    let pieces = 0;
    for (; rig.core.inboxRoom > 0; pieces++)
      rig.core.push(pieces % 2 === 0 ? from.connection : second, Uint8Array.of(0));
    expect(pieces).toBe(2048);
    expect(() => rig.core.push(from.connection, Uint8Array.of(0))).toThrow(/at most 0 fit in the inbox, got 1/);
    expect(rig.core.inboxUsed).toBe(true);
    rig.receive();
    expect(rig.core.inboxRoom).toBe(rig.core.inboxBytes);
    rig.core.push(from.connection, new Uint8Array(rig.core.inboxBytes));
    expect(rig.core.inboxRoom).toBe(0);
    rig.receive();
    expect(rig.failures).toEqual([]);
    rig.feed(from.connection, GOOD);
    expect(to.sizes()).toEqual([60]);
  });

  test('an empty chunk changes nothing, also when the inbox is full', () => {
    const { rig, from, to } = pair();
    const second = rig.core.openConnection(to.port, true, rig.now);
    rig.feed(from.connection, GOOD);
    for (let i = 0; i < 2048; i++) rig.core.push(i % 2 === 0 ? from.connection : second, Uint8Array.of(0));
    // An offer is under way meanwhile: its place in memory is right behind the inbox's table.
    expect(rig.core.fill(rig.now)).toBe(1);
    const offered = rig.core.offeredConnection(0);
    rig.core.push(to.connection, new Uint8Array(0));
    expect(rig.core.offeredConnection(0)).toBe(offered);
    rig.receive();
    expect(rig.failures).toEqual([]);
  });
});

function u32Bytes(value: number): Uint8Array {
  return Uint8Array.from(u32(value));
}
