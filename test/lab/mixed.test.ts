/**
 * All kinds of packets at once between two clients, with checksums that nobody has finished: what the receivers' kernels say
 * of them. `FAULT_SECONDS` makes it longer: `npm run soak` takes 60.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { ping, waitForPing } from '../../lab/ping.ts';
import { measureTraffic, measureUdpStream, startTraffic } from '../../lab/tools.ts';

const SECONDS = Number(process.env.FAULT_SECONDS ?? '4');
let lab: Lab;

beforeEach(async () => {
  lab = await Lab.create();
});
afterEach(async () => {
  await lab.close();
});

/** What a kernel has counted, all protocols: /proc/net/snmp, /proc/net/snmp6 and /proc/net/netstat. */
async function counters(host: LabHost): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await host.run(['cat', '/proc/net/snmp', '/proc/net/netstat', '/proc/net/snmp6']);
  const found = new Map<string, number>();
  const lines = stdout.split('\n');
  for (const [i, line] of lines.entries()) {
    const words = line.split(/\s+/);
    // A line of names, then one of numbers, behind the same title; in the last file each number has its own line.
    if (line.includes(':') && lines[i + 1]?.startsWith(words[0]!)) {
      const numbers = lines[i + 1]!.split(/\s+/);
      for (let at = 1; at < words.length; at++) found.set(words[0]! + words[at]!, Number(numbers[at]));
    } else if (!line.includes(':') && words.length >= 2) {
      found.set(words[0]!, Number(words[1]));
    }
  }
  return found;
}

test.each([
  ['node', 1_500],
  ['node', 9_000],
  ['bun', 1_500],
  ['bun', 9_000],
] as const)(
  'on %s with an MTU of %i no checksum is wrong and no frame is malformed',
  {
    timeout: (SECONDS * 5 + 90) * 1_000,
  },
  async (runtime, mtu) => {
    const lan = await lab.addSwitch('lan');
    const [server, a, b] = [await lab.addHost('server'), await lab.addHost('a'), await lab.addHost('b')];
    for (const [i, host] of [server, a, b].entries()) await lab.connect(host, lan, { address: `10.77.0.${i + 1}/24` });
    const ours = await EtherloomServer.start(server, { runtime, address: '10.77.0.1', users: { guest: undefined } });
    const clients: EtherloomClient[] = [];
    for (const [host, number] of [
      [a, 2],
      [b, 3],
    ] as const) {
      const join = {
        runtime,
        server: '10.77.0.1:5555',
        user: 'guest',
        trust: { pin: ours.fingerprint },
        tap: 'el0',
      } as const;
      const address = `10.90.0.${number}/24`;
      clients.push(await EtherloomClient.start(host, { ...join, address, args: ['--mtu', String(mtu), '--bridge'] }));
      await host.addAddress('el0', `fd90::${number}/64`);
    }
    const targets = ['10.90.0.3', 'fd90::3'];
    for (const target of targets) await waitForPing(a, { target });
    const before = await Promise.all([counters(a), counters(b)]);
    const traffic = await startTraffic(b);
    const [udp, ...tcp] = await Promise.all([
      measureUdpStream(a, b, { host: '10.90.0.3', seconds: SECONDS, rate: 200, size: mtu - 28 }),
      ...targets.map((host) => measureTraffic(a, { host, seconds: SECONDS, direction: 'both', checksum: true })),
      (async () => {
        const end = performance.now() + SECONDS * 1_000;
        while (performance.now() < end) {
          // Whole, in two fragments, and in many.
          for (const size of [100, mtu - 28, mtu, 30_000]) {
            for (const target of targets) await ping(a, { target, size, count: 1, timeoutMs: 10_000 });
          }
        }
      })(),
    ]);
    await traffic.stop();
    const after = await Promise.all([counters(a), counters(b)]);
    const grown = (name: string): number[] => after.map((all, i) => (all.get(name) ?? 0) - (before[i]!.get(name) ?? 0));
    const mbits = tcp.flatMap((result) => (result === undefined ? [] : [result.mbits.toFixed(0)]));
    console.log(
      `${runtime}, MTU ${mtu}: ${mbits.join(' + ')} Mbit/s, UDP ${udp.lost} of ${udp.sent} lost; ` +
        `segments sent ${grown('Tcp:OutSegs')}, again ${grown('Tcp:RetransSegs')}`,
    );
    for (const name of [
      'Tcp:InCsumErrors',
      'Udp:InCsumErrors',
      'Udp6InCsumErrors',
      'Icmp6InCsumErrors',
      'Icmp:InCsumErrors',
    ]) {
      expect(grown(name), name).toEqual([0, 0]);
    }
    for (const name of ['Ip:InHdrErrors', 'Ip6InHdrErrors', 'Tcp:InErrs']) {
      expect(grown(name), name).toEqual([0, 0]);
    }
    expect(grown('Ip:ReasmOKs')[1]).toBeGreaterThan(0);
    const states = [await ours.status(), ...(await Promise.all(clients.map(async (client) => await client.status())))];
    for (const { hubs } of states) {
      for (const { sessions, taps } of hubs) {
        // How much is lost in queues is a matter of speed; the limiter of storms sees the neighbours' questions.
        const causes = [...sessions, ...taps].flatMap(({ drops }) => Object.keys(drops));
        expect(causes.filter((cause) => !['storm', 'queue-full', 'waited-too-long'].includes(cause))).toEqual([]);
      }
    }
  },
);
