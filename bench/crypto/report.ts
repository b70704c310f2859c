/** What `npm run bench -- crypto` found, as text and as Markdown. */

import { isText, table } from '../table.ts';
import type { CryptoFigure, CryptoResult } from './run.ts';

interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Machine code; everybody else is JavaScript or WebAssembly. */
const NATIVE = /^(node:crypto|openssl speed|C at)/;

export function renderCrypto(result: CryptoResult): string {
  return sections(result)
    .map(({ title, head, rows }) => `${title}\n${table(head, rows)}`)
    .join('\n\n');
}

export function markdownCrypto(result: CryptoResult): string {
  const runtime = process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`;
  return [
    `# Cryptography beside others, ${runtime}`,
    ...sections(result).map(({ title, head, rows }) => {
      const rule = head.map((_, i) => (isText(rows, i) ? '---' : '---:'));
      return [`## ${title}`, '', ...[head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`)].join('\n');
    }),
    'Made by `npm run bench -- crypto --markdown FILE`.',
    '',
  ].join('\n\n');
}

function sections({ figures, records, handshakes, bars }: CryptoResult): Section[] {
  const names = [...new Set(figures.map(({ who }) => who))];
  const keys = [...new Set(figures.map(keyOf))];
  return [
    {
      title: 'Primitives, MB/s, and Etherloom simd to the fastest in JavaScript or WebAssembly and to OpenSSL',
      head: ['primitive, bytes', ...names, 'to JS', 'to OpenSSL'],
      rows: keys.map((key) => {
        const here = figures.filter((each) => keyOf(each) === key);
        const speed = (who: string): number | undefined => here.find((each) => each.who === who)?.megabytes;
        const others = here.filter(({ who }) => !who.startsWith('Etherloom') && !NATIVE.test(who));
        const fastest = Math.max(...others.map(({ megabytes }) => megabytes));
        const own = speed('Etherloom simd');
        return [
          key,
          ...names.map((who) => digits(speed(who))),
          ratio(own, others.length === 0 ? undefined : fastest),
          ratio(own, speed('openssl speed')),
        ];
      }),
    },
    {
      title: 'Records, MB/s of data',
      head: ['suite', 'bytes', 'seal', 'open'],
      rows: records.map(({ suite, bytes, seal, open }) => [suite, String(bytes), digits(seal), digits(open)]),
    },
    {
      title: 'Handshakes in a second, both ends in one process, RSA of 2048 bits',
      head: ['', 'full', 'resumed'],
      rows: handshakes.map(({ who, full, resumed }) => [who, digits(full), digits(resumed)]),
    },
    {
      title: 'Bars',
      head: ['what', 'at least', 'measured', ''],
      rows: bars.map(({ what, bar, figure, met }) => [what, bar, figure.toFixed(2), met ? 'met' : 'not met']),
    },
  ].filter(({ rows }) => rows.length > 0);
}

function keyOf({ primitive, bytes }: CryptoFigure): string {
  return `${primitive}, ${bytes}`;
}

function digits(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(value < 10 ? 1 : 0);
}

function ratio(own: number | undefined, other: number | undefined): string {
  return own === undefined || other === undefined ? '' : (own / other).toFixed(2);
}
