/** What `etherloom speedtest` prints. */

import type { Progress } from '../engine/speedtest/client.ts';
import type { SpeedtestResult, Volume } from '../engine/speedtest/result.ts';
import { formatCount, table } from './text.ts';

/** Milliseconds between two pictures of the bar. */
export const BAR_MS = 200;

/** `842.1 Mbit/s`, in powers of 1000. */
export function formatRate(bitsPerSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = bitsPerSecond;
  let unit = 0;
  // Rounding must not end at `1000.0 kbit/s`.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} bit/s` : `${value.toFixed(1)} ${units[unit]}`;
}

/** One line of at most `columns`. */
export function bar(now: Progress, before: Progress, durationMs: number, columns: number): string {
  const label = { connecting: 'connecting', running: '', collecting: 'collecting what the server got' }[now.phase];
  const [down, up] = rates(now, before);
  const text = label === '' ? `down ${formatRate(down)}  up ${formatRate(up)}` : label;
  const seconds = `${(Math.min(now.elapsedMs, durationMs) / 1000).toFixed(0)}/${durationMs / 1000} s`;
  const room = Math.min(30, columns - text.length - seconds.length - 6);
  if (room < 5) return text.slice(0, Math.max(0, columns - 1));
  const share = now.phase === 'collecting' ? 1 : Math.min(1, now.elapsedMs / durationMs);
  const full = Math.round(share * room);
  return `[${'█'.repeat(full)}${'·'.repeat(room - full)}] ${seconds}  ${text}`;
}

/** A line for programs. */
export function progressJson(now: Progress, before: Progress): string {
  const [downloadBitsPerSecond, uploadBitsPerSecond] = rates(now, before);
  return JSON.stringify({ event: 'progress', ...now, downloadBitsPerSecond, uploadBitsPerSecond });
}

export function resultLines(server: string, result: SpeedtestResult): string[] {
  const { connections, elapsedMs, raw, double, download, upload, total, latency } = result;
  const row = (name: string, { bytes, bitsPerSecond }: Volume): string[] => [
    name,
    `${formatCount(bytes)} bytes`,
    `${formatCount(bitsPerSecond)} bit/s`,
    formatRate(bitsPerSecond),
  ];
  const spread = (name: string, { median, p99, max, samples }: NonNullable<typeof latency>['idle']): string[] => [
    name,
    ...[median, p99, max].map((ms) => `${ms.toFixed(2)} ms`),
    String(samples),
  ];
  return [
    `${server}, ${connections} TCP connection${connections === 1 ? '' : 's'}, ${(elapsedMs / 1000).toFixed(3)} seconds`,
    `volumes: ${raw ? 'TCP payload' : 'Ethernet frames (1514 bytes for 1460 of TCP)'}${double ? '; throughput doubled' : ''}`,
    '',
    ...table(
      ['', 'volume', 'throughput', ''],
      [row('download', download), row('upload', upload), row('total', total)],
      [1, 2, 3],
    ),
    ...(latency === undefined
      ? []
      : [
          '',
          ...table(
            ['round trip', 'median', '99 %', 'longest', 'samples'],
            [spread('idle', latency.idle), spread('under load', latency.loaded)],
            [1, 2, 3, 4],
          ),
        ]),
  ];
}

/** Bits per second since the last look, down and up. */
function rates(now: Progress, before: Progress): [number, number] {
  const ms = now.elapsedMs - before.elapsedMs;
  if (ms <= 0) return [0, 0];
  const rate = (bytes: number): number => Math.max(0, Math.round((bytes * 8000) / ms));
  return [rate(now.downloadBytes - before.downloadBytes), rate(now.uploadBytes - before.uploadBytes)];
}
