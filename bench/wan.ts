/**
 * `npm run bench -- wan`: one flow, or some, through tunnels over long and limited lines: how many of a session's
 * connections add up. Etherloom and SoftEther in turns, each in a fresh pair of hosts.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { EtherloomClient, EtherloomServer } from '../lab/etherloom.ts';
import { measureTcp } from '../lab/iperf.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { waitForPing } from '../lab/ping.ts';
import { SoftEtherClient, SoftEtherServer } from '../lab/softether.ts';
import { connectByWan, missingForWan, type WanPath } from '../lab/wan.ts';
import { table } from './table.ts';
import { geometricMean, median } from './tunnel/statistics.ts';
import { CABLE, missing, TUNNEL } from './tunnel/subject.ts';

export interface WanOptions {
  readonly runtimes: readonly ('node' | 'bun')[];
  readonly rounds: number;
  /** Length of one transfer. */
  readonly seconds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds. */
export interface WanResult {
  readonly path: string;
  readonly subject: Subject;
  readonly connections: number;
  readonly upMbits: number;
  readonly downMbits: number;
}

type Subject = 'Etherloom on Node' | 'Etherloom on Bun' | 'SoftEther';

interface Scenario {
  readonly name: string;
  /** Absent: a cable, without any limit. */
  readonly path?: WanPath;
  readonly connections: readonly number[];
  readonly halfDuplex?: boolean;
}

const CAPPED: WanPath = { delayMs: 5, flowMbit: 20 };

/** In each, the first number of connections is what the others are compared with. */
const SCENARIOS: readonly Scenario[] = [
  { name: '5 ms each way, 20 Mbit/s per connection', path: CAPPED, connections: [1, 8, 32] },
  { name: 'the same, half duplex', path: CAPPED, connections: [8], halfDuplex: true },
  { name: 'a cable, no limit', connections: [1, 8] },
  { name: '25 ms each way', path: { delayMs: 25 }, connections: [1, 8] },
  { name: '25 ms each way, 1 % loss', path: { delayMs: 25, lossPercent: 1 }, connections: [1, 8] },
];

/** Between opening two connections, and a little more. */
const INTERVAL_MS = 1_050;

export async function runWan(options: WanOptions): Promise<WanResult[]> {
  const obstacle = missingForWan() ?? missing(['iperf3']);
  if (obstacle !== undefined) throw new Error(`the line cannot be made: ${obstacle}`);
  const subjects: Subject[] = options.runtimes.map((runtime) => OURS[runtime]);
  const why = missing(['softether']);
  if (why === undefined) subjects.push('SoftEther');
  else options.say(`left out: SoftEther: ${why}`);
  const samples: WanResult[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of SCENARIOS) {
      for (const connections of scenario.connections) {
        for (const subject of subjects) {
          options.say(`round ${round} of ${options.rounds}: ${scenario.name}, ${connections} connections, ${subject}`);
          samples.push(await measure(scenario, connections, subject, options.seconds));
        }
      }
    }
  }
  return summary(samples);
}

export function renderWan(results: readonly WanResult[]): string {
  const rows = results.map((result) => [
    result.path,
    String(result.connections),
    result.subject,
    result.upMbits.toFixed(0),
    result.downMbits.toFixed(0),
    times(result, ofOne(results, result)),
    times(result, softEther(results, result)),
  ]);
  const head = ['line', 'connections', 'tunnel', 'up Mbit/s', 'down Mbit/s', 'x one connection', "x SoftEther's best"];
  return table(head, rows);
}

const OURS = { node: 'Etherloom on Node', bun: 'Etherloom on Bun' } as const;

