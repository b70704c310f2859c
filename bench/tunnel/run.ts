/**
 * `npm run bench -- tunnel`: tunnels side by side. In each round every subject gets a fresh pair of hosts, is started,
 * measured and ended, so that what changes on the machine in the course of the run meets all of them alike.
 */
import { cpus, release } from 'node:os';
import { run } from '../../lab/child.ts';
import { Lab } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { runtimePath } from '../../lab/runtime.ts';
import { run as runCore } from '../core.ts';
import type { Context, Measure } from './measure.ts';
import { warmUp } from './measures/tcp.ts';
import { derive, METRICS, type Measured, type MeasuredName } from './metrics.ts';
import type { Results, Sample } from './results.ts';
import { CABLE, missing, type Subject } from './subject.ts';

export interface TunnelOptions {
  readonly subjects: readonly Subject[];
  readonly measures: readonly Measure[];
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  readonly say: (text: string) => void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** @throws the signal's reason when it is aborted. What fails of a single subject is a result. */
export async function runTunnels(options: TunnelOptions): Promise<Results> {
  const started = performance.now();
  const { subjects, measures, leftOut } = sift(options);
  for (const line of leftOut) options.say(`left out: ${line}`);
  const samples: Sample[] = [];
  const failures: string[] = [];
  const total = options.rounds * subjects.length;
  for (let round = 1; round <= options.rounds; round++) {
    for (const subject of subjects) {
      const done = samples.length;
      const passed = performance.now() - started;
      const left = done === 0 ? '' : `, about ${Math.ceil((passed / done / 60_000) * (total - done))} min left`;
      options.say(`round ${round} of ${options.rounds}, ${subject.title}${left}`);
      const fail = (what: string, error: unknown): void => {
        const line = `${subject.name}, round ${round}, ${what}: ${(error as Error).message}`;
        failures.push(line);
        options.say(`  failed: ${line}`);
      };
      const values = await measureSubject(subject, measures, options, fail);
      samples.push({ subject: subject.name, round, values: derive(values) });
    }
  }
  const [core] = await runCore({ milliseconds: 100, builds: ['simd'], only: 'TAP to session, 1514 bytes' });
  return {
    at: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', kernel: release() },
    versions: await versions(),
    rounds: options.rounds,
    seconds: options.seconds,
    tookSeconds: (performance.now() - started) / 1_000,
    subjects: subjects.map(({ name, title }) => ({ name, title })),
    ...{ samples, leftOut, failures },
    ...(core === undefined ? {} : { coreGbits: core.gbitPerSecond }),
  };
}

/** What of the wish this machine can do. */
function sift({ subjects, measures }: TunnelOptions) {
  const leftOut: string[] = [];
  const possible = <T extends { name: string }>(all: readonly T[], obstacle: (each: T) => string | undefined): T[] =>
    all.filter((each) => {
      const why = obstacle(each);
      if (why !== undefined) leftOut.push(`${each.name}: ${why}`);
      return why === undefined;
    });
  return {
    subjects: possible(subjects, (subject) => missing(subject.needs)),
    measures: possible(measures, (measure) => (measure.iperf ? missing(['iperf3']) : undefined)),
    leftOut,
  };
}

async function measureSubject(
  subject: Subject,
  measures: readonly Measure[],
  options: TunnelOptions,
  fail: (what: string, error: unknown) => void,
): Promise<Measured> {
  const { seconds, quick, say, signal } = options;
  signal.throwIfAborted();
  let values: Measured = {};
  let what = 'start';
  const lab = await Lab.create();
  try {
    const [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
    const ends = [client, server].map((host) => ({ host, address: `${CABLE[host.role as keyof typeof CABLE]}/24` }));
    await lab.cable(ends[0]!, ends[1]!);
    const running = await subject.start({ lab, client, server });
    const context: Context = { lab, client, server, running, seconds, quick };
    const mine = measures
      .filter(({ streams }) => streams || running.flow === undefined)
      .filter(({ name }) => subject.measures?.includes(name) ?? true);
    if (running.flow === undefined) await waitForPing(client, { target: running.target });
    if (mine.some(({ iperf }) => iperf)) await warmUp(context);
    for (const measure of mine) {
      signal.throwIfAborted();
      what = measure.name;
      try {
        const found = await measure.run(context);
        values = { ...values, ...found };
        say(`  ${describe(found)}`);
      } catch (error) {
        signal.throwIfAborted();
        fail(what, error);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    fail(what, error);
  } finally {
    await lab.close();
  }
  return values;
}

function describe(values: Measured): string {
  return Object.entries(values)
    .map(([name, value]) => {
      const { title, unit, digits } = METRICS[name as MeasuredName];
      return `${title} ${value.toFixed(digits)} ${unit}`;
    })
    .join(', ');
}

/** Of what took part; a program that is not there has none. */
async function versions(): Promise<Record<string, string>> {
  const ask: Record<string, readonly string[]> = {
    node: [runtimePath('node'), '--version'],
    bun: [runtimePath('bun'), '--version'],
    openvpn: ['openvpn', '--version'],
    iperf3: ['iperf3', '--version'],
    softether: ['dpkg-query', '-W', '-f', '$' + '{Version}', 'softether-vpnserver'],
  };
  const found: Record<string, string> = {};
  for (const [name, command] of Object.entries(ask)) {
    const answer = await run(command, { check: false }).catch(() => undefined);
    const version = answer?.stdout.match(/\d+(\.\d+)+/)?.[0];
    if (version !== undefined) found[name] = version;
  }
  return found;
}
