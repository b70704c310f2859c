/** A bar chart as SVG, readable on light and on dark ground. */

export interface ChartBar {
  readonly label: string;
  readonly value: number;
  /** Drawn in the colour of our own. */
  readonly ours: boolean;
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly ChartBar[];
}

const WIDTH = 800;
const LABELS = 340;
/** Right of the longest bar, for its figure. */
const FIGURES = 90;
const ROW = 24;
const BAR = 16;
const TOP = 44;

export function drawChart({ title, unit, bars }: Chart): string {
  const height = TOP + bars.length * ROW + 12;
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.flatMap(({ label, value, ours }, i) => {
    const y = TOP + i * ROW;
    const width = Math.max(1, (value / most) * (WIDTH - LABELS - FIGURES));
    const middle = y + BAR / 2 + 4;
    return [
      `<text x="${LABELS - 8}" y="${middle}" text-anchor="end">${xml(label)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" class="${ours ? 'ours' : 'other'}"/>`,
      `<text x="${(LABELS + width + 6).toFixed(1)}" y="${middle}">${value.toFixed(2)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${xml(title)}</title>`,
    '<style>',
    'text { font: 13px system-ui, sans-serif; fill: #24292f; } .head { font-weight: 600; font-size: 15px; }',
    '.ours { fill: #1a7f5a; } .other { fill: #9aa4ae; }',
    '@media (prefers-color-scheme: dark) { text { fill: #d0d7de; } .ours { fill: #3fb98a; } .other { fill: #6e7781; } }',
    '</style>',
    `<text x="8" y="22" class="head">${xml(title)}, ${xml(unit)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
