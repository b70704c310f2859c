/** What a tunnel has to carry, between two hosts of a lab. */
import { expect } from 'vitest';
import type { LabHost } from '../../lab/netns.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import type { Content } from '../../lab/traffic-content.ts';

export const ONE_SECOND = 1_000;

/** Pings of three sizes: small, the largest that fits in a frame, and one that has to be fragmented. */
export async function expectPings(from: LabHost, target: string): Promise<void> {
  await waitForPing(from, { target }, 20 * ONE_SECOND);
  for (const size of [56, 1472, 1473]) {
    const echo = await ping(from, { target, size, count: 3, intervalMs: 150 });
    expect(echo, echo.output).toMatchObject({ sent: 3, received: 3, method: 'icmp' });
  }
}

/** A transfer whose content is compared. */
export async function expectTransfer(
  from: LabHost,
  to: LabHost,
  host: string,
  megabytes: number,
  content: Content = 'random',
): Promise<void> {
  const traffic = await startTraffic(to);
  const bytes = megabytes * 1e6;
  const result = await measureTraffic(from, { host, bytes, content, checksum: true, timeoutMs: 120 * ONE_SECOND });
  expect(result).toMatchObject({ bytes, checksum: 'match' });
  await traffic.stop();
}

/**
 * Keeps the connections busy until each of them is younger than this call.
 * @param ages Seconds since each was established, as `status` has them: whole ones.
 */
export async function expectAllReplaced(
  ages: () => Promise<number[]>,
  busy: () => Promise<void>,
  withinMs: number,
): Promise<void> {
  const started = performance.now();
  let oldest = Number.POSITIVE_INFINITY;
  while (!(oldest + 1 < (performance.now() - started) / 1_000)) {
    expect(performance.now() - started, `the oldest connection is ${oldest} s old`).toBeLessThan(withinMs);
    await busy();
    const all = await ages();
    oldest = all.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...all);
  }
}
