/** The lab itself: what it builds, and above all that it takes everything away again, however the program ends. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError, run } from '../../lab/child.ts';
import { Lab, removeLeftovers } from '../../lab/netns.ts';
import { isLeftover, newOwnedName, processStartTicks } from '../../lab/owner.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { type Runtime, runtimePath } from '../../lab/runtime.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import type { TrafficProgress } from '../../lab/traffic.ts';
import { buildTools } from './build.ts';

const root = process.getuid?.() === 0;
const RUNTIMES: readonly Runtime[] = ['node', 'bun'];
let tools: ReturnType<typeof buildTools>;
beforeAll(() => {
  tools = buildTools();
});
afterAll(() => tools.remove());

function namespaces(): string {
  return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
}

describe('owner', () => {
  it('tells a live name from a leftover, even when the pid is in use again', () => {
    const mine = newOwnedName();
    expect(isLeftover(mine)).toBe(false);
    expect(isLeftover(`${mine}-server`)).toBe(false);
    expect(isLeftover(`el-${process.pid}-1-abcd-server`)).toBe(true);
    expect(isLeftover('el-4194305-zz-abcd')).toBe(true);
    expect(isLeftover('eth0')).toBe(false);
    expect(isLeftover('el-x-y')).toBe(false);
  });
});

describe.runIf(root)('lab', () => {
  it('joins hosts by a switch and by a cable, without a way out', async () => {
    const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    const lab = await Lab.create();
    try {
      const lan = await lab.addSwitch('lan');
      const a = await lab.addHost('a');
      const b = await lab.addHost('b');
      const c = await lab.addHost('c');
      await lab.connect(a, lan, { address: ['10.9.0.1/24', 'fd09::1/64'], offloads: false, mac: '02:00:00:00:00:01' });
      await lab.connect(b, lan, { address: ['10.9.0.2/24', 'fd09::2/64'] });
      const cable = [
        { host: b, ifname: 'wan', address: '10.8.0.1/30' },
        { host: c, address: '10.8.0.2/30' },
      ] as const;
      await lab.cable(...cable, { mtu: 9000 });
      await waitForPing(a, { target: '10.9.0.2' });
      expect(await ping(a, { target: 'fd09::2', count: 1 })).toMatchObject({ received: 1 });
      expect(await ping(b, { target: '10.8.0.2', count: 1, size: 8972, dontFragment: true })).toMatchObject({
        received: 1,
      });
      expect(await ping(a, { target: '10.9.0.3', count: 1, timeoutMs: 200 })).toMatchObject({ sent: 1, received: 0 });
      expect((await a.run(['ethtool', '-k', 'eth0'])).stdout).toMatch(/tcp-segmentation-offload: off/);
      expect((await a.run(['cat', '/sys/class/net/eth0/address'])).stdout).toBe('02:00:00:00:00:01\n');
      expect(await a.hasDefaultRoute()).toBe(false);
      expect(execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' })).toBe(links);
      await expect(lab.addHost('a')).rejects.toThrow('expected a new one');
      await expect(lab.connect(a, lan, { ifname: 'sixteen-letters-' })).rejects.toThrow('ifname: expected 1 to 15');
      await expect(a.run(['ls', '/no/such'])).rejects.toThrow(/exit code 2\n.*\/no\/such/);
      await expect(a.run(['sleep', '5'], { timeoutMs: 50 })).rejects.toThrow('not done within 50 ms');
    } finally {
      await lab.close();
    }
    await lab.close();
    expect(namespaces()).not.toContain(lab.id);
    expect(existsSync(lab.tempDir)).toBe(false);
    await expect(lab.addHost('late')).rejects.toThrow('closed');
  });

  it.each(RUNTIMES)('measures traffic with the tool on %s', async (runtime) => {
    const lab = await Lab.create();
    try {
      const a = await lab.addHost('a');
      const b = await lab.addHost('b');
      await lab.cable({ host: a, address: '10.9.0.1/24' }, { host: b, address: '10.9.0.2/24' });
      const server = await startTraffic(b, { runtime });
      const to = { host: '10.9.0.2', runtime } as const;
      const sum = await measureTraffic(a, { ...to, direction: 'both', flows: 3, bytes: 30_000_001, checksum: true });
      expect(sum).toMatchObject({ bytes: 60_000_002, checksum: 'match', flows: 3, up: { bytes: 30_000_001 } });
      const progress: TrafficProgress[] = [];
      for (const direction of ['up', 'down'] as const) {
        const timed = await measureTraffic(a, { ...to, direction, seconds: 0.7, onProgress: (p) => progress.push(p) });
        console.log(`${runtime} ${direction}: ${Math.round(timed.mbits)} Mbit/s`);
        expect(timed.mbits).toBeGreaterThan(1000);
        expect(timed.seconds).toBeGreaterThan(0.6);
      }
      expect(progress.length).toBeGreaterThanOrEqual(6);
      await server.stop();
      await expect(measureTraffic(a, { ...to, bytes: 1 })).rejects.toThrow('cannot reach the traffic server');
      const echo = await ping(a, { target: '10.9.0.2', method: 'udp', peer: b, count: 3, intervalMs: 20 });
      expect(echo).toMatchObject({ method: 'udp', sent: 3, received: 3 });
    } finally {
      await lab.close();
    }
  });

  it('removes what a killed run left, and nothing of a live one', async () => {
    const dead = 'el-4194305-zz-abcd';
    await run(['ip', 'netns', 'add', `${dead}-host`]);
    mkdirSync(join(tmpdir(), dead));
    const orphan = spawn('ip', ['netns', 'exec', `${dead}-host`, 'sleep', '60'], { stdio: 'ignore' });
    const ended = new Promise<string | null>((resolve) => orphan.on('exit', (_, signal) => resolve(signal)));
    while (!(await run(['ip', 'netns', 'pids', `${dead}-host`])).stdout.includes(String(orphan.pid))) await tick();
    const neighbour = await Lab.create(); // creating a lab removes leftovers
    try {
      const host = await neighbour.addHost('host');
      expect(await ended).toBe('SIGKILL');
      await removeLeftovers();
      expect(namespaces()).not.toContain(dead);
      expect(existsSync(join(tmpdir(), dead))).toBe(false);
      expect(namespaces()).toContain(host.namespace);
      expect(existsSync(neighbour.tempDir)).toBe(true);
    } finally {
      await neighbour.close();
    }
  });
});

/** A program with a lab of one host and three children: a tame one, a daemon, and one that ignores SIGTERM. */
const PROGRAM = `
import { Lab } from './netns.js';
const lab = await Lab.create({ graceMs: Number(process.argv[3]) });
const host = await lab.addHost('host');
await host.spawn(['sleep', '60']);
await host.run(['sh', '-c', 'sleep 61 >/dev/null 2>&1 &']);
const stubborn = await host.spawn(['sh', '-c', 'trap "" TERM; echo set; sleep 62; sleep 63']);
await stubborn.waitForLine(/set/);
let pids = [];
// The shell says so before it has started its own child.
while (pids.length < 4) pids = await host.pids();
console.log(JSON.stringify({ id: lab.id, pids }));
if (process.argv[2] === 'throw') setTimeout(() => { throw new Error('on purpose'); }, 10);
else if (process.argv[2] === 'reject') setTimeout(() => Promise.reject(new Error('on purpose')), 10);
else if (process.argv[2] === 'exit') process.exit(3);
else if (process.argv[2] === 'close') { await lab.close(); }
else setInterval(() => {}, 1000);
`;

