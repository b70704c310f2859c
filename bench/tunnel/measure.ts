/** One of the things that are done to a running subject. */
import type { Measured, MeasuredName } from './metrics.ts';
import type { Bed, Running } from './subject.ts';

export interface Context extends Bed {
  readonly running: Running;
  /** Length of one transfer, whole seconds. */
  readonly seconds: number;
  /** Less of everything that is not a transfer. */
  readonly quick: boolean;
}

export interface Measure {
  readonly name: string;
  readonly metrics: readonly MeasuredName[];
  /** Needs iperf3. */
  readonly iperf: boolean;
  /** Whether a subject that is a stream only has it as well. */
  readonly streams: boolean;
  readonly run: (context: Context) => Promise<Measured>;
}