async function measure(scenario: Scenario, connections: number, subject: Subject, seconds: number): Promise<WanResult> {
  const lab = await Lab.create();
  try {
    const [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
    const ends = [
      { host: client, address: `${CABLE.client}/24` },
      { host: server, address: `${CABLE.server}/24` },
    ] as const;
    if (scenario.path === undefined) await lab.cable(...ends);
    else await connectByWan(lab, ...ends, scenario.path);
    const halfDuplex = scenario.halfDuplex === true;
    if (subject === 'SoftEther') await joinSoftEther(client, server, connections, halfDuplex);
    else await joinOurs(client, server, connections, halfDuplex, subject === OURS.node ? 'node' : 'bun');
    await waitForPing(client, { target: TUNNEL.server });
    await sleep(connections * INTERVAL_MS);
    const rate = async (direction: 'up' | 'down'): Promise<number> => {
      const { bytes, seconds: took } = await measureTcp(client, server, { target: TUNNEL.server, direction, seconds });
      return (bytes * 8) / took / 1e6;
    };
    const [upMbits, downMbits] = [await rate('up'), await rate('down')];
    return { path: scenario.name, subject, connections, upMbits, downMbits };
  } finally {
    await lab.close();
  }
}

/** Without a connection for priority frames: all of them are there for the flow. */
async function joinOurs(
  client: LabHost,
  server: LabHost,
  connections: number,
  halfDuplex: boolean,
  runtime: 'node' | 'bun',
): Promise<void> {
  const ours = await EtherloomServer.start(server, {
    ...{ runtime, address: CABLE.server, users: { guest: undefined } },
    taps: { elsrv0: `${TUNNEL.server}/24` },
  });
  await EtherloomClient.start(client, {
    ...{ runtime, server: `${CABLE.server}:5555`, user: 'guest', tap: 'el0', address: `${TUNNEL.client}/24` },
    trust: { pin: ours.fingerprint },
    args: ['--connections', String(connections), '--no-qos', ...(halfDuplex ? ['--half-duplex'] : [])],
  });
}

async function joinSoftEther(
  client: LabHost,
  server: LabHost,
  connections: number,
  halfDuplex: boolean,
): Promise<void> {
  const hub = { name: 'lab', users: [{ name: 'guest' }], udpAcceleration: false };
  const theirs = await SoftEtherServer.start(server, { hubs: [hub] });
  await theirs.bridgeToTap('lab', 'lab', `${TUNNEL.server}/24`);
  const peer = await SoftEtherClient.start(client);
  const account = { server: `${CABLE.server}:${theirs.port}`, hub: 'lab', user: 'guest' };
  await peer.createAccount({ ...account, connections, halfDuplex, qos: false, udpAcceleration: false });
  await peer.connect();
  await peer.setAddress(`${TUNNEL.client}/24`);
}

function summary(samples: readonly WanResult[]): WanResult[] {
  const key = ({ path, subject, connections }: WanResult) => `${path}|${connections}|${subject}`;
  return [...new Set(samples.map(key))].map((wanted) => {
    const mine = samples.filter((sample) => key(sample) === wanted);
    return {
      ...mine[0]!,
      upMbits: median(mine.map(({ upMbits }) => upMbits)),
      downMbits: median(mine.map(({ downMbits }) => downMbits)),
    };
  });
}

function rateOf({ upMbits, downMbits }: WanResult): number {
  return geometricMean([upMbits, downMbits]);
}

/** The same tunnel over the same line with one connection; of half duplex, which needs two, over the line before. */
function ofOne(results: readonly WanResult[], { path, subject, connections }: WanResult): number {
  const same = (result: WanResult) => result.subject === subject && result.connections === 1;
  const line = path.startsWith('the same') ? SCENARIOS[0]!.name : path;
  const one = results.find((result) => same(result) && result.path === line);
  return one === undefined || (connections === 1 && path === line) ? Number.NaN : rateOf(one);
}

function softEther(results: readonly WanResult[], { path, subject }: WanResult): number {
  if (subject === 'SoftEther') return Number.NaN;
  const theirs = results.filter((result) => result.subject === 'SoftEther' && result.path === path);
  return theirs.length === 0 ? Number.NaN : Math.max(...theirs.map(rateOf));
}

function times(result: WanResult, reference: number): string {
  return Number.isNaN(reference) ? '' : (rateOf(result) / reference).toFixed(2);
}
