/** What may be written about a user and its policy, beside its name. */

import type { Rule } from './rules.ts';

/** Milliseconds since 1970 UTC at which an account ends: a date ends with its last second. */
export const moment: Rule<number> = {
  allowed:
    'a date such as 2027-03-31, which is valid to its end in UTC, or a time with its zone such as 2027-03-31T18:00Z or 2027-03-31T18:00:00+09:00',
  parse(text) {
    const match = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2}))?$/.exec(text);
    if (match === null) return undefined;
    const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? '0'));
    const start = Date.UTC(year!, month! - 1, day!);
    // 31 April would be taken for 1 May.
    if (new Date(start).toISOString().slice(0, 10) !== text.slice(0, 10)) return undefined;
    const zone = match[7];
    if (zone === undefined) return start + DAY_MS;
    const shift = shiftOf(zone);
    if (hour! > 23 || minute! > 59 || second! > 59 || shift === undefined) return undefined;
    return start + ((hour! * 60 + minute!) * 60 + second!) * 1000 - shift;
  },
};

/** Bit/s; the INT of the wire holds no more. */
export const bitRate: Rule<number> = {
  allowed: 'bit/s, with k, M or G for thousands, millions and billions, such as 10M; from 1 to 4294967295, 0 is off',
  parse(text) {
    const match = /^(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,3}))?([kKMG]?)$/.exec(text);
    if (match === null) return undefined;
    const [, whole, fraction, unit] = match;
    // Half a bit is a mistake.
    if (fraction !== undefined && unit === '') return undefined;
    const value = Math.round(Number(`${whole}.${fraction ?? '0'}`) * UNITS[unit!.toUpperCase()]!);
    return value <= 0xffff_ffff ? value : undefined;
  },
};

/** The serial number of a certificate: hexadecimal digits in lower case, without zeros in front. */
export const serialNumber: Rule<string> = {
  allowed: 'the serial number of a certificate in hexadecimal, at most 20 bytes, with or without colons',
  parse(text) {
    const digits = /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){0,19}$/.test(text) ? text.replaceAll(':', '') : text;
    return /^[0-9a-fA-F]{1,40}$/.test(digits) ? digits.toLowerCase().replace(/^0+(?=.)/, '') : undefined;
  },
};

const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** Milliseconds by which a zone is ahead of UTC: at most 14 hours. */
function shiftOf(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 14 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
