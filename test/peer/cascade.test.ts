/** Cascades between our server and SoftEther's, both ways round and in a circle, and from its VPN Bridge to ours. */
import { describe, expect, test } from 'vitest';
import { EtherloomServer } from '../../lab/etherloom.ts';
import type { LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { BRIDGE_HUB, SoftEtherServer } from '../../lab/softether.ts';
import { hostsOnLan } from '../support/lan.ts';
import { expectPings, expectTransfer, ONE_SECOND } from './expect.ts';

const hosts = hostsOnLan('one', 'two');

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test("a hub of ours and a hub of SoftEther's, both ways round, and both at once", {
    timeout: 120 * ONE_SECOND,
  }, async () => {
    const theirs = await SoftEtherServer.start(hosts.two, {
      hubs: [{ name: 'LAB', users: [{ name: 'head', auth: { password: 'headpw' } }] }],
    });
    const tap = await theirs.bridgeToTap('LAB', 'station', '10.90.0.2/24');
    const to = '{ server: "10.77.0.2:443", hub: lab, user: head, passwordFile: right, insecure: true }';
    const ours = await EtherloomServer.start(hosts.one, {
      runtime,
      address: '10.77.0.1',
      users: { branch: 'branchpw' },
      taps: { el0: '10.90.0.1/24' },
      cascades: { up: to, second: to.replace('insecure', 'online: false, insecure') },
      files: { right: 'headpw\n' },
    });
    const status = async () => (await ours.status()).hubs[0]!;
    const state = async () => (await status()).cascades![0];
    await expect.poll(state, { timeout: 10_000 }).toMatchObject({ state: 'established' });
    await expectPings(hosts.one, '10.90.0.2');
    await expectTransfer(hosts.one, hosts.two, '10.90.0.2', 10);
    await expectTransfer(hosts.two, hosts.one, '10.90.0.1', 10);
    const [session] = (await theirs.sessions('LAB')).filter(({ user }) => user === 'head');
    expect(session!.fields['Session Name']).toContain('HEAD');
    // As a bridge, SoftEther's policy lets any number of stations pass (control-plane.md, section 9).
    expect((await theirs.session('LAB', session!.name)).fields).toMatchObject({ 'Bridge / Router Mode': 'Yes' });

    // Theirs to ours, beside ours to theirs: a circle with a hub in it that knows nothing of loops.
    const cascade = { server: '10.77.0.1:5555', hub: 'lab', user: 'branch', password: 'branchpw' };
    await theirs.createCascade('LAB', { ...cascade, name: 'down' });
    await expect.poll(async () => (await status()).loops, { timeout: 15_000 }).toMatchObject([{ through: [] }]);
    await waitForPing(hosts.one, { target: '10.90.0.2' });
    await ours.cascade('online', 'second');
    await expect.poll(async () => (await status()).loops, { timeout: 15_000 }).toHaveLength(2);
    await waitForPing(hosts.one, { target: '10.90.0.2' });
    await ours.cascade('offline', 'second');
    await ours.cascade('offline', 'up');
    await expect.poll(async () => (await status()).loops, { timeout: 10_000 }).toEqual([]);
    await hosts.two.ip('neigh', 'flush', 'dev', tap);
    await waitForPing(hosts.one, { target: '10.90.0.2' });
    await expectTransfer(hosts.one, hosts.two, '10.90.0.2', 10);
    const { sessions } = await status();
    expect(sessions).toMatchObject([{ user: 'branch' }]);
    const log = ours.process.child.stderr.split('\n').filter((line) => line.includes('session opened'));
    expect(log[0]).toMatch(/Cascade Mode/);
    expect(await ours.stop()).toBe(0);
  });

  test("a VPN Bridge of SoftEther's joins what is behind its local bridge to a hub of ours", {
    timeout: 60 * ONE_SECOND,
  }, async () => {
    const [bridge, ours] = await Promise.all([
      SoftEtherServer.start(hosts.two, { program: 'vpnbridge' }),
      EtherloomServer.start(hosts.one, {
        runtime,
        address: '10.77.0.1',
        users: { branch: 'branchpw' },
        taps: { el0: '10.90.0.1/24' },
      }),
    ]);
    const tap = await bridge.bridgeToTap(BRIDGE_HUB, 'station', '10.90.0.2/24');
    const cascade = { server: '10.77.0.1:5555', hub: 'lab', user: 'branch', password: 'branchpw' };
    await bridge.createCascade(BRIDGE_HUB, { ...cascade, name: 'up' });
    const status = async () => await bridge.cascadeStatus(BRIDGE_HUB, 'up');
    await expect.poll(status, { timeout: 15_000 }).toBe('Online (Established)');
    await expectPings(hosts.two, '10.90.0.1');
    await expectPings(hosts.one, '10.90.0.2');
    await expectTransfer(hosts.two, hosts.one, '10.90.0.1', 10);
    await expectTransfer(hosts.one, hosts.two, '10.90.0.2', 10);
    // The way was the one meant: the bridge learned the station on its local bridge, and ours behind the cascade.
    const [mine, far] = [await macOf(hosts.two, tap), await macOf(hosts.one, 'el0')];
    const learned = new Map((await bridge.macTable(BRIDGE_HUB)).map(({ mac, session }) => [mac, session]));
    expect(learned.get(mine)).toMatch(/LOCALBRIDGE/);
    expect(learned.get(far)).toMatch(/^SID-LINK-/);
    expect((await ours.status()).hubs[0]!.sessions).toMatchObject([{ user: 'branch' }]);
    const opened = ours.process.child.stderr.split('\n').filter((line) => line.includes('session opened'));
    expect(opened[0]).toMatch(/Cascade Mode/);
    expect(await ours.stop()).toBe(0);
  });
});

async function macOf(host: LabHost, ifname: string): Promise<string> {
  const { stdout } = await host.run(['ip', '-j', 'link', 'show', ifname]);
  return JSON.parse(stdout)[0].address;
}
