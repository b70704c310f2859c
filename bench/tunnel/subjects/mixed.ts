import type { Runtime } from '../../../lab/runtime.ts';
import { CABLE, type Subject, TUNNEL } from '../subject.ts';
import { startClient, startServer, TITLE } from './etherloom.ts';
import { startSoftEtherClient, startSoftEtherServer } from './softether.ts';

/** Etherloom's client and SoftEther's server. */
export function toSoftEther(runtime: Runtime): Subject {
  return {
    name: `${runtime}-to-softether`,
    title: `Etherloom's client on ${TITLE[runtime]} to SoftEther's server`,
    needs: ['softether'],
    start: async ({ client, server }) => {
      const theirs = await startSoftEtherServer(server);
      const ours = await startClient(client, runtime, { server: `${CABLE.server}:${theirs.port}`, trust: 'insecure' });
      return {
        target: TUNNEL.server,
        processes: { client: [ours.process.child.pid], server: [theirs.sandbox.child.pid] },
      };
    },
  };
}

/** SoftEther's client and Etherloom's server. */
export function fromSoftEther(runtime: Runtime): Subject {
  return {
    name: `softether-to-${runtime}`,
    title: `SoftEther's client to Etherloom's server on ${TITLE[runtime]}`,
    needs: ['softether'],
    start: async ({ client, server }) => {
      const ours = await startServer(server, runtime);
      const theirs = await startSoftEtherClient(client, `${CABLE.server}:5555`);
      return {
        target: TUNNEL.server,
        processes: { client: [theirs.sandbox.child.pid], server: [ours.process.child.pid] },
      };
    },
  };
}
