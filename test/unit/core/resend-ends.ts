/** Two cores and the connections between them, which stop, go on and go away as a test wants. */

import type { PortOptions } from '../../../engine/core.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import type { World } from '../../sim/world.ts';
import { type Build, join, type Peer, Rig, TEST_SIZES } from './rig.ts';

const SIZES = { ...TEST_SIZES, smallFrames: 32_768, largeFrames: 16, outBuffers: 64, windows: 80 };
/** Bytes on their way on one connection, each way, before the host takes no more. */
const WINDOW = 40_000;
const TEND_MS = 25;

/** One way of a connection. */
interface Wire {
  bytes: Uint8Array;
  blocked: boolean;
}

export interface Lane {
  readonly near: number;
  readonly far: number;
  readonly up: Wire;
  readonly down: Wire;
  /** Nothing passes, and nobody is told. */
  frozen: boolean;
}

/** One node: what its application sends and gets. */
export class End {
  readonly rig: Rig;
  readonly tunnel: Peer;
  readonly sent: number[] = [];
  readonly got: number[] = [];
  readonly #local: Peer;

  constructor(build: Build, seed: number, options: PortOptions) {
    this.rig = new Rig(build, SIZES, seed);
    const hub = this.rig.core.openPatch();
    this.tunnel = this.rig.session(hub, { orders: true, resends: true, ...options });
    this.#local = this.rig.session(hub);
  }

  send(length: number): void {
    const number = this.sent.length;
    const made = frame(BROADCAST, mac(1), Math.max(length, 32), number & 0xff);
    made.set(
      [number >> 16, number >> 8, number].map((each) => each & 0xff),
      24,
    );
    this.sent.push(number);
    this.#local.send(made);
  }

  take(): void {
    for (const each of this.#local.take()) this.got.push((each[24]! << 16) | (each[25]! << 8) | each[26]!);
  }

  get drops(): Readonly<Record<string, number>> {
    return this.tunnel.drops;
  }

  /** What the application was not given, because its queue was full. */
  get overflow(): Readonly<Record<string, number>> {
    return this.#local.drops;
  }

  get resent(): number {
    return this.rig.core.batchesResent(this.tunnel.port);
  }

  get doubled(): number {
    return this.rig.core.batchesDoubled(this.tunnel.port);
  }

  get skipped(): number {
    return this.rig.core.batchesSkipped(this.tunnel.port);
  }
}

export class Ends {
  readonly near: End;
  readonly far: End;
  readonly lanes: Lane[] = [];
  readonly #world: World;
  #tendAt = 0;

  constructor(build: Build, world: World, lanes: number, options: PortOptions = {}) {
    this.#world = world;
    this.near = new End(build, world.seed, options);
    this.far = new End(build, world.seed + 1, options);
    this.#lane(this.near.tunnel.connection, this.far.tunnel.connection);
    while (this.lanes.length < lanes) this.open();
  }

  get now(): number {
    return this.near.rig.now;
  }

  open(): void {
    const [near, far] = [this.near, this.far].map(({ rig, tunnel }) =>
      rig.core.openConnection(tunnel.port, true, rig.now),
    );
    this.#lane(near!, far!);
  }

  /** Both ends hear of it: what was under way is lost, but for what the one or the other had read. */
  reset(lane: Lane): void {
    if (this.#world.pick(2) === 0) this.#carry(lane, this.#world.pick(2_000));
    this.lanes.splice(this.lanes.indexOf(lane), 1);
    this.near.rig.core.closeConnection(lane.near, this.now);
    this.far.rig.core.closeConnection(lane.far, this.now);
  }

  /** `most`: bytes that pass on a connection, each way, in this step. */
  step(ms: number, most = Number.POSITIVE_INFINITY): void {
    for (const end of [this.near, this.far]) end.rig.now += ms;
    this.#drain();
    for (const lane of this.lanes) {
      if (!lane.frozen) this.#carry(lane, most === Number.POSITIVE_INFINITY ? most : this.#world.pick(most));
    }
    if (this.now >= this.#tendAt) {
      this.#tendAt = this.now + TEND_MS;
      for (const { rig, tunnel } of [this.near, this.far]) {
        rig.core.tend(tunnel.port, rig.now);
        rig.core.releaseLate(tunnel.port, rig.now);
      }
    }
    this.#drain();
    this.near.take();
    this.far.take();
  }

  run(ms: number): void {
    for (let left = ms; left > 0; left -= 5) this.step(5);
  }

  #lane(near: number, far: number): void {
    const wire = (): Wire => ({ bytes: new Uint8Array(0), blocked: false });
    this.lanes.push({ near, far, up: wire(), down: wire(), frozen: false });
  }

  #drain(): void {
    for (const [end, side, way] of [
      [this.near, 'near', 'up'],
      [this.far, 'far', 'down'],
    ] as const) {
      const wires = new Map(this.lanes.map((lane) => [lane[side], lane[way]]));
      end.rig.drain((connection, length) => {
        const wire = wires.get(connection);
        // The application's own connection.
        if (wire === undefined) return [length, true];
        const taken = Math.max(0, Math.min(length, WINDOW - wire.bytes.length));
        wire.bytes = join(wire.bytes, end.rig.takeBytes(connection));
        wire.blocked = taken < length || wire.bytes.length + taken >= WINDOW;
        return [taken, !wire.blocked];
      });
      for (const [connection, wire] of wires) wire.bytes = join(wire.bytes, end.rig.takeBytes(connection));
    }
  }

  #carry(lane: Lane, most: number): void {
    this.#pass(lane.up, most, this.far.rig, lane.far, this.near.rig, lane.near);
    this.#pass(lane.down, most, this.near.rig, lane.near, this.far.rig, lane.far);
  }

  #pass(wire: Wire, most: number, to: Rig, at: number, from: Rig, sender: number): void {
    const some = wire.bytes.subarray(0, most);
    wire.bytes = wire.bytes.slice(some.length);
    to.feed(at, some);
    if (!wire.blocked || wire.bytes.length >= WINDOW) return;
    wire.blocked = false;
    from.core.connectionWritable(sender);
  }
}
