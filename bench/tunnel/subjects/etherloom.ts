import { EtherloomClient, EtherloomServer } from '../../../lab/etherloom.ts';
import type { LabHost } from '../../../lab/netns.ts';
import type { Runtime } from '../../../lab/runtime.ts';
import { type Bed, CABLE, type Subject, TUNNEL } from '../subject.ts';

const TITLE = { node: 'Node', bun: 'Bun' } as const;

/** Etherloom at both ends. */
export function etherloom(runtime: Runtime, options: { readonly encrypt: boolean }): Subject {
  return {
    name: `etherloom-${runtime}${options.encrypt ? '' : '-plain'}`,
    title: `Etherloom on ${TITLE[runtime]}, ${options.encrypt ? 'TLS' : 'unencrypted'}`,
    needs: [],
    start: async ({ client, server }) => {
      const ours = await startServer(server, runtime);
      const theirs = await startClient(client, runtime, {
        server: `${CABLE.server}:5555`,
        trust: { pin: ours.fingerprint },
        args: options.encrypt ? [] : ['--no-encrypt'],
      });
      return {
        target: TUNNEL.server,
        processes: { client: [theirs.process.child.pid], server: [ours.process.child.pid] },
      };
    },
  };
}

export async function startServer(host: LabHost, runtime: Runtime): Promise<EtherloomServer> {
  return await EtherloomServer.start(host, {
    ...{ runtime, address: CABLE.server, users: { guest: undefined } },
    taps: { elsrv0: `${TUNNEL.server}/24` },
  });
}

/** One connection and no more: without QoS there is none for priority frames either. */
export async function startClient(
  host: Bed['client'],
  runtime: Runtime,
  to: { readonly server: string; readonly trust: { pin: string } | 'insecure'; readonly args?: readonly string[] },
): Promise<EtherloomClient> {
  return await EtherloomClient.start(host, {
    ...{ runtime, server: to.server, trust: to.trust, user: 'guest', tap: 'el0', address: `${TUNNEL.client}/24` },
    args: ['--connections', '1', '--no-qos', ...(to.args ?? [])],
  });
}
