/** What is measured through a tunnel over a long line. */

import { setTimeout as sleep } from 'node:timers/promises';
import { measureCall, measureTcp } from '../../lab/iperf.ts';
import type { LabHost } from '../../lab/netns.ts';
import { ping } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import type { Wan } from '../../lab/wan.ts';
import { mean, quantile } from '../tunnel/statistics.ts';
import { TUNNEL } from '../tunnel/subject.ts';
import type { Scenario } from './scenarios.ts';
import type { ConnectionPorts } from './tunnels.ts';

/** NaN where it is not measured. */
export interface Figures {
  /** Mbit/s of all flows inside. */
  readonly up: number;
  readonly down: number;
  /** Milliseconds of the EF ping. */
  readonly pingMean: number;
  readonly ping99: number;
  readonly pingMax: number;
  /** Milliseconds, RFC 3550, and packets, of the calls each way: the worse of the two. */
  readonly jitter: number;
  readonly lost: number;
  /** Milliseconds for which the flow inside rested at most. */
  readonly rest: number;
}

export const NO_FIGURES: Figures = {
  ...{ up: Number.NaN, down: Number.NaN, pingMean: Number.NaN, ping99: Number.NaN, pingMax: Number.NaN },
  ...{ jitter: Number.NaN, lost: Number.NaN, rest: Number.NaN },
};

const EF = 0xb8;
/** TCP inside has found its speed. */
const WARM_UP_S = 2;

export async function measureScenario(
  client: LabHost,
  server: LabHost,
  scenario: Scenario,
  seconds: number,
  wan: Wan | undefined,
  ports: ConnectionPorts,
): Promise<Figures> {
  const { measure, flows = 1 } = scenario;
  if (measure === 'freeze') return await freeze(client, server, seconds, wan, ports);
  if (measure === 'calls') return await calls(client, server, flows, seconds);
  const rate = async (direction: 'up' | 'down'): Promise<number> =>
    await rateOf(client, server, direction, flows, seconds);
  // What SoftEther sends is its own business.
  if (scenario.towardsSoftEther === true) return { ...NO_FIGURES, up: await rate('up') };
  if (measure === 'throughput') return { ...NO_FIGURES, up: await rate('up'), down: await rate('down') };
  const traffic = await startTraffic(server);
  const both = await measureTraffic(client, { host: TUNNEL.server, direction: 'both', flows, seconds });
  await traffic.stop();
  return { ...NO_FIGURES, up: both.mbits / 2, down: both.mbits / 2 };
}

async function rateOf(
  client: LabHost,
  server: LabHost,
  direction: 'up' | 'down',
  flows: number,
  seconds: number,
): Promise<number> {
  const result = await measureTcp(client, server, { target: TUNNEL.server, direction, flows, seconds });
  return (result.bytes * 8) / result.seconds / 1e6;
}

/** Bulk up, then down, and beside it what must not wait for it. */
async function calls(client: LabHost, server: LabHost, flows: number, seconds: number): Promise<Figures> {
  const times: number[] = [];
  const jitters: number[] = [];
  const rates: number[] = [];
  let lost = 0;
  for (const direction of ['up', 'down'] as const) {
    const bulk = rateOf(client, server, direction, flows, seconds + WARM_UP_S + 2);
    await sleep(WARM_UP_S * 1_000);
    const target = TUNNEL.server;
    const [echo, ...talk] = await Promise.all([
      ping(client, { target, count: seconds * 20, intervalMs: 50, tos: EF, timeoutMs: 2_000 }),
      ...(['up', 'down'] as const).map((way) => measureCall(client, server, { target, direction: way, seconds })),
    ]);
    times.push(...echo.times);
    lost += echo.sent - echo.received;
    for (const call of talk) {
      jitters.push(call.jitterMs);
      lost += call.lost;
    }
    rates.push(await bulk);
  }
  return {
    ...NO_FIGURES,
    up: rates[0]!,
    down: rates[1]!,
    pingMean: mean(times),
    ping99: quantile(times, 0.99),
    pingMax: Math.max(...times),
    jitter: Math.max(...jitters),
    lost,
  };
}

async function freeze(
  client: LabHost,
  server: LabHost,
  seconds: number,
  wan: Wan | undefined,
  ports: ConnectionPorts,
): Promise<Figures> {
  const found = await ports();
  const traffic = await startTraffic(server);
  const running = measureTraffic(client, { host: TUNNEL.server, seconds });
  await sleep(WARM_UP_S * 1_000);
  const port = found[found.length >> 1];
  if (wan === undefined || port === undefined) throw new Error('there is no connection that could be frozen');
  wan.freeze(port);
  const { mbits, longestStallMs } = await running;
  await traffic.stop();
  return { ...NO_FIGURES, up: mbits, rest: longestStallMs };
}
