/** SoftEther's TrafficServer and TrafficClient against ours, both ways round, on both runtimes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { runTrafficClient, startTrafficServer } from '../../lab/softether-traffic.ts';
import { runSpeedtest, startSpeedtestServer } from '../../lab/speedtest.ts';

const ADDRESS = '10.97.0.1';

let lab: Lab;
let [server, client]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
  await lab.cable({ host: server, address: `${ADDRESS}/24` }, { host: client, address: '10.97.0.2/24' });
});

afterEach(async () => {
  await lab.close();
});

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test("SoftEther's client measures our server", { timeout: 120_000 }, async () => {
    const { process, run } = await startSpeedtestServer(server!, ADDRESS, runtime);
    const target = { server: `${ADDRESS}:9821`, seconds: 1 };
    const full = await runTrafficClient(client!, { ...target, type: 'full', connections: 4, raw: true });
    const first = await run(1);
    expect(first).toMatchObject({ peer: '10.97.0.2', direction: 'full', connections: 4, latency: false });
    // What it prints of an upload is our report, to the byte.
    expect(full.uploadBytes).toBe(first.receivedBytes);
    expect(full.downloadBytes).toBeGreaterThan(1e6);
    // Its own count of a download begins with the 17 bytes of the header that it sent.
    expect(full.downloadBytes).toBeLessThanOrEqual(first.sentBytes + 2 * 17);
    expect(full.totalBytes).toBe(full.uploadBytes + full.downloadBytes);

    const upload = await runTrafficClient(client!, { ...target, type: 'upload', connections: 1, double: true });
    const second = await run(2);
    expect(second).toMatchObject({ direction: 'upload', connections: 1 });
    expect(upload.uploadBytes).toBe(Math.floor((second.receivedBytes * 1514) / 1460));
    expect(upload.downloadBytes).toBe(0);
    expect((await process.stop()).code).toBe(0);
  });

  test("our client measures SoftEther's server", { timeout: 120_000 }, async () => {
    const theirs = await startTrafficServer(server!, 9821);
    const args = ['--duration', '1', '--raw'];
    const full = await runSpeedtest(client!, ADDRESS, [...args, '--connections', '4'], runtime);
    expect(full).toMatchObject({ code: 0, stderr: '', started: { downloads: 2, uploads: 2, latency: false } });
    // It has no echoes, and the question did it no harm.
    expect(full.result!.latency).toBe(undefined);
    expect(full.result!.download.bytes).toBeGreaterThan(1e6);
    expect(full.result!.upload.bytes).toBeGreaterThan(1e6);

    const upload = await runSpeedtest(client!, ADDRESS, [...args, '--type', 'upload', '--connections', '3'], runtime);
    expect(upload).toMatchObject({ code: 0, result: { download: { bytes: 0 } } });
    expect(theirs.running).toBe(true);
  });
});
