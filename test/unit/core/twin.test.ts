import { describe, expect, test } from 'vitest';
import { BROADCAST, batch, frame, mac, u32 } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { Both, choices } from './both.ts';
import { FRAME_SEEDS, mutate } from './frame-seeds.ts';
import { bpdu, tagged, voice } from './frames.ts';
import { BUILDS, type Build, join, TAKE_ALL } from './rig.ts';

/**
 * Seeds of one run; each with a life of its own. A failure names its seed: put it here alone to see it again. `npm run soak`
 * has more of them.
 */
const SEEDS = Array.from({ length: Number(process.env.TWIN_LIVES ?? 100) }, (_, i) => i + 1);
const STEPS = 2_000;

interface OpenPort {
  readonly port: number;
  readonly hub: number;
  readonly tap: boolean;
  readonly wide: boolean;
  readonly connections: number[];
}

/** Random orders to a core and its twin. */
class Life {
  readonly world: World;
  readonly both: Both;
  readonly hubs: number[];
  readonly ports: OpenPort[] = [];
  /** What each peer has still to send: it is sent in pieces. */
  readonly streams = new Map<number, Uint8Array>();
  readonly #seed: number;
  #rounds = 0;

  constructor(build: Build, seed: number) {
    this.#seed = seed;
    this.world = new World(seed);
    // Small pools on most seeds, so that they run out. Out buffers are never short: the twin knows nothing of them.
    const smallFrames = [40, 120, 400, 3_000][this.world.pick(4)]!;
    this.both = Both.fresh(build, { smallFrames, largeFrames: 2 + this.world.pick(30), outBuffers: 200 }, seed);
    this.hubs = [this.both.hub(false), this.both.hub(false), this.both.hub(true)];
    for (let i = 0; i < 6; i++) this.#openPort();
    for (let i = 0; i < 12; i++) this.#openConnection();
  }

  step(): void {
    const { world, both } = this;
    const roll = world.pick(1_000);
    if (roll < 12) this.#openPort();
    else if (roll < 24) this.#openConnection();
    else if (roll < 30) this.#closeConnection();
    else if (roll < 36) this.#closePort();
    else if (roll < 60) both.pass(world.pick(100));
    else if (roll < 64) both.pass(world.pick(700_000));
    else if (roll < 68) both.housekeep();
    else if (roll < 90) this.#keepAlive();
    else if (roll < 200) this.#drain(false);
    else if (roll < 215) this.#drain(true);
    else if (roll < 300) this.#arrive();
    else if (roll < 500) this.#send();
    else this.#receive();
    if (roll % 16 === 0) both.compareMemory(this.hubs);
  }

  end(): void {
    this.#drain(true);
    for (const { port, connections } of this.ports.splice(0)) this.both.closePort(port, connections);
    this.both.compareMemory(this.hubs);
    const { core, places } = this.both.rig;
    // What waits for the kernel to read into it is all that is not free.
    expect(core.buffersFree).toBe(core.buffersTotal - places);
  }

