/**
 * The plain twin of the core: hubs, ports, queues and connections as objects, frames as arrays, nothing shared and
 * nothing clever. It counts frame buffers as the core does, because what is dropped depends on them. Not in it: the
 * storm limiter (`twin-storm.ts`), the ends of the tables, and the want of out buffers.
 */

import type { CoreSizes, DropCause, PortCounters, PortOptions } from '../../../engine/core.ts';
import type { Accept } from './rig.ts';
import { type Flow, PAUSE_MS, TwinBulk } from './twin-bulk.ts';
import { dissect, isPriority } from './twin-frame.ts';
import { type Blocks, TwinReceiver } from './twin-stream.ts';

const SMALL = 2_016;
const QUEUE_FRAMES = 4_096;
const QUEUE_BYTES = 2_560_000;
const OUT_BUFFER = 0x2_0000;
const AGE_MS = 600_000;
const TAP_BATCH = 128;
const STALL_MS = 250;

interface Frame {
  readonly bytes: Uint8Array;
  readonly pool: Pool;
  holders: number;
}

class Pool {
  readonly total: number;
  free: number;

  constructor(total: number) {
    this.total = total;
    this.free = total;
  }

  /** A frame with one holder; undefined when there is no room. */
  frame(bytes: Uint8Array): Frame | undefined {
    if (this.free === 0) return undefined;
    this.free--;
    return { bytes, pool: this, holders: 1 };
  }

  static release(frame: Frame): void {
    if (--frame.holders === 0) frame.pool.free++;
  }
}

interface Station {
  port: TwinPort;
  seen: number;
}

interface TwinHub {
  readonly patch: boolean;
  readonly ports: Set<TwinPort>;
  readonly stations: Map<string, Station>;
}

interface TwinConnection {
  readonly port: TwinPort;
  readonly sends: boolean;
  readonly receiver: TwinReceiver;
  writable: boolean;
  /** Bytes of a write that the host has not taken yet. */
  unsent: number;
  keepAlive: number | undefined;
  /** A frame that is not complete, or that is consumed without being kept. */
  begun: Frame | 'skipped' | undefined;
  /** What was written, as far as it is known when it was dealt: frames, and the sizes of keep-alives. */
  readonly dealt: (Uint8Array | number)[];
  heard: number;
  wrote: number;
}

class TwinPort {
  readonly hub: TwinHub;
  readonly tap: boolean;
  readonly qos: boolean;
  readonly frameMax: number;
  readonly blockMax: number;
  readonly stationsMax: number;
  readonly bulk: TwinBulk<Frame, TwinConnection>;
  readonly urgent: Frame[] = [];
  readonly connections: number[] = [];
  /** TAPs: what the kernel was given. */
  readonly delivered: Uint8Array[] = [];
  readonly counters = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 };
  readonly drops: Partial<Record<DropCause, number>> = {};

  constructor(hub: TwinHub, tap: boolean, options: PortOptions) {
    this.hub = hub;
    this.tap = tap;
    this.qos = options.qos === true && !tap;
    this.frameMax = options.frameMax ?? 1_600;
    this.blockMax = options.blockMax ?? Math.max(3_200, this.frameMax);
    this.stationsMax = options.stationsMax ?? 0;
    this.bulk = new TwinBulk((frame, late) => {
      this.drop(late ? 'waited-too-long' : 'queue-full');
      Pool.release(frame);
    }, !tap);
  }

  drop(cause: DropCause): void {
    this.drops[cause] = (this.drops[cause] ?? 0) + 1;
  }
}

/** Numbers of hubs, ports and connections are the core's: the twin is told which it gave. */
export class TwinCore {
  now = 0;
  readonly #tagOf: (frame: Uint8Array) => number;
  readonly #small: Pool;
  readonly #large: Pool;
  readonly #hubs = new Map<number, TwinHub>();
  readonly #ports = new Map<number, TwinPort>();
  readonly #connections = new Map<number, TwinConnection>();
  /** The read table of the TAPs. */
  #places = 0;
  #wide = false;

  /** @param tagOf What tells the flow of a frame from others. */
  constructor(sizes: CoreSizes, tagOf: (frame: Uint8Array) => number) {
    this.#tagOf = tagOf;
    this.#small = new Pool(sizes.smallFrames);
    this.#large = new Pool(sizes.largeFrames);
  }

  get buffersFree(): number {
    return this.#small.free + this.#large.free;
  }

