/** SoftEther's programs over suites that this program protects by itself; their OpenSSL still has two of the six. */
import { expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { SoftEtherClient, SoftEtherServer } from '../../lab/softether.ts';
import { hostsOnLan } from '../support/lan.ts';
import { expectPings, expectTransfer, ONE_SECOND } from './expect.ts';

const hosts = hostsOnLan('server', 'client');

test.each([
  ['node', 'AES256-SHA'],
  ['bun', 'AES128-SHA'],
] as const)("SoftEther's client to our server on %s, %s", { timeout: 120 * ONE_SECOND }, async (runtime, algorithm) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime, address: '10.77.0.1', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
    tls: `algorithms: [${algorithm}]`,
  });
  const theirs = await SoftEtherClient.start(hosts.client);
  await theirs.createAccount({ server: '10.77.0.1:5555', hub: 'lab', user: 'guest', connections: 4 });
  await theirs.connect();
  await theirs.setAddress('10.90.0.2/24');
  await expectPings(hosts.client, '10.90.0.1');
  await expectTransfer(hosts.client, hosts.server, '10.90.0.1', 30);
  await expectTransfer(hosts.server, hosts.client, '10.90.0.2', 30);
  await theirs.waitForStatus((status) => status.tcpConnections === 4, { timeoutMs: 15_000 });
  const { connections } = (await ours.status()).hubs[0]!.sessions[0]!;
  for (const connection of connections!) expect(connection).toMatchObject({ protocol: 'TLSv1.2', cipher: algorithm });
});

test.each([
  ['node', 'AES128-SHA'],
  ['bun', 'AES256-SHA'],
] as const)("our client on %s to SoftEther's server, %s", { timeout: 120 * ONE_SECOND }, async (runtime, algorithm) => {
  const theirs = await SoftEtherServer.start(hosts.server, { hubs: [{ name: 'LAB', users: [{ name: 'guest' }] }] });
  await theirs.bridgeToTap('LAB', 'bridge', '10.90.0.1/24');
  const join = { runtime, server: '10.77.0.1:443', hub: 'LAB', user: 'guest', trust: 'insecure', tap: 'el0' } as const;
  const ours = await EtherloomClient.start(hosts.client, {
    ...{ ...join, address: '10.90.0.2/24' },
    args: ['--tls-algorithms', algorithm, '--connections', '4'],
  });
  await expectPings(hosts.client, '10.90.0.1');
  await expectTransfer(hosts.client, hosts.server, '10.90.0.1', 30);
  await expectTransfer(hosts.server, hosts.client, '10.90.0.2', 30);
  const { connections } = (await ours.status()).hubs[0]!.sessions[0]!;
  for (const connection of connections!) expect(connection).toMatchObject({ protocol: 'TLSv1.2', cipher: algorithm });
  expect(await ours.stop()).toBe(0);
});