describe.runIf(root).each(RUNTIMES)('the end of a program on %s', (runtime) => {
  async function endOf(mode: string, signals: readonly NodeJS.Signals[] = [], graceMs = 400) {
    const path = join(tools.directory, 'ends.js');
    writeFileSync(path, PROGRAM);
    const child = spawn(runtimePath(runtime), [path, mode, String(graceMs)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    let output = '';
    child.stderr.on('data', () => {});
    await new Promise<void>((resolve) =>
      child.stdout.on('data', (data) => {
        output += String(data);
        if (output.includes('\n')) resolve();
      }),
    );
    const { id, pids } = JSON.parse(output) as { id: string; pids: number[] };
    expect(pids.length).toBeGreaterThanOrEqual(4);
    const started = performance.now();
    for (const signal of signals) {
      child.kill(signal);
      await tick(60);
    }
    const code = await ended;
    const tookMs = performance.now() - started;
    expect(namespaces()).not.toContain(id);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(id))).toEqual([]);
    expect(pids.filter((pid) => processStartTicks(pid) !== undefined)).toEqual([]);
    return { code, tookMs };
  }

  it('normal, after close()', async () => expect(await endOf('close')).toMatchObject({ code: 0 }));
  it('process.exit', async () => expect(await endOf('exit')).toMatchObject({ code: 3 }));
  it('an exception', async () => expect(await endOf('throw')).toMatchObject({ code: 1 }));
  it('a rejection', async () => expect(await endOf('reject')).toMatchObject({ code: 1 }));
  it('SIGINT', async () => expect(await endOf('wait', ['SIGINT'])).toMatchObject({ code: 130 }));
  it('SIGTERM', async () => expect(await endOf('wait', ['SIGTERM'])).toMatchObject({ code: 143 }));
  it('SIGHUP', async () => expect(await endOf('wait', ['SIGHUP'])).toMatchObject({ code: 129 }));
  it('a second Ctrl-C, which does not wait for the grace', async () => {
    const graceMs = 10_000;
    const end = await endOf('wait', ['SIGINT', 'SIGINT'], graceMs);
    expect(end.code).toBe(130);
    expect(end.tookMs).toBeLessThan(graceMs);
  });
});