  get ports(): readonly number[] {
    return [...this.#ports.keys()];
  }

  get places(): number {
    return this.#places;
  }

  openHub(number: number, patch: boolean): void {
    this.#hubs.set(number, { patch, ports: new Set(), stations: new Map() });
  }

  openSession(number: number, hub: number, options: PortOptions): void {
    this.#open(number, new TwinPort(this.#hubs.get(hub)!, false, options));
  }

  openTap(number: number, hub: number, options: PortOptions): void {
    const port = new TwinPort(this.#hubs.get(hub)!, true, options);
    this.#open(number, port);
    if (!this.#wide && port.frameMax > SMALL) {
      this.#small.free += this.#places;
      this.#places = 0;
      this.#wide = true;
    }
    this.#fillPlaces();
  }

  openConnection(number: number, port: number, sends: boolean): void {
    const owner = this.#ports.get(port)!;
    const connection: TwinConnection = {
      port: owner,
      sends,
      receiver: new TwinReceiver(owner.blockMax, this.#blocks(number)),
      writable: true,
      unsent: 0,
      keepAlive: undefined,
      begun: undefined,
      dealt: [],
      heard: this.now,
      wrote: this.now,
    };
    this.#connections.set(number, connection);
    owner.connections.push(number);
  }

  closeConnection(number: number): void {
    const connection = this.#connections.get(number);
    if (connection === undefined) return;
    if (connection.begun !== undefined && connection.begun !== 'skipped') Pool.release(connection.begun);
    connection.port.connections.splice(connection.port.connections.indexOf(number), 1);
    this.#connections.delete(number);
  }

  closePort(number: number): void {
    const port = this.#ports.get(number)!;
    for (const connection of [...port.connections]) this.closeConnection(connection);
    for (const frame of [...port.urgent, ...port.bulk.frames]) Pool.release(frame);
    for (const [key, station] of port.hub.stations) if (station.port === port) port.hub.stations.delete(key);
    port.hub.ports.delete(port);
    this.#ports.delete(number);
  }

  /** Why the connection has to be closed, if it has to. */
  receive(number: number, bytes: Uint8Array): string | undefined {
    return this.#connections.get(number)?.receiver.push(bytes);
  }

  /** Frames that were read from a TAP in one batch: never more than there are places. */
  arrive(number: number, frames: readonly Uint8Array[]): void {
    const port = this.#ports.get(number)!;
    for (const bytes of frames) {
      const small = this.#wide && bytes.length <= SMALL ? this.#small.frame(bytes) : undefined;
      if (small === undefined) this.#places--;
      const place = { bytes, pool: this.#wide ? this.#large : this.#small, holders: 1 };
      this.#forward(port, small ?? place);
    }
    this.#fillPlaces();
  }

  keepAlive(number: number, size: number): void {
    this.#connections.get(number)!.keepAlive = size;
  }

  connectionWritable(number: number): void {
    const connection = this.#connections.get(number);
    if (connection !== undefined) connection.writable = true;
  }

  housekeep(): void {
    for (const hub of this.#hubs.values()) {
      for (const [key, station] of hub.stations) {
        if (this.now - station.seen > AGE_MS) hub.stations.delete(key);
      }
    }
  }

  /** Everything that can be written is. `accept` is asked once for each write, in the order of each connection. */
  drain(accept: Accept): void {
    for (const port of this.#ports.values()) {
      if (!port.tap) continue;
      for (let flow = port.bulk.next(this.now, () => true); flow; flow = port.bulk.next(this.now, () => true)) {
        const { frame } = port.bulk.take(flow, this.now);
        port.delivered.push(frame.bytes);
        this.#leave(port, frame);
      }
    }
    for (const port of this.#ports.values()) while (this.#serve(port, accept)) {}
  }

  dealt(number: number): readonly (Uint8Array | number)[] {
    return this.#connections.get(number)!.dealt.splice(0);
  }

  delivered(number: number): readonly Uint8Array[] {
    return this.#ports.get(number)!.delivered.splice(0);
  }

  unsent(number: number): number {
    return this.#connections.get(number)!.unsent;
  }

  receivedAt(number: number): number {
    return this.#connections.get(number)!.heard;
  }

  sentAt(number: number): number {
    return this.#connections.get(number)!.wrote;
  }

  portCounters(number: number): PortCounters {
    const port = this.#ports.get(number)!;
    return { ...port.counters, drops: port.drops };
  }

  fdbSize(number: number): number {
    return this.#hubs.get(number)!.stations.size;
  }

  #open(number: number, port: TwinPort): void {
    this.#ports.set(number, port);
    port.hub.ports.add(port);
  }

  #fillPlaces(): void {
    const pool = this.#wide ? this.#large : this.#small;
    const most = Math.min(TAP_BATCH, Math.floor(pool.total / 4));
    while (this.#places < most && pool.free > 0) {
      pool.free--;
      this.#places++;
    }
  }

  #blocks(number: number): Blocks {
    return {
      begin: (length) => {
        const connection = this.#connections.get(number)!;
        const { port } = connection;
        connection.begun = 'skipped';
        if (length === 0) return;
        if (length < 14) return port.drop('too-short');
        if (length > port.frameMax) return port.drop('too-long');
        const frame = (length <= SMALL ? this.#small : this.#large).frame(new Uint8Array(length));
        if (frame === undefined) port.drop('no-memory');
        else connection.begun = frame;
      },
      end: (body) => {
        const connection = this.#connections.get(number)!;
        connection.heard = this.now;
        const { begun } = connection;
        connection.begun = undefined;
        if (begun === undefined || begun === 'skipped') return;
        begun.bytes.set(body);
        this.#forward(connection.port, begun);
      },
      keepAlive: () => {
        this.#connections.get(number)!.heard = this.now;
      },
    };
  }

  #forward(from: TwinPort, frame: Frame): void {
    from.counters.receivedFrames++;
    from.counters.receivedBytes += frame.bytes.length;
    const cause = this.#route(from, frame);
    if (cause !== undefined) from.drop(cause);
    Pool.release(frame);
  }

  #route(from: TwinPort, frame: Frame): DropCause | undefined {
    const { hub } = from;
    const found = dissect(frame.bytes);
    if (!found.valid) return 'malformed';
    const destination = address(frame.bytes, 0);
    const source = address(frame.bytes, 6);
    if (source === 'ffffffffffff' || source === '000000000000' || source === destination) return 'source-address';
    if (!hub.patch) {
      if (!this.#learn(from, `${found.vlan}/${isBpdu(frame.bytes) ? address(frame.bytes, 36) : source}`)) {
        return 'too-many-stations';
      }
      const station = hub.stations.get(`${found.vlan}/${destination}`);
      const known = station !== undefined && this.now - station.seen <= AGE_MS;
      if (known && frame.bytes[0]! % 2 === 0) {
        if (station.port === from) return 'same-port';
        this.#enqueue(station.port, frame);
        return undefined;
      }
    }
    // The last that joined comes first: it matters when one drops the frame for which another one is short of buffers.
    for (const port of [...hub.ports].toReversed()) if (port !== from) this.#enqueue(port, frame);
    return undefined;
  }

  #learn(port: TwinPort, key: string): boolean {
    const station = port.hub.stations.get(key);
    if (station !== undefined) station.seen = this.now;
    if (station?.port === port) return true;
    let count = 0;
    if (port.stationsMax > 0) for (const each of port.hub.stations.values()) if (each.port === port) count++;
    if (port.stationsMax > 0 && count >= port.stationsMax) return false;
    port.hub.stations.set(key, { port, seen: this.now });
    return true;
  }

