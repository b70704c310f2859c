/** Hubs, links, cascades and wires in every shape: each station can reach every other one, in one way. */
import { describe, expect, test } from 'vitest';
import { type Edge, Fabric, hubName, type Place } from './fabric.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { World } from './world.ts';

const at = (server: number, hub = 0): Place => ({ server, hub });
const tcp = (name: string, from: Place, to: Place): Edge => ({ name, from, to, tcp: true });
const link = (name: string, from: Place, to: Place): Edge => ({ name, from, to, tcp: false });
const all = (edges: readonly Edge[]): Set<string> => new Set(edges.map(({ name }) => name));

/** The time in which a loop has to be cut. */
const CUT_MS = 2_000;

async function standing(seed: number, hubs: number[], edges: Edge[], wires = 0): Promise<Fabric> {
  const fabric = new Fabric(seed, hubs, edges);
  await fabric.start(all(edges), wires);
  await fabric.world.run(CUT_MS);
  return fabric;
}

describe('a loop is cut at one port, and healed when it is gone', () => {
  test.each([
    ['two cascades between two servers', [1, 1], [tcp('a', at(0), at(1)), tcp('b', at(0), at(1))]],
    ['two cascades against each other', [1, 1], [tcp('a', at(0), at(1)), tcp('b', at(1), at(0))]],
    ['three servers', [1, 1, 1], [tcp('a', at(0), at(1)), tcp('b', at(1), at(2)), tcp('c', at(2), at(0))]],
    ['two links in one server', [2], [link('a', at(0, 0), at(0, 1)), link('b', at(0, 1), at(0, 0))]],
    [
      'a circle of links in one server',
      [3],
      [link('a', at(0, 0), at(0, 1)), link('b', at(0, 1), at(0, 2)), link('c', at(0, 2), at(0, 0))],
    ],
    [
      'a link and a cascade to a listener of the same server',
      [2],
      [link('a', at(0, 0), at(0, 1)), tcp('b', at(0, 1), at(0, 0))],
    ],
    ['a cascade of a hub to itself', [1], [tcp('a', at(0), at(0))]],
  ] as [string, number[], Edge[]][])('%s', async (_, hubs, edges) => {
    const fabric = await standing(1, hubs, edges);
    expect(fabric.blocked()).toHaveLength(1);
    await fabric.expectTree(all(edges));
    const logged = fabric.hosts
      .flatMap(({ lines }) => lines)
      .filter(({ message }) => message.includes('a loop was found'));
    expect(logged).toMatchObject([{ level: 'warn' }]);

    const last = edges.at(-1)!;
    fabric.set(last.name, false);
    await fabric.world.run(4_000);
    const rest = all(edges.slice(0, -1));
    expect(fabric.blocked()).toEqual([]);
    await fabric.expectTree(rest);

    fabric.set(last.name, true);
    await fabric.world.run(CUT_MS);
    expect(fabric.blocked()).toHaveLength(1);
    await fabric.expectTree(all(edges));
    await fabric.close();
  });

  test('two TAPs of one hub on one wire', async () => {
    const fabric = await standing(1, [2], [link('a', at(0, 0), at(0, 1))], 2);
    const wire = fabric.wire(fabric.tap(at(0), 1), fabric.tap(at(0), 2));
    await fabric.world.run(CUT_MS);
    expect(fabric.blocked()).toEqual(['h00/t002']);
    await fabric.expectTree(new Set(['a']));
    const before = wire.frames;
    fabric.tap(at(0)).arrive(frame(BROADCAST, mac(7)));
    await fabric.world.run(500);
    // The broadcast once, and probes: nothing goes round.
    expect(wire.frames - before).toBeLessThan(8);
    wire.cut = true;
    await fabric.world.run(4_000);
    expect(fabric.blocked()).toEqual([]);
    await fabric.close();
  });

  test('by way of a wire between two servers beside their cascade: the cascade is blocked and not the TAP', async () => {
    const fabric = await standing(1, [1, 1], [tcp('a', at(0), at(1))], 1);
    fabric.wire(fabric.tap(at(0), 1), fabric.tap(at(1), 1));
    await fabric.world.run(CUT_MS);
    expect(fabric.blocked()).toHaveLength(1);
    expect(fabric.blocked()[0]).not.toMatch(/t0|t1/);
    await fabric.expectTree(new Set(['a']), [[at(0), at(1)]]);
    await fabric.close();
  });

  test('the way over a port that is blocked is taken as soon as the other is gone, and stations are found on it', async () => {
    const edges = [tcp('a', at(0), at(1)), tcp('b', at(1), at(2)), tcp('c', at(2), at(0))];
    const fabric = await standing(1, [1, 1, 1], edges);
    const exchange = async (): Promise<number> => {
      for (const place of fabric.places) fabric.tap(place).frames.length = 0;
      // Both know each other, and say nothing to everybody.
      for (let i = 0; i < 5; i++) {
        fabric.tap(at(0)).arrive(frame(mac(2), mac(1)));
        fabric.tap(at(1)).arrive(frame(mac(1), mac(2)));
        await fabric.world.run(100);
      }
      return fabric.tap(at(1)).frames.length;
    };
    for (const [i, place] of fabric.places.entries()) fabric.tap(place).arrive(frame(BROADCAST, mac(i + 1)));
    await fabric.world.run(100);
    expect(await exchange()).toBe(5);
    for (const { name } of edges) {
      fabric.set(name, false);
      await fabric.world.run(3_500);
      expect(await exchange(), `without ${name}`).toBeGreaterThanOrEqual(4);
      fabric.set(name, true);
      await fabric.world.run(3_500);
      expect(await exchange(), `with ${name} again`).toBeGreaterThanOrEqual(4);
    }
    await fabric.close();
  });
});

describe('whatever the shape', () => {
  const SEEDS = Array.from({ length: 12 }, (_, i) => 100 + i);

  test.each(SEEDS)('seed %i: one way between any two, also after changes', { timeout: 60_000 }, async (seed) => {
    const dice = new World(seed);
    const hubs = Array.from({ length: 1 + dice.pick(3) }, () => 1 + dice.pick(3));
    const places = hubs.flatMap((count, server) => Array.from({ length: count }, (_, hub) => at(server, hub)));
    const edges = Array.from({ length: places.length + dice.pick(6) }, (_, i): Edge => {
      const [from, to] = [places[dice.pick(places.length)]!, places[dice.pick(places.length)]!];
      const same = from.server === to.server;
      return same && from.hub !== to.hub && dice.chance() < 0.7 ? link(`e${i}`, from, to) : tcp(`e${i}`, from, to);
    });
    const online = new Set(edges.filter(() => dice.chance() < 0.8).map(({ name }) => name));
    const fabric = new Fabric(seed, hubs, edges);
    await fabric.start(online, 1);
    // A strange switch that two or three hubs are on, which may be the same one twice over.
    const onWire = Array.from({ length: dice.pick(4) }, () => places[dice.pick(places.length)]!);
    const wired = [...new Map(onWire.map((place) => [hubName(place), place])).values()];
    fabric.wire(...wired.map((place) => fabric.tap(place, 1)));
    for (let change = 0; change < 4; change++) {
      await fabric.world.run(12_000);
      await fabric.expectTree(online, wired.length > 0 ? [wired] : []);
      for (let i = 0; i < 2; i++) {
        const { name } = edges[dice.pick(edges.length)]!;
        if (!online.delete(name)) online.add(name);
        fabric.set(name, online.has(name));
      }
    }
    await fabric.close();
  });
});
