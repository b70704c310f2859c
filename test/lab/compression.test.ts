/** Compressed sessions of own peers, beside one that does not compress, with real TAPs. */
import { expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { expectPings, expectTransfer, ONE_SECOND } from '../peer/expect.ts';
import { hostsOnLan } from '../support/lan.ts';

const hosts = hostsOnLan('server', 'a', 'b');

test.each([
  ['node', 'bun'],
  ['bun', 'node'],
] as const)('a server on %s and clients on %s, one of which compresses', {
  timeout: 120 * ONE_SECOND,
}, async (...runtimes) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime: runtimes[0], address: '10.77.0.1', users: { guest: undefined } },
    taps: { elsrv0: '10.90.0.1/24' },
  });
  const join = {
    ...{ runtime: runtimes[1], server: '10.77.0.1:5555', user: 'guest', tap: 'el0' },
    trust: { pin: ours.fingerprint },
  };
  const client = await EtherloomClient.start(hosts.a, { ...join, address: '10.90.0.2/24', args: ['--compress'] });
  await EtherloomClient.start(hosts.b, { ...join, address: '10.90.0.3/24' });

  await expectPings(hosts.a, '10.90.0.1');
  await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 100, 'html');
  await expectTransfer(hosts.server, hosts.a, '10.90.0.2', 100, 'html');
  const { compression } = (await client.status()).hubs[0]!.sessions[0]!;
  expect(compression!.sent.savedPercent).toBeGreaterThan(80);
  expect(compression!.received.savedPercent).toBeGreaterThan(80);
  expect(compression!.sent.ms).toBeGreaterThan(0);

  // Through a session that does not compress, and what cannot be compressed.
  await expectPings(hosts.a, '10.90.0.3');
  await expectTransfer(hosts.a, hosts.b, '10.90.0.3', 50, 'random');
  await expectTransfer(hosts.b, hosts.a, '10.90.0.2', 50, 'random');
  const sessions = (await ours.status()).hubs[0]!.sessions;
  expect(sessions.map((session) => session.compression !== undefined)).toEqual([true, false]);
  expect(sessions[0]!.drops).toEqual({});

  expect(client.process.child.stderr.match(/compression is on/g)).toHaveLength(1);
  expect(await client.stop()).toBe(0);
});
