/** `npm run demo`, as a user runs it, and as a user stops it. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DemoResult } from '../../demo/report.ts';
import { projectRoot } from '../../lab/runtime.ts';

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/demo/main.js'), ...args]);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => {
    said.stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    said.stderr += bytes;
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return { child, said, ended };
}

/** What a lab of that process would leave: namespaces and directories carry its pid. */
function traces(pid: number): string[] {
  const places = ['/run/netns', tmpdir()].filter((place) => existsSync(place));
  return places.flatMap((place) => readdirSync(place).filter((name) => name.startsWith(`el-${pid}-`)));
}

describe.each(['node', 'bun'])('the demo on %s', (runtime) => {
  test('shows a tunnel that works, and leaves nothing behind', { timeout: 60_000 }, async () => {
    const { child, said, ended } = start('--runtime', runtime, '--json', '--megabytes', '50');
    expect(await ended, said.stderr).toBe(0);
    const result = JSON.parse(said.stdout) as DemoResult;
    expect(result.runtime).toMatch(new RegExp(`^${runtime} `));
    expect(result.roundTrip.received).toBe(result.roundTrip.sent);
    expect(result.throughput.aliceToBobMbits).toBeGreaterThan(0);
    expect(result.tunnel.protocol).toMatch(/^TLSv1\.[23]$/);
    expect(result.callsPerFrame).toBeLessThan(0.2);
    expect(traces(child.pid!)).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s leaves nothing behind', { timeout: 60_000 }, async (signal) => {
    const { child, said, ended } = start('--runtime', runtime, '--megabytes', '100000');
    await expect.poll(() => said.stderr, { timeout: 30_000 }).toContain('MB over one TCP connection');
    expect(traces(child.pid!).length).toBeGreaterThan(0);
    child.kill(signal);
    expect(await ended).not.toBe(0);
    expect(traces(child.pid!)).toEqual([]);
  });
});

test('wrong options end with 2 and say what is right', async () => {
  const { said, ended } = start('--runtime', 'python');
  expect(await ended).toBe(2);
  expect(said.stderr).toContain('node, bun');
});