  #enqueue(port: TwinPort, frame: Frame): void {
    if (frame.bytes.length > port.frameMax) return port.drop('too-long-for-port');
    const { bulk, urgent } = port;
    if (port.qos && isPriority(frame.bytes)) {
      const bytes = urgent.reduce((sum, each) => sum + each.bytes.length, 0);
      if (urgent.length >= QUEUE_FRAMES || bytes > QUEUE_BYTES || this.#isShort(port, urgent, frame)) {
        return port.drop('queue-full');
      }
      frame.holders++;
      urgent.push(frame);
      return;
    }
    // The frame that is dropped for it may have been the last hold on its buffer.
    while (bulk.frames.length >= QUEUE_FRAMES || bulk.bytes > QUEUE_BYTES) bulk.dropOfLongest();
    const isShort = () => this.#isShort(port, bulk.frames, frame);
    if (isShort() && (!bulk.dropOfLongest() || isShort())) return port.drop('queue-full');
    frame.holders++;
    bulk.push(frame, frame.bytes.length, port.tap ? 0 : this.#tagOf(frame.bytes), this.now);
  }

  /** Whether the port has its share of the pool already. */
  #isShort(port: TwinPort, queue: readonly Frame[], frame: Frame): boolean {
    const { pool } = frame;
    const large = pool === this.#large;
    const sharers = this.#ports.size * (large ? 1 : 2);
    const own = Math.min(16, Math.floor(pool.total / 2 / sharers));
    const all = [...port.urgent, ...port.bulk.frames];
    const held = large ? all.filter((each) => each.pool === pool).length : queue.length;
    return held >= own && held >= pool.free - own * sharers;
  }

  #leave(port: TwinPort, frame: Frame): void {
    port.counters.sentFrames++;
    port.counters.sentBytes += frame.bytes.length;
    Pool.release(frame);
  }

  /** One write on each connection of the port that has something to write; false when there is nothing. */
  #serve(port: TwinPort, accept: Accept): boolean {
    const all = port.connections.map((number) => [number, this.#connections.get(number)!] as const);
    const senders = all.filter(([, each]) => each.sends);
    const reserved = port.qos && senders.length >= 2 ? senders.at(-1)![1] : undefined;
    const carriers = senders.map(([, each]) => each).filter((each) => each !== reserved);
    const bulk = carriers.findLast(isFree);
    const byFlow = carriers.length !== 1;
    if (byFlow && port.bulk.frames.length > 0) this.#assign(port, carriers);
    const writes: (readonly [number, TwinConnection])[] = [];
    for (const [number, each] of all) {
      if (!each.writable) continue;
      if (each.unsent === 0) {
        const wanted = ({ lane }: TwinFlow) => (byFlow ? lane === each : each === bulk);
        this.#deal(port, each, each === (reserved ?? bulk), each.sends && each !== reserved ? wanted : undefined);
      }
      if (each.unsent > 0) writes.push([number, each]);
    }
    for (const [number, each] of writes) {
      const [taken, writable] = accept(number, each.unsent);
      each.unsent -= taken;
      each.writable = each.unsent === 0 && writable;
    }
    return writes.length > 0;
  }

  /** Every flow with something to send keeps to one of the connections. */
  #assign(port: TwinPort, carriers: readonly TwinConnection[]): void {
    const carries = (each: TwinConnection | undefined) =>
      each !== undefined && carriers.includes(each) && (isFree(each) || this.now - each.wrote < STALL_MS);
    const counts = ({ frames, used }: TwinFlow) => frames.length > 0 || this.now - used <= PAUSE_MS;
    const flowsOf = (each: TwinConnection) =>
      port.bulk.places.filter((flow) => flow.lane === each && counts(flow)).length;
    const homeless = port.bulk.active.filter(({ frames, lane }) => frames.length > 0 && !carries(lane));
    for (const flow of homeless) flow.lane = undefined;
    for (const flow of homeless) {
      const able = carriers.filter(carries);
      const least = Math.min(...able.map(flowsOf));
      const best = able.filter((each) => flowsOf(each) === least);
      flow.lane = best.findLast(isFree) ?? best.at(-1);
    }
  }

  #deal(
    port: TwinPort,
    connection: TwinConnection,
    priority: boolean,
    wanted: ((flow: TwinFlow) => boolean) | undefined,
  ): void {
    if (connection.keepAlive !== undefined) {
      connection.unsent += 8 + connection.keepAlive;
      connection.dealt.push(connection.keepAlive);
      connection.keepAlive = undefined;
    }
    let size = connection.unsent + 4;
    const write = (frame: Frame) => {
      size += 4 + frame.bytes.length;
      connection.unsent = size;
      connection.dealt.push(frame.bytes);
      this.#leave(port, frame);
    };
    const fits = (frame: Frame | undefined) => frame !== undefined && size + 4 + frame.bytes.length <= OUT_BUFFER;
    while (priority && fits(port.urgent[0])) write(port.urgent.shift()!);
    size = connection.unsent + 4;
    const hasBulk = port.bulk.frames.length > 0;
    while (hasBulk && wanted !== undefined) {
      const flow = port.bulk.next(this.now, wanted);
      if (flow === undefined || !fits(flow.frames[0]?.frame)) break;
      write(port.bulk.take(flow, this.now).frame);
    }
    if (connection.unsent > 0) connection.wrote = this.now;
  }
}

type TwinFlow = Flow<Frame, TwinConnection>;

function isFree({ writable, unsent }: TwinConnection): boolean {
  return writable && unsent === 0;
}

function isBpdu(frame: Uint8Array): boolean {
  const type = frame[12]! * 0x100 + frame[13]!;
  return frame.length >= 42 && type <= 1_500 && frame[14] === 0x42 && frame[15] === 0x42;
}

function address(frame: Uint8Array, at: number): string {
  let text = '';
  for (let i = at; i < at + 6; i++) text += frame[i]!.toString(16).padStart(2, '0');
  return text;
}
