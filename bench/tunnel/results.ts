import type { Values } from './metrics.ts';

/** What one round has of one subject. */
export interface Sample {
  readonly subject: string;
  /** From 1. */
  readonly round: number;
  readonly values: Values;
}

/** Everything a run knows; what `--json` prints. */
export interface Results {
  readonly at: string;
  readonly machine: { readonly cpus: number; readonly model: string; readonly kernel: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** Length of one transfer. */
  readonly seconds: number;
  readonly tookSeconds: number;
  readonly subjects: readonly { readonly name: string; readonly title: string }[];
  readonly samples: readonly Sample[];
  /** Subjects and measures that were wanted and cannot be had, each with the cause. */
  readonly leftOut: readonly string[];
  /** What went wrong with a subject, a round and a measure. */
  readonly failures: readonly string[];
  /** Gbit/s of the core alone: frames of 1514 bytes encapsulated, classified and switched. */
  readonly coreGbits?: number;
}
