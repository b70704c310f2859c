/** `npm run bench -- deflate`: frames deflated and inflated one at a time, by the core and by others, in turns. */

import { deflateSync } from 'node:zlib';
import { table } from '../table.ts';
import { median } from '../tunnel/statistics.ts';
import { type Coder, coders } from './coders.ts';
import { CORPORA, type Corpus, frames } from './corpus.ts';
import { type NativeWay, nativeZlib } from './native.ts';

export const SIZES = [64, 200, 576, 1_400, 1_514, 9_000, 65_000] as const;

export interface DeflateBenchOptions {
  readonly rounds: number;
  readonly sizes: readonly number[];
  readonly corpora: readonly Corpus[];
  readonly say: (text: string) => void;
}

/** Medians over the rounds. */
export interface DeflateFigure {
  readonly corpus: Corpus;
  /** Bytes of a frame. */
  readonly size: number;
  readonly coder: string;
  /** 10^6 bytes of frames in a second; absent where the coder does only the other. */
  readonly deflateMegabytes?: number;
  readonly inflateMegabytes?: number;
  /** Bytes of the blocks to bytes of the frames. */
  readonly ratio?: number;
  /** The most that a frame has grown by, bytes. */
  readonly growth?: number;
}

export interface DeflateResult {
  readonly figures: readonly DeflateFigure[];
  readonly bars: readonly DeflateBar[];
}

export interface DeflateBar {
  readonly what: string;
  readonly bar: number;
  readonly measured: number;
  readonly reached: boolean;
}

/** Passes over the frames in each turn; the best counts. */
const PASSES = 3;
/** What others get: the name of C zlib's ways, for the table. */
const NATIVE: readonly { readonly way: NativeWay; readonly coder: string }[] = [
  { way: 'deflate-reused-fastest', coder: 'C zlib, state reused' },
  { way: 'compress2', coder: 'C zlib as SoftEther' },
  { way: 'uncompress', coder: 'C zlib as SoftEther' },
];

export async function runDeflate(options: DeflateBenchOptions): Promise<DeflateResult> {
  const native = await nativeZlib(options.say);
  const all = coders();
  const figures: DeflateFigure[] = [];
  try {
    for (const corpus of options.corpora) {
      for (const size of options.sizes) {
        options.say(`${corpus}, ${size} bytes`);
        figures.push(...(await compare(corpus, size)));
      }
    }
  } finally {
    await native?.remove();
  }
  return { figures, bars: barsOf(figures) };

  async function compare(corpus: Corpus, size: number): Promise<DeflateFigure[]> {
    const list = frames(corpus, size);
    const total = list.reduce((sum, frame) => sum + frame.length, 0);
    // The same blocks for all who inflate.
    const blocks = list.map((frame) => deflateSync(frame, { level: 1 }));
    const speed = (ns: number) => (total * 1_000) / ns;
    const deflated = new Map<string, number[]>();
    const inflated = new Map<string, number[]>();
    const sizes = new Map<string, { ratio: number; growth?: number }>();
    for (let round = 0; round < options.rounds; round++) {
      for (const coder of all) {
        add(deflated, coder.name, speed(timed(list, (frame) => coder.deflate(frame))));
        add(inflated, coder.name, speed(timed(blocks, (block) => coder.inflate(block, size))));
        if (round === 0) sizes.set(coder.name, sizesOf(coder, list, total));
      }
      const native_ = await native?.measure(list, PASSES);
      for (const { way, coder } of native_ === undefined ? [] : NATIVE) {
        const { nanoseconds, bytes } = native_![way];
        add(way === 'uncompress' ? inflated : deflated, coder, speed(nanoseconds));
        if (way !== 'uncompress') sizes.set(coder, { ratio: bytes / total });
      }
      // Lets signals in.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return [...sizes].map(([coder, ratios]) => ({
      ...{ corpus, size, coder, ...ratios },
      deflateMegabytes: median(deflated.get(coder)!),
      ...(inflated.has(coder) ? { inflateMegabytes: median(inflated.get(coder)!) } : {}),
    }));
  }
}

