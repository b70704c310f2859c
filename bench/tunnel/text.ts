import { table } from '../table.ts';
import type { Results } from './results.ts';
import type { Summary } from './summary.ts';
import { type Table, tables } from './tables.ts';

/** For a terminal. */
export function renderText(summary: Summary): string {
  const { leftOut, failures } = summary.results;
  return [
    ...tables(summary).map(draw),
    describeRun(summary.results),
    ...list('Left out', leftOut),
    ...list('Failed', failures),
  ].join('\n\n');
}

/** What was measured where, in one sentence or two. */
export function describeRun(results: Results): string {
  const { machine, versions, rounds, seconds, tookSeconds, at } = results;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${seconds} s each transfer, in which all subjects take turns, ` +
    `${at.slice(0, 10)}, ${(tookSeconds / 60).toFixed(1)} min. ` +
    `${machine.cpus} x ${machine.model}, Linux ${machine.kernel}; ${programs.join(', ')}.`
  );
}

function draw({ title, head, rows }: Table): string {
  return [
    title,
    ...table(head, rows)
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join('\n')];
}
