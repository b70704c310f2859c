import { Core, type CoreSizes, type PortOptions } from '../../../engine/core.ts';
import { VNET_HEADER_BYTES } from '../../../engine/host.ts';
import { batch } from '../../sim/frames.ts';
import { coreBinary } from '../../sim/host.ts';
import { World } from '../../sim/world.ts';

export type Build = 'simd' | 'scalar';
/** Every suite of the core runs for both. */
export const BUILDS: readonly Build[] = ['simd', 'scalar'];

/** Room for a few sessions: quick to make, and quick to fill up. */
export const TEST_SIZES: CoreSizes = { smallFrames: 1_024, largeFrames: 16, outBuffers: 16 };

/** How much of `length` offered bytes the host takes, and whether it would take more. */
export type Accept = (connection: number, length: number) => readonly [taken: number, writable: boolean];

export const TAKE_ALL: Accept = (_connection, length) => [length, true];

/** More rounds than any offer needs: a `fill` that never comes to an end must fail and not hang. */
const MAX_ROUNDS = 100_000;

/** A core with hands: what a host does with it, without a host. */
export class Rig {
  readonly core: Core;
  now = 1_000;
  /** What `receive` said of broken streams. */
  readonly failures: { connection: number; cause: string }[] = [];
  /** Bytes that were written to each connection and not looked at yet. */
  readonly written = new Map<number, Uint8Array[]>();
  /** Frames that were written to each TAP and not looked at yet. */
  readonly delivered = new Map<number, Uint8Array[]>();
  /** The virtio headers of `delivered`. */
  readonly headers = new Map<number, Uint8Array[]>();
  /** Places in the read table, as the core said last. */
  places = 0;

  /** @param pako Blocks are compressed in JavaScript, not by the core. */
  constructor(build: Build, sizes: CoreSizes = TEST_SIZES, seed = 1, pako = false) {
    const world = new World(seed);
    this.core = new Core(coreBinary, {
      ...{ sizes, pako, scalar: build === 'scalar' },
      random: (count) => world.bytes(count),
    });
    if (this.core.build !== build) throw new Error(`expected the ${build} build, got ${this.core.build}`);
  }

  /** A session with one connection. */
  session(hub: number, options: PortOptions = {}): Peer {
    const port = this.core.openSession(hub, options);
    return new Peer(this, port, this.core.openConnection(port, true, this.now));
  }

  tap(hub: number, options: PortOptions = {}): number {
    const port = this.core.openTap(hub, options);
    this.places = this.core.tapRead(port, 0, this.now);
    return port;
  }

