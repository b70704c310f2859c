/** The command line in network namespaces with real TAPs: what a user does, and what can go wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import type { LabHost } from '../../lab/netns.ts';
import { etherloomCommand, runEtherloom } from '../../lab/node.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import { hostsOnLan } from '../support/lan.ts';

const ONE_SECOND = 1_000;

const hosts = hostsOnLan('server', 'a', 'b');

async function links(host: LabHost): Promise<string> {
  return (await host.ip('link', 'show')).stdout;
}

const USERS = { users: { guest: undefined, alice: 'alicepw' }, taps: { elsrv0: '10.90.0.1/24' } } as const;

describe.each([
  ['node', 'node'],
  ['bun', 'bun'],
  ['node', 'bun'],
  ['bun', 'node'],
] as const)('a server on %s with clients on %s', (serverRuntime, clientRuntime) => {
  test('carries frames of every size between TAPs, and IPv6', { timeout: 120 * ONE_SECOND }, async () => {
    const ours = await EtherloomServer.start(hosts.server, { ...USERS, runtime: serverRuntime, address: '10.77.0.1' });
    const join = { runtime: clientRuntime, server: '10.77.0.1:5555', trust: { pin: ours.fingerprint } } as const;
    await EtherloomClient.start(hosts.a, { ...join, user: 'guest', tap: 'el0', address: '10.90.0.2/24' });
    await EtherloomClient.start(hosts.b, {
      ...join,
      user: 'alice',
      password: 'alicepw',
      tap: 'el0',
      address: '10.90.0.3/24',
    });
    await hosts.a.addAddress('el0', 'fd90::2/64');
    await hosts.b.addAddress('el0', 'fd90::3/64');
    for (const target of ['10.90.0.1', '10.90.0.3', 'fd90::3']) {
      await waitForPing(hosts.a, { target });
      for (const size of [16, 18, 56, 1452, 1472, 1473, 8000, 65_000]) {
        const echo = await ping(hosts.a, { target, size, count: 2, intervalMs: 150 });
        expect(echo, `${target} ${size}: ${echo.output}`).toMatchObject({ received: 2 });
      }
    }
    const traffic = await startTraffic(hosts.b);
    const bytes = 50_000_000;
    const result = await measureTraffic(hosts.a, {
      host: '10.90.0.3',
      bytes,
      direction: 'both',
      flows: 2,
      checksum: true,
    });
    expect(result).toMatchObject({ bytes: 2 * bytes, checksum: 'match' });
    await traffic.stop();
    const status = await ours.status();
    expect(status.core.calls / status.core.frames).toBeLessThan(0.2);
    const connections = status.hubs[0]?.sessions.flatMap((session) => session.connections ?? []) ?? [];
    const system = (await hosts.b.run(['sysctl', '-n', 'net.ipv4.tcp_congestion_control'])).stdout.trim();
    for (const { tcp } of connections) {
      expect(tcp).toMatchObject({ retransmissions: expect.any(Number), unsentBytes: expect.any(Number) });
      expect(tcp?.leastRoundTripMs).toBeGreaterThan(0);
      expect(tcp?.roundTripMs).toBeGreaterThanOrEqual(tcp?.leastRoundTripMs ?? 0);
      // A cable is no long way: it stays as the system has it.
      expect(tcp?.congestion).toBe(system);
    }
    expect(connections.length).toBeGreaterThanOrEqual(2);
  });
});

describe.each([
  ['node', 'node'],
  ['bun', 'bun'],
  ['node', 'bun'],
  ['bun', 'node'],
] as const)('without encryption, a server on %s with a client on %s', (serverRuntime, clientRuntime) => {
  test('carries frames bare on every connection', { timeout: 60 * ONE_SECOND }, async () => {
    const ours = await EtherloomServer.start(hosts.server, { ...USERS, runtime: serverRuntime, address: '10.77.0.1' });
    const client = await EtherloomClient.start(hosts.a, {
      ...{ runtime: clientRuntime, server: '10.77.0.1:5555', user: 'guest', trust: { pin: ours.fingerprint } },
      ...{ tap: 'el0', address: '10.90.0.2/24', args: ['--no-encrypt', '--connections', '3'] },
    });
    await waitForPing(hosts.a, { target: '10.90.0.1' });
    const ciphers = async () => (await client.status()).hubs[0]?.sessions[0]?.connections?.map(({ cipher }) => cipher);
    await expect.poll(ciphers, { timeout: 10 * ONE_SECOND }).toEqual(['none', 'none', 'none']);
    const traffic = await startTraffic(hosts.server);
    const bytes = 20_000_000;
    const result = await measureTraffic(hosts.a, { host: '10.90.0.1', bytes, direction: 'both', checksum: true });
    expect(result).toMatchObject({ bytes: 2 * bytes, checksum: 'match' });
    await traffic.stop();
  });
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test.each([
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
  ] as const)('%s ends server and client, and their TAPs are gone', async (signal) => {
    const ours = await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '10.77.0.1' });
    const trust = { pin: ours.fingerprint };
    const client = await EtherloomClient.start(hosts.a, {
      ...{ runtime, server: '10.77.0.1:5555', user: 'guest', trust },
      ...{ tap: 'el0', address: '10.90.0.2/24' },
    });
    expect(await links(hosts.a)).toContain('el0');
    expect(await links(hosts.server)).toContain('elsrv0');
    client.process.child.kill(signal);
    expect(await client.process.child.exited).toMatchObject({ code: 0 });
    ours.process.child.kill(signal);
    expect(await ours.process.child.exited).toMatchObject({ code: 0 });
    expect(await links(hosts.a)).not.toContain('el0');
    expect(await links(hosts.server)).not.toContain('elsrv0');
  });

  test('a killed client leaves no TAP, and its session ends by itself', async () => {
    const ours = await EtherloomServer.start(hosts.server, {
      ...USERS,
      ...{ runtime, address: '10.77.0.1', extra: ['session: { timeout: 5 }'] },
    });
    const trust = { pin: ours.fingerprint };
    const client = await EtherloomClient.start(hosts.a, {
      ...{ runtime, server: '10.77.0.1:5555', user: 'guest', trust, tap: 'el0' },
    });
    client.process.child.kill('SIGKILL');
    await client.process.child.exited;
    expect(await links(hosts.a)).not.toContain('el0');
    await expect.poll(async () => (await ours.status()).hubs[0]?.sessions, { timeout: 10 * ONE_SECOND }).toEqual([]);
  });

  test('a client comes back when its server does', { timeout: 60 * ONE_SECOND }, async () => {
    const first = await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '10.77.0.1' });
    const client = await EtherloomClient.start(hosts.a, {
      ...{ runtime, server: '10.77.0.1:5555', user: 'guest', trust: 'insecure' as const },
      ...{ tap: 'el0', address: '10.90.0.2/24' },
    });
    await waitForPing(hosts.a, { target: '10.90.0.1' });
    await first.stop();
    await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '10.77.0.1' });
    const ups = (): number => client.process.child.stdout.split('"event":"established"').length - 1;
    await expect.poll(ups, { timeout: 20 * ONE_SECOND, interval: 200 }).toBe(2);
    // The TAP of the new server has another MAC address, which neighbours find out in their own time.
    await hosts.a.ip('neigh', 'flush', 'dev', 'el0');
    await waitForPing(hosts.a, { target: '10.90.0.1' });
  });

  test('a server is reached by IPv6', async () => {
    const ours = await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '"::"' });
    const trust = { pin: ours.fingerprint };
    const rest = { runtime, user: 'guest', trust, tap: 'el0', address: '10.90.0.2/24' };
    await EtherloomClient.start(hosts.a, { ...rest, server: '[fd77::1]:5555' });
    await waitForPing(hosts.a, { target: '10.90.0.1' });
  });

  test('a browser, an old probe and garbage get what they deserve', async () => {
    await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '10.77.0.1' });
    const talk = async (request: string): Promise<string> => {
      const script = `(printf '%b' "$0"; sleep 1) | timeout 2 openssl s_client -quiet -connect 10.77.0.1:5555 2>/dev/null`;
      return (await hosts.a.run(['sh', '-c', script, request], { check: false })).stdout;
    };
    expect(await talk('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')).toContain('9C37197CA7C2428388C2E6E59B829B30');
    expect(await talk('GET /<b> HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')).toMatch(/^HTTP\/1.1 404 /);
    expect(await talk('\\0001\\0002\\0003garbage\\n\\n')).not.toContain('200 OK');
    const plain = `(printf 'GET / HTTP/1.1\\r\\n\\r\\n'; sleep 1) | timeout 3 bash -c 'exec 3<>/dev/tcp/10.77.0.1/5555; cat >&3; cat <&3'`;
    expect((await hosts.a.run(['bash', '-c', plain], { check: false })).stdout).not.toContain('HTTP');
    expect(await talk('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')).toContain('9C37197CA7C2428388C2E6E59B829B30');
  });

  test('what cannot work ends with one message and its exit code', { timeout: 60 * ONE_SECOND }, async () => {
    const ours = await EtherloomServer.start(hosts.server, { ...USERS, runtime, address: '10.77.0.1' });
    const config = join(hosts.lab.tempDir, 'taken.yaml');
    await writeFile(
      config,
      'listen: [{ host: 10.77.0.1, port: 5555 }]\ntls: { certificate: a.crt, key: a.key }\nhubs: { h: { users: {} } }\n',
    );
    const taken = await runEtherloom(hosts.server, ['server', '--config', config], { runtime });
    expect(taken.code).toBe(4);
    expect(taken.stderr).toContain('10.77.0.1:5555');

    const connect = ['connect', '10.77.0.1:5555', '--hub', 'lab', '--user', 'guest', '--pin', ours.fingerprint];
    await hosts.a.ip('link', 'add', 'el0', 'type', 'veth', 'peer', 'name', 'other');
    const busy = await runEtherloom(hosts.a, [...connect, '--tap', 'el0'], { runtime });
    expect(busy.code).toBe(5);
    expect(busy.stderr).toContain('el0');

    const powerless = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', '--'];
    const command = etherloomCommand([...connect, '--tap', 'el1'], { runtime });
    const refused = await hosts.a.run([...powerless, ...command], { check: false });
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('el1');

    const unknown = await runEtherloom(hosts.a, [...connect.slice(0, -2), '--tap', 'el1'], {
      runtime,
      env: { XDG_STATE_HOME: hosts.lab.tempDir },
    });
    expect(unknown.code).toBe(7);
    expect(unknown.stderr).toContain(ours.fingerprint);

    const alice = [...connect, '--user', 'alice', '--tap', 'el1'];
    const wrong = await runEtherloom(hosts.a, alice, { runtime, env: { ETHERLOOM_PASSWORD: 'guess' } });
    expect(wrong.code).toBe(6);
    expect(wrong.stderr).not.toContain('guess');
    expect(await links(hosts.a)).not.toContain('el1');
  });
});
