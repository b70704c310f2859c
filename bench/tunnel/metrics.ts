/** What is measured of a subject in one round, and what follows from it. */
import { geometricMean } from './statistics.ts';

export interface Metric {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
}

/** As they are measured. `Up` is from the client to the server. */
const MEASURED = {
  tcpUp: { title: 'TCP up', unit: 'Gbit/s', digits: 2 },
  tcpDown: { title: 'TCP down', unit: 'Gbit/s', digits: 2 },
  tcp4Up: { title: 'TCP x4 up', unit: 'Gbit/s', digits: 2 },
  tcp4Down: { title: 'TCP x4 down', unit: 'Gbit/s', digits: 2 },
  /** Segments that the TCP inside sent again, both ways together. */
  resent: { title: 'resent', unit: 'segments', digits: 0 },
  resent4: { title: 'resent x4', unit: 'segments', digits: 0 },
  udp64: { title: 'UDP 64', unit: 'frames/s', digits: 0 },
  udp1400: { title: 'UDP 1400', unit: 'frames/s', digits: 0 },
  /** Medians of the round trips. */
  ping50: { title: 'ping 50 ms', unit: 'ms', digits: 3 },
  ping2: { title: 'ping 2 ms', unit: 'ms', digits: 3 },
  /** Averages: `ping -f` tells no more, and under load the late ones are what counts. */
  pingFlood: { title: 'flood', unit: 'ms', digits: 3 },
  pingLoad: { title: 'under load', unit: 'ms', digits: 2 },
  pingLoadP99: { title: 'load p99', unit: 'ms', digits: 2 },
  /** Processor time of one flow, both directions weighing the same. */
  cpuClient: { title: 'CPU client', unit: 's/Gbit', digits: 3 },
  cpuServer: { title: 'CPU server', unit: 's/Gbit', digits: 3 },
  memoryClient: { title: 'mem client', unit: 'MiB', digits: 0 },
  memoryServer: { title: 'mem server', unit: 'MiB', digits: 0 },
} as const satisfies Record<string, Metric>;

/** As they follow from the others. */
const DERIVED = {
  /** Geometric mean of both directions. */
  tcp: { title: 'TCP', unit: 'Gbit/s', digits: 2 },
  tcp4: { title: 'TCP x4', unit: 'Gbit/s', digits: 2 },
  /** Of both sides. */
  cpu: { title: 'CPU', unit: 's/Gbit', digits: 3 },
} as const satisfies Record<string, Metric>;

export const METRICS: Readonly<Record<MetricName, Metric>> = { ...MEASURED, ...DERIVED };

export type MeasuredName = keyof typeof MEASURED;
export type MetricName = MeasuredName | keyof typeof DERIVED;

/** What one round has of a subject; what is absent was not asked for, failed, or makes no sense there. */
export type Measured = Partial<Record<MeasuredName, number>>;
export type Values = Partial<Record<MetricName, number>>;

export function derive(values: Measured): Values {
  const pair = (a: number | undefined, b: number | undefined, of: (pair: number[]) => number): number | undefined =>
    a === undefined || b === undefined ? undefined : of([a, b]);
  const derived = {
    tcp: pair(values.tcpUp, values.tcpDown, geometricMean),
    tcp4: pair(values.tcp4Up, values.tcp4Down, geometricMean),
    cpu: pair(values.cpuClient, values.cpuServer, ([client, server]) => client! + server!),
  };
  const present = Object.entries(derived).filter(([, value]) => value !== undefined);
  return { ...values, ...Object.fromEntries(present) };
}
