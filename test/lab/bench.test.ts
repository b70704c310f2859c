/** `npm run bench -- tunnel`, as far as it goes in seconds: the cable alone, and how it is stopped. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Results } from '../../bench/tunnel/results.ts';
import { start, traces } from './program.ts';

const BENCH = ['bench/main.js', 'tunnel'] as const;

test('measures, reports and leaves nothing behind', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'etherloom-bench-'));
  try {
    const file = join(directory, 'report.md');
    const options = ['--quick', '--only', 'veth', '--measures', 'ping', '--json', '--markdown', file];
    const { child, said, ended } = start(...BENCH, ...options);
    expect(await ended, said.stderr).toBe(0);
    const results = JSON.parse(said.stdout) as Results;
    expect(results.failures).toEqual([]);
    expect(results.samples).toHaveLength(1);
    expect(results.samples[0]?.values.ping2).toBeGreaterThan(0);
    expect(readFileSync(file, 'utf8')).toContain('bare veth');
    expect(readFileSync(join(directory, 'report.svg'), 'utf8')).toContain('</svg>');
    expect(traces(child.pid!)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('Ctrl-C ends it with 130, and everything with it', { timeout: 60_000 }, async () => {
  const { child, said, ended } = start(...BENCH, '--only', 'etherloom-node', '--measures', 'ping');
  await expect.poll(() => said.stderr, { timeout: 30_000 }).toContain('round 1 of 3');
  await expect.poll(() => traces(child.pid!).length, { timeout: 30_000 }).toBeGreaterThan(2);
  child.kill('SIGINT');
  expect(await ended, said.stderr).toBe(130);
  expect(traces(child.pid!)).toEqual([]);
});

test('a wrong name ends it with 2 and the right ones', async () => {
  const { said, ended } = start(...BENCH, '--only', 'wireguard');
  expect(await ended).toBe(2);
  expect(said.stderr).toContain('softether-tls');
});
