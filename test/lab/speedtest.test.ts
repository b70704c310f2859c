/** Throughput measurement as a user runs it, ours against ours: every runtime on either side. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { runEtherloom, startEtherloom } from '../../lab/node.ts';
import { runSpeedtest, startSpeedtestServer } from '../../lab/speedtest.ts';

const ADDRESS = '10.96.0.1';
const SECOND = ['--duration', '1'];

let lab: Lab;
let [server, client]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
  await lab.cable(
    { host: server, address: [`${ADDRESS}/24`, 'fd96::1/64'] },
    { host: client, address: '10.96.0.2/24' },
  );
});

afterEach(async () => {
  await lab.close();
});

describe.each([
  ['node', 'bun'],
  ['bun', 'node'],
] as const)('a server on %s and a client on %s', (serving, measuring) => {
  test('measure every way, and both count the same', { timeout: 90_000 }, async () => {
    const { process, run } = await startSpeedtestServer(server!, ADDRESS, serving);

    const both = await runSpeedtest(client!, ADDRESS, [...SECOND, '--connections', '8', '--raw'], measuring);
    expect(both, both.stderr).toMatchObject({ code: 0, started: { downloads: 4, uploads: 4, latency: true } });
    expect(both.progress.length).toBeGreaterThanOrEqual(1);
    const { result } = both;
    expect(result!.download.bytes).toBeGreaterThan(1e6);
    expect(result!.spanMs).toBeGreaterThanOrEqual(1_000);
    expect(result!.download.bitsPerSecond).toBe(Math.floor((result!.download.bytes * 8_000) / result!.spanMs));
    // How many depends on how busy the machine is.
    expect(result!.latency!.idle!.count).toBeGreaterThan(0);
    expect(result!.latency!.load!.count).toBeGreaterThan(0);
    const first = await run(1);
    expect(first).toMatchObject({ peer: '10.96.0.2', direction: 'full', connections: 8, latency: true });
    expect(first.receivedBytes).toBe(result!.upload.bytes);
    expect(first.sentBytes).toBeGreaterThanOrEqual(result!.download.bytes);

    const up = await runSpeedtest(
      client!,
      `${ADDRESS}:9821`,
      [...SECOND, '--type', 'upload', '--connections', '1', '--raw', '--double', '--no-latency'],
      measuring,
    );
    expect(up, up.stderr).toMatchObject({ code: 0, started: { downloads: 0, uploads: 1, latency: false } });
    expect(up.result).toMatchObject({ correction: false, double: true, download: { bytes: 0, bitsPerSecond: 0 } });
    expect(up.result!.latency).toBe(undefined);
    const second = await run(2);
    expect(second).toMatchObject({ direction: 'upload', connections: 1, receivedBytes: up.result!.upload.bytes });

    const down = await runSpeedtest(
      client!,
      ADDRESS,
      [...SECOND, '--type', 'download', '--connections', '1'],
      measuring,
    );
    expect(down, down.stderr).toMatchObject({ code: 0, result: { correction: true, upload: { bytes: 0 } } });
    expect(await run(3)).toMatchObject({ direction: 'download', connections: 1, receivedBytes: 0 });

    process.child.kill('SIGINT');
    expect(await process.child.exited).toEqual({ code: 0, signal: null });
  });

  test('the client stopped by SIGINT leaves nothing, and its server serves the next', { timeout: 60_000 }, async () => {
    const { process, run } = await startSpeedtestServer(server!, `${ADDRESS}:5001`, serving);
    const args = ['speedtest', `${ADDRESS}:5001`, '--connections', '4', '--json'];
    const running = await startEtherloom(client!, args, { runtime: measuring, ready: /"event":"progress"/ });
    running.child.kill('SIGINT');
    expect(await running.child.exited).toEqual({ code: 130, signal: null });
    expect(running.child.stderr).toContain('"kind":"interrupted"');
    expect(await run(1)).toMatchObject({ direction: 'full', connections: 4 });
    expect(await client!.pids()).toEqual([]);
    const sockets = await client!.run(['ss', '-Htn', 'state', 'established']);
    expect(sockets.stdout).toBe('');

    // The server goes while it is measured.
    const late = runSpeedtest(client!, `${ADDRESS}:5001`, ['--connections', '2', '--no-latency'], measuring);
    for (let waited = 0; process.records.filter(({ event }) => event === 'run-started').length < 2; waited += 20) {
      if (waited > 15_000) throw new Error('the second run does not start');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await process.stop()).code).toBe(0);
    const { code, stderr } = await late;
    expect(code).toBe(8);
    expect(stderr).toMatch(/"kind":"unreachable".*10\.96\.0\.1:5001 closed (up|down)load connection [12] of 2/);
  });
});

test.each(['node', 'bun'] as const)('on %s what cannot be is said', { timeout: 60_000 }, async (runtime) => {
  const nobody = await runSpeedtest(client!, `${ADDRESS}:5002`, SECOND, runtime);
  expect(nobody.code).toBe(8);
  expect(nobody.stderr).toMatch(/Cannot connect to 10\.96\.0\.1:5002: the connection was refused.*ECONNREFUSED/);

  const { process } = await startSpeedtestServer(server!, '[fd96::1]:5003', runtime);
  expect(process.child.stdout).toContain('"listener":"[fd96::1]:5003"');
  const taken = await runEtherloom(server!, ['speedtest', 'server', '--listen', '[fd96::1]:5003'], { runtime });
  expect(taken.code).toBe(4);
  expect(taken.stderr).toMatch(/^error: Cannot listen on \[fd96::1\]:5003: another program listens there.*EADDRINUSE/);

  const elsewhere = await runEtherloom(server!, ['speedtest', 'server', '--listen', '10.96.0.77'], { runtime });
  expect(elsewhere.code).toBe(4);
});
