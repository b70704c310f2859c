import { describe, expect, test } from 'vitest';
import { holdAgainstBars } from '../../../bench/tunnel/bars.ts';
import { drawChart } from '../../../bench/tunnel/chart.ts';
import { renderChart, renderMarkdown } from '../../../bench/tunnel/markdown.ts';
import { derive, type Measured } from '../../../bench/tunnel/metrics.ts';
import type { Results } from '../../../bench/tunnel/results.ts';
import { Summary } from '../../../bench/tunnel/summary.ts';
import { renderText } from '../../../bench/tunnel/text.ts';

/** Of each subject the rounds, one after the other. */
function results(rounds: Readonly<Record<string, readonly Measured[]>>, more: Partial<Results> = {}): Results {
  return {
    at: '2030-01-02T03:04:05.000Z',
    machine: { cpus: 2, model: 'made up', kernel: '6.1' },
    versions: { node: '20.0.0' },
    rounds: Math.max(...Object.values(rounds).map((each) => each.length)),
    seconds: 3,
    tookSeconds: 60,
    subjects: Object.keys(rounds).map((name) => ({ name, title: `The ${name}` })),
    samples: Object.entries(rounds).flatMap(([subject, each]) =>
      each.map((values, i) => ({ subject, round: i + 1, values: derive(values) })),
    ),
    leftOut: [],
    failures: [],
    ...more,
  };
}

describe('what follows from the measured', () => {
  test('is there when both directions, or both sides, are', () => {
    const values = derive({ tcpUp: 2, tcpDown: 8, tcp4Up: 1, cpuClient: 0.25, cpuServer: 0.5 });
    expect(values.tcp).toBeCloseTo(4, 12);
    expect(values.cpu).toBe(0.75);
    expect(values).not.toHaveProperty('tcp4');
  });
});

describe('the summary', () => {
  const summary = new Summary(
    results({
      'etherloom-node': [{ ping2: 10 }, { ping2: 1 }, { ping2: 3 }],
      'softether-tls': [{ ping2: 5 }, {}, { ping2: 1 }],
    }),
  );

  test('has medians of the rounds', () => {
    expect(summary.figure('etherloom-node', 'ping2')).toBe(3);
    expect(summary.figure('softether-tls', 'ping2')).toBe(3);
    expect(summary.figure('softether-tls', 'tcpUp')).toBeNaN();
  });

  test('compares within each round, not across them', () => {
    expect(summary.ratio('etherloom-node', 'softether-tls', 'ping2')).toBe(2.5);
    expect(summary.ratio('etherloom-node', 'nobody', 'ping2')).toBeNaN();
  });
});

describe('the bars', () => {
  const bars = (ours: Measured, theirs: Measured) =>
    holdAgainstBars(new Summary(results({ 'etherloom-node': [ours], 'softether-tls': [theirs] })));

  test('more is better of rates, less of times and cost; what just reaches a bar has met it', () => {
    const theirs = { tcpUp: 1, tcpDown: 1, udp64: 100, ping50: 1, pingLoad: 8, cpuClient: 2, cpuServer: 2 };
    const met = bars(
      { tcpUp: 5, tcpDown: 5, udp64: 200, ping50: 1, pingLoad: 4, cpuClient: 0.5, cpuServer: 0.5 },
      theirs,
    ).filter((bar) => bar.met !== undefined);
    expect(met.map(({ met }) => met)).toEqual([true, true, true, true, true]);
    const missed = bars(
      { tcpUp: 4.9, tcpDown: 4.9, udp64: 199, ping50: 1.01, pingLoad: 4.1, cpuClient: 0.5, cpuServer: 0.6 },
      theirs,
    ).filter((bar) => bar.met !== undefined);
    expect(missed.map(({ met }) => met)).toEqual([false, false, false, false, false]);
  });

  test('nothing is claimed of what was not measured', () => {
    expect(bars({}, {}).filter(({ met }) => met !== undefined)).toEqual([]);
  });

  test('the core is held against its own', () => {
    const of = (coreGbits: number) => holdAgainstBars(new Summary(results({ veth: [{}] }, { coreGbits }))).at(-1);
    expect(of(20)).toMatchObject({ met: true, figure: 20 });
    expect(of(19.9)).toMatchObject({ met: false });
  });
});

describe('the report', () => {
  const found = new Summary(
    results(
      {
        'etherloom-node': [{ tcpUp: 9, tcpDown: 4, udp64: 1234567 }],
        'softether-tls': [{ tcpUp: 2, tcpDown: 2 }],
        veth: [{ tcpUp: 30, tcpDown: 30 }],
      },
      { leftOut: ['openvpn-udp: openvpn is not installed'], failures: ['veth, round 1, udp: a | b\nc'] },
    ),
  );

  test('shows figures, ratios, bars, and what is missing', () => {
    const text = renderText(found);
    const line = text.split('\n').find((each) => each.includes('The etherloom-node') && each.includes('9.00'));
    expect(line?.trim().split(/ {2,}/)).toEqual(['The etherloom-node', '9.00', '4.00', '3.00']);
    expect(text).toContain('1,234,567');
    expect(text).toMatch(/one TCP flow, TLS, Node +at least 5 x softether-tls +3\.00 {2}not met/);
    expect(text).toContain('openvpn is not installed');
    expect(text).not.toContain('NaN');
    expect(text).not.toContain('Round trips');
  });

  test('is Markdown with rows as long as their heads', () => {
    const markdown = renderMarkdown(found, 'chart.svg');
    expect(markdown).toContain('](chart.svg)');
    expect(markdown).not.toContain('NaN');
    for (const table of markdown.split('\n\n').filter((each) => each.startsWith('|'))) {
      const columns = table.split('\n').map((row) => row.split('|').length);
      expect(new Set(columns).size).toBe(1);
    }
    expect(markdown).toMatch(/^\| The etherloom-node \| 9\.00 \|/m);
  });

  test('draws tunnels, the fastest first, and no cable', () => {
    const chart = renderChart(found);
    expect([...chart.matchAll(/>(The [^<]*)</g)].map(([, label]) => label)).toEqual([
      'The etherloom-node',
      'The softether-tls',
    ]);
    expect(
      [...chart.matchAll(/<rect[^>]* width="([\d.]+)"[^>]* class="(\w+)"/g)].map(([, w, c]) => [Number(w), c]),
    ).toEqual([
      [370, 'ours'],
      [123.3, 'other'],
    ]);
  });

  test('a chart of anything is well-formed', () => {
    const chart = drawChart({ title: 'a < b & "c"', unit: 's', bars: [{ label: '<x>', value: 0, ours: false }] });
    expect(chart).toContain('a &lt; b &amp; &quot;c&quot;');
    expect(chart).not.toMatch(/<x>|NaN|Infinity/);
    expect(drawChart({ title: 'none', unit: 's', bars: [] })).toContain('</svg>');
  });
});
