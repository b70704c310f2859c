/** Numbers of `etherloom watch`, for people. */

import { formatCount } from '../text.ts';

/** `12.3 Mbit/s`; a dash where nothing is known yet. */
export function formatRate(bytesPerSecond: number | null): string {
  if (bytesPerSecond === null) return '-';
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = bytesPerSecond * 8;
  let unit = 0;
  // Rounding must not end at `1000.0 kbit/s`.
  while (value >= (unit === 0 ? 999.5 : 999.95) && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Frames per second by cause, those that happen now. */
export function formatDrops(perSecond: Readonly<Record<string, number>> | null): string {
  if (perSecond === null) return '-';
  const causes = Object.entries(perSecond).filter(([, rate]) => rate > 0);
  return causes.map(([cause, rate]) => `${cause} ${formatPerSecond(rate)}`).join(', ') || '0';
}

export function formatPerSecond(rate: number): string {
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '';
  return ms < 100 ? `${ms.toFixed(1)} ms` : `${formatCount(Math.round(ms))} ms`;
}

/** `14:03:02`, the time of this place. */
export function formatClock(date: number): string {
  const time = new Date(date);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
