/** The lab's SoftEther peers, on the real programs: two clients and a server, then nothing of it is left. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../lab/netns.ts';
import { processStartTicks } from '../../lab/owner.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { hasSoftEther, SoftEtherClient, SoftEtherLoginError, SoftEtherServer } from '../../lab/softether.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import { buildTools } from './build.ts';

/** What SoftEther would leave on the machine if it were not locked in. */
function traces(): Record<string, string[]> {
  return {
    temporary: readdirSync(tmpdir()).filter((name) => name.startsWith('.unicode_cache') || name.startsWith('.VPN')),
    state: ['/var/lib/softether', '/var/log/softether', '/run/softether'].filter((path) => existsSync(path)),
  };
}

const possible = process.getuid?.() === 0 && hasSoftEther();

describe.runIf(possible)('SoftEther in the lab', () => {
  let before: ReturnType<typeof traces>;
  let tools: ReturnType<typeof buildTools>;
  let lab: Lab;
  beforeAll(async () => {
    before = traces();
    tools = buildTools();
    lab = await Lab.create();
  });
  afterAll(async () => {
    await lab?.close();
    tools?.remove();
  });

  it('joins two hosts through a hub, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const figures: Record<string, number> = {};
    const lan = await lab.addSwitch('lan');
    const [s, a, b] = [await lab.addHost('server'), await lab.addHost('a'), await lab.addHost('b')];
    for (const [host, address] of [
      [s, '10.77.0.1/24'] as const,
      [a, '10.77.0.2/24'] as const,
      [b, '10.77.0.3/24'] as const,
    ]) {
      await lab.connect(host, lan, { address });
    }

    const started = performance.now();
    const server = await SoftEtherServer.start(s, {
      hubs: [{ name: 'LAB', users: [{ name: 'bob', auth: { password: 'secret' } }, { name: 'ann' }] }],
    });
    figures['server listens, ms'] = server.startMs;
    figures['server configured, ms'] = performance.now() - started;

    const [clientA, clientB] = await Promise.all([SoftEtherClient.start(a), SoftEtherClient.start(b)]);
    figures['client starts, ms'] = clientA.startMs;
    const to = { server: '10.77.0.1:443', hub: 'LAB' };
    await clientA.createAccount({ ...to, name: 'wrong', user: 'bob', auth: { password: 'guess' } });
    const refusal = await clientA.connect('wrong').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SoftEtherLoginError);
    expect((refusal as SoftEtherLoginError).code).toBe(9);

    await clientA.createAccount({ ...to, user: 'bob', auth: { password: 'secret' }, connections: 2 });
    await clientB.createAccount({ ...to, user: 'ann', encrypt: false, compress: true, qos: false });
    figures['client connects, ms'] = await clientA.connect();
    figures['second client connects, ms'] = await clientB.connect();
    await clientA.setAddress('10.99.0.1/24');
    await clientB.setAddress('10.99.0.2/24');
    figures['first ping, ms'] = await waitForPing(a, { target: '10.99.0.2' });

    for (const size of [56, 1472, 1473]) {
      const echo = await ping(a, { target: '10.99.0.2', size, count: 3, intervalMs: 150 });
      expect(echo, echo.output).toMatchObject({ sent: 3, received: 3, method: 'icmp' });
      figures[`ping ${size}, ms`] = echo.average;
    }
    const traffic = await startTraffic(b);
    const bytes = 20_000_000;
    const result = await measureTraffic(a, { host: '10.99.0.2', bytes, direction: 'both', checksum: true });
    expect(result).toMatchObject({ bytes: 2 * bytes, checksum: 'match' });
    figures['both ways, Mbit/s'] = result.mbits;
    await traffic.stop();

    const statusA = await clientA.waitForStatus((status) => status.tcpConnections === 2);
    expect(statusA).toMatchObject({ connected: true, encrypted: true, compressed: false, qos: true });
    expect(statusA.udpAccelerationActive).toBe(false);
    expect(await clientB.status()).toMatchObject({ encrypted: false, compressed: true, qos: false, sessions: 1 });
    const sessions = await server.sessions('LAB');
    expect(sessions.map((session) => session.user).sort()).toEqual(['ann', 'bob']);
    expect((await server.session('LAB', statusA.sessionName)).tcpConnections).toBe(2);
    expect((await server.macTable('LAB')).length).toBeGreaterThanOrEqual(2);
    expect(server.log()).toContain('bob');

    const pids = (await Promise.all([s, a, b].map((host) => host.pids()))).flat();
    expect(pids.length).toBeGreaterThanOrEqual(6); // of each service its watchdog too
    const stopping = performance.now();
    await clientA.stop();
    figures['client stops, ms'] = performance.now() - stopping;
    const closing = performance.now();
    await lab.close();
    figures['lab closes, ms'] = performance.now() - closing;
    console.log(figures);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(lab.id);
    expect(existsSync(lab.tempDir)).toBe(false);
    expect(pids.filter((pid) => processStartTicks(pid) !== undefined)).toEqual([]);
    expect(traces()).toEqual(before);
  });

  it('takes every option, cascades, and names each refusal', { timeout: 60_000 }, async () => {
    const second = await Lab.create();
    try {
      const lan = await second.addSwitch('lan');
      const [s, t, c] = [await second.addHost('s'), await second.addHost('t'), await second.addHost('c')];
      await second.connect(s, lan, { address: '10.78.0.1/24' });
      await second.connect(t, lan, { address: '10.78.0.2/24' });
      await second.connect(c, lan, { address: '10.78.0.3/24' });
      const users = [{ name: 'ann' }, { name: 'shut', policy: { Access: 'no' } }];
      const hub = { name: 'LAB', users, udpAcceleration: true };
      const [one, two] = await Promise.all([
        SoftEtherServer.start(s, { hubs: [hub], ports: [8443, 5555], cipher: 'AES128-SHA' }),
        SoftEtherServer.start(t, { hubs: [{ ...hub, secureNat: true }] }),
      ]);
      await two.createUser('LAB', { name: 'carl', auth: { password: 'pass word' } });
      const to = { name: 'up', server: '10.78.0.1:8443', hub: 'LAB', user: 'ann', connections: 2 };
      await two.createCascade('LAB', to);
      const client = await SoftEtherClient.start(c, { nic: 'other', mac: '5e:00:00:00:00:07' });
      expect(client.ifname).toBe('vpn_other');
      expect((await c.ip('link', 'show', client.ifname)).stdout).toContain('5e:00:00:00:00:07');

      const account = { server: '10.78.0.1:8443', hub: 'LAB', user: 'ann' };
      const refusals = {
        nohub: { hub: 'NONE' },
        noaccess: { user: 'shut' },
        nouser: { user: 'who' },
        noserver: { server: '10.78.0.1:9' },
      };
      const codes: Record<string, number> = {};
      for (const [name, change] of Object.entries(refusals)) {
        await client.createAccount({ ...account, ...change, name });
        await client.connect(name).catch((error: SoftEtherLoginError) => {
          codes[name] = error.code;
        });
      }
      expect(codes).toEqual({ nohub: 8, noaccess: 12, nouser: 9, noserver: 1 });
      await expect(client.status('nohub')).rejects.toMatchObject({ code: 37 });

      await client.createAccount({ ...account, connections: 4, halfDuplex: true, udpAcceleration: true, bridge: true });
      await client.connect();
      const status = await client.waitForStatus((now) => now.tcpConnections === 4 && now.udpAccelerationActive);
      // The cipher list is for TLS 1.2 and older; SoftEther has no setting for the suites of TLS 1.3.
      expect(status).toMatchObject({ halfDuplex: true, cipher: 'TLS_AES_256_GCM_SHA384' });
      await client.setAddress('192.168.30.9/24');
      // The virtual host of the other server's SecureNAT, through the cascade.
      await waitForPing(c, { target: '192.168.30.1' });
      expect(await two.cascadeStatus('LAB', 'up')).toContain('Online (Established)');

      const session = await one.sessions('LAB');
      await one.disconnectSession(
        'LAB',
        session.find((each) => each.user === 'ann' && each.name === status.sessionName)!.name,
      );
      await client.disconnect();
      await client.connect();
      await one.stop();
      await two.stop(0);
    } finally {
      await second.close();
    }
  });
});
