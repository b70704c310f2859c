import { inflateRawSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { PortOptions } from '../../../engine/core.ts';
import { batch, u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { KINDS } from '../codec/samples.ts';
import { bulk } from './frames.ts';
import { BUILDS, type Build, hexes, join, type Peer, Rig, TEST_SIZES } from './rig.ts';

const DEFLATED = 0x4000_0000;
const UNFINISHED = 0x8000_0000;
const LARGE = { frameMax: 65_600, blockMax: 65_600 };
const OWN: PortOptions = { compress: true, deflate: true, ...LARGE };
const WINDOWED: PortOptions = { ...OWN, windowed: true, windows: 6 };
const SIZES = { ...TEST_SIZES, largeFrames: 64, windows: 6 };

/** Two nodes with a tunnel between them, each with a plain session that nothing is done to. */
class Pair {
  readonly left: Rig;
  readonly right: Rig;
  readonly source: Peer;
  readonly near: Peer;
  readonly far: Peer;
  readonly sink: Peer;

  constructor(build: Build, tunnel: PortOptions, plain: PortOptions = LARGE, pako = false) {
    this.left = new Rig(build, SIZES, 1, pako);
    this.right = new Rig(build, SIZES);
    const here = this.left.core.openPatch();
    const there = this.right.core.openPatch();
    this.source = this.left.session(here, plain);
    this.near = this.left.session(here, tunnel);
    this.far = this.right.session(there, tunnel);
    this.sink = this.right.session(there, plain);
  }

  /** What the frames are on the tunnel's first connection. */
  encode(...frames: Uint8Array[]): Uint8Array {
    for (const frame of frames) {
      this.source.send(frame);
      this.left.drain();
    }
    return this.left.takeBytes(this.near.connection);
  }

  decode(bytes: Uint8Array, pieces?: number): Uint8Array[] {
    this.right.feed(this.far.connection, bytes, pieces);
    return this.sink.take();
  }
}

/** The blocks of a stream with the bits of their sizes. */
function blocksOf(stream: Uint8Array): { readonly deflated: boolean; readonly body: Uint8Array }[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const blocks: { deflated: boolean; body: Uint8Array }[] = [];
  for (let at = 0; at < stream.length; ) {
    let count = view.getUint32(at);
    for (at += 4; count > 0; count--) {
      const word = view.getUint32(at);
      const length = word & 0x3fff_ffff;
      at += word & UNFINISHED ? 8 : 4;
      blocks.push({ deflated: (word & DEFLATED) !== 0, body: stream.subarray(at, at + length) });
      at += length;
    }
  }
  return blocks;
}

/** The plain twin of a window: all that went before, and Node's zlib. */
function twin(blocks: ReturnType<typeof blocksOf>, history: Uint8Array = new Uint8Array(0)): Uint8Array[] {
  let window = history;
  return blocks.map(({ deflated, body }) => {
    if (!deflated) return body;
    const dictionary = window.subarray(-32_768);
    const frame = inflateRawSync(body, dictionary.length === 0 ? {} : { dictionary });
    window = join(window, frame);
    return frame;
  });
}

function frameOf(kind: string, length: number, seed: number): Uint8Array {
  return join(bulk(seed, 14), KINDS[kind]!(Math.max(0, length - 14), seed));
}

function mixed(seed: number, count: number, longest: number): Uint8Array[] {
  const world = new World(seed);
  const kinds = Object.keys(KINDS);
  return Array.from({ length: count }, (_, i) => {
    const length = 14 + world.pick(world.pick(4) === 0 ? longest - 14 : 300);
    return frameOf(kinds[world.pick(kinds.length)]!, length, i % 5);
  });
}

describe.each(BUILDS)('%s: compression', (build) => {
  test('towards a SoftEther peer every block is a zlib stream of its own', () => {
    const pair = new Pair(build, { compress: true }, {});
    const frames = Array.from({ length: 30 }, (_, i) => frameOf(Object.keys(KINDS)[i % 10]!, 14 + i * 54, i));
    const blocks = blocksOf(pair.encode(...frames));
    expect(blocks.map(({ deflated }) => deflated)).toEqual(frames.map(() => false));
    expect(hexes(blocks.map(({ body }) => inflateSync(body)))).toEqual(hexes(frames));
    // Two of the same are the same.
    expect(pair.encode(frames[5]!)).toEqual(pair.encode(frames[5]!));
  });

  test.each<[string, PortOptions, number]>([
    ['SoftEther', { compress: true }, 1_600],
    ['own peers without windows', OWN, 65_500],
    ['own peers with windows', WINDOWED, 65_500],
  ])('%s: frames arrive as they were sent, however the stream is cut', (_peers, tunnel, longest) => {
    for (let seed = 1; seed <= 12; seed++) {
      const pair = new Pair(build, tunnel);
      const world = new World(seed);
      for (let round = 0; round < 6; round++) {
        const frames = mixed(seed * 10 + round, 12, longest);
        const bytes = pair.encode(...frames);
        const got = pair.decode(
          bytes,
          [Number.POSITIVE_INFINITY, 1 + world.pick(40), 1_000 + world.pick(3_000)][seed % 3],
        );
        expect(pair.far.drops, `seed ${seed}`).toEqual({});
        expect(got.length).toBe(frames.length);
        for (const [i, frame] of frames.entries()) {
          expect(Buffer.compare(got[i]!, frame), `seed ${seed}, round ${round}, frame ${i}`).toBe(0);
        }
      }
      for (const rig of [pair.left, pair.right]) {
        expect(rig.failures).toEqual([]);
        expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
      }
    }
  });

  test('what the core cannot do pako does, and the other side does not notice', () => {
    for (const [tunnel, plain] of [
      [{ compress: true }, {}],
      [OWN, LARGE],
    ]) {
      const pair = new Pair(build, tunnel!, plain, true);
      expect(pair.left.core.codec.name).toBe('pako');
      expect(pair.right.core.codec.name).toBe('wasm');
      expect([pair.left.core.windowsFree, pair.right.core.windowsFree]).toEqual([0, 6]);
      const frames = mixed(3, 20, 1_500);
      expect(hexes(pair.decode(pair.encode(...frames)))).toEqual(hexes(frames));
      // And back.
      for (const frame of frames) {
        pair.sink.send(frame);
        pair.right.drain();
      }
      const bytes = pair.right.takeBytes(pair.far.connection);
      pair.left.feed(pair.near.connection, bytes);
      expect(hexes(pair.source.take())).toEqual(hexes(frames));
      const damaged = join(word(1), word(20 | (tunnel === OWN ? DEFLATED : 0)), new Uint8Array(20));
      pair.left.feed(pair.near.connection, damaged);
      expect(pair.near.drops).toEqual({ 'not-inflatable': 1 });
      expect(pair.left.core.buffersFree).toBe(pair.left.core.buffersTotal);
    }
  });

  test('a window is what zlib makes of the same', () => {
    const pair = new Pair(build, WINDOWED);
    const all: Uint8Array[] = [];
    const streams: Uint8Array[] = [];
    // Far more than a window holds, so that it is moved many times.
    for (let seed = 1; seed <= 25; seed++) {
      const frames = mixed(seed, 20, 20_000);
      all.push(...frames);
      streams.push(pair.encode(...frames));
    }
    expect(all.reduce((sum, frame) => sum + frame.length, 0)).toBeGreaterThan(600_000);
    const blocks = blocksOf(join(...streams));
    const got = twin(blocks);
    expect(got.length).toBe(all.length);
    for (const [i, frame] of all.entries()) expect(Buffer.compare(got[i]!, frame), `frame ${i}`).toBe(0);
    const deflated = blocks.filter((block) => block.deflated).length;
    expect(deflated).toBeGreaterThan(all.length / 3);
    expect(deflated).toBeLessThan(all.length);
  });

  test('the same frame again costs a few bytes, also when much lies between', () => {
    const pair = new Pair(build, WINDOWED);
    const frame = frameOf('digits', 1_400, 1);
    const first = blocksOf(pair.encode(frame))[0]!.body.length;
    const others = Array.from({ length: 3 }, (_, i) => frameOf('digits', 1_400, i + 2));
    pair.encode(...others);
    const again = blocksOf(pair.encode(frame))[0]!.body.length;
    expect(first).toBeGreaterThan(600);
    expect(again).toBeLessThan(first / 3);
    expect(blocksOf(pair.encode(frame))[0]!.body.length).toBeLessThan(60);
    // Each connection has windows of its own.
    const fresh = new Pair(build, WINDOWED);
    expect(blocksOf(fresh.encode(frame))[0]!.body.length).toBe(first);
  });

  test('frames that do not get smaller travel as they are, and the flow is remembered', () => {
    const pair = new Pair(build, WINDOWED);
    const random = Array.from({ length: 40 }, (_, i) => frameOf('random', 1_400, i));
    const bytes = pair.encode(...random);
    expect(blocksOf(bytes).every(({ deflated }) => !deflated)).toBe(true);
    expect(bytes).toEqual(encoded(bytes, random));
    expect(hexes(pair.decode(bytes))).toEqual(hexes(random));
    expect(pair.left.core.compressionCounters(pair.near.port).sent).toMatchObject({
      bytes: 40 * 1_400,
      compressedBytes: 40 * 1_400,
    });
    // It is tried again now and then: what it carries may have changed.
    const words = Array.from({ length: 70 }, (_, i) => join(random[0]!.subarray(0, 38), KINDS.words!(1_000, i)));
    const tried = words.map((frame) => blocksOf(pair.encode(frame))[0]!.deflated);
    expect(tried[0]).toBe(false);
    expect(tried.at(-1)).toBe(true);
    expect(tried).toEqual(tried.toSorted((a, b) => Number(a) - Number(b)));
    // Another flow is not held for the same.
    const other = frameOf('words', 1_000, 1);
    other.fill(9, 26, 38);
    expect(blocksOf(pair.encode(...random.slice(0, 1), other)).map(({ deflated }) => deflated)).toEqual([false, true]);
  });

  test('a super-frame with an unfinished checksum keeps what is said of it', () => {
    const pair = new Pair(build, { ...WINDOWED, offload: true }, { ...LARGE, offload: true });
    const ip = superFrame();
    pair.left.feed(pair.source.connection, join(word(1), word((ip.length | UNFINISHED) >>> 0), word(1_000), ip));
    pair.left.drain();
    const bytes = pair.left.takeBytes(pair.near.connection);
    const size = new DataView(bytes.buffer).getUint32(4);
    expect(size & UNFINISHED && size & DEFLATED).not.toBe(0);
    expect(new DataView(bytes.buffer).getUint32(8)).toBe(1_000);
    expect(bytes.length).toBeLessThan(ip.length / 3);
    for (const pieces of [Number.POSITIVE_INFINITY, 1]) {
      const other = new Pair(build, { ...WINDOWED, offload: true }, { ...LARGE, offload: true });
      other.right.feed(other.far.connection, bytes, pieces);
      other.right.drain();
      const sent = other.right.takeBytes(other.sink.connection);
      expect(new DataView(sent.buffer).getUint32(4)).toBe((ip.length | UNFINISHED) >>> 0);
      expect(new DataView(sent.buffer).getUint32(8)).toBe(1_000);
      // The unfinished checksum itself is made anew from the addresses.
      sent.fill(0, 12 + 50, 12 + 52);
      expect(Buffer.compare(sent.subarray(12), ip)).toBe(0);
    }
  });

  test('a broken window ends the connection, gives everything back, and a new connection starts anew', () => {
    const pair = new Pair(build, WINDOWED);
    const first = pair.encode(frameOf('words', 1_400, 1));
    const second = pair.encode(frameOf('words', 1_400, 2));
    pair.decode(first);
    const damaged = second.slice();
    damaged[8] = damaged[8]! | 0x06;
    pair.right.feed(pair.far.connection, damaged);
    expect(pair.right.failures.map(({ cause }) => cause)).toEqual([expect.stringContaining('compressed block')]);
    expect(pair.far.drops).toEqual({ 'not-inflatable': 1 });
    pair.right.core.closeConnection(pair.far.connection, pair.right.now);
    expect(pair.right.core.buffersFree).toBe(pair.right.core.buffersTotal);
    // As many connections one after the other as would use up all windows if one were lost.
    for (let i = 0; i < 10; i++) {
      const connection = pair.right.core.openConnection(pair.far.port, true, pair.right.now);
      pair.right.feed(connection, first);
      expect(pair.sink.take()).toHaveLength(1);
      pair.right.core.closeConnection(connection, pair.right.now);
    }
    expect(pair.right.failures).toHaveLength(1);
  });

  test('a port gets the windows that it was promised, or is not opened', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    expect(rig.core.windowsFree).toBe(6);
    const peer = rig.session(hub, WINDOWED);
    expect(rig.core.windowsFree).toBe(0);
    expect(() => rig.core.openSession(hub, WINDOWED)).toThrow('0 windows for compression left, and 6 are needed');
    rig.core.closePort(peer.port);
    expect(rig.core.windowsFree).toBe(6);
    expect(() => rig.core.openSession(hub, WINDOWED)).not.toThrow();
  });

  test('a frame that inflates to less than 14 bytes, or more than the session allows, is dropped', () => {
    const pair = new Pair(build, WINDOWED);
    const tight = new Pair(build, { ...WINDOWED, frameMax: 600 });
    const bytes = pair.encode(frameOf('zeros', 601, 1));
    tight.right.feed(tight.far.connection, bytes);
    // The window cannot go on behind a frame that did not fit.
    expect(tight.right.failures).toHaveLength(1);
    // A deflate stream of nothing: an empty block of the fixed code.
    pair.right.feed(pair.far.connection, join(word(1), word(2 | DEFLATED), Uint8Array.of(3, 0)));
    expect(pair.far.drops).toEqual({ 'too-short': 1 });
    expect(pair.right.failures).toEqual([]);
  });

  test('what is counted', () => {
    const pair = new Pair(build, { compress: true }, {});
    const frames = [frameOf('words', 1_400, 1), frameOf('random', 100, 1)];
    const blocks = blocksOf(pair.encode(...frames));
    const compressedBytes = blocks.reduce((sum, { body }) => sum + body.length, 0);
    pair.decode(batch(...blocks.map(({ body }) => body)));
    const counted = { bytes: 1_500, compressedBytes };
    expect(pair.left.core.compressionCounters(pair.near.port).sent).toMatchObject(counted);
    expect(pair.right.core.compressionCounters(pair.far.port).received).toMatchObject(counted);
    expect(pair.right.core.compressionCounters(pair.far.port).sent).toMatchObject({ bytes: 0, compressedBytes: 0 });
    expect(pair.left.core.compressionCounters(pair.source.port).received).toMatchObject({ bytes: 0 });
  });
});

const word = (value: number) => Uint8Array.from(u32(value));

/** The stream with all frames as they are, in as many batches as it has. */
function encoded(stream: Uint8Array, frames: readonly Uint8Array[]): Uint8Array {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const parts: Uint8Array[] = [];
  let used = 0;
  for (let at = 0; at < stream.length; ) {
    const count = view.getUint32(at);
    const part = batch(...frames.slice(used, used + count));
    parts.push(part);
    used += count;
    at += part.length;
  }
  return join(...parts);
}

/** TCP over IPv4, 8,000 bytes of text; its checksum is left to whoever cuts it. */
function superFrame(): Uint8Array {
  const payload = KINDS.words!(8_000, 3);
  const ip = Uint8Array.of(
    ...[0x45, 0, (40 + payload.length) >> 8, (40 + payload.length) & 0xff, 0, 1, 0x40, 0, 64, 6, 0, 0],
    ...[10, 0, 0, 1, 10, 0, 0, 2],
  );
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (ip[i]! << 8) | ip[i + 1]!;
  sum = (sum & 0xffff) + (sum >> 16);
  ip[10] = (~sum >> 8) & 0xff;
  ip[11] = ~sum & 0xff;
  const tcp = Uint8Array.of(0x13, 0x88, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0);
  return join(Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0), ip, tcp, payload);
}
