/** Interfaces of a host in a hub: the real kernel's veth with all offloads on, real programs, both runtimes. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomBridge, EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';

const ONE_SECOND = 1_000;
/** Exactly: an expectation of `{}` would let everything pass. */
const NONE = expect.toSatisfy((drops: object) => Object.keys(drops).length === 0);
const BYTES = 10_000_000;

let lab: Lab;
/** The station on the wire, the host that bridges, and the station in the hub. */
let wire: LabHost;
let node: LabHost;
let far: LabHost;

beforeEach(async () => {
  lab = await Lab.create();
  [wire, node, far] = [await lab.addHost('wire'), await lab.addHost('node'), await lab.addHost('far')];
  await cable();
});
afterEach(async () => {
  await lab.close();
});

/** From the wire's station to the interface that is bridged. */
async function cable(): Promise<void> {
  // The station is the same when its cable is another one.
  const mac = '02:00:00:00:00:01';
  await lab.cable({ host: node, ifname: 'eth1' }, { host: wire, ifname: 'eth0', mac, address: '10.90.0.1/24' });
}

/** A TAP of the hub becomes the far host's. */
async function giveTap(name: string): Promise<void> {
  await node.ip('link', 'set', name, 'netns', far.namespace);
  await far.addAddress(name, '10.90.0.2/24');
}

async function link(name: string): Promise<{ promiscuity: number; mtu: number; flags: string[] }> {
  return JSON.parse((await node.ip('-j', '-d', 'link', 'show', name)).stdout)[0];
}

