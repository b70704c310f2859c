import type { LabHost } from '../../../lab/netns.ts';
import { type SoftEtherAccount, SoftEtherClient, SoftEtherServer } from '../../../lab/softether.ts';
import { CABLE, type Subject, TUNNEL } from '../subject.ts';

const HUB = 'lab';

/** It begins some seconds after the session, when both sides have heard each other. */
const UDP_ACCELERATION_TIMEOUT_MS = 30_000;

export type SoftEtherKind = 'tls' | 'udp' | 'plain' | 'compressed';

const TITLES: Readonly<Record<SoftEtherKind, string>> = {
  tls: 'SoftEther, TLS over TCP',
  udp: 'SoftEther, UDP acceleration',
  plain: 'SoftEther, unencrypted',
  compressed: 'SoftEther, TLS over TCP, compressed',
};

/** SoftEther at both ends. */
export function softether(kind: SoftEtherKind): Subject {
  return {
    name: `softether-${kind}`,
    title: TITLES[kind],
    needs: ['softether'],
    start: async ({ client, server }) => {
      const udpAcceleration = kind === 'udp';
      const theirs = await startSoftEtherServer(server, udpAcceleration);
      const peer = await startSoftEtherClient(client, `${CABLE.server}:${theirs.port}`, {
        udpAcceleration,
        encrypt: kind !== 'plain',
        compress: kind === 'compressed',
      });
      if (udpAcceleration) {
        await peer.waitForStatus((status) => status.udpAccelerationActive, { timeoutMs: UDP_ACCELERATION_TIMEOUT_MS });
      }
      return {
        target: TUNNEL.server,
        processes: { client: [peer.sandbox.child.pid], server: [theirs.sandbox.child.pid] },
      };
    },
  };
}

/** A server whose hub is bridged to a TAP. */
export async function startSoftEtherServer(host: LabHost, udpAcceleration = false): Promise<SoftEtherServer> {
  const theirs = await SoftEtherServer.start(host, {
    hubs: [{ name: HUB, users: [{ name: 'guest' }], udpAcceleration }],
  });
  await theirs.bridgeToTap(HUB, 'lab', `${TUNNEL.server}/24`);
  return theirs;
}

/** A client with a session of one connection. */
export async function startSoftEtherClient(
  host: LabHost,
  server: string,
  account: Pick<SoftEtherAccount, 'udpAcceleration' | 'encrypt' | 'compress'> = {},
): Promise<SoftEtherClient> {
  const client = await SoftEtherClient.start(host);
  await client.createAccount({ server, hub: HUB, user: 'guest', connections: 1, qos: false, ...account });
  await client.connect();
  await client.setAddress(`${TUNNEL.client}/24`);
  return client;
}
