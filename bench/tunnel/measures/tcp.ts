import { measureTcp } from '../../../lab/iperf.ts';
import { cpuSeconds, processTree } from '../../../lab/usage.ts';
import type { Context, Measure } from '../measure.ts';
import { mean } from '../statistics.ts';
import type { Direction, Flow } from '../subject.ts';

/** One flow each way, and what it costs. */
export const tcp: Measure = {
  name: 'tcp',
  metrics: ['tcpUp', 'tcpDown', 'cpuClient', 'cpuServer', 'resent'],
  iperf: true,
  streams: true,
  run: async (context) => {
    const up = await transfer(context, 'up', 1);
    const down = await transfer(context, 'down', 1);
    const rates = { tcpUp: gbits(up.flow), tcpDown: gbits(down.flow) };
    const resent = context.running.flow === undefined ? { resent: retransmissions(up.flow, down.flow) } : {};
    const { client, server } = context.running.processes;
    if (client.length + server.length === 0) return { ...rates, ...resent };
    return {
      ...rates,
      ...resent,
      cpuClient: mean([up.cpuClient, down.cpuClient]),
      cpuServer: mean([up.cpuServer, down.cpuServer]),
    };
  },
};

/** Four flows each way, for half the time: they are there to see whether flows get into each other's way. */
export const tcp4: Measure = {
  name: 'tcp4',
  metrics: ['tcp4Up', 'tcp4Down', 'resent4'],
  iperf: true,
  streams: false,
  run: async (context) => {
    const shorter = { ...context, seconds: Math.ceil(context.seconds / 2) };
    const up = await transfer(shorter, 'up', 4);
    const down = await transfer(shorter, 'down', 4);
    return {
      ...{ tcp4Up: gbits(up.flow), tcp4Down: gbits(down.flow) },
      resent4: retransmissions(up.flow, down.flow),
    };
  },
};

/** A transfer that is not counted: compilers warm up, tables learn, windows open. */
export async function warmUp(context: Context): Promise<void> {
  for (const direction of ['up', 'down'] as const) await flow(context, direction, 1, 1);
}

interface Transfer {
  readonly flow: Flow;
  /** Seconds of processor time for each Gbit of payload. */
  readonly cpuClient: number;
  readonly cpuServer: number;
}

async function transfer(context: Context, direction: Direction, flows: number): Promise<Transfer> {
  const pids = {
    client: processTree(context.running.processes.client),
    server: processTree(context.running.processes.server),
  };
  const before = { client: cpuSeconds(pids.client), server: cpuSeconds(pids.server) };
  const done = await flow(context, direction, flows, context.seconds);
  const gbit = (done.bytes * 8) / 1e9;
  return {
    flow: done,
    cpuClient: (cpuSeconds(pids.client) - before.client) / gbit,
    cpuServer: (cpuSeconds(pids.server) - before.server) / gbit,
  };
}

async function flow(context: Context, direction: Direction, flows: number, seconds: number): Promise<Flow> {
  const { running, client, server } = context;
  if (running.flow !== undefined) return await running.flow(direction, seconds);
  return await measureTcp(client, server, { target: running.target, direction, flows, seconds });
}

function gbits({ bytes, seconds }: Flow): number {
  return (bytes * 8) / seconds / 1e9;
}

function retransmissions(...flows: readonly Flow[]): number {
  return flows.reduce((sum, each) => sum + each.retransmissions, 0);
}
