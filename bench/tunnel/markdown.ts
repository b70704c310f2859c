import { writeFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { isText } from '../table.ts';
import { drawChart } from './chart.ts';
import type { Summary } from './summary.ts';
import { type Table, tables } from './tables.ts';
import { describeRun } from './text.ts';

/** Writes the report to `file` and its chart beside it, under the same name with `.svg`. Returns both paths. */
export function writeMarkdown(file: string, summary: Summary): string[] {
  const chart = `${file.slice(0, file.length - extname(file).length)}.svg`;
  writeFileSync(file, renderMarkdown(summary, basename(chart)));
  writeFileSync(chart, renderChart(summary));
  return [file, chart];
}

export function renderMarkdown(summary: Summary, chart: string): string {
  const { leftOut, failures } = summary.results;
  return [
    '# Tunnels side by side',
    describeRun(summary.results),
    `![One TCP flow through each tunnel](${chart})`,
    ...tables(summary).map(draw),
    ...list('Left out', leftOut),
    ...list('Failed', failures),
    'Made by `npm run bench -- tunnel --markdown FILE`.',
    '',
  ].join('\n\n');
}

/** One TCP flow of every tunnel, both directions in one figure. What is no tunnel would dwarf them. */
export function renderChart(summary: Summary): string {
  const tunnels = summary.results.subjects.filter(({ name }) => name !== 'veth' && !name.startsWith('raw-'));
  const bars = tunnels
    .map(({ name, title }) => ({
      label: title,
      value: summary.figure(name, 'tcp'),
      ours: /etherloom|node|bun/.test(name),
    }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => b.value - a.value);
  return drawChart({ title: 'One TCP flow, geometric mean of both directions', unit: 'Gbit/s', bars });
}

function draw({ title, head, rows }: Table): string {
  const rule = head.map((_, i) => (isText(rows, i) ? '---' : '---:'));
  return [`## ${title}`, '', ...[head, rule, ...rows].map((row) => `| ${row.map(quote).join(' | ')} |`)].join('\n');
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, lines.map((line) => `- ${line.replaceAll('\n', ' ')}`).join('\n')];
}

function quote(text: string): string {
  return text.replaceAll('|', '\\|');
}
