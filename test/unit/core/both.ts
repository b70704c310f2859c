/** A core and its twin, given the same orders: what one does and the other does not is an error. */

import type { CoreSizes, PortOptions } from '../../../engine/core.ts';
import { World } from '../../sim/world.ts';
import { type Accept, type Build, itemsOf, join, Rig } from './rig.ts';
import { TwinCore } from './twin-core.ts';

export class Both {
  readonly rig: Rig;
  readonly twin: TwinCore;
  /** Bytes of each connection that end in the middle of something. */
  readonly #tails = new Map<number, Uint8Array>();

  constructor(rig: Rig, twin: TwinCore) {
    this.rig = rig;
    this.twin = twin;
    this.twin.now = this.rig.now;
  }

  static fresh(build: Build, sizes: CoreSizes, seed: number): Both {
    const rig = new Rig(build, sizes, seed);
    return new Both(rig, new TwinCore(sizes, (frame) => rig.core.flowTag(frame)));
  }

  pass(ms: number): void {
    this.rig.now += ms;
    this.twin.now = this.rig.now;
  }

  hub(patch: boolean): number {
    const hub = patch ? this.rig.core.openPatch() : this.rig.core.openSwitch(0);
    this.twin.openHub(hub, patch);
    return hub;
  }

  session(hub: number, options: PortOptions): number {
    const port = this.rig.core.openSession(hub, options);
    this.twin.openSession(port, hub, options);
    return port;
  }

  tap(hub: number, options: PortOptions): number {
    const port = this.rig.tap(hub, options);
    this.twin.openTap(port, hub, options);
    return port;
  }

  connection(port: number, sends: boolean): number {
    const connection = this.rig.core.openConnection(port, sends, this.rig.now);
    this.twin.openConnection(connection, port, sends);
    return connection;
  }

  closeConnection(connection: number): void {
    this.#forget(connection);
    this.rig.core.closeConnection(connection, this.rig.now);
    this.twin.closeConnection(connection);
  }

  closePort(port: number, connections: readonly number[]): void {
    for (const connection of connections) this.#forget(connection);
    this.rig.core.closePort(port);
    this.twin.closePort(port);
  }

  /** Why the connection has to be closed, if it has to. */
  receive(connection: number, bytes: Uint8Array): string | undefined {
    const before = this.rig.failures.length;
    this.rig.feed(connection, bytes);
    const causes = this.rig.failures.slice(before).map((failure) => failure.cause);
    const cause = this.twin.receive(connection, bytes);
    agree('the end of the connection', causes.join(), cause ?? '');
    return cause;
  }

  /** As many of the frames as there are places. */
  arrive(port: number, frames: readonly Uint8Array[]): void {
    agree('places', this.rig.places, this.twin.places);
    const some = frames.slice(0, this.rig.places);
    if (some.length === 0) this.rig.places = this.rig.core.tapRead(port, 0, this.rig.now);
    else this.rig.arrive(port, ...some);
    this.twin.arrive(port, some);
  }

  keepAlive(connection: number, size: number): void {
    this.rig.core.keepAlive(connection, size);
    this.twin.keepAlive(connection, size);
  }

  connectionWritable(connection: number): void {
    this.rig.core.connectionWritable(connection);
    this.twin.connectionWritable(connection);
  }

  housekeep(): void {
    this.rig.core.housekeep(this.rig.now);
    this.twin.housekeep();
  }

  /** `make` is called twice and has to make the same: the two write in different orders. */
  drain(make: () => Accept): void {
    for (const port of this.twin.ports) this.rig.core.revise(port);
    this.rig.drain(make());
    this.twin.drain(make());
  }

  /** What was written to a connection, frame by frame, on both sides. */
  compareConnection(connection: number): void {
    const stream = join(this.#tails.get(connection) ?? new Uint8Array(0), this.rig.takeBytes(connection));
    const unsent = this.twin.unsent(connection);
    // While something is half written the whole is not known: wait for the rest.
    if (unsent > 0) {
      this.#tails.set(connection, stream);
      return;
    }
    this.#tails.delete(connection);
    const got = itemsOf(stream).flatMap((item): (number | Uint8Array)[] =>
      item.kind === 'keep-alive' ? [item.size] : item.frames,
    );
    const expected = this.twin.dealt(connection);
    agree(`frames on connection ${connection}`, got.length, expected.length);
    for (const [i, each] of expected.entries()) same(`frame ${i} on connection ${connection}`, got[i]!, each);
    agree('last received', this.rig.core.receivedAt(connection), this.twin.receivedAt(connection));
    agree('last sent', this.rig.core.sentAt(connection), this.twin.sentAt(connection));
  }

  compareTap(port: number): void {
    const got = this.rig.takeDelivered(port);
    const expected = this.twin.delivered(port);
    agree(`frames on TAP ${port}`, got.length, expected.length);
    for (const [i, each] of expected.entries()) same(`frame ${i} on TAP ${port}`, got[i]!, each);
  }

  comparePort(port: number): void {
    agree(`counters of port ${port}`, flat(this.rig.core.portCounters(port)), flat(this.twin.portCounters(port)));
  }

  compareMemory(hubs: readonly number[]): void {
    agree('free buffers', this.rig.core.buffersFree, this.twin.buffersFree);
    for (const hub of hubs) agree(`stations of hub ${hub}`, this.rig.core.fdbSize(hub), this.twin.fdbSize(hub));
  }

  #forget(connection: number): void {
    this.#tails.delete(connection);
    this.rig.written.delete(connection);
  }
}

/** The same choices for each connection whoever asks, in whatever order the connections come. */
export function choices(seed: number): Accept {
  const worlds = new Map<number, World>();
  return (connection, length) => {
    let world = worlds.get(connection);
    if (world === undefined) {
      world = new World(seed + connection * 7919);
      worlds.set(connection, world);
    }
    const kind = world.pick(6);
    const taken = kind === 0 ? 0 : kind === 1 ? Math.min(1, length) : kind === 2 ? world.pick(length + 1) : length;
    return [taken, world.chance() < 0.8];
  };
}

function same(what: string, got: Uint8Array | number, expected: Uint8Array | number): void {
  if (typeof got === 'number' || typeof expected === 'number') return agree(what, String(got), String(expected));
  if (Buffer.compare(got, expected) !== 0) {
    agree(what, Buffer.from(got).toString('hex'), Buffer.from(expected).toString('hex'));
  }
}

function agree(what: string, got: number | string, expected: number | string): void {
  if (got !== expected) throw new Error(`${what}: the core has ${got}, the twin ${expected}`);
}

function flat(counters: object): string {
  return JSON.stringify(counters, (_key, value) =>
    value !== null && typeof value === 'object'
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
