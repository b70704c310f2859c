import { expect, test, vi } from 'vitest';
import type { Channel, TcpState } from '../../../engine/host.ts';
import { UNLIMITED } from '../../../engine/session/gauge.ts';
import { Probes } from '../../../engine/session/probes.ts';
import { Rig, TEST_SIZES } from '../core/rig.ts';

const SOME_UNSENT = 128 * 1024;

/** Four connections of a session that sends again, with windows that the test wants. */
function watched(unsentMost = SOME_UNSENT) {
  const rig = new Rig('simd', TEST_SIZES);
  const port = rig.core.openSession(rig.core.openPatch(), { orders: true, resends: true });
  const windows = [100, 100, 100, 100];
  const connections = windows.map(() => rig.core.openConnection(port, true, rig.now));
  const rest = vi.spyOn(rig.core, 'restConnection');
  let [looks, rests] = [0, 0];
  let due: (() => void) | undefined;
  const state = (i: number): TcpState => {
    looks++;
    return {
      ...{ retransmissions: 0, roundTripMs: 20, leastRoundTripMs: 10, deliveredBytes: 0, unsentBytes: 0 },
      congestionWindow: windows[i]!,
    };
  };
  const lanes = connections.map((_, i) => ({
    ...{ port, unsentMost, restrained: true },
    channel: { tcp: () => state(i) } as unknown as Channel,
  }));
  const scheduler = {
    after: (ms: number, call: () => void) => {
      due = () => {
        rig.now += ms;
        call();
      };
      return () => {};
    },
    soon: (call: () => void) => call(),
  };
  const probes = new Probes(rig.core, { now: () => rig.now, utc: () => 0 }, scheduler, () => rests++);
  /** Whether it was going to be looked. */
  const tick = (): boolean => {
    const call = due;
    due = undefined;
    call?.();
    return call !== undefined;
  };
  /** Something is written to each, and their windows are looked at: which were left alone for it, and for how long. */
  const look = (...set: readonly number[]): { connection: number; ms: number }[] => {
    for (const [i, window] of set.entries()) windows[i] = window;
    for (const [i, connection] of connections.entries()) probes.note(connection, lanes[i]!);
    const before = rest.mock.calls.length;
    tick();
    return rest.mock.calls
      .slice(before)
      .filter((_, i) => rest.mock.results[before + i]?.value === true)
      .map(([connection, ms]) => ({ connection: connections.indexOf(connection), ms }));
  };
  return { rig, look, forget: () => probes.forget(connections[0]!), counts: () => ({ looks, rests }), tick };
}

test('a connection whose window shrinks to four segments is left alone for as long as a probe takes', () => {
  const { look, counts } = watched();
  expect(look()).toEqual([]);
  expect(look(4)).toEqual([{ connection: 0, ms: 220 }]);
  // It rests already.
  expect(look()).toEqual([]);
  expect(look(100)).toEqual([]);
  expect(look(100, 100, 4)).toEqual([{ connection: 2, ms: 220 }]);
  expect(counts().rests).toBe(2);
});

test('one that is used again too early gets a little longer, and one that stays slow is used as it is', () => {
  const { rig, look } = watched();
  look();
  expect(look(4)).toHaveLength(1);
  // The peer says that it goes on: the core forgets that it rests.
  const asked: number[] = [];
  vi.spyOn(rig.core, 'restConnection').mockImplementation((_, ms) => asked.push(ms) > 0);
  for (let i = 0; i < 200; i++) look();
  expect(new Set(asked)).toEqual(new Set([50]));
  expect(asked.length).toBeGreaterThan(50);
  expect(asked.length).toBeLessThanOrEqual(100);
});

test('a window that was small before does not say that it probes', () => {
  const { look } = watched();
  expect(look(4, 8, 15)).toEqual([]);
  expect(look(4, 4, 4, 4)).toEqual([{ connection: 3, ms: 220 }]);
});

test('what nothing is written to is not looked at, nor what could not go elsewhere', () => {
  const one = watched();
  one.look();
  const { looks } = one.counts();
  expect(one.tick()).toBe(true);
  expect(one.tick()).toBe(false);
  expect(one.counts().looks).toBe(looks);

  const only = watched(UNLIMITED);
  only.look(4);
  expect([only.tick(), only.counts().looks]).toEqual([false, 0]);
});

test('one that is gone is forgotten', () => {
  const { look, forget, counts } = watched();
  look();
  forget();
  const { looks } = counts();
  look();
  expect(counts().looks).toBe(looks + 4);
});
