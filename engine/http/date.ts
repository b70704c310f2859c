/** Dates in HTTP headers, RFC 9110 §5.6.7. */

const DAY_MS = 86_400_000;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/**
 * For example `Sun, 22 Nov 2026 17:38:34 GMT`.
 *
 * @param utc Milliseconds since 1970 UTC, 0 up to the end of the year 9999; otherwise a `RangeError`.
 */
export function httpDate(utc: number): string {
  if (!(utc >= 0 && utc < 253_402_300_800_000)) {
    throw new RangeError(`utc: expected milliseconds from 1970 to 9999, got ${utc}`);
  }
  const days = Math.floor(utc / DAY_MS);
  const seconds = Math.floor((utc - days * DAY_MS) / 1000);
  const { year, month, day } = civil(days);
  // 1 January 1970 was a Thursday.
  const weekday = DAYS[(days + 4) % 7]!;
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${weekday}, ${two(day)} ${MONTHS[month - 1]!} ${String(year).padStart(4, '0')} ${time} GMT`;
}

/** The date of a day counted from 1970, by years that begin in March, so that the leap day is a year's last. */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468; // from 1 March of the year 0
  const era = Math.floor(shifted / 146_097); // of 400 years
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
