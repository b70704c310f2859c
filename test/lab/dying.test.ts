/**
 * Connections of own peers that die at full load, on a line that limits each of them: one freezes, so that nothing passes
 * and nobody is told, and another is reset. What was on them comes on the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic, startUdpStream } from '../../lab/tools.ts';
import { connectByWan, type Wan, type WanPath } from '../../lab/wan.ts';

const CONNECTIONS = 8;
/** Milliseconds for which nothing may come through, with what a busy machine takes by itself. */
const STALL_MS = 1_000;

let lab: Lab;
let [client, server]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
});
afterEach(async () => {
  await lab.close();
});

async function line(path: WanPath): Promise<Wan> {
  const ends = [
    { host: client!, address: '10.77.0.2/24' },
    { host: server!, address: '10.77.0.1/24' },
  ] as const;
  return await connectByWan(lab, ...ends, path);
}

const LINES: [name: string, path: WanPath, least: number][] = [
  ['20 Mbit/s for each connection, 5 ms', { delayMs: 5, flowMbit: 20 }, 40],
  ['all that the machine carries, 1 ms', { delayMs: 1 }, 40],
];

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test.each(LINES)(
    '%s: one of 8 freezes and one is reset, and no frame is lost or doubled',
    {
      timeout: 120_000,
    },
    async (name, path, least) => {
      const wan = await line(path);
      const ours = await EtherloomServer.start(server!, {
        ...{ runtime, address: '10.77.0.1', users: { guest: undefined } },
        taps: { elsrv0: '10.90.0.1/24' },
      });
      const joined = await EtherloomClient.start(client!, {
        ...{ runtime, server: '10.77.0.1:5555', user: 'guest', tap: 'el0', address: '10.90.0.2/24' },
        trust: { pin: ours.fingerprint },
        args: ['--connections', `${CONNECTIONS}`, '--no-qos'],
      });
      const ports = async (): Promise<number[]> =>
        (await ours.status()).hubs[0]!.sessions[0]!.connections!.map(({ peer }) => Number(peer.split(':').at(-1)));
      await waitForPing(client!, { target: '10.90.0.1' });
      await expect.poll(async () => (await ports()).length, { timeout: 30_000 }).toBe(CONNECTIONS);
      const traffic = await startTraffic(server!);
      const running = measureTraffic(client!, { host: '10.90.0.1', direction: 'both', seconds: 9, checksum: true });
      await sleep(2_000);
      const streams = await Promise.all([
        startUdpStream(client!, server!, { host: '10.90.0.1', rate: 200 }),
        startUdpStream(server!, client!, { host: '10.90.0.2', rate: 200 }),
      ]);
      await sleep(1_000);
      const found = await ports();
      wan.freeze(found[2]!);
      await sleep(2_000);
      wan.reset(found[5]!);
      await sleep(2_000);
      const got = await Promise.all(streams.map((stream) => stream.stop()));
      const tcp = await running;
      await traffic.stop();
      const text = got.map(
        ({ sent, lost, duplicated, reordered, longestGapMs }) =>
          `${sent} sent, ${lost} lost, ${duplicated} doubled, ${reordered} overtaken, gap ${longestGapMs.toFixed(0)} ms`,
      );
      console.log(
        `${runtime}, ${name}: ${tcp.mbits.toFixed(0)} Mbit/s, rests ${tcp.longestStallMs.toFixed(0)} ms; ${text.join('; ')}`,
      );
      const hubs = [(await ours.status()).hubs[0]!, (await joined.status()).hubs[0]!];
      const drops = hubs.flatMap(({ sessions, taps }) => [...sessions, ...taps].map((port) => port.drops));
      console.log(`dropped by queues: ${JSON.stringify(drops)}`);
      expect(tcp.checksum).toBe('match');
      expect(tcp.mbits).toBeGreaterThan(least);
      expect(tcp.longestStallMs).toBeLessThan(STALL_MS);
      for (const { lost, duplicated, longestGapMs } of got) {
        expect([lost, duplicated]).toEqual([0, 0]);
        expect(longestGapMs).toBeLessThan(STALL_MS);
      }
      expect(joined.process.child.stdout).not.toContain('"event":"lost"');
    },
  );
});
