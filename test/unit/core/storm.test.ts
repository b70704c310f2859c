import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { arp, bulk, ipv4 } from './frames.ts';
import { BUILDS, type Peer, Rig, TEST_SIZES } from './rig.ts';
import { TwinStorm } from './twin-storm.ts';

const LIMIT = 32;
const A = mac(1);
const B = mac(2);

describe.each(BUILDS)('%s: the storm limiter', (build) => {
  function pair(seed = 1, limit = LIMIT) {
    const rig = new Rig(build, TEST_SIZES, seed);
    const hub = rig.core.openSwitch(limit);
    return { rig, hub, from: rig.session(hub), to: rig.session(hub) };
  }

  /** Delivered frames of each half second, at an even rate. */
  function series(
    setup: { rig: Rig; from: Peer; to: Peer },
    perSecond: number,
    halves: number,
    what = bulk(1),
  ): number[] {
    const start = setup.rig.now;
    const step = 1_000 / perSecond;
    const delivered: number[] = [];
    let sent = 0;
    for (let half = 1; half <= halves; half++) {
      let count = 0;
      for (; sent * step < half * 500; sent++) {
        setup.rig.now = start + sent * step;
        setup.from.send(what);
        count += setup.to.take().length;
      }
      delivered.push(count);
    }
    setup.rig.now = start + halves * 500;
    return delivered;
  }

  test('100 frames a second: 50, 49, 19, 7, 2, 3, 0 in each half second, as measured', () => {
    const mean = Array.from({ length: 9 }, () => 0);
    const seeds = 40;
    for (let seed = 1; seed <= seeds; seed++) {
      const got = series(pair(seed), 100, 9);
      // One measurement may scatter; where there are no dice it must not.
      expect(got[0], `seed ${seed}`).toBe(50);
      expect(got[1], `seed ${seed}`).toBeGreaterThanOrEqual(48);
      expect(got[7], `seed ${seed}`).toBeLessThanOrEqual(1);
      expect(got[8], `seed ${seed}`).toBe(0);
      for (const [i, count] of got.entries()) mean[i] = mean[i]! + count / seeds;
    }
    // The dice: one in 4, 8, 16, 32, 64 of the frames of a half second, mean of 40 measurements.
    expect(mean[2]).toBeGreaterThan(9);
    expect(mean[2]).toBeLessThan(17);
    expect(mean[3]).toBeGreaterThan(4);
    expect(mean[3]).toBeLessThan(9);
    expect(mean[4]).toBeGreaterThan(1.8);
    expect(mean[4]).toBeLessThan(4.8);
    expect(mean[5]).toBeGreaterThan(0.7);
    expect(mean[5]).toBeLessThan(3);
    expect(mean[6]).toBeGreaterThan(0.1);
    expect(mean[6]).toBeLessThan(2);
  });

  test('a rate below the limit passes whole', () => {
    for (const perSecond of [1, 8, 20, 25]) {
      const setup = pair();
      expect(series(setup, perSecond, 40).reduce((a, b) => a + b)).toBe(perSecond * 20);
    }
  });

  test('nearly 30 a second, with some jitter, loses some now and then: 15 or 16 fall into a window', () => {
    let lost = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const { rig, from, to } = pair(seed);
      const world = new World(seed);
      const start = rig.now;
      for (let i = 0; i < 600; i++) {
        rig.now = start + i * (1_000 / 29.5) + world.pick(12);
        from.send(bulk(1));
        lost += 1 - to.take().length;
      }
    }
    expect(lost).toBeGreaterThan(20);
    expect(lost).toBeLessThan(600);
  });

  test('after silence by loss, 8 a second gets through again within 5 seconds', () => {
    const setup = pair();
    series(setup, 100, 16);
    const got = series(setup, 8, 16);
    // From 1024 down to 2, halved at every check: a window of 8 a second is 625 ms long.
    expect(got.slice(0, 3)).toEqual([0, 0, 0]);
    const first = got.findIndex((count) => count > 0);
    expect(first).toBeGreaterThanOrEqual(4);
    expect(first).toBeLessThanOrEqual(10);
    expect(got.slice(12)).toEqual([4, 4, 4, 4]);
  });

  test('a pause divides the thinning by its half seconds', () => {
    const setup = pair();
    series(setup, 100, 16);
    setup.rig.now += 500_000;
    // The count of the storm is still there: this check is lost, as with the reference.
    setup.from.send(bulk(1));
    expect(setup.to.take()).toEqual([]);
    setup.rig.now += 500_000;
    expect(series(setup, 8, 2)).toEqual([4, 4]);
  });

  test('losses are counted at the port that floods', () => {
    const setup = pair();
    const delivered = series(setup, 100, 10).reduce((a, b) => a + b);
    expect(setup.from.drops).toEqual({ storm: 500 - delivered });
    expect(setup.to.drops).toEqual({});
  });

  test('unknown unicast counts, known unicast does not', () => {
    const unknown = series(pair(), 100, 10, frame(mac(77), A));
    expect(unknown.slice(8)).toEqual([0, 0]);
    const setup = pair();
    setup.to.send(frame(BROADCAST, mac(77)));
    expect(series(setup, 100, 10, frame(mac(77), A))).toEqual(Array.from({ length: 10 }, () => 50));
  });

  test('a port that is exempt floods as it likes', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(LIMIT);
    const from = rig.session(hub, { noStormLimit: true });
    expect(series({ rig, from, to: rig.session(hub) }, 100, 10)).toEqual(Array.from({ length: 10 }, () => 50));
  });

  test('a hub without a limit, and a patch, have none', () => {
    expect(series(pair(1, 0), 100, 10)).toEqual(Array.from({ length: 10 }, () => 50));
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    expect(series({ rig, from: rig.session(hub), to: rig.session(hub) }, 100, 10).at(-1)).toBe(50);
  });

  test.each([
    ['port', true, (setup: ReturnType<typeof pair>) => ({ from: setup.rig.session(setup.hub), what: bulk(1) })],
    ['source address', true, (setup: ReturnType<typeof pair>) => ({ from: setup.from, what: frame(BROADCAST, B) })],
    ['destination address', false, (setup: ReturnType<typeof pair>) => ({ from: setup.from, what: frame(mac(5), A) })],
    ['length', false, (setup: ReturnType<typeof pair>) => ({ from: setup.from, what: bulk(7, 900) })],
  ])('another %s is another source: %s', (_name, fresh, other) => {
    const setup = pair();
    series(setup, 100, 10);
    const { from, what } = other(setup);
    setup.to.take();
    from.send(what);
    expect(setup.to.take()).toHaveLength(fresh ? 1 : 0);
  });

  const TEN = [10, 0, 0, 1];
  test.each([
    ['IPv4, another destination', true, ipv4(BROADCAST, A, TEN, [10, 0, 0, 9]), ipv4(BROADCAST, A, TEN, [10, 0, 0, 8])],
    [
      'IPv4, another source',
      true,
      ipv4(BROADCAST, A, TEN, [10, 0, 0, 9]),
      ipv4(BROADCAST, A, [10, 0, 0, 2], [10, 0, 0, 9]),
    ],
    ['ARP, another target', false, arp(A, TEN, [10, 0, 0, 9]), arp(A, TEN, [10, 0, 0, 8])],
    ['ARP, another sender', true, arp(A, TEN, [10, 0, 0, 9]), arp(A, [10, 0, 0, 2], [10, 0, 0, 9])],
    ['another type without IP', false, bulk(1), frame(mac(9), A)],
    ['another EtherType', false, bulk(1), bulk(1).with(13, 0xb6)],
  ])('%s is another source: %s', (_name, fresh, storm, next) => {
    const setup = pair();
    series(setup, 100, 10, storm);
    setup.to.take();
    setup.from.send(next);
    expect(setup.to.take()).toHaveLength(fresh ? 1 : 0);
  });

  test('the twin passes the same frames, one by one', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const setup = pair(seed);
      const twin = new TwinStorm(new World(seed).bytes(16), LIMIT);
      const world = new World(seed + 1_000);
      let rate = 1 + world.pick(200);
      for (let i = 0; i < 1_500; i++) {
        if (world.chance() < 0.005) rate = 1 + world.pick(300);
        setup.rig.now += world.chance() < 0.002 ? world.pick(10_000) : (1_000 / rate) * 2 * world.chance();
        const source = world.pick(3);
        setup.from.send(frame(BROADCAST, mac(source + 1)));
        const passed = setup.to.take().length;
        expect(passed, `seed ${seed}, frame ${i}`).toBe(twin.pass(source, setup.rig.now) ? 1 : 0);
      }
    }
  });

  test('a flood from 50,000 addresses takes no more memory and ends no one', () => {
    const setup = pair();
    let passed = 0;
    for (let i = 0; i < 50_000; i += 250) {
      setup.rig.now += 1;
      setup.from.send(
        ...Array.from({ length: 250 }, (_, k) =>
          frame(BROADCAST, [0x06, 0, 0, (i + k) >> 16, ((i + k) >> 8) & 0xff, (i + k) & 0xff], 14),
        ),
      );
      passed += setup.to.take().length;
    }
    // Each of them is new, and no limit of one source can hold them.
    expect(passed).toBe(50_000);
  });
});
