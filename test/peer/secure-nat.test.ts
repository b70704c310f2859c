/** An address, the default route and the DNS server from SoftEther's virtual DHCP server, and traffic through its NAT. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EtherloomClient } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { ShelteredHost } from '../../lab/shelter.ts';
import { SoftEtherServer } from '../../lab/softether.ts';

let lab: Lab;
let [server, client]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
  await lab.cable({ host: server, address: '10.77.0.1/24' }, { host: client, address: '10.77.0.2/24' });
});
afterEach(async () => {
  await lab.close();
});

/** One is enough: what differs between the runtimes, test/lab/settings.test.ts shows. */
const RUNTIME = 'bun';

test('SecureNAT gives the TAP what it needs', { timeout: 90_000 }, async () => {
  const hub = { name: 'LAB', users: [{ name: 'guest' }], secureNat: true };
  await SoftEtherServer.start(server!, { hubs: [hub] });
  const host = new ShelteredHost(client!, 'file', 'nameserver 192.0.2.1\n');
  const before = host.resolver();
  const ours = await EtherloomClient.start(host, {
    ...{ runtime: RUNTIME, server: '10.77.0.1:443', hub: 'LAB', user: 'guest', trust: 'insecure', tap: 'el0' },
    args: ['--dhcp', '--route', 'default', '--dns', 'auto'],
  });
  await ours.process.waitForLine(/"event":"addressed".*"address":"192\.168\.30\.\d+\/24"/, 30_000);
  await waitForPing(client!, { target: '192.168.30.1' });
  expect((await client!.ip('route', 'get', '198.51.100.1')).stdout).toContain('via 192.168.30.1 dev el0');
  expect((await client!.ip('route', 'get', '10.77.0.1')).stdout).toContain('dev eth0');
  expect(host.resolver()).toContain('nameserver 192.168.30.1');
  expect((await ours.status()).client?.settings?.addresses).toMatchObject([{ origin: 'dhcp', server: '192.168.30.1' }]);
  expect(await ours.stop()).toBe(0);
  expect(host.resolver()).toBe(before);
  expect((await client!.ip('rule')).stdout).not.toContain('proto 69');
});
