/** The long line: it delays, loses, limits and freezes as it is told, and nothing is left of it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import { DEFAULT_TRAFFIC_PORT } from '../../lab/traffic.ts';
import { connectByWan, type Wan, type WanPath } from '../../lab/wan.ts';

const TARGET = '10.93.0.1';
let lab: Lab;
let [client, server]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
});
afterEach(async () => {
  await lab.close();
});

async function join(path: WanPath): Promise<Wan> {
  const ends = { a: { host: client!, address: '10.93.0.2/24' }, b: { host: server!, address: `${TARGET}/24` } };
  const wan = await connectByWan(lab, ends.a, ends.b, path);
  await waitForPing(client!, { target: TARGET });
  return wan;
}

async function mbits(flows: number, seconds = 3): Promise<number> {
  const traffic = await startTraffic(server!);
  try {
    const result = await measureTraffic(client!, { host: TARGET, flows, seconds, idleTimeoutMs: 2_000 });
    return result.mbits;
  } finally {
    await traffic.stop();
  }
}

test('it delays each way', async () => {
  await join({ delayMs: 20 });
  const { average, received } = await ping(client!, { target: TARGET, count: 10, intervalMs: 50 });
  expect(received).toBe(10);
  expect(average).toBeGreaterThanOrEqual(40);
});

test('it loses what it is told to', async () => {
  await join({ delayMs: 0, lossPercent: 30, seed: 7 });
  const { received } = await ping(client!, { target: TARGET, count: 200, intervalMs: 10 });
  // 49 % of the round trips.
  expect(received).toBeGreaterThan(60);
  expect(received).toBeLessThan(140);
});

test('it limits each connection by itself', { timeout: 40_000 }, async () => {
  await join({ delayMs: 2, flowMbit: 20 });
  const [one, four] = [await mbits(1), await mbits(4)];
  expect(one).toBeGreaterThan(12);
  expect(one).toBeLessThan(20);
  expect(four / one).toBeGreaterThan(3);
});

test('it limits all of them together', { timeout: 40_000 }, async () => {
  await join({ delayMs: 2, rateMbit: 20 });
  const four = await mbits(4);
  expect(four).toBeGreaterThan(12);
  expect(four).toBeLessThan(20);
});

test('it freezes a connection until it is to go on', { timeout: 40_000 }, async () => {
  const wan = await join({ delayMs: 1 });
  wan.freeze(DEFAULT_TRAFFIC_PORT);
  await expect(mbits(1, 1)).rejects.toThrow();
  expect((await ping(client!, { target: TARGET, count: 3, intervalMs: 50 })).received).toBe(3);
  wan.thaw();
  expect(await mbits(1, 1)).toBeGreaterThan(20);
});