  #openPort(): void {
    if (this.ports.length >= 12) return;
    const { world, both } = this;
    const hub = this.hubs[world.pick(3)]!;
    const wide = world.chance() < 0.3;
    const options = {
      frameMax: wide ? 65_600 : 1_600,
      qos: world.chance() < 0.5,
      stationsMax: world.chance() < 0.2 ? 1 + world.pick(3) : 0,
    };
    const tap = world.chance() < 0.25;
    const port = tap ? both.tap(hub, options) : both.session(hub, options);
    this.ports.push({ port, hub, tap, wide, connections: [] });
  }

  #openConnection(): void {
    const owner = this.#pick(this.ports);
    if (owner === undefined || owner.tap || owner.connections.length >= 5) return;
    owner.connections.push(this.both.connection(owner.port, this.world.chance() < 0.8));
  }

  #closeConnection(): void {
    const owner = this.#pick(this.ports);
    const connection = owner === undefined ? undefined : this.#pick(owner.connections);
    if (owner !== undefined && connection !== undefined) this.#drop(owner, connection);
  }

  #drop(owner: OpenPort, connection: number): void {
    owner.connections.splice(owner.connections.indexOf(connection), 1);
    this.streams.delete(connection);
    this.both.closeConnection(connection);
  }

  #closePort(): void {
    const owner = this.#pick(this.ports);
    if (owner === undefined) return;
    this.ports.splice(this.ports.indexOf(owner), 1);
    for (const connection of owner.connections) this.streams.delete(connection);
    this.both.comparePort(owner.port);
    this.both.closePort(owner.port, owner.connections);
  }

  #keepAlive(): void {
    const connection = this.#pick(this.#pick(this.ports)?.connections ?? []);
    if (connection !== undefined) this.both.keepAlive(connection, this.world.pick(513));
  }

  /** `all`: every connection takes everything. */
  #drain(all: boolean): void {
    const { both, world } = this;
    const connections = this.ports.flatMap((each) => each.connections);
    for (const connection of connections) {
      if (all || world.chance() < 0.3) both.connectionWritable(connection);
    }
    const seed = this.#seed * 100_003 + this.#rounds++;
    both.drain(() => (all ? TAKE_ALL : choices(seed)));
    for (const connection of connections) both.compareConnection(connection);
    for (const { port, tap } of this.ports) {
      if (tap) both.compareTap(port);
      both.comparePort(port);
    }
    if (all) both.compareMemory(this.hubs);
  }

  #arrive(): void {
    const owner = this.#pick(this.ports);
    if (owner?.tap !== true) return;
    const most = owner.wide ? 9_000 : 2_016;
    this.both.arrive(
      owner.port,
      Array.from({ length: this.world.pick(20) }, () => this.#frame().subarray(0, most)),
    );
  }

  /** Puts more into what a peer has to send. */
  #send(): void {
    const owner = this.#pick(this.ports);
    const connection = this.#pick(owner?.connections ?? []);
    if (owner === undefined || connection === undefined) return;
    const { world } = this;
    const roll = world.pick(60);
    let more: Uint8Array;
    if (roll === 0) more = Uint8Array.from([...u32(1), ...u32((owner.wide ? 65_601 : 3_201) + world.pick(9))]);
    else if (roll === 1) more = Uint8Array.from([...u32(0xffff_ffff), ...u32(513 + world.pick(9))]);
    else if (roll < 8) {
      const size = world.pick(513);
      more = join(Uint8Array.from([...u32(0xffff_ffff), ...u32(size)]), new Uint8Array(size));
    } else if (roll < 11) more = new Uint8Array(4);
    else more = batch(...Array.from({ length: 1 + world.pick(12) }, () => this.#frame()));
    this.streams.set(connection, join(this.streams.get(connection) ?? new Uint8Array(0), more));
  }

  #receive(): void {
    const owner = this.#pick(this.ports);
    const connection = this.#pick(owner?.connections ?? []);
    const stream = connection === undefined ? undefined : this.streams.get(connection);
    if (owner === undefined || connection === undefined || stream === undefined) return;
    const size = this.world.chance() < 0.5 ? this.world.pick(80) : this.world.pick(stream.length + 1);
    this.streams.set(connection, stream.slice(size));
    const cause = this.both.receive(connection, stream.subarray(0, size));
    if (cause !== undefined && this.world.chance() < 0.9) this.#drop(owner, connection);
  }

  #frame(): Uint8Array {
    const { world } = this;
    const from = mac(world.pick(9));
    const to = world.chance() < 0.3 ? BROADCAST : mac(world.pick(9));
    const roll = world.pick(40);
    if (roll === 0) return mutate(world, this.#pick(FRAME_SEEDS)!);
    if (roll === 1) return new Uint8Array(world.pick(14));
    if (roll === 2) return frame(to, BROADCAST);
    if (roll === 3) return frame(to, to);
    if (roll === 4) return bpdu(from, mac(world.pick(9)));
    if (roll < 9) return tagged(to, from, world.pick(4), 18 + world.pick(100));
    if (roll === 9) return frame(to, from, 1_590 + world.pick(1_610), world.pick(256));
    if (roll === 10 && world.chance() < 0.2) return frame(to, from, 2_000 + world.pick(7_000), world.pick(256));
    if (roll < 15) {
      const made = voice(world.pick(256), 60 + world.pick(200));
      made.set([...to, ...from]);
      return made;
    }
    return frame(to, from, 14 + world.pick(1_500), world.pick(256));
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.world.pick(from.length)];
  }
}

describe.each(BUILDS)('%s: the core and its twin', (build) => {
  test(`agree on ${SEEDS.length} lives of ${STEPS} random steps, and nothing leaks`, {
    timeout: 1_200 * SEEDS.length + 60_000,
  }, () => {
    let frames = 0;
    for (const seed of SEEDS) {
      const life = new Life(build, seed);
      let step = 0;
      try {
        for (; step < STEPS; step++) life.step();
        life.end();
      } catch (error) {
        throw new Error(`seed ${seed}, step ${step}: ${(error as Error).message}`, { cause: error });
      }
      frames += life.both.rig.core.frames;
    }
    // Otherwise the lives were spent on nothing.
    expect(frames).toBeGreaterThan(SEEDS.length * STEPS * 0.3);
  });
});
