/** The results of the bench as a table, as Markdown and as a chart. */

import { table } from '../table.ts';
import { drawChart } from '../tunnel/chart.ts';
import { geometricMean } from '../tunnel/statistics.ts';
import type { WanResult } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const HEAD = [
  ...['line', 'connections', 'tunnel', 'up Mbit/s', 'down Mbit/s', 'x one connection', "x SoftEther's best"],
  ...['EF ping mean', '99 %', 'max', 'call jitter', 'lost', 'rest'],
];

export function renderWan(results: readonly WanResult[]): string {
  return table(HEAD, rows(results));
}

export function markdownWan(results: readonly WanResult[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[line(HEAD), line(HEAD.map(() => '---')), ...rows(results).map(line)].join('\n')}\n`;
}

/** The throughput of each tunnel on each line. */
export function chartWan(results: readonly WanResult[]): string {
  return drawChart({
    title: 'TCP inside the tunnel, both directions',
    unit: 'Mbit/s',
    bars: results
      .filter((result) => result.figures.up > 0)
      .map((result) => ({
        label: `${result.path}, ${result.connections} × ${result.subject}`,
        value: rateOf(result),
        ours: result.subject !== 'SoftEther',
      })),
  });
}

function rows(results: readonly WanResult[]): string[][] {
  return results.map((result) => {
    const { figures } = result;
    const cell = (value: number, digits: number, unit = '') =>
      Number.isNaN(value) ? '' : `${value.toFixed(digits)}${unit}`;
    return [
      result.path,
      String(result.connections),
      result.subject,
      cell(figures.up, 1),
      cell(figures.down, 1),
      cell(rateOf(result) / ofOne(results, result), 2),
      cell(rateOf(result) / bestOfSoftEther(results, result), 2),
      cell(figures.pingMean, 1, ' ms'),
      cell(figures.ping99, 1, ' ms'),
      cell(figures.pingMax, 1, ' ms'),
      cell(figures.jitter, 1, ' ms'),
      cell(figures.lost, 0),
      cell(figures.rest, 0, ' ms'),
    ];
  });
}

function rateOf({ figures }: WanResult): number {
  return geometricMean([figures.up, figures.down].filter((rate) => !Number.isNaN(rate)));
}

/** The same tunnel over the same line with one connection; where there is none, over the line with the same limit. */
function ofOne(results: readonly WanResult[], { path, subject, connections }: WanResult): number {
  const same = results.filter((result) => result.subject === subject && result.connections === 1);
  const line = path.startsWith('the same') ? [path, SCENARIOS[0]!.name] : [path];
  const one = line.map((name) => same.find((result) => result.path === name)).find((found) => found !== undefined);
  return one === undefined || (connections === 1 && one.path === path) ? Number.NaN : rateOf(one);
}

function bestOfSoftEther(results: readonly WanResult[], { path, subject }: WanResult): number {
  if (subject === 'SoftEther') return Number.NaN;
  const theirs = results.filter((result) => result.subject === 'SoftEther' && result.path === path);
  return theirs.length === 0 ? Number.NaN : Math.max(...theirs.map(rateOf));
}
