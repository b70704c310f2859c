/** `npm run bench -- tunnel`, as far as it goes in seconds: the cable alone, and how it is stopped. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Results } from '../../bench/tunnel/results.ts';
import { projectRoot } from '../../lab/runtime.ts';

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/bench/main.js'), 'tunnel', ...args]);
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

test('measures, reports and leaves nothing behind', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'etherloom-bench-'));
  try {
    const file = join(directory, 'report.md');
    const options = ['--quick', '--only', 'veth', '--measures', 'ping', '--json', '--markdown', file];
    const { child, said, ended } = start(...options);
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
  const { child, said, ended } = start('--only', 'etherloom-node', '--measures', 'ping');
  await expect.poll(() => said.stderr, { timeout: 30_000 }).toContain('round 1 of 3');
  await expect.poll(() => traces(child.pid!).length, { timeout: 30_000 }).toBeGreaterThan(2);
  child.kill('SIGINT');
  expect(await ended, said.stderr).toBe(130);
  expect(traces(child.pid!)).toEqual([]);
});

test('a wrong name ends it with 2 and the right ones', async () => {
  const { said, ended } = start('--only', 'wireguard');
  expect(await ended).toBe(2);
  expect(said.stderr).toContain('softether-tls');
});
