/** What a run has found, as tables of text; how they are drawn is for others to say. */
import { holdAgainstBars } from './bars.ts';
import { METRICS, type MetricName } from './metrics.ts';
import type { Summary } from './summary.ts';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const SOFTETHER = 'softether-tls';
const OPENVPN = 'openvpn-udp';

export function tables(summary: Summary): Table[] {
  const found = [throughput(summary), datagrams(summary), latency(summary), cost(summary), bars(summary)];
  return found.filter(({ rows }) => rows.length > 0);
}

/** The raw stream that a subject's TLS runs on. */
function rawOf(subject: string): string | undefined {
  return /^etherloom-(node|bun)$/.test(subject) ? subject.replace('etherloom', 'raw') : undefined;
}

function throughput(summary: Summary): Table {
  const metrics = ['tcpUp', 'tcpDown', 'tcp4Up', 'tcp4Down', 'resent', 'resent4'] as const;
  const head = ['vs SoftEther', 'vs OpenVPN', 'of raw TLS'];
  return table(summary, 'TCP, Gbit/s (up is client to server)', metrics, head, (subject) => {
    const raw = rawOf(subject);
    return [
      ratio(summary.ratio(subject, SOFTETHER, 'tcp')),
      ratio(summary.ratio(subject, OPENVPN, 'tcp')),
      raw === undefined ? '' : ratio(summary.ratio(subject, raw, 'tcp')),
    ];
  });
}

function datagrams(summary: Summary): Table {
  const title = 'UDP, frames per second of 64 and 1400 bytes at under 0.1 % loss';
  return table(summary, title, ['udp64', 'udp1400'], ['64 vs SoftEther', '1400 vs SoftEther'], (subject) => [
    ratio(summary.ratio(subject, SOFTETHER, 'udp64')),
    ratio(summary.ratio(subject, SOFTETHER, 'udp1400')),
  ]);
}

function latency(summary: Summary): Table {
  const metrics = ['ping50', 'ping2', 'pingFlood', 'pingLoad', 'pingLoadP99'] as const;
  return table(summary, 'Round trips, ms (medians; averages of flood and under one TCP flow)', metrics, [], () => []);
}

function cost(summary: Summary): Table {
  const metrics = ['cpuClient', 'cpuServer', 'cpu', 'memoryClient', 'memoryServer'] as const;
  return table(summary, 'Cost: CPU seconds per Gbit, peak memory in MiB', metrics, ['CPU vs SoftEther'], (subject) => [
    ratio(summary.ratio(subject, SOFTETHER, 'cpu')),
  ]);
}

function bars(summary: Summary): Table {
  const held = holdAgainstBars(summary).filter(({ met }) => met !== undefined);
  return {
    title: 'Bars',
    head: ['what', 'bar', 'figure', ''],
    rows: held.map(({ what, bar, figure, met }) => [what, bar, figure.toFixed(2), met ? 'met' : 'not met']),
  };
}

function table(
  summary: Summary,
  title: string,
  metrics: readonly MetricName[],
  more: readonly string[],
  cells: (subject: string) => readonly string[],
): Table {
  const rows = summary.results.subjects
    .map(({ name, title: label }) => ({ name, label, figures: metrics.map((metric) => summary.figure(name, metric)) }))
    .filter(({ figures }) => figures.some((figure) => !Number.isNaN(figure)))
    .map(({ name, label, figures }) => [
      label,
      ...figures.map((figure, i) => number(figure, METRICS[metrics[i]!].digits)),
      ...cells(name),
    ]);
  const columns = metrics.map((metric) => METRICS[metric].title);
  return { title, head: ['subject', ...columns, ...more], rows };
}

function number(value: number, digits: number): string {
  return Number.isNaN(value)
    ? ''
    : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function ratio(value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(2);
}
