/** Sessions of many connections with a real SoftEther server, with every setting that a client has. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { SoftEtherClient, SoftEtherServer } from '../../lab/softether.ts';
import { expectAllReplaced, expectPings, expectTransfer, ONE_SECOND } from './expect.ts';

let lab: Lab;
let [server, a, b]: LabHost[] = [];
let theirs: SoftEtherServer;

const HUB = { name: 'LAB', users: [{ name: 'guest' }] };

beforeEach(async () => {
  lab = await Lab.create();
  const lan = await lab.addSwitch('lan');
  [server, a, b] = [await lab.addHost('server'), await lab.addHost('a'), await lab.addHost('b')];
  await lab.connect(server, lan, { address: '10.77.0.1/24' });
  await lab.connect(a, lan, { address: '10.77.0.2/24' });
  await lab.connect(b, lan, { address: '10.77.0.3/24' });
  theirs = await SoftEtherServer.start(server, { hubs: [HUB] });
  const peer = await SoftEtherClient.start(b);
  await peer.createAccount({ server: '10.77.0.1:443', hub: 'LAB', user: 'guest' });
  await peer.connect();
  await peer.setAddress('10.90.0.3/24');
});

afterEach(async () => {
  await lab.close();
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  async function join(...args: string[]): Promise<EtherloomClient> {
    return await EtherloomClient.start(a!, {
      ...{ runtime, server: '10.77.0.1:443', hub: 'LAB', user: 'guest', trust: 'insecure' as const },
      ...{ tap: 'el0', address: '10.90.0.2/24', args },
    });
  }

  /** Waits until both sides count so many connections. */
  async function expectConnections(client: EtherloomClient, count: number): Promise<void> {
    const ours = async () => (await client.status()).hubs[0]?.sessions[0]?.connections?.length;
    await expect.poll(ours, { timeout: 60 * ONE_SECOND, interval: 500 }).toBe(count);
    const { name = '' } = (await client.status()).hubs[0]?.sessions[0] ?? {};
    await expect.poll(async () => (await theirs.session('LAB', name)).tcpConnections).toBe(count);
  }

  test.each([
    ['1 connection', 1, ['--no-qos']],
    ['8 connections', 8, ['--connections', '8']],
    ['32 connections', 32, ['--connections', '32']],
    ['4 connections in half duplex', 4, ['--connections', '4', '--half-duplex']],
    ['8 connections in half duplex', 8, ['--connections', '8', '--half-duplex']],
    ['3 connections without encryption', 3, ['--connections', '3', '--no-encrypt']],
  ])('%s', { timeout: 120 * ONE_SECOND }, async (_name, count, args) => {
    const client = await join(...args);
    await expectConnections(client, count);
    await expectPings(a!, '10.90.0.3');
    await expectTransfer(a!, b!, '10.90.0.3', 20);
    await expectTransfer(b!, a!, '10.90.0.2', 20);
    const connections = (await client.status()).hubs[0]?.sessions[0]?.connections ?? [];
    expect(connections).toHaveLength(count);
    expect(connections.every(({ cipher }) => (cipher === 'none') === args.includes('--no-encrypt'))).toBe(true);
    const ways = new Set(connections.map(({ direction }) => direction));
    expect(ways.size).toBe(args.includes('--half-duplex') ? 2 : 1);
    expect(await client.stop()).toBe(0);
  });

  test('compression', { timeout: 180 * ONE_SECOND }, async () => {
    const client = await join('--compress');
    await expectPings(a!, '10.90.0.3');
    for (const content of ['html', 'random'] as const) {
      const megabytes = content === 'html' ? 100 : 20;
      await expectTransfer(a!, b!, '10.90.0.3', megabytes, content);
      await expectTransfer(b!, a!, '10.90.0.2', megabytes, content);
    }
    const { name, compression } = (await client.status()).hubs[0]!.sessions[0]!;
    expect(compression!.received.bytes).toBeGreaterThan(120e6);
    expect(compression!.received.savedPercent).toBeGreaterThan(50);
    expect(compression!.sent.savedPercent).toBeGreaterThan(50);
    expect((await theirs.session('LAB', name)).fields['Use of Compression']).toMatch(/^Yes/);
    expect(client.process.child.stderr).toContain('compression is on');
    expect(await client.stop()).toBe(0);
  });

  test('connections with a lifetime of 10 s are replaced under load', { timeout: 120 * ONE_SECOND }, async () => {
    const client = await join('--connections', '4', '--connection-lifetime', '10');
    await expectConnections(client, 4);
    const ages = async (): Promise<number[]> =>
      (await client.status()).hubs[0]?.sessions[0]?.connections?.map(({ ageSeconds }) => ageSeconds) ?? [];
    await expectAllReplaced(ages, () => expectTransfer(a!, b!, '10.90.0.3', 20), 60 * ONE_SECOND);
    expect(client.process.child.stdout).not.toContain('"event":"lost"');
  });

  test('a server that was restarted is found again', { timeout: 120 * ONE_SECOND }, async () => {
    const client = await join('--connections', '2', '--reconnect-interval', '5');
    await waitForPing(a!, { target: '10.90.0.3' });
    await theirs.stop();
    // Its own virtual host answers as soon as we are back; the other client takes its time.
    theirs = await SoftEtherServer.start(server!, { hubs: [{ ...HUB, secureNat: true }] });
    await a!.addAddress('el0', '192.168.30.2/24');
    const ups = (): number => client.process.child.stdout.split('"event":"established"').length - 1;
    await expect.poll(ups, { timeout: 30 * ONE_SECOND, interval: 200 }).toBe(2);
    await waitForPing(a!, { target: '192.168.30.1' });
  });
});
