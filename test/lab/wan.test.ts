/** One flow on several connections of own peers, over a line that limits each of them, and that loses one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import { connectByWan, type Wan } from '../../lab/wan.ts';

const FLOW_MBIT = 20;
let lab: Lab;
let [client, server]: LabHost[] = [];
let wan: Wan;

beforeEach(async () => {
  lab = await Lab.create();
  [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
  const ends = [
    { host: client, address: '10.77.0.2/24' },
    { host: server, address: '10.77.0.1/24' },
  ] as const;
  wan = await connectByWan(lab, ...ends, { delayMs: 5, flowMbit: FLOW_MBIT });
});
afterEach(async () => {
  await lab.close();
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test('one flow gets what eight connections may have, both ways, and outlives one that freezes', {
    timeout: 120_000,
  }, async () => {
    const ours = await EtherloomServer.start(server!, {
      ...{ runtime, address: '10.77.0.1', users: { guest: undefined } },
      taps: { elsrv0: '10.90.0.1/24' },
    });
    await EtherloomClient.start(client!, {
      ...{ runtime, server: '10.77.0.1:5555', user: 'guest', tap: 'el0', address: '10.90.0.2/24' },
      trust: { pin: ours.fingerprint },
      args: ['--connections', '8', '--no-qos'],
    });
    const peers = async () => (await ours.status()).hubs[0]!.sessions[0]!.connections!.map(({ peer }) => peer);
    await waitForPing(client!, { target: '10.90.0.1' });
    await expect.poll(async () => (await peers()).length, { timeout: 20_000 }).toBe(8);
    const traffic = await startTraffic(server!);
    for (const direction of ['up', 'down'] as const) {
      const { mbits, checksum } = await measureTraffic(client!, {
        ...{ host: '10.90.0.1', direction, seconds: 5, checksum: true },
      });
      expect(checksum).toBe('match');
      expect(mbits, direction).toBeGreaterThan(4 * FLOW_MBIT);
    }
    const running = measureTraffic(client!, { host: '10.90.0.1', seconds: 6, checksum: true });
    await sleep(2_000);
    wan.freeze(Number((await peers())[3]!.split(':').at(-1)));
    const { checksum, longestStallMs } = await running;
    expect(checksum).toBe('match');
    console.log(`${runtime}: one of 8 connections froze: the flow rested for ${Math.round(longestStallMs)} ms`);
    await traffic.stop();
  });
});
