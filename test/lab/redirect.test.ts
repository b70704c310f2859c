/** A rule of the access list that sends those who ask for a web page to another one. */
import { expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { waitForPing } from '../../lab/ping.ts';
import { hostsOnLan } from '../support/lan.ts';

const hosts = hostsOnLan('server', 'client');

const SILENT = "require('net').createServer(() => {}).listen(80, () => console.log('listens'))";

test.each(['node', 'bun'] as const)('a server on %s answers in the place of whoever was asked', {
  timeout: 60_000,
}, async (runtime) => {
  const ours = await EtherloomServer.start(hosts.server, {
    ...{ runtime, address: '10.77.0.1', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
    access: ['{ priority: 1, action: pass, protocol: tcp, toPorts: 80, redirect: "https://login.example.com/?a=b" }'],
  });
  const connected = await EtherloomClient.start(hosts.client, {
    ...{ runtime, server: '10.77.0.1:5555', user: 'guest', trust: { pin: ours.fingerprint }, tap: 'el0' },
    address: '10.90.0.2/24',
  });
  await waitForPing(hosts.client, { target: '10.90.0.1' });
  // Connections are made with a real server, which never gets a request.
  const silent = await hosts.server.spawn([process.execPath, '-e', SILENT]);
  await silent.waitForLine(/listens/);
  const curl = ['curl', '-s', '--max-time', '10', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}'];
  for (const path of ['', 'a/long/way?with=a&query=1']) {
    const { stdout } = await hosts.client.run([...curl, `http://10.90.0.1/${path}`]);
    expect(stdout).toBe('302 https://login.example.com/?a=b');
  }
  const [session] = (await ours.status()).hubs[0]!.sessions;
  expect(session!.drops['access-list']).toBeGreaterThanOrEqual(2);
  await silent.stop();
  expect(await connected.stop()).toBe(0);
  expect(await ours.stop()).toBe(0);
});
