import type { LegacyAlgorithm } from '../../../engine/tls-legacy/suites.ts';
import { EtherloomClient, EtherloomServer } from '../../../lab/etherloom.ts';
import type { LabHost } from '../../../lab/netns.ts';
import type { Runtime } from '../../../lab/runtime.ts';
import { type Bed, CABLE, type Running, type Subject, TUNNEL } from '../subject.ts';

export const TITLE = { node: 'Node', bun: 'Bun' } as const;

/** Etherloom at both ends. */
export function etherloom(runtime: Runtime, { encrypt }: { readonly encrypt: boolean }): Subject {
  return {
    name: `etherloom-${runtime}${encrypt ? '' : '-plain'}`,
    title: `Etherloom on ${TITLE[runtime]}, ${encrypt ? 'TLS' : 'unencrypted'}`,
    needs: [],
    start: async (bed) => await startPair(bed, runtime, 0, encrypt ? [] : ['--no-encrypt']),
  };
}

/** The same with compressed frames, through TLS. */
export function compressing(runtime: Runtime): Subject {
  return {
    name: `etherloom-${runtime}`,
    title: `Etherloom on ${TITLE[runtime]}`,
    needs: [],
    start: async (bed) => await startPair(bed, runtime, 0, ['--compress']),
  };
}

/** The same over one of the old suites, which this program protects by itself. */
export function overSuite(runtime: Runtime, algorithm: LegacyAlgorithm): Subject {
  const args = ['--tls-algorithms', algorithm];
  return {
    name: `suite-${runtime}-${algorithm.toLowerCase()}`,
    title: `Etherloom on ${TITLE[runtime]}, ${algorithm}`,
    needs: [],
    measures: ['tcp'],
    start: async (bed) => await startPair(bed, runtime, 0, args, `algorithms: [${algorithm}]`),
  };
}

/** Microseconds: longer than the pause between two pings, also of those that are 50 ms apart. */
const BUSY_POLL = 60_000;

/** The same with TAPs that are polled. That is there for low delay, and nothing else is asked of it. */
export function polling(runtime: Runtime): Subject {
  return {
    name: `polling-${runtime}`,
    title: `Etherloom on ${TITLE[runtime]}, TLS, polling`,
    needs: [],
    measures: ['ping'],
    start: async (bed) => await startPair(bed, runtime, BUSY_POLL, ['--busy-poll', String(BUSY_POLL)]),
  };
}

async function startPair(
  { client, server }: Bed,
  runtime: Runtime,
  busyPoll: number,
  args: readonly string[],
  tls?: string,
): Promise<Running> {
  const ours = await startServer(server, runtime, busyPoll, tls);
  const trust = { pin: ours.fingerprint };
  const theirs = await startClient(client, runtime, { server: `${CABLE.server}:5555`, trust, args });
  return {
    target: TUNNEL.server,
    processes: { client: [theirs.process.child.pid], server: [ours.process.child.pid] },
    saved: async () => (await theirs.status()).hubs[0]?.sessions[0]?.compression?.sent.savedPercent,
  };
}

export async function startServer(
  host: LabHost,
  runtime: Runtime,
  busyPoll = 0,
  tls?: string,
): Promise<EtherloomServer> {
  return await EtherloomServer.start(host, {
    ...{ runtime, address: CABLE.server, users: { guest: undefined }, busyPoll },
    ...(tls === undefined ? {} : { tls }),
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