/** Bytes both ways between the station on the wire and the one in the hub, none of which the way may spoil. */
async function transfer(): Promise<void> {
  const traffic = await startTraffic(wire);
  const result = await measureTraffic(far, { host: '10.90.0.1', bytes: BYTES, direction: 'both', checksum: true });
  expect(result).toMatchObject({ bytes: 2 * BYTES, checksum: 'match' });
  await traffic.stop();
}

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test('a server bridges the wire with its sessions, and the host stays where it was', {
    timeout: 60 * ONE_SECOND,
  }, async () => {
    await lab.cable(
      { host: node, ifname: 'eth0', address: '10.77.0.1/24' },
      { host: far, ifname: 'eth0', address: '10.77.0.2/24' },
    );
    await node.addAddress('eth1', '10.90.0.9/24');
    const server = await EtherloomServer.start(node, {
      ...{ runtime, address: '10.77.0.1', users: { guest: undefined }, bridges: ['eth1'] },
    });
    const trust = { pin: server.fingerprint };
    await EtherloomClient.start(far, {
      ...{ runtime, server: '10.77.0.1:5555', user: 'guest', trust, tap: 'el0', address: '10.90.0.2/24' },
    });
    await waitForPing(far, { target: '10.90.0.1' });
    await transfer();
    // The host's own address: from the wire as ever, from the hub not, and the log says so.
    expect((await ping(wire, { target: '10.90.0.9', count: 2 })).received).toBe(2);
    expect((await ping(far, { target: '10.90.0.9', count: 1, timeoutMs: 300 })).received).toBe(0);
    await server.process.waitForLine(/"addresses":\["10\.90\.0\.9"\],.*the host uses a bridged interface itself/);
    // Somebody in the hub who takes the host's address, in both senses.
    const { stdout } = await node.run(['cat', '/sys/class/net/eth1/address']);
    await far.ip('link', 'set', 'el0', 'address', stdout.trim());
    await far.addAddress('el0', '10.90.0.9/24');
    await far.run(['ping', '-c', '1', '-W', '0.3', '-I', '10.90.0.9', '10.90.0.1'], { check: false });
    expect((await ping(wire, { target: '10.90.0.9', count: 2 })).received).toBe(2);
    const [hub] = (await server.status()).hubs;
    expect(hub?.bridges).toMatchObject([{ name: 'eth1', state: 'open', mtu: 1500 }]);
    expect(hub!.bridges[0]!.drops['host-address']).toBeGreaterThan(0);
    expect(Object.keys(hub!.bridges[0]!.drops)).toEqual(['host-address']);
    await server.stop();
    expect(await link('eth1')).toMatchObject({ promiscuity: 0, mtu: 1500 });
  });

  test('a bridge carries frames of every size, loses its interface and finds it again', {
    timeout: 60 * ONE_SECOND,
  }, async () => {
    const hubs = { lab: 'taps: [{ name: tap0 }], bridges: [{ interface: eth1 }]' };
    const bridge = await EtherloomBridge.start(node, { runtime, hubs });
    await giveTap('tap0');
    await waitForPing(far, { target: '10.90.0.1' });
    // While a TAP moves to another host it is down, and refuses a probe for loops that comes just then.
    const [moved] = (await bridge.status()).hubs[0]!.taps;
    for (const size of [16, 18, 1472]) {
      const found = await ping(far, { target: '10.90.0.1', count: 2, intervalMs: 20, size, dontFragment: true });
      expect(found.received, `${size}`).toBe(2);
    }
    await transfer();
    const before = await bridge.status();
    expect(before).toMatchObject({ role: 'bridge', listeners: [] });
    expect(before.hubs[0]!.bridges).toMatchObject([{ name: 'eth1', state: 'open', drops: NONE }]);
    expect(before.hubs[0]!.taps.map(({ name, drops }) => ({ name, drops }))).toEqual([
      { name: 'tap0', drops: moved!.drops },
    ]);

    await node.ip('link', 'delete', 'eth1');
    await bridge.process.waitForLine(/an interface cannot be bridged: it is tried again/);
    const [lost] = (await bridge.status()).hubs[0]!.bridges;
    expect(lost).toMatchObject({ state: 'waiting', lastError: expect.stringContaining('interface "eth1"') });
    expect(lost!.received.bytes).toBeGreaterThan(BYTES);
    await cable();
    await waitForPing(far, { target: '10.90.0.1' }, 15 * ONE_SECOND);
    const [found] = (await bridge.status()).hubs[0]!.bridges;
    expect(found).toMatchObject({ state: 'open' });
    expect(found!.received.bytes).toBeGreaterThan(lost!.received.bytes);
    expect((await link('eth1')).promiscuity).toBe(1);
    bridge.process.child.kill('SIGKILL');
    await bridge.process.child.exited;
    expect(await link('eth1')).toMatchObject({ promiscuity: 0, mtu: 1500 });
  });

  test('an interface of 1400 bytes works with stations of 1500', { timeout: 60 * ONE_SECOND }, async () => {
    await node.ip('link', 'set', 'eth1', 'mtu', '1400');
    const hubs = { lab: 'taps: [{ name: tap0 }], bridges: [{ interface: eth1 }]' };
    const bridge = await EtherloomBridge.start(node, { runtime, hubs });
    await giveTap('tap0');
    await waitForPing(far, { target: '10.90.0.1' });
    await transfer();
    expect((await bridge.status()).hubs[0]!.bridges).toMatchObject([{ mtu: 1400, drops: NONE }]);
    // What is no TCP has nobody to tell its sender.
    await ping(far, { target: '10.90.0.1', count: 1, size: 1472, timeoutMs: 200 });
    expect((await bridge.status()).hubs[0]!.bridges[0]!.drops).toMatchObject({ 'too-long-for-port': 1 });
    expect(await bridge.stop()).toBe(0);
    expect(await link('eth1')).toMatchObject({ mtu: 1400, promiscuity: 0 });
  });

  test('a TAP in a bridge of the kernel makes the host reachable from both sides', {
    timeout: 60 * ONE_SECOND,
  }, async () => {
    await EtherloomBridge.start(node, { runtime, hubs: { lab: 'taps: [{ name: tap0 }, { name: tap1 }]' } });
    await giveTap('tap0');
    await node.ip('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0');
    for (const name of ['eth1', 'tap1']) await node.ip('link', 'set', name, 'master', 'br0');
    await node.addAddress('br0', '10.90.0.9/24');
    for (const [from, target] of [
      [far, '10.90.0.1'],
      [far, '10.90.0.9'],
      [wire, '10.90.0.9'],
    ] as const) {
      await waitForPing(from, { target });
    }
    const { code, stderr } = await EtherloomBridge.run(node, {
      ...{ runtime, hubs: { lab: 'taps: [{ name: tap5 }], bridges: [{ interface: eth1 }]' } },
    });
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining('it is a port of the bridge') });
    expect((await node.ip('link')).stdout).not.toContain('tap5');
  });

  test('what cannot be bridged is said in words', { timeout: 60 * ONE_SECOND }, async () => {
    const run = (hubs: Record<string, string>) => EtherloomBridge.run(node, { runtime, hubs });
    const missing = await run({ lab: 'bridges: [{ interface: eth1 }, { interface: eth7 }]' });
    expect(missing.code).toBe(5);
    expect(missing.stderr).toContain('interface \\"eth7\\": cannot bridge it: there is no such interface');
    // The other one was given back.
    expect((await link('eth1')).promiscuity).toBe(0);
    const idle = await run({ lab: 'bridges: [{ interface: eth1 }]' });
    expect(idle.code).toBe(3);
    expect(idle.stderr).toContain('this hub has nothing to bridge; a bridge needs two ports at least');
  });
});
