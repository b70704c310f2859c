/** Sessions of own peers over each of the old suites, and a port that serves old and new peers. */
import { expect, test } from 'vitest';
import { LEGACY_ALGORITHMS } from '../../engine/tls-legacy/suites.ts';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { expectPings, expectTransfer, ONE_SECOND } from '../peer/expect.ts';
import { hostsOnLan } from '../support/lan.ts';

const hosts = hostsOnLan('server', 'a', 'b');

test.each([
  ['node', 'bun'],
  ['bun', 'node'],
] as const)('a server on %s for old and new peers, clients on %s', {
  timeout: 180 * ONE_SECOND,
}, async (...[serverRuntime, clientRuntime]) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime: serverRuntime, address: '10.77.0.1', users: { guest: undefined } },
    tls: `algorithms: [modern, ${LEGACY_ALGORITHMS.join(', ')}]`,
    taps: { elsrv0: '10.90.0.1/24' },
  });
  const join = {
    ...{ runtime: clientRuntime, server: '10.77.0.1:5555', user: 'guest', tap: 'el0' },
    trust: { pin: ours.fingerprint },
  };
  // Beside all of them, a session over the runtime's TLS.
  const modern = await EtherloomClient.start(hosts.b, {
    ...join,
    address: '10.90.0.3/24',
    args: ['--connections', '2'],
  });
  for (const algorithm of LEGACY_ALGORITHMS) {
    const client = await EtherloomClient.start(hosts.a, {
      ...{ ...join, address: '10.90.0.2/24' },
      args: ['--connections', '4', '--tls-algorithms', algorithm],
    });
    // Each client has a TAP of its own, and with it another MAC address.
    for (const host of [hosts.server, hosts.b]) await host.ip('neigh', 'flush', 'all');
    await expectPings(hosts.a, '10.90.0.1');
    await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 15);
    await expectTransfer(hosts.server, hosts.a, '10.90.0.2', 15);
    await expectTransfer(hosts.b, hosts.a, '10.90.0.2', 10);
    const protocol = algorithm === 'DES-CBC-SHA' ? 'TLSv1.1' : 'TLSv1.2';
    for (const { hubs } of [await client.status(), await ours.status()]) {
      const { connections } = hubs[0]!.sessions.find((each) => each.connections?.[0]?.cipher === algorithm)!;
      expect(connections!.length).toBeGreaterThan(1);
      for (const connection of connections!) expect(connection).toMatchObject({ protocol, cipher: algorithm });
    }
    expect(client.process.child.stderr.match(/weak TLS is allowed/g)).toHaveLength(1);
    expect(await client.stop()).toBe(0);
  }
  expect((await modern.status()).hubs[0]!.sessions[0]!.connections![0]!.protocol).toMatch(/TLSv1\.[23]/);
  expect(modern.process.child.stderr).not.toMatch(/weak TLS/);
  expect(ours.process.child.stderr.match(/weak TLS is allowed/g)).toHaveLength(1);
});

test.each([
  'node',
  'bun',
] as const)('the profile packetix-2.0 on %s: RC4-MD5 and nothing else, also without encryption behind the login', {
  timeout: 120 * ONE_SECOND,
}, async (runtime) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime, address: '10.77.0.1', users: { guest: undefined } },
    tls: 'profile: packetix-2.0',
    taps: { elsrv0: '10.90.0.1/24' },
  });
  const join = {
    ...{ runtime, server: '10.77.0.1:5555', user: 'guest', tap: 'el0', address: '10.90.0.2/24' },
    trust: { pin: ours.fingerprint },
  };
  const once = ['--reconnect-attempts', '0'];
  const refused = await EtherloomClient.run(hosts.a, { ...join, args: once });
  expect(refused.stderr + refused.stdout).toMatch(/Cannot connect to 10\.77\.0\.1:5555/);
  const other = await EtherloomClient.run(hosts.a, { ...join, args: [...once, '--tls-algorithms', 'AES256-SHA'] });
  expect(other.stderr + other.stdout).toMatch(/it refuses: handshake_failure/);

  for (const args of [[], ['--no-encrypt']]) {
    const client = await EtherloomClient.start(hosts.a, { ...join, args: ['--tls-profile', 'packetix-2.0', ...args] });
    await expectPings(hosts.a, '10.90.0.1');
    await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 15);
    await expectTransfer(hosts.server, hosts.a, '10.90.0.2', 15);
    const [connection] = (await client.status()).hubs[0]!.sessions[0]!.connections!;
    expect(connection).toMatchObject({ protocol: 'TLSv1.2', cipher: args.length === 0 ? 'RC4-MD5' : 'none' });
    expect(await client.stop()).toBe(0);
  }
});
