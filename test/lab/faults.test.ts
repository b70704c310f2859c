/**
 * Our own client and server with a middlebox between them that misbehaves. A TCP transfer and a stream of 50 packets per
 * second go on inside the tunnel. `FAULT_SECONDS` makes it longer: `npm run soak` takes 60.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Middlebox } from '../../lab/middlebox.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { measureTraffic, measureUdpStream, startTraffic } from '../../lab/tools.ts';

const ONE_SECOND = 1_000;
const SECONDS = Number(process.env.FAULT_SECONDS ?? '8');

let lab: Lab;
let [server, middle, client]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [server, middle, client] = [await lab.addHost('server'), await lab.addHost('middle'), await lab.addHost('client')];
  await lab.cable({ host: client, address: '10.8.0.1/24' }, { host: middle, ifname: 'inside', address: '10.8.0.2/24' });
  await lab.cable({ host: middle, address: '10.9.0.2/24' }, { host: server, address: '10.9.0.3/24' });
});

afterEach(async () => {
  await lab.close();
});

const FAULTS = [
  ['nothing', {}, ['--connections', '4'], 1_000],
  ['connections that expire after 3 s', { expire: { afterMs: 3_000, how: 'rst' } }, ['--connections', '4'], 1_000],
  ['one of 8 reset every second', { random: { everyMs: 1_000, how: 'rst' } }, ['--connections', '8'], 1_000],
  [
    'a lifetime of 2 s where connections expire after 6',
    { expire: { afterMs: 6_000, how: 'hang' } },
    ['--connections', '3', '--connection-lifetime', '2'],
    3_000,
  ],
  ['strict TLS at the start', { tls: { sni: 'any', records: 3 } }, ['--connections', '2'], 1_000],
  ['20 ms each way', { delay: { ms: 20 } }, ['--connections', '4'], 1_000],
] as const;

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test.each(FAULTS)('through %s', { timeout: (SECONDS + 60) * ONE_SECOND }, async (_name, faults, args, gapMs) => {
    const ours = await EtherloomServer.start(server!, {
      ...{ runtime, address: '10.9.0.3', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
    });
    const box = await Middlebox.start(middle!, { port: 443, target: { host: '10.9.0.3', port: 5555 } });
    const joined = await EtherloomClient.start(client!, {
      ...{ runtime, server: '10.8.0.2:443', user: 'guest', trust: { pin: ours.fingerprint } },
      ...{ tap: 'el0', address: '10.90.0.2/24', args },
    });
    await waitForPing(client!, { target: '10.90.0.1' });
    await new Promise((resolve) => setTimeout(resolve, Number(args[1]) * ONE_SECOND));
    await box.set(faults);
    const traffic = await startTraffic(server!);
    const [tcp, udp] = await Promise.all([
      measureTraffic(client!, { host: '10.90.0.1', seconds: SECONDS, direction: 'both' }),
      measureUdpStream(client!, server!, { host: '10.90.0.1', seconds: SECONDS }),
    ]);
    await traffic.stop();
    const session = await ours.status().then(({ hubs }) => hubs[0]?.sessions ?? []);
    console.log(
      `${runtime}, ${_name}: ${tcp.mbits.toFixed(0)} Mbit/s, longest stall ${tcp.longestStallMs.toFixed(0)} ms; ` +
        `UDP ${udp.lost} of ${udp.sent} lost, ${udp.duplicated} doubled, longest gap ${udp.longestGapMs.toFixed(0)} ms`,
    );
    // The session is the one that was opened at the start, and both kinds of traffic went on until the end.
    expect(session.map(({ name }) => name)).toEqual(['SID-GUEST-1']);
    expect(joined.process.child.stdout).not.toContain('"event":"lost"');
    expect(udp.longestGapMs).toBeLessThan(10 * gapMs);
    expect(udp.received).toBeGreaterThan(udp.sent / 2);
    expect(tcp.bytes).toBeGreaterThan(1e6);
    await box.stop();
  });
});
