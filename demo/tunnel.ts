import type { NodeStatus } from '../engine/admin/status.ts';
import { EtherloomClient, EtherloomServer } from '../lab/etherloom.ts';
import type { Lab, LabHost } from '../lab/netns.ts';
import type { Runtime } from '../lab/runtime.ts';

/** Where things are in the demo's network. */
export const NETWORK = {
  server: '10.91.0.1',
  port: 5555,
  tunnel: { server: '10.90.0.1', alice: '10.90.0.11', bob: '10.90.0.12' },
} as const;

/** Made up for the demo, used nowhere else, gone with it. */
const PASSWORD = 'correct horse battery staple';

export interface Tunnel {
  readonly alice: LabHost;
  readonly bob: LabHost;
  /** What the server, alice and bob say of themselves. */
  status(): Promise<Record<'server' | 'alice' | 'bob', NodeStatus>>;
}

/**
 * Three hosts on a switch: a server, and two clients that log in to it.
 *
 * @param say Is told of each step before it begins.
 */
export async function buildTunnel(lab: Lab, runtime: Runtime, say: (step: string) => void): Promise<Tunnel> {
  say('Three hosts and a switch between them, in network namespaces');
  const box = await lab.addSwitch('switch');
  const [host, alice, bob] = [await lab.addHost('server'), await lab.addHost('alice'), await lab.addHost('bob')];
  await lab.connect(host, box, { address: `${NETWORK.server}/24` });
  await lab.connect(alice, box, { address: '10.91.0.11/24' });
  await lab.connect(bob, box, { address: '10.91.0.12/24' });

  say('An Etherloom server with the hub "lab" and a TAP of its own');
  const server = await EtherloomServer.start(host, {
    runtime,
    address: NETWORK.server,
    port: NETWORK.port,
    users: { alice: PASSWORD, bob: PASSWORD },
    taps: { tunnel0: `${NETWORK.tunnel.server}/24` },
  });

  say('Two clients, alice and bob, each with a TAP');
  const join = async (from: LabHost, user: 'alice' | 'bob'): Promise<EtherloomClient> =>
    await EtherloomClient.start(from, {
      runtime,
      server: `${NETWORK.server}:${NETWORK.port}`,
      user,
      password: PASSWORD,
      trust: { pin: server.fingerprint },
      tap: 'tunnel0',
      address: `${NETWORK.tunnel[user]}/24`,
    });
  const [clientA, clientB] = await Promise.all([join(alice, 'alice'), join(bob, 'bob')]);
  return {
    alice,
    bob,
    status: async () => ({
      server: await server.status(),
      alice: await clientA.status(),
      bob: await clientB.status(),
    }),
  };
}
