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
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const align = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isText(rows, i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [title, ...[head, ...rows].map((row) => `  ${align(row)}`)].join('\n');
}

/** A column that has words in it begins on the left. */
export function isText(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.some((row) => /[a-z]/i.test(row[column]!));
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join('\n')];
}