  /** Feeds bytes to a connection, in pieces of `size`, each in a call of its own. */
  feed(connection: number, bytes: Uint8Array, size = Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(size, bytes.length - at, this.core.inboxRoom);
      this.core.push(connection, bytes.subarray(at, at + length));
      this.receive();
      at += length;
    }
  }

  receive(): void {
    this.core.receive(this.now, (connection, cause) => this.failures.push({ connection, cause }));
  }

  /** One batch of frames that the kernel sends out of a TAP; none is lost for want of places. */
  arrive(port: number, ...frames: Uint8Array[]): void {
    // What the kernel puts in front must not come out anywhere, and a TAP without offloads does not look at it.
    this.arriveWith(new Uint8Array(VNET_HEADER_BYTES).fill(0xee), port, ...frames);
  }

  /** The same, with this virtio header in front of each. */
  arriveWith(header: Uint8Array, port: number, ...frames: Uint8Array[]): void {
    for (let at = 0; at < frames.length; ) {
      const { memory, offsets, lengths } = this.core.readBatch;
      const count = Math.min(this.places, frames.length - at);
      if (count === 0) throw new Error('the core has no place for a frame');
      for (let i = 0; i < count; i++) {
        const frame = frames[at + i]!;
        const place = offsets[i]!;
        if (frame.length + VNET_HEADER_BYTES > lengths[i]!) throw new Error('the frame does not fit in its place');
        memory.set(header, place);
        memory.set(frame, place + VNET_HEADER_BYTES);
        lengths[i] = frame.length + VNET_HEADER_BYTES;
      }
      this.places = this.core.tapRead(port, count, this.now);
      at += count;
    }
  }

  /** Writes all that waits for connections and TAPs, as far as `accept` lets it. */
  drain(accept: Accept = TAKE_ALL): void {
    this.drainTaps();
    let rounds = 0;
    for (let offers = this.core.fill(this.now); offers > 0; offers = this.core.fill(this.now)) {
      if (rounds++ > MAX_ROUNDS) throw new Error('the offers do not come to an end');
      for (let i = 0; i < offers; i++) this.#write(i, accept);
    }
  }

  drainTaps(): void {
    const { memory, offsets, lengths } = this.core.writeBatch;
    for (const port of this.core.takeReadyTaps()) {
      for (let frames = this.core.tapWrite(port); frames > 0; frames = this.core.tapWrite(port)) {
        for (let i = 0; i < frames; i++) {
          const at = offsets[i]!;
          append(this.headers, port, memory.slice(at, at + VNET_HEADER_BYTES));
          append(this.delivered, port, memory.slice(at + VNET_HEADER_BYTES, at + lengths[i]!));
        }
      }
    }
  }

  /** What was written to a connection since the last look. */
  takeBytes(connection: number): Uint8Array<ArrayBuffer> {
    const parts = this.written.get(connection) ?? [];
    this.written.delete(connection);
    return join(...parts);
  }

  takeDelivered(port: number): Uint8Array[] {
    if (this.takeHeaders(port).some((header) => header.some((byte) => byte !== 0))) {
      throw new Error('the virtio header asks for something');
    }
    return take(this.delivered, port);
  }

  /** The same, whatever the headers ask for. */
  takeFrames(port: number): Uint8Array[] {
    return take(this.delivered, port);
  }

  /** The headers of the same frames; to be asked for first. */
  takeHeaders(port: number): Uint8Array[] {
    return take(this.headers, port);
  }

  #write(offer: number, accept: Accept): void {
    const connection = this.core.offeredConnection(offer);
    if (connection === undefined) return;
    const bytes = this.core.offeredBytes(offer);
    const [taken, writable] = accept(connection, bytes.length);
    append(this.written, connection, bytes.slice(0, taken));
    this.core.written(offer, taken, writable);
  }
}

/** A session with its first connection, and what a peer would see of it. */
export class Peer {
  readonly port: number;
  readonly connection: number;
  readonly #rig: Rig;

  constructor(rig: Rig, port: number, connection: number) {
    this.#rig = rig;
    this.port = port;
    this.connection = connection;
  }

  /** Frames that the peer sends us, in one batch. */
  send(...frames: Uint8Array[]): void {
    this.#rig.feed(this.connection, batch(...frames));
  }

  /** Frames that reached the peer on its first connection since the last look. */
  take(): Uint8Array[] {
    this.#rig.drain();
    return framesOf(this.#rig.takeBytes(this.connection));
  }

  /** Their lengths. */
  sizes(): number[] {
    return this.take().map((frame) => frame.length);
  }

  get drops(): Readonly<Record<string, number>> {
    return this.#rig.core.portCounters(this.port).drops;
  }
}

/** What is in a block stream, piece by piece; throws where a receiver would close the connection. */
export type Item =
  | { readonly kind: 'batch'; readonly frames: Uint8Array[] }
  | { readonly kind: 'keep-alive'; readonly size: number };

export function itemsOf(stream: Uint8Array): Item[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const items: Item[] = [];
  for (let at = 0; at < stream.length; ) {
    const count = view.getUint32(at);
    at += 4;
    if (count === 0xffff_ffff) {
      const size = view.getUint32(at);
      if (size > 512) throw new Error(`a keep-alive of ${size} bytes`);
      at += 4 + size;
      if (at > stream.length) throw new Error('a keep-alive is cut off');
      items.push({ kind: 'keep-alive', size });
      continue;
    }
    const frames: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(at);
      at += 4;
      if (at + length > stream.length) throw new Error('a block is cut off');
      frames.push(stream.slice(at, at + length));
      at += length;
    }
    items.push({ kind: 'batch', frames });
  }
  return items;
}

export function framesOf(stream: Uint8Array): Uint8Array[] {
  return itemsOf(stream).flatMap((item) => (item.kind === 'batch' ? item.frames : []));
}

/** Frames as text: quick to compare, and short when they differ. */
export function hexes(frames: readonly Uint8Array[]): string[] {
  return frames.map((each) => Buffer.from(each.buffer, each.byteOffset, each.length).toString('hex'));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function take(map: Map<number, Uint8Array[]>, key: number): Uint8Array[] {
  const list = map.get(key) ?? [];
  map.delete(key);
  return list;
}

function append(map: Map<number, Uint8Array[]>, key: number, value: Uint8Array): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
