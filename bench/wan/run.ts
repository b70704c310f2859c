/**
 * `npm run bench -- wan`: flows and calls through tunnels over long and limited lines: how many of a session's connections
 * add up, and what a call feels of the bulk beside it. Etherloom and SoftEther in turns, each in a fresh pair of hosts.
 */

import { Lab } from '../../lab/netns.ts';
import { connectByWan, missingForWan } from '../../lab/wan.ts';
import { median } from '../tunnel/statistics.ts';
import { CABLE, missing } from '../tunnel/subject.ts';
import { type Figures, measureScenario, NO_FIGURES } from './measures.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { joinTunnel, OURS, type Subject } from './tunnels.ts';

export interface WanOptions {
  readonly runtimes: readonly ('node' | 'bun')[];
  readonly scenarios: readonly Scenario[];
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
  readonly figures: Figures;
}

/** The lines whose keys begin with one of `keys`, all when absent; undefined when one names none. */
export function scenariosNamed(keys: readonly string[] | undefined): readonly Scenario[] | undefined {
  if (keys === undefined) return SCENARIOS;
  const named = (key: string) => SCENARIOS.filter((scenario) => scenario.key.startsWith(key));
  if (keys.some((key) => key === '' || named(key).length === 0)) return undefined;
  return SCENARIOS.filter((scenario) => keys.some((key) => scenario.key.startsWith(key)));
}

export async function runWan(options: WanOptions): Promise<WanResult[]> {
  const obstacle = missingForWan() ?? missing(['iperf3']);
  if (obstacle !== undefined) throw new Error(`the line cannot be made: ${obstacle}`);
  const subjects: Subject[] = options.runtimes.map((runtime) => OURS[runtime]);
  const why = missing(['softether']);
  if (why === undefined) subjects.push('SoftEther');
  else options.say(`left out: SoftEther: ${why}`);
  const samples: WanResult[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of options.scenarios) {
      for (const connections of scenario.connections) {
        for (const subject of subjects.filter((each) => applies(scenario, each, why === undefined))) {
          options.say(`round ${round} of ${options.rounds}: ${scenario.name}, ${connections} connections, ${subject}`);
          samples.push(await measure(scenario, connections, subject, options.seconds));
        }
      }
    }
  }
  return summary(samples);
}

/** SoftEther does not tell which ports its connections have, so that none of them can be frozen. */
function applies(scenario: Scenario, subject: Subject, hasSoftEther: boolean): boolean {
  if (scenario.towardsSoftEther === true && !hasSoftEther) return false;
  return scenario.measure !== 'freeze' || subject !== 'SoftEther';
}

async function measure(scenario: Scenario, connections: number, subject: Subject, seconds: number): Promise<WanResult> {
  const lab = await Lab.create();
  try {
    const [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
    for (const host of scenario.windowBytes === undefined ? [] : [client, server]) {
      for (const name of ['tcp_rmem', 'tcp_wmem'])
        await host.sysctl(`net/ipv4/${name}`, windows(scenario.windowBytes!));
    }
    const ends = [
      { host: client, address: `${CABLE.client}/24` },
      { host: server, address: `${CABLE.server}/24` },
    ] as const;
    const wan = scenario.path === undefined ? undefined : await connectByWan(lab, ...ends, scenario.path);
    if (wan === undefined) await lab.cable(...ends);
    const ports = await joinTunnel(client, server, scenario, connections, subject);
    const figures = await measureScenario(client, server, scenario, seconds, wan, ports);
    return { path: scenario.name, subject, connections, figures };
  } finally {
    await lab.close();
  }
}

/** Least, at first, most. */
function windows(most: number): string {
  return `4096 131072 ${most}`;
}

function summary(samples: readonly WanResult[]): WanResult[] {
  const key = ({ path, subject, connections }: WanResult) => `${path}|${connections}|${subject}`;
  return [...new Set(samples.map(key))].map((wanted) => {
    const mine = samples.filter((sample) => key(sample) === wanted);
    const names = Object.keys(NO_FIGURES) as (keyof Figures)[];
    const figures = names.map((name) => [name, median(mine.map(({ figures }) => figures[name]))] as const);
    return { ...mine[0]!, figures: Object.fromEntries(figures) as Record<keyof Figures, number> };
  });
}
