/** An address, the default route and the DNS server from SoftEther's virtual DHCP server, and traffic through its NAT. */
import { expect, test } from 'vitest';
import { EtherloomClient } from '../../lab/etherloom.ts';
import { waitForPing } from '../../lab/ping.ts';
import { ShelteredHost } from '../../lab/shelter.ts';
import { SoftEtherServer } from '../../lab/softether.ts';
import { hostsOnLan } from '../support/lan.ts';

const hosts = hostsOnLan('server', 'client');

/** One is enough: what differs between the runtimes, test/lab/settings.test.ts shows. */
const RUNTIME = 'bun';

test('SecureNAT gives the TAP what it needs', { timeout: 90_000 }, async () => {
  const hub = { name: 'LAB', users: [{ name: 'guest' }], secureNat: true };
  await SoftEtherServer.start(hosts.server, { hubs: [hub] });
  const host = new ShelteredHost(hosts.client, 'file', 'nameserver 192.0.2.1\n');
  const before = host.resolver();
  const ours = await EtherloomClient.start(host, {
    ...{ runtime: RUNTIME, server: '10.77.0.1:443', hub: 'LAB', user: 'guest', trust: 'insecure', tap: 'el0' },
    args: ['--dhcp', '--route', 'default', '--dns', 'auto'],
  });
  await ours.process.waitForLine(/"event":"addressed".*"address":"192\.168\.30\.\d+\/24"/, 30_000);
  await waitForPing(hosts.client, { target: '192.168.30.1' });
  expect((await hosts.client.ip('route', 'get', '198.51.100.1')).stdout).toContain('via 192.168.30.1 dev el0');
  expect((await hosts.client.ip('route', 'get', '10.77.0.1')).stdout).toContain('dev eth0');
  expect(host.resolver()).toContain('nameserver 192.168.30.1');
  expect((await ours.status()).client?.settings?.addresses).toMatchObject([{ origin: 'dhcp', server: '192.168.30.1' }]);
  expect(await ours.stop()).toBe(0);
  expect(host.resolver()).toBe(before);
  expect((await hosts.client.ip('rule')).stdout).not.toContain('proto 69');
});
