/** The tunnels that are measured, set up between two hosts of a lab. */

import { setTimeout as sleep } from 'node:timers/promises';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import type { LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { SoftEtherClient, SoftEtherServer } from '../../lab/softether.ts';
import { CABLE, TUNNEL } from '../tunnel/subject.ts';
import type { Scenario } from './scenarios.ts';

export type Subject = 'Etherloom on Node' | 'Etherloom on Bun' | 'SoftEther';

export const OURS = { node: 'Etherloom on Node', bun: 'Etherloom on Bun' } as const;

/** Between opening two connections, and a little more. */
const INTERVAL_MS = 1_050;

/** TCP ports on the client's side, one for each connection; only of own peers. */
export type ConnectionPorts = () => Promise<readonly number[]>;

/** Comes back when all connections are there. */
export async function joinTunnel(
  client: LabHost,
  server: LabHost,
  scenario: Scenario,
  connections: number,
  subject: Subject,
): Promise<ConnectionPorts> {
  const runtime = subject === OURS.node ? 'node' : 'bun';
  const ports =
    subject === 'SoftEther'
      ? await joinSoftEther(client, server, scenario, connections)
      : await joinOurs(client, server, scenario, connections, runtime);
  await waitForPing(client, { target: TUNNEL.server });
  await sleep(connections * INTERVAL_MS);
  return ports;
}

async function joinOurs(
  client: LabHost,
  server: LabHost,
  { halfDuplex = false, qos = false, towardsSoftEther = false }: Scenario,
  connections: number,
  runtime: 'node' | 'bun',
): Promise<ConnectionPorts> {
  const args = ['--connections', String(connections), ...(qos ? [] : ['--no-qos'])];
  if (halfDuplex) args.push('--half-duplex');
  const tap = { tap: 'el0', address: `${TUNNEL.client}/24` };
  if (towardsSoftEther) {
    const theirs = await startSoftEther(server);
    await EtherloomClient.start(client, {
      ...{ runtime, server: `${CABLE.server}:${theirs.port}`, user: 'guest', ...tap, trust: 'insecure', args },
    });
    return NO_PORTS;
  }
  const ours = await EtherloomServer.start(server, {
    ...{ runtime, address: CABLE.server, users: { guest: undefined } },
    taps: { elsrv0: `${TUNNEL.server}/24` },
  });
  await EtherloomClient.start(client, {
    ...{ runtime, server: `${CABLE.server}:5555`, user: 'guest', ...tap },
    trust: { pin: ours.fingerprint },
    args,
  });
  return async () => {
    const { connections: found = [] } = (await ours.status()).hubs[0]?.sessions[0] ?? {};
    return found.map(({ peer }) => Number(peer.split(':').at(-1)));
  };
}

async function joinSoftEther(
  client: LabHost,
  server: LabHost,
  { halfDuplex = false, qos = false }: Scenario,
  connections: number,
): Promise<ConnectionPorts> {
  const theirs = await startSoftEther(server);
  const peer = await SoftEtherClient.start(client);
  const account = { server: `${CABLE.server}:${theirs.port}`, hub: 'lab', user: 'guest' };
  await peer.createAccount({ ...account, connections, halfDuplex, qos, udpAcceleration: false });
  await peer.connect();
  await peer.setAddress(`${TUNNEL.client}/24`);
  return NO_PORTS;
}

async function startSoftEther(server: LabHost): Promise<SoftEtherServer> {
  const hub = { name: 'lab', users: [{ name: 'guest' }], udpAcceleration: false };
  const theirs = await SoftEtherServer.start(server, { hubs: [hub] });
  await theirs.bridgeToTap('lab', 'lab', `${TUNNEL.server}/24`);
  return theirs;
}

const NO_PORTS: ConnectionPorts = async () => [];
