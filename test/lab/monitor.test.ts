/** A client that listens to what others of its hub say. */
import { expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { hostsOnLan } from '../support/lan.ts';

const hosts = hostsOnLan('server', 'a', 'b');

test.each(['node', 'bun'] as const)('on %s gets their frames, and nothing of its own passes', {
  timeout: 60_000,
}, async (runtime) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime, address: '10.77.0.1', taps: { elsrv0: '10.90.0.1/24' } },
    users: { guest: undefined, auditor: { policy: { monitorPort: true } } },
  });
  const join = { runtime, server: '10.77.0.1:5555', trust: { pin: ours.fingerprint }, tap: 'el0' };
  await EtherloomClient.start(hosts.a, { ...join, user: 'guest', address: '10.90.0.2/24' });
  const listener = { ...join, user: 'auditor', address: '10.90.0.3/24', args: ['--monitor'] };
  await EtherloomClient.start(hosts.b, listener);
  await waitForPing(hosts.a, { target: '10.90.0.1' });
  const heard = async () => Number((await hosts.b.run(['cat', '/sys/class/net/el0/statistics/rx_packets'])).stdout);
  const before = await heard();
  expect((await ping(hosts.a, { target: '10.90.0.1', count: 20, intervalMs: 10 })).received).toBe(20);
  // Requests and answers.
  await expect.poll(async () => (await heard()) - before).toBeGreaterThanOrEqual(40);
  expect((await ping(hosts.b, { target: '10.90.0.1', count: 2, timeoutMs: 300 })).received).toBe(0);
  const refused = await EtherloomClient.run(hosts.b, {
    ...listener,
    user: 'guest',
    tap: 'el1',
    address: '10.91.0.3/24',
  });
  expect(refused.code).toBe(6);
});