const UNPRIVILEGED = `
import { assertRequirements, missingRequirements } from './requirements.js';
import { enterUserNamespace, insideUserNamespace } from './userns.js';
import { Lab } from './netns.js';
import { waitForPing, ping } from './ping.js';
await enterUserNamespace();
const lab = await Lab.create();
const [a, b, lan] = [await lab.addHost('a'), await lab.addHost('b'), await lab.addSwitch('lan')];
await lab.connect(a, lan, { address: '10.9.0.1/24', offloads: false });
await lab.connect(b, lan, { address: '10.9.0.2/24' });
await waitForPing(a, { target: '10.9.0.2' });
const udp = await ping(a, { target: '10.9.0.2', method: 'udp', peer: b, count: 2, intervalMs: 20 });
const links = (await a.run(['ip', '-br', 'link'])).stdout.split('\\n').length;
await lab.close();
console.log(JSON.stringify({ inside: insideUserNamespace(), uid: process.getuid(), udp: udp.received, links,
  missing: missingRequirements().map((m) => m.what), arguments: process.argv.slice(2) }));
process.exit(7);
`;

describe.runIf(root)('without root', () => {
  it.each(RUNTIMES)('works in a user namespace on %s', async (runtime) => {
    const path = join(tools.directory, 'unprivileged.js');
    writeFileSync(path, UNPRIVILEGED);
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--'];
    const end = spawnSync('setpriv', [...nobody, runtimePath(runtime), path, 'one', 'two words'], {
      encoding: 'utf8',
      timeout: 15_000,
      env: { PATH: '/usr/bin:/bin', HOME: '/', ETHERLOOM_LAB_TOOLS: tools.directory },
      cwd: '/',
    });
    expect(end.status, end.stderr).toBe(7);
    const said = JSON.parse(end.stdout) as Record<string, unknown>;
    expect(said).toMatchObject({ inside: true, uid: 0, udp: 2, arguments: ['one', 'two words'] });
    expect(readdirSync('/run/netns').filter((name) => name.startsWith('el-') && isLeftover(name))).toEqual([]);
  });
});

it('a command error carries what the command said', async () => {
  const error = await run(['sh', '-c', 'echo out; echo err >&2; exit 4']).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(CommandError);
  expect((error as CommandError).message).toContain('exit code 4\nout\nerr');
  expect((error as CommandError).result).toMatchObject({ code: 4, stdout: 'out\n', stderr: 'err\n' });
  await expect(run(['/no/such/program'])).rejects.toThrow('cannot start /no/such/program');
});

function tick(ms = 10): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
