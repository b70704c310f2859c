/** What `etherloom speedtest` shows to a person. */

import type { SpeedtestEvent, SpeedtestOptions, SpeedtestProgress } from '../engine/speedtest/options.ts';
import type { SpeedtestResult } from '../engine/speedtest/result.ts';
import type { RoundTripSummary } from '../engine/speedtest/round-trips.ts';
import { formatCount } from './text.ts';

/** `943.21 Mbit/s`: powers of 1000. */
export function formatRate(bitsPerSecond: number): string {
  return thousands(bitsPerSecond, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
}

export function formatStart(
  server: string,
  { durationMs }: Pick<SpeedtestOptions, 'durationMs'>,
  { downloads, uploads, latency }: Extract<SpeedtestEvent, { kind: 'started' }>,
): string {
  const ways = [
    ...(downloads > 0 ? [`${downloads} download${downloads > 1 ? 's' : ''}`] : []),
    ...(uploads > 0 ? [`${uploads} upload${uploads > 1 ? 's' : ''}`] : []),
  ];
  const trips = latency ? ', measuring round trips' : '';
  return `${server}: ${ways.join(' and ')} for ${durationMs / 1000} s${trips}`;
}

export function formatProgress(progress: SpeedtestProgress, { type, durationMs }: SpeedtestOptions): string {
  const parts = [`${(progress.elapsedMs / 1000).toFixed(1)} of ${durationMs / 1000} s`];
  if (type !== 'upload') parts.push(`down ${formatRate(progress.downloadBitsPerSecond)}`);
  if (type !== 'download') parts.push(`up ${formatRate(progress.uploadBitsPerSecond)}`);
  if (progress.roundTripMs !== undefined) parts.push(`${progress.roundTripMs.toFixed(1)} ms`);
  return parts.join('  ');
}

/** The rows of the reference (`protocol/data-plane.md` §8), each with the exact and a rounded value, and our round trips. */
export function formatResult(result: SpeedtestResult): string {
  const { download, upload, total, latency } = result;
  const volume = (name: string, bytes: number) => [
    `${name} volume`,
    `${formatCount(bytes)} bytes`,
    thousands(bytes, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']),
  ];
  const throughput = (name: string, bits: number) => [
    `${name} throughput`,
    `${formatCount(bits)} bit/s`,
    formatRate(bits),
  ];
  const rows = [
    ['Time span', `${formatCount(result.spanMs)} ms`, `${(result.spanMs / 1000).toFixed(1)} s`],
    ['Ethernet correction', result.correction ? 'yes' : 'no', ''],
    volume('Download', download.bytes),
    volume('Upload', upload.bytes),
    volume('Total', total.bytes),
    ['Throughput doubled', result.double ? 'yes' : 'no', ''],
    throughput('Download', download.bitsPerSecond),
    throughput('Upload', upload.bitsPerSecond),
    throughput('Total', total.bitsPerSecond),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(([name = '', exact = '', rounded = '']) =>
    `${name.padEnd(widths[0]!)}  ${exact.padStart(widths[1]!)}  ${rounded.padStart(widths[2]!)}`.trimEnd(),
  );
  if (latency === undefined) return lines.join('\n');
  const trips = (name: string, summary: RoundTripSummary | undefined): string =>
    `${name.padEnd(widths[0]!)}  ${summary === undefined ? 'no answers' : formatTrips(summary)}`;
  const unanswered = latency.unanswered === 0 ? '' : `, ${formatCount(latency.unanswered)} unanswered`;
  return [
    ...lines,
    trips('Round trip, idle', latency.idle),
    `${trips('Round trip, loaded', latency.load)}${unanswered}`,
  ].join('\n');
}

function formatTrips({ count, medianMs, p99Ms, maxMs }: RoundTripSummary): string {
  const ms = (value: number): string => value.toFixed(2);
  return `median ${ms(medianMs)} ms, p99 ${ms(p99Ms)} ms, max ${ms(maxMs)} ms of ${formatCount(count)}`;
}

function thousands(value: number, units: readonly string[]): string {
  let scaled = value;
  let unit = 0;
  // Rounding must not end at `1000.00 kB`.
  while (scaled >= 999.995 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : scaled.toFixed(2)} ${units[unit]}`;
}
