/**
 * `npm run bench -- compression`: tunnels that compress, side by side, with what can be compressed and what cannot. In
 * each round every subject gets a fresh pair of hosts.
 */

import { Lab } from '../lab/netns.ts';
import { waitForPing } from '../lab/ping.ts';
import { measureTraffic, startTraffic } from '../lab/tools.ts';
import { CONTENTS, type Content } from '../lab/traffic-content.ts';
import { table } from './table.ts';
import { geometricMean, median } from './tunnel/statistics.ts';
import { CABLE, type Direction, missing, type Subject } from './tunnel/subject.ts';
import { compressing } from './tunnel/subjects/etherloom.ts';
import { softether } from './tunnel/subjects/softether.ts';

export interface CompressionOptions {
  readonly runtimes: readonly ('node' | 'bun')[];
  readonly rounds: number;
  /** Length of one transfer. */
  readonly seconds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds. */
export interface CompressionResult {
  readonly subject: string;
  readonly title: string;
  readonly content: Content;
  /** Of what went into the tunnel, one TCP flow each way. */
  readonly upMbits: number;
  readonly downMbits: number;
  /** Percent of the client's frames so far; absent where the subject does not tell. */
  readonly savedPercent?: number;
}

const REFERENCE = 'softether-compressed';
/** Times SoftEther, geometric mean of both directions. */
const BAR = 5;
const SAVED_BAR = 80;

export async function runCompression(options: CompressionOptions): Promise<CompressionResult[]> {
  const subjects = [...options.runtimes.map(compressing), softether('compressed')].filter((subject) => {
    const why = missing(subject.needs);
    if (why !== undefined) options.say(`left out: ${subject.title}: ${why}`);
    return why === undefined;
  });
  const samples: CompressionResult[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const subject of subjects) {
      // One after the other in the same session would count what the other has saved.
      for (const content of CONTENTS) {
        options.say(`round ${round} of ${options.rounds}: ${subject.title}, ${content}`);
        samples.push(await measure(subject, content, options.seconds));
      }
    }
  }
  return subjects.flatMap((subject) => CONTENTS.map((content) => summary(samples, subject, content)));
}

export function renderCompression(results: readonly CompressionResult[]): string {
  const rows = results.map(({ title, content, upMbits, downMbits, savedPercent, subject }) => [
    title,
    content,
    upMbits.toFixed(0),
    downMbits.toFixed(0),
    savedPercent === undefined ? '' : savedPercent.toFixed(1),
    timesReference(results, subject, content),
    verdict(results, subject, content),
  ]);
  const head = [
    'tunnel',
    'content',
    'up Mbit/s',
    'down Mbit/s',
    'saved %',
    'x SoftEther',
    `bars: ${BAR} x, ${SAVED_BAR} % of HTML`,
  ];
  return table(head, rows);
}

async function measure(subject: Subject, content: Content, seconds: number): Promise<CompressionResult> {
  const lab = await Lab.create();
  try {
    const [client, server] = [await lab.addHost('client'), await lab.addHost('server')];
    await lab.cable({ host: client, address: `${CABLE.client}/24` }, { host: server, address: `${CABLE.server}/24` });
    const running = await subject.start({ lab, client, server });
    await waitForPing(client, { target: running.target });
    const traffic = await startTraffic(server);
    const transfer = async (direction: Direction, length: number): Promise<number> =>
      (await measureTraffic(client, { host: running.target, direction, seconds: length, content })).mbits;
    // Not counted: compilers warm up, windows open.
    await transfer('up', 1);
    await transfer('down', 1);
    const [upMbits, downMbits] = [await transfer('up', seconds), await transfer('down', seconds)];
    const savedPercent = await running.saved?.();
    await traffic.stop();
    const { name, title } = subject;
    return {
      subject: name,
      title,
      content,
      upMbits,
      downMbits,
      ...(savedPercent === undefined ? {} : { savedPercent }),
    };
  } finally {
    await lab.close();
  }
}

function summary(samples: readonly CompressionResult[], { name, title }: Subject, content: Content): CompressionResult {
  const mine = samples.filter((sample) => sample.subject === name && sample.content === content);
  const middle = (of: (sample: CompressionResult) => number | undefined) =>
    median(mine.map((sample) => of(sample) ?? Number.NaN));
  const savedPercent = middle((sample) => sample.savedPercent);
  return {
    ...{ subject: name, title, content },
    upMbits: middle((sample) => sample.upMbits),
    downMbits: middle((sample) => sample.downMbits),
    ...(Number.isNaN(savedPercent) ? {} : { savedPercent }),
  };
}

function ratio(results: readonly CompressionResult[], subject: string, content: Content): number {
  const rate = (name: string): number => {
    const found = results.find((result) => result.subject === name && result.content === content);
    return found === undefined ? Number.NaN : geometricMean([found.upMbits, found.downMbits]);
  };
  return subject === REFERENCE ? Number.NaN : rate(subject) / rate(REFERENCE);
}

function timesReference(results: readonly CompressionResult[], subject: string, content: Content): string {
  const times = ratio(results, subject, content);
  return Number.isNaN(times) ? '' : times.toFixed(2);
}

function verdict(results: readonly CompressionResult[], subject: string, content: Content): string {
  const times = ratio(results, subject, content);
  if (Number.isNaN(times)) return '';
  const { savedPercent = 0 } = results.find((result) => result.subject === subject && result.content === content)!;
  return times >= BAR && (content !== 'html' || savedPercent >= SAVED_BAR) ? 'reached' : 'short';
}