export function renderDeflate({ figures, bars }: DeflateResult): string {
  const names = [...new Set(figures.map(({ coder }) => coder))];
  const rows = (cell: (figure: DeflateFigure | undefined) => string): string[][] => {
    const lines = new Map<string, string[]>();
    for (const { corpus, size } of figures) {
      const key = `${corpus}, ${size}`;
      if (lines.has(key)) continue;
      const of = (coder: string) =>
        figures.find((each) => each.corpus === corpus && each.size === size && each.coder === coder);
      lines.set(key, [key, ...names.map((coder) => cell(of(coder)))]);
    }
    return [...lines.values()];
  };
  const speed = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(value < 10 ? 1 : 0));
  return [
    'Deflate, MB/s and what is left of the bytes',
    table(
      ['frames', ...names],
      rows((figure) =>
        figure === undefined ? '' : `${speed(figure.deflateMegabytes)}  ${figure.ratio?.toFixed(3) ?? ''}`,
      ),
    ),
    '',
    'Inflate, MB/s of frames, of what node:zlib made at its fastest setting',
    table(
      ['frames', ...names],
      rows((figure) => speed(figure?.inflateMegabytes)),
    ),
    ...(bars.length === 0
      ? []
      : [
          '',
          table(
            ['bar, frames of 1400 bytes', 'wanted', 'measured', ''],
            bars.map(({ what, bar, measured, reached }) => [
              what,
              String(bar),
              measured.toFixed(measured < 100 ? 3 : 0),
              reached ? 'reached' : 'short',
            ]),
          ),
        ]),
  ].join('\n');
}

/** What was set out to be reached; of C zlib only where it is there. */
function barsOf(figures: readonly DeflateFigure[]): DeflateBar[] {
  const of = (corpus: Corpus, coder: string) =>
    figures.find((each) => each.corpus === corpus && each.size === 1_400 && each.coder === coder);
  const core = of('source', 'core, simd');
  const zlib = of('source', 'node:zlib');
  const reused = of('source', 'C zlib, state reused');
  const softEther = of('source', 'C zlib as SoftEther');
  const random = of('random', 'core, simd');
  const bars: DeflateBar[] = [];
  const atLeast = (what: string, bar: number, measured: number | undefined) => {
    if (measured !== undefined) bars.push({ what, bar, measured, reached: measured >= bar });
  };
  const atMost = (what: string, bar: number, measured: number | undefined) => {
    if (measured !== undefined) bars.push({ what, bar, measured, reached: measured <= bar });
  };
  const ratio = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? undefined : a / b;
  atLeast('deflate of source, times node:zlib', 3, ratio(core?.deflateMegabytes, zlib?.deflateMegabytes));
  atLeast(
    'deflate of source, times C zlib with its state reused',
    2,
    ratio(core?.deflateMegabytes, reused?.deflateMegabytes),
  );
  atMost('size of source, to that of node:zlib at level 1', 1.03, ratio(core?.ratio, zlib?.ratio));
  atLeast('inflate of source, times C uncompress', 1.5, ratio(core?.inflateMegabytes, softEther?.inflateMegabytes));
  atLeast('deflate of random bytes, MB/s', 1_000, random?.deflateMegabytes);
  atMost('growth of random frames, bytes', 11, random?.growth);
  return bars;
}

/** Nanoseconds for all of them in the best of the passes. */
function timed(inputs: readonly Uint8Array[], work: (input: Uint8Array) => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PASSES; i++) {
    const start = performance.now();
    for (const input of inputs) work(input);
    best = Math.min(best, performance.now() - start);
  }
  return best * 1e6;
}

function sizesOf(coder: Coder, list: readonly Uint8Array[], total: number): { ratio: number; growth: number } {
  let bytes = 0;
  let growth = Number.NEGATIVE_INFINITY;
  for (const frame of list) {
    const { length } = coder.deflate(frame);
    bytes += length;
    growth = Math.max(growth, length - frame.length);
  }
  return { ratio: bytes / total, growth };
}

function add(map: Map<string, number[]>, key: string, value: number): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

export function corporaNamed(names: readonly string[] | undefined): readonly Corpus[] | undefined {
  if (names === undefined) return CORPORA;
  const found = CORPORA.filter((corpus) => names.includes(corpus));
  return found.length === names.length ? found : undefined;
}
