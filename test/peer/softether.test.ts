/** Real SoftEther programs against ours, both ways round, on both runtimes. */
import { describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import type { LabHost } from '../../lab/netns.ts';
import { SoftEtherClient, SoftEtherLoginError, SoftEtherServer } from '../../lab/softether.ts';
import { hostsOnLan } from '../support/lan.ts';
import { expectAllReplaced, expectPings, expectTransfer, ONE_SECOND } from './expect.ts';

const MEGABYTES = 100;

const hosts = hostsOnLan('server', 'a', 'b');

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test("SoftEther's client reaches our client and our server's TAP", { timeout: 240 * ONE_SECOND }, async () => {
    const ours = await EtherloomServer.start(hosts.server, {
      runtime,
      address: '10.77.0.1',
      users: { alice: 'alicepw', guest: undefined },
      taps: { elsrv0: '10.90.0.1/24' },
    });
    await EtherloomClient.start(hosts.b, {
      runtime,
      server: '10.77.0.1:5555',
      user: 'guest',
      trust: { pin: ours.fingerprint },
      tap: 'el0',
      address: '10.90.0.3/24',
    });
    const theirs = await SoftEtherClient.start(hosts.a);
    const account = { server: '10.77.0.1:5555', hub: 'lab' };

    await theirs.createAccount({ ...account, name: 'wrong', user: 'alice', auth: { password: 'guess' } });
    const refusal = await theirs.connect('wrong').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SoftEtherLoginError);
    expect((refusal as SoftEtherLoginError).code).toBe(9);

    await theirs.createAccount({ ...account, user: 'alice', auth: { password: 'alicepw' } });
    await theirs.connect();
    await theirs.setAddress('10.90.0.2/24');
    await expectPings(hosts.a, '10.90.0.3');
    await expectPings(hosts.a, '10.90.0.1');
    await expectTransfer(hosts.a, hosts.b, '10.90.0.3', MEGABYTES);
    await expectTransfer(hosts.b, hosts.a, '10.90.0.2', MEGABYTES);
    await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 20);
    // QoS is on by default, and asks for a second connection (control-plane.md, §13.13).
    expect(await theirs.status()).toMatchObject({ connected: true, encrypted: true, tcpConnections: 2, qos: true });

    const { hubs } = await ours.status();
    const session = hubs[0]?.sessions.find(({ user }) => user === 'alice');
    expect(session?.connections).toHaveLength(2);
    expect(session?.connections?.[0]?.protocol).toMatch(/^TLSv1\.[23]$/);
    expect(session?.received.bytes).toBeGreaterThan(MEGABYTES * 1e6);

    await theirs.disconnect();
    await theirs.createAccount({ ...account, name: 'anonymous', user: 'guest' });
    await theirs.connect('anonymous');
    await expectPings(hosts.a, '10.90.0.3');
    expect(await ours.stop()).toBe(0);
  });

  test("SoftEther's client gets through whatever it wishes for", { timeout: 180 * ONE_SECOND }, async () => {
    const options = { runtime, address: '10.77.0.1', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } };
    const ours = await EtherloomServer.start(hosts.server, options);
    const ages = async (): Promise<number[]> =>
      (await ours.status()).hubs[0]?.sessions.at(-1)?.connections?.map(({ ageSeconds }) => ageSeconds) ?? [];
    const theirs = await SoftEtherClient.start(hosts.a);
    const account = { server: '10.77.0.1:5555', hub: 'LAB', user: 'GUEST' };
    const wishes = {
      eight: { connections: 8 },
      half: { connections: 4, halfDuplex: true },
      half8: { connections: 8, halfDuplex: true },
      lifetime: { connections: 3, ttlSeconds: 10 },
      clear: { encrypt: false },
      compressed: { compress: true },
      udp: { udpAcceleration: true },
      plain: { qos: false, auth: { password: 'ignored', type: 'plain' as const } },
    };
    for (const [name, wish] of Object.entries(wishes)) {
      await theirs.createAccount({ ...account, ...wish, name });
      await theirs.connect(name);
      // The device stays while the client runs, and its address with it.
      if (name === 'eight') await theirs.setAddress('10.90.0.2/24');
      const connections = 'connections' in wish ? wish.connections : name === 'plain' ? 1 : 2;
      await theirs.waitForStatus((status) => status.tcpConnections === connections, { name, timeoutMs: 15_000 });
      await expectPings(hosts.a, '10.90.0.1');
      const megabytes = name === 'compressed' ? 100 : 5;
      const content = name === 'compressed' ? 'html' : 'random';
      await expectTransfer(hosts.a, hosts.server, '10.90.0.1', megabytes, content);
      await expectTransfer(hosts.server, hosts.a, '10.90.0.2', megabytes, content);
      if (name === 'lifetime') {
        expect(await ages()).toHaveLength(3);
        const transfer = () => expectTransfer(hosts.a, hosts.server, '10.90.0.1', 20);
        await expectAllReplaced(ages, transfer, 40 * ONE_SECOND);
      }
      const compressed = name === 'compressed';
      expect(await theirs.status(name), name).toMatchObject({ encrypted: name !== 'clear', compressed });
      if (compressed) {
        // Frames that no compression makes smaller have to arrive too.
        await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 5);
        const { compression } = (await ours.status()).hubs[0]!.sessions.at(-1)!;
        expect(compression!.received.savedPercent).toBeGreaterThan(50);
        expect(compression!.sent.savedPercent).toBeGreaterThan(50);
      }
      expect((await theirs.status(name)).halfDuplex, name).toBe(name.startsWith('half'));
      await theirs.disconnect(name);
    }
  });

  test("SoftEther's client finds a server that was restarted, and holds 32 connections", {
    timeout: 180 * ONE_SECOND,
  }, async () => {
    const options = { runtime, address: '10.77.0.1', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } };
    const first = await EtherloomServer.start(hosts.server, options);
    const theirs = await SoftEtherClient.start(hosts.a);
    const retry = { count: 100, intervalSeconds: 5 };
    await theirs.createAccount({ server: '10.77.0.1:5555', hub: 'lab', user: 'guest', connections: 32, retry });
    await theirs.connect();
    await theirs.setAddress('10.90.0.2/24');
    await expectPings(hosts.a, '10.90.0.1');
    await first.stop();
    await EtherloomServer.start(hosts.server, options);
    await theirs.waitForStatus((status) => status.connected && status.sessions >= 2, { timeoutMs: 60_000 });
    await hosts.a.ip('neigh', 'flush', 'all');
    await expectPings(hosts.a, '10.90.0.1');
    await theirs.waitForStatus((status) => status.tcpConnections === 32, { timeoutMs: 60_000 });
    await expectTransfer(hosts.a, hosts.server, '10.90.0.1', 20);
  });

  test("our client reaches SoftEther's client through SoftEther's server", { timeout: 240 * ONE_SECOND }, async () => {
    const theirs = await SoftEtherServer.start(hosts.server, {
      hubs: [{ name: 'LAB', users: [{ name: 'alice', auth: { password: 'alicepw' } }, { name: 'guest' }] }],
    });
    const peer = await SoftEtherClient.start(hosts.b);
    await peer.createAccount({ server: '10.77.0.1:443', hub: 'LAB', user: 'guest' });
    await peer.connect();
    await peer.setAddress('10.90.0.3/24');

    const wanted = { runtime, server: '10.77.0.1:443', hub: 'LAB', user: 'alice', tap: 'el0' } as const;
    const wrong = await EtherloomClient.run(hosts.a, { ...wanted, password: 'guess', trust: 'insecure' });
    expect(wrong).toMatchObject({ code: 6 });
    const nowhere = await EtherloomClient.run(hosts.a, {
      ...wanted,
      hub: 'NONE',
      password: 'alicepw',
      trust: 'insecure',
    });
    expect(nowhere).toMatchObject({ code: 6 });

    const pin = await fingerprintOf(hosts.a, '10.77.0.1:443');
    const changed = `${pin.startsWith('0') ? '1' : '0'}${pin.slice(1)}`;
    const distrust = await EtherloomClient.run(hosts.a, { ...wanted, password: 'alicepw', trust: { pin: changed } });
    expect(distrust).toMatchObject({ code: 7 });
    expect(`${distrust.stdout}${distrust.stderr}`).toContain(pin);

    const trust = { pin } as const;
    const ours = await EtherloomClient.start(hosts.a, {
      ...wanted,
      password: 'alicepw',
      trust,
      address: '10.90.0.2/24',
    });
    await expectPings(hosts.a, '10.90.0.3');
    await expectTransfer(hosts.a, hosts.b, '10.90.0.3', MEGABYTES);
    await expectTransfer(hosts.b, hosts.a, '10.90.0.2', MEGABYTES);
    expect((await theirs.sessions('LAB')).map(({ user }) => user).sort()).toEqual(['alice', 'guest']);
    expect(await ours.stop()).toBe(0);

    const plain = await EtherloomClient.start(hosts.a, {
      ...wanted,
      password: 'alicepw',
      trust,
      address: '10.90.0.2/24',
      args: ['--plain-password'],
    });
    await expectPings(hosts.a, '10.90.0.3');
    await plain.stop();
    const anonymous = await EtherloomClient.start(hosts.a, {
      ...wanted,
      user: 'guest',
      trust,
      address: '10.90.0.2/24',
    });
    await expectPings(hosts.a, '10.90.0.3');
    await anonymous.stop();
  });
});

/** SHA-256 of a server's certificate, as an independent TLS stack sees it. */
async function fingerprintOf(from: LabHost, server: string): Promise<string> {
  const script = `openssl s_client -connect ${server} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
  const { stdout } = await from.run(['sh', '-c', script]);
  return stdout.replace(/^.*=/, '').replaceAll(':', '').trim().toLowerCase();
}
