/** `npm run bench -- crypto`: each primitive, the records of each suite and handshakes, beside others, in turns. */

import { median } from '../tunnel/statistics.ts';
import { UsageError } from '../usage-error.ts';
import { ours } from './ours.ts';
import { type Primitive, RECIPES } from './primitives.ts';
import { nativeRc4, opensslSpeed, rivals } from './rivals.ts';
import { benchHandshakes, benchRecords, type HandshakeFigure, type RecordFigure } from './suites.ts';

export const SIZES = [64, 1_400, 16_384] as const;
export const PRIMITIVES = Object.keys(RECIPES) as Primitive[];

/** Milliseconds: less than what a scheduler gives to one program at a time. */
const SLICE = 2;
/** What takes no turns, because it runs by itself. */
const OPENSSL = 'openssl speed';
const C_RC4 = 'C at -O2';

export interface CryptoBenchOptions {
  readonly rounds: number;
  /** Of one measurement. */
  readonly milliseconds: number;
  readonly primitives: readonly Primitive[];
  readonly say: (text: string) => void;
}

export interface CryptoFigure {
  readonly primitive: Primitive;
  /** Of a message. */
  readonly bytes: number;
  readonly who: string;
  /** 10^6 bytes in a second, median. */
  readonly megabytes: number;
}

export interface CryptoBar {
  readonly what: string;
  readonly bar: string;
  /** NaN where the other is not there. */
  readonly figure: number;
  readonly met: boolean | undefined;
}

export interface CryptoResult {
  readonly figures: readonly CryptoFigure[];
  readonly records: readonly RecordFigure[];
  readonly handshakes: readonly HandshakeFigure[];
  readonly bars: readonly CryptoBar[];
}

/** Throws a UsageError for a name that is none. A beginning stands for all names that begin so. */
export function primitivesNamed(names: readonly string[] | undefined): readonly Primitive[] {
  if (names === undefined) return PRIMITIVES;
  const found = PRIMITIVES.filter((primitive) => names.some((name) => primitive.startsWith(name)));
  if (found.length === 0) throw new UsageError(`--only: expected some of ${PRIMITIVES.join(', ')}, got ${names}`);
  return found;
}

export async function runCrypto(options: CryptoBenchOptions): Promise<CryptoResult> {
  const figures: CryptoFigure[] = [];
  for (const primitive of options.primitives) {
    options.say(primitive);
    for (const bytes of SIZES) figures.push(...(await compare(primitive, bytes, options)));
  }
  options.say('records of each suite');
  const records = benchRecords(options.rounds, options.milliseconds * 2);
  options.say('handshakes');
  const handshakes = benchHandshakes(options.milliseconds * 20);
  return { figures, records, handshakes, bars: barsOf(figures) };
}

async function compare(primitive: Primitive, bytes: number, options: CryptoBenchOptions): Promise<CryptoFigure[]> {
  const all = [...ours(primitive, bytes), ...(await rivals(primitive, bytes))];
  const speeds = new Map<string, number[]>(all.map(({ name }) => [name, []]));
  // Compilers are to be done with everybody before anybody counts.
  for (const { run } of all) timed(run, options.milliseconds);
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, run, bytes: length } of all) {
      speeds.get(name)!.push((length * timed(run, options.milliseconds)) / 1e6);
    }
    // Lets signals in.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const figures = [...speeds].map(([who, each]) => ({ primitive, bytes, who, megabytes: median(each) }));
  const add = (who: string, megabytes: number | undefined): void => {
    if (megabytes !== undefined) figures.push({ primitive, bytes, who, megabytes });
  };
  add(OPENSSL, await opensslSpeed(primitive, bytes));
  if (primitive === 'rc4') add(C_RC4, await nativeRc4(bytes));
  return figures;
}

/**
 * Calls in a second, in the best slice of the time: who else runs on the machine takes some of the slices, and whoever's
 * turn it was would seem slow.
 */
function timed(run: () => unknown, milliseconds: number): number {
  const end = performance.now() + milliseconds;
  let best = 0;
  for (let now = performance.now(); now < end; ) {
    const start = now;
    let calls = 0;
    for (let batch = 1; now - start < SLICE; batch = Math.min(batch * 2, 64)) {
      for (let i = 0; i < batch; i++) run();
      calls += batch;
      now = performance.now();
    }
    best = Math.max(best, (calls * 1_000) / (now - start));
  }
  return best;
}

function barsOf(figures: readonly CryptoFigure[]): CryptoBar[] {
  const speed = (primitive: Primitive, bytes: number, who: string): number =>
    figures.find((each) => each.primitive === primitive && each.bytes === bytes && each.who === who)?.megabytes ??
    Number.NaN;
  const own = (primitive: Primitive, bytes: number): number => speed(primitive, bytes, 'Etherloom simd');
  const times = (primitive: Primitive, bytes: number, least: number, who: string): CryptoBar => {
    const figure = own(primitive, bytes) / speed(primitive, bytes, who);
    const met = Number.isNaN(figure) ? undefined : figure >= least;
    return { what: `${primitive}, ${bytes} bytes`, bar: `${least} x ${who}`, figure, met };
  };
  const rc4 = own('rc4', 16_384);
  const share = rc4 / speed('rc4', 16_384, C_RC4);
  const bars: CryptoBar[] = [
    times('md5', 16_384, 1, 'hash-wasm'),
    times('sha1', 16_384, 1, 'hash-wasm'),
    {
      ...{ what: 'rc4, 16384 bytes, MB/s', bar: `300, or 0.8 x ${C_RC4} (${share.toFixed(2)})`, figure: rc4 },
      met: Number.isNaN(rc4) ? undefined : rc4 >= 300 || share >= 0.8,
    },
    times('aes128-cbc-encrypt', 1_400, 3, 'node-forge'),
    times('aes128-cbc-decrypt', 1_400, 3, 'node-forge'),
    times('3des-cbc-encrypt', 1_400, 0.8, OPENSSL),
    times('3des-cbc-decrypt', 1_400, 0.8, OPENSSL),
    times('chacha20-poly1305-seal', 1_400, 2, 'libsodium-wrappers'),
    times('chacha20-poly1305-open', 1_400, 2, 'libsodium-wrappers'),
  ];
  return bars.filter(({ figure }) => !Number.isNaN(figure));
}
