import { measureTcp } from '../../../lab/iperf.ts';
import { ping, pingFlood } from '../../../lab/ping.ts';
import type { Context, Measure } from '../measure.ts';
import { mean, median, quantile } from '../statistics.ts';

/** Round trips with nothing else going on. */
export const idlePing: Measure = {
  name: 'ping',
  metrics: ['ping50', 'ping2', 'pingFlood'],
  iperf: false,
  streams: false,
  run: async ({ client, running: { target }, quick }) => {
    const share = quick ? 0.5 : 1;
    const slow = await ping(client, { target, intervalMs: 50, count: 40 * share, method: 'icmp' });
    const fast = await ping(client, { target, intervalMs: 2, count: 500 * share, method: 'icmp' });
    const flood = await pingFlood(client, { target, count: 3_000 * share });
    return { ping50: median(slow.times), ping2: median(fast.times), pingFlood: flood.average };
  },
};

/** Milliseconds until a flow has reached its speed. */
const SETTLE_MS = 300;
const SPACING_MS = 10;

/** Round trips while one TCP flow runs at full speed, first up, then down. */
export const loadedPing: Measure = {
  name: 'load',
  metrics: ['pingLoad', 'pingLoadP99'],
  iperf: true,
  streams: false,
  run: async (context) => {
    const seconds = Math.max(1, Math.floor(context.seconds / 2));
    const times: number[] = [];
    for (const direction of ['up', 'down'] as const) times.push(...(await pingDuring(context, direction, seconds)));
    return { pingLoad: mean(times), pingLoadP99: quantile(times, 0.99) };
  },
};

async function pingDuring(
  { client, server, running }: Context,
  direction: 'up' | 'down',
  seconds: number,
): Promise<readonly number[]> {
  const { target } = running;
  const transfer = measureTcp(client, server, { target, direction, seconds: seconds + 1 });
  transfer.catch(() => {}); // looked at below
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const count = (seconds * 1_000) / SPACING_MS;
  const { times } = await ping(client, { target, intervalMs: SPACING_MS, count, method: 'icmp' });
  await transfer;
  return times;
}
