/** What Etherloom is meant to reach, held against what a run has measured. */
import type { MetricName } from './metrics.ts';
import type { Summary } from './summary.ts';

export interface Bar {
  readonly what: string;
  /** In words. */
  readonly bar: string;
  /** What is to be held against the bar; NaN when the run has not measured it. */
  readonly figure: number;
  readonly met: boolean | undefined;
}

const SOFTETHER = 'softether-tls';
const OPENVPN = 'openvpn-udp';
const NAMES = { node: 'Node', bun: 'Bun' } as const;
type Runtime = keyof typeof NAMES;
const RUNTIMES: readonly Runtime[] = ['node', 'bun'];

export function holdAgainstBars(summary: Summary): Bar[] {
  const times = (what: string, ours: string, theirs: string, metric: MetricName, least: number): Bar =>
    atLeast(what, `${least} x ${theirs}`, summary.ratio(ours, theirs, metric), least);
  const share = (what: string, ours: string, theirs: string, metric: MetricName, most: number): Bar =>
    atMost(what, `${most} x ${theirs}`, summary.ratio(ours, theirs, metric), most);
  const each = (of: (runtime: Runtime, ours: string, name: string) => Bar[]): Bar[] =>
    RUNTIMES.flatMap((runtime) => of(runtime, `etherloom-${runtime}`, NAMES[runtime]));
  return [
    times('one TCP flow, TLS, Node', 'etherloom-node', SOFTETHER, 'tcp', 5),
    times('one TCP flow, TLS, Node', 'etherloom-node', OPENVPN, 'tcp', 8),
    times('one TCP flow, TLS, Bun', 'etherloom-bun', SOFTETHER, 'tcp', 6),
    ...each((_, ours, name) => [
      times(`one TCP flow, no encryption, ${name}`, `${ours}-plain`, 'softether-plain', 'tcp', 5),
    ]),
    ...each((runtime, ours, name) => [
      atLeast(
        `share of a raw TLS stream, ${name}`,
        `0.6 x raw-${runtime}`,
        summary.ratio(ours, `raw-${runtime}`, 'tcp'),
        0.6,
      ),
    ]),
    ...each((runtime, _, name) => [
      times(`our client on ${name} to SoftEther's server`, `${runtime}-to-softether`, SOFTETHER, 'tcp', 1),
      times(`SoftEther's client to our server on ${name}`, `softether-to-${runtime}`, SOFTETHER, 'tcp', 1),
    ]),
    ...each((runtime, ours, name) => [
      times(`UDP, 64-byte frames, ${name}`, ours, SOFTETHER, 'udp64', 2),
      share(`idle ping, 50 ms apart, ${name}`, ours, SOFTETHER, 'ping50', 1),
      share(`idle ping, 2 ms apart, ${name}`, ours, SOFTETHER, 'ping2', 1),
      share(`the same, polling, 50 ms, ${name}`, `polling-${runtime}`, SOFTETHER, 'ping50', 1),
      share(`the same, polling, 2 ms, ${name}`, `polling-${runtime}`, SOFTETHER, 'ping2', 1),
      share(`ping under a TCP flow, ${name}`, ours, SOFTETHER, 'pingLoad', 0.5),
      share(`CPU per Gbit, ${name}`, ours, SOFTETHER, 'cpu', 0.25),
    ]),
    ...each((runtime, _, name) => [
      times(`RC4-MD5, ${name}`, `suite-${runtime}-rc4-md5`, SOFTETHER, 'tcp', 1),
      times(`AES256-SHA, ${name}`, `suite-${runtime}-aes256-sha`, SOFTETHER, 'tcp', 0.5),
    ]),
    atLeast('core alone, 1514-byte frames', '20 Gbit/s', summary.results.coreGbits ?? Number.NaN, 20),
  ];
}

function atLeast(what: string, bar: string, figure: number, least: number): Bar {
  return { what, bar: `at least ${bar}`, figure, met: Number.isNaN(figure) ? undefined : figure >= least };
}

function atMost(what: string, bar: string, figure: number, most: number): Bar {
  return { what, bar: `at most ${bar}`, figure, met: Number.isNaN(figure) ? undefined : figure <= most };
}
