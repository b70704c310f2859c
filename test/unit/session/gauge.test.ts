import { expect, test } from 'vitest';
import type { Channel, TcpState } from '../../../engine/host.ts';
import { Gauge, UNLIMITED } from '../../../engine/session/gauge.ts';
import { Rig, TEST_SIZES } from '../core/rig.ts';

/** A session of some connections whose kernel says what the test wants. */
function gauged(count: number, options: { unsentMost?: number; restrained?: boolean } = {}) {
  const rig = new Rig('simd', TEST_SIZES);
  const port = rig.core.openSession(rig.core.openPatch(), {});
  const told = Array.from({ length: count }, () => ({ unsent: [] as number[], rate: [] as number[] }));
  const states: TcpState[] = told.map(() => ({
    ...{ retransmissions: 0, roundTripMs: 20, leastRoundTripMs: 20, deliveredBytes: 5_000, unsentBytes: 0 },
    congestionWindow: 100,
  }));
  const connections = told.map(() => rig.core.openConnection(port, true, rig.now));
  const lanes = new Map(
    connections.map((connection, i) => [
      connection,
      {
        port,
        unsentMost: options.unsentMost ?? UNLIMITED,
        restrained: options.restrained ?? false,
        channel: {
          tcp: () => states[i],
          limitUnsent: (bytes: number) => told[i]!.unsent.push(bytes),
          limitRate: (rate: number) => told[i]!.rate.push(rate),
        } as unknown as Channel,
      },
    ]),
  );
  let due: { at: number; call: () => void } | undefined;
  const gauge = new Gauge(
    rig.core,
    { now: () => rig.now, utc: () => 0 },
    {
      after: (ms, call) => {
        due = { at: rig.now + ms, call };
        return () => {};
      },
      soon: (call) => call(),
    },
    (connection) => lanes.get(connection),
    () => {},
  );
  /** Each look all of them have drained so many bytes per millisecond more. */
  const look = (rate: number, state: Partial<TcpState> = {}): void => {
    for (const connection of connections) gauge.note(connection);
    rig.now = due!.at;
    for (const [i, before] of states.entries()) {
      states[i] = { ...before, unsentBytes: 1, ...state, deliveredBytes: before.deliveredBytes + rate * 100 };
    }
    due!.call();
  };
  return { gauge, connections, told, look, lanes: [...lanes.values()] };
}

test('what drains is known when there was always more to send, and not otherwise', () => {
  const { gauge, connections, look } = gauged(1);
  look(500, { unsentBytes: 0 });
  look(500, { unsentBytes: 0 });
  expect(gauge.rate(connections[0]!)).toBeUndefined();
  look(2_500);
  look(2_500);
  expect(gauge.rate(connections[0]!)).toBe(2_500);
  // Little to send says nothing, more drained does.
  look(100, { unsentBytes: 0 });
  expect(gauge.rate(connections[0]!)).toBe(2_500);
  look(4_000, { unsentBytes: 0 });
  expect(gauge.rate(connections[0]!)).toBe(4_000);
});

test('the kernel holds few unsent bytes of a slow connection, any number of a fast one, and what was asked for between', () => {
  const { told, look } = gauged(1, { unsentMost: 131_072 });
  const limit = (rate: number): number | undefined => {
    for (let i = 0; i < 12; i++) look(rate);
    return told[0]!.unsent.at(-1);
  };
  const near = (value: number | undefined, wanted: number) => {
    expect(value).toBeGreaterThan(wanted * 0.7);
    expect(value).toBeLessThan(wanted * 1.4);
  };
  near(limit(2_500), 25_000);
  near(limit(500), 5_000);
  near(limit(20), 2_048);
  expect(limit(40_000)).toBe(131_072);
  expect(limit(200_000)).toBe(UNLIMITED);
});

test('what the session has told the kernel is taken back for a fast connection, whenever it was told', () => {
  const { told, look, lanes } = gauged(1, { unsentMost: 131_072 });
  for (let i = 0; i < 4; i++) look(200_000);
  expect(told[0]!.unsent).toEqual([UNLIMITED]);
  lanes[0]!.unsentMost = 65_536;
  for (let i = 0; i < 4; i++) look(200_000);
  expect(told[0]!.unsent).toEqual([UNLIMITED, UNLIMITED]);
});

test('of a queue in the network all connections of the session send less together, and lifting it is told too', () => {
  const { told, look } = gauged(4, { restrained: true });
  for (let i = 0; i < 5; i++) look(600, { roundTripMs: 40 });
  const all = told.reduce((sum, { rate }) => sum + rate.at(-1)!, 0);
  expect(all).toBeGreaterThan(4 * 600_000 * 0.7);
  expect(all).toBeLessThan(4 * 600_000);
  for (let i = 0; i < 40; i++) look(100, { roundTripMs: 20, unsentBytes: 0 });
  for (const { rate } of told) expect(rate.at(-1)).toBe(Number.POSITIVE_INFINITY);
});

test('one that is not to be restrained any more is told so', () => {
  const { told, look, lanes } = gauged(2, { restrained: true });
  for (let i = 0; i < 5; i++) look(600, { roundTripMs: 40 });
  expect(told[1]!.rate.at(-1)).toBeLessThan(600_000);
  lanes[1]!.restrained = false;
  look(600, { roundTripMs: 40 });
  expect(told[1]!.rate.at(-1)).toBe(Number.POSITIVE_INFINITY);
  expect(told[0]!.rate.at(-1)).toBeLessThan(2 * 600_000);
});

test('one that may do what it likes is not told anything', () => {
  const { told, look } = gauged(2);
  for (let i = 0; i < 10; i++) look(50_000, { roundTripMs: 90 });
  expect(told).toEqual([
    { unsent: [], rate: [] },
    { unsent: [], rate: [] },
  ]);
});
