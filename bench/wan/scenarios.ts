/** The lines of the bench, and what is measured on each. */

import type { WanPath } from '../../lab/wan.ts';

export interface Scenario {
  /** For `--only`, and for people. */
  readonly key: string;
  readonly name: string;
  /** Absent: a cable, without any limit. */
  readonly path?: WanPath;
  /** The first is what the others are compared with. */
  readonly connections: readonly number[];
  /**
   * `throughput`: TCP inside, each way after the other, or with `both` each way at once. `calls`: beside that an EF ping
   * and a telephone call each way. `freeze`: one connection stops, and nobody says so.
   */
  readonly measure: 'throughput' | 'both' | 'calls' | 'freeze';
  /** Flows inside; 1 when absent. */
  readonly flows?: number;
  readonly halfDuplex?: boolean;
  /**
   * What the kernels of both ends allow a TCP window at most, bytes; absent: as they have it. The flow inside has one as
   * well, and with the usual ones it is the limit on a long line, whatever is around it.
   */
  readonly windowBytes?: number;
  /** A connection is set aside for priority frames. */
  readonly qos?: boolean;
  /** Our client's server is SoftEther's. */
  readonly towardsSoftEther?: boolean;
}

const CAPPED: WanPath = { delayMs: 5, flowMbit: 20 };
/** More than a Gbit/s takes in the 50 ms of a round trip, several times over. */
const LARGE_WINDOW = 32 << 20;
const CAPPED_TEXT = '5 ms each way, 20 Mbit/s per connection';

export const SCENARIOS: readonly Scenario[] = [
  { key: 'capped', name: CAPPED_TEXT, path: CAPPED, connections: [1, 8, 32], measure: 'throughput' },
  {
    key: 'half',
    name: 'the same, half duplex, at once',
    path: CAPPED,
    connections: [8],
    measure: 'both',
    halfDuplex: true,
  },
  {
    ...{ key: 'towards', name: "the same, to SoftEther's server, 8 flows", path: CAPPED, connections: [1, 8] },
    ...{ measure: 'throughput', flows: 8, towardsSoftEther: true },
  },
  { key: 'cable', name: 'a cable, no limit', connections: [1, 8], measure: 'throughput' },
  { key: 'long', name: '25 ms each way', path: { delayMs: 25 }, connections: [1, 8], measure: 'throughput' },
  {
    ...{ key: 'lossy', name: '25 ms each way, 1 % loss', path: { delayMs: 25, lossPercent: 1 } },
    ...{ connections: [1, 8], measure: 'throughput' },
  },
  {
    ...{ key: 'long-wide', name: '25 ms each way, large windows', path: { delayMs: 25 } },
    ...{ connections: [1, 8], measure: 'throughput', windowBytes: LARGE_WINDOW },
  },
  {
    ...{ key: 'lossy-wide', name: '25 ms each way, 1 % loss, large windows' },
    ...{ path: { delayMs: 25, lossPercent: 1 }, connections: [1, 8], measure: 'throughput', windowBytes: LARGE_WINDOW },
  },
  {
    ...{ key: 'calls', name: '10 ms each way, 20 Mbit/s, 100 frames of buffer, 4 flows' },
    ...{
      path: { delayMs: 10, rateMbit: 20, queueFrames: 100 },
      connections: [2, 8],
      measure: 'calls',
      flows: 4,
      qos: true,
    },
  },
  { key: 'freeze', name: `${CAPPED_TEXT}, one freezes`, path: CAPPED, connections: [8], measure: 'freeze' },
];
