/**
 * Our own client and server with a middlebox between them that misbehaves. A TCP transfer and a stream of 50 packets per
 * second go on inside the tunnel. `FAULT_SECONDS` makes it longer: `npm run soak` takes 60.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { type Faults, Middlebox } from '../../lab/middlebox.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { measureTraffic, measureUdpStream, startTraffic } from '../../lab/tools.ts';

const ONE_SECOND = 1_000;
const SECONDS = Number(process.env.FAULT_SECONDS ?? '6');

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

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** From the moment on when all connections are open, or from the very first. */
  readonly faults: Faults;
  readonly fromTheStart?: boolean;
  /** Something that happens once, in the middle. */
  readonly incident?: (box: Middlebox) => Promise<void>;
  /** Milliseconds for which nothing may come through, with a margin for a slow machine. */
  readonly gapMs: number;
}

const CASES: readonly Case[] = [
  { name: 'nothing', faults: {}, args: ['--connections', '4'], gapMs: 5_000 },
  {
    name: 'connections that expire after 3 s',
    faults: { expire: { afterMs: 3_000, how: 'rst' } },
    args: ['--connections', '4'],
    gapMs: 5_000,
  },
  {
    name: 'one of 8 reset every second',
    faults: { random: { everyMs: 1_000, how: 'rst' } },
    args: ['--connections', '8'],
    gapMs: 5_000,
  },
  {
    name: 'connections that are forgotten after 6 s, with a lifetime of 2',
    faults: { expire: { afterMs: 6_000, how: 'hang' } },
    args: ['--connections', '3', '--connection-lifetime', '2'],
    gapMs: 10_000,
  },
  {
    name: 'one direction that stalls for 2 s',
    faults: {},
    incident: async (box) => await box.stall({ way: 'up', ms: 2_000 }),
    args: ['--connections', '4'],
    gapMs: 8_000,
  },
  {
    name: 'a drop to zero for 3 s',
    faults: {},
    incident: async (box) => await box.blackout(3_000),
    args: ['--connections', '4'],
    gapMs: 10_000,
  },
  {
    name: 'a strict TLS start',
    faults: { tls: { sni: 'any', records: 3 } },
    fromTheStart: true,
    args: ['--connections', '2'],
    gapMs: 5_000,
  },
  {
    name: 'one-way bodies, in half duplex',
    faults: { oneWay: { bytes: 2_000, exchanges: 4 } },
    fromTheStart: true,
    args: ['--connections', '4', '--half-duplex'],
    gapMs: 5_000,
  },
  { name: '20 ms each way', faults: { delay: { ms: 20 } }, args: ['--connections', '4'], gapMs: 5_000 },
];

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test.each(CASES)('through $name', { timeout: (SECONDS + 60) * ONE_SECOND }, async (fault) => {
    const { name, args, faults, incident, gapMs } = fault;
    const ours = await EtherloomServer.start(server!, {
      ...{ runtime, address: '10.9.0.3', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
    });
    const target = { host: '10.9.0.3', port: 5555 };
    const box = await Middlebox.start(middle!, { port: 443, target, ...(fault.fromTheStart ? { faults } : {}) });
    const joined = await EtherloomClient.start(client!, {
      ...{ runtime, server: '10.8.0.2:443', user: 'guest', trust: { pin: ours.fingerprint } },
      ...{ tap: 'el0', address: '10.90.0.2/24', args },
    });
    await waitForPing(client!, { target: '10.90.0.1' });
    await new Promise((resolve) => setTimeout(resolve, Number(args[1]) * ONE_SECOND));
    if (!fault.fromTheStart) await box.set(faults);
    const traffic = await startTraffic(server!);
    const middleOfIt = new Promise((resolve) => setTimeout(resolve, (SECONDS * ONE_SECOND) / 3));
    const [tcp, udp] = await Promise.all([
      measureTraffic(client!, { host: '10.90.0.1', seconds: SECONDS, direction: 'both' }),
      measureUdpStream(client!, server!, { host: '10.90.0.1', seconds: SECONDS }),
      middleOfIt.then(() => incident?.(box)),
    ]);
    await traffic.stop();
    const session = await ours.status().then(({ hubs }) => hubs[0]?.sessions ?? []);
    console.log(
      `${runtime}, ${name}: ${tcp.mbits.toFixed(0)} Mbit/s, longest stall ${tcp.longestStallMs.toFixed(0)} ms; ` +
        `UDP ${udp.lost} of ${udp.sent} lost, ${udp.duplicated} doubled, longest gap ${udp.longestGapMs.toFixed(0)} ms`,
    );
    // The session is the one that was opened at the start, and both kinds of traffic went on until the end.
    expect(session.map((entry) => entry.name)).toEqual(['SID-GUEST-1']);
    expect(joined.process.child.stdout).not.toContain('"event":"lost"');
    expect(udp.longestGapMs).toBeLessThan(gapMs);
    expect(udp.received).toBeGreaterThan(udp.sent / 3);
    expect(udp.duplicated).toBe(0);
    expect(tcp.bytes).toBeGreaterThan(1e6);
    await box.stop();
  });
});
