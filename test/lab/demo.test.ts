/** `npm run demo`, as a user runs it, and as a user stops it. */
import { describe, expect, test } from 'vitest';
import type { DemoResult } from '../../demo/report.ts';
import { start, traces } from './program.ts';

const DEMO = 'demo/main.js';

describe.each(['node', 'bun'])('the demo on %s', (runtime) => {
  test('shows a tunnel that works, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const { child, said, ended } = start(DEMO, '--runtime', runtime, '--json', '--megabytes', '50');
    expect(await ended, said.stderr).toBe(0);
    const result = JSON.parse(said.stdout) as DemoResult;
    expect(result.runtime).toMatch(new RegExp(`^${runtime} `));
    expect(result.roundTrip.received).toBe(result.roundTrip.sent);
    expect(result.throughput.aliceToBobMbits).toBeGreaterThan(0);
    expect(result.tunnel.protocol).toMatch(/^TLSv1\.[23]$/);
    expect(result.callsPerFrame).toBeLessThan(0.2);
    expect(traces(child.pid!)).toEqual([]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s leaves nothing behind', { timeout: 60_000 }, async (signal, code) => {
    const { child, said, ended } = start(DEMO, '--runtime', runtime, '--megabytes', '100000');
    await expect.poll(() => said.stderr, { timeout: 30_000 }).toContain('MB over one TCP connection');
    expect(traces(child.pid!).length).toBeGreaterThan(0);
    child.kill(signal);
    expect(await ended).toBe(code);
    expect(said.stderr).not.toContain('failed');
    expect(traces(child.pid!)).toEqual([]);
  });
});

test('wrong options end with 2 and say what is right', async () => {
  const { said, ended } = start(DEMO, '--runtime', 'python');
  expect(await ended).toBe(2);
  expect(said.stderr).toContain('node, bun');
});
