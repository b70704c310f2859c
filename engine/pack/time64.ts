/** Times in Packs: milliseconds since 1970 UTC, nine hours early; 0 is "not set". `protocol/control-plane.md` §2.2. */

const NINE_HOURS_MS = 32_400_000;

/**
 * @param utc Milliseconds since 1970 UTC, an integer from 32,400,000 to 2^53 - 1, or undefined for "not set";
 * anything else is a `RangeError`.
 */
export function toTime64(utc: number | undefined): bigint {
  if (utc === undefined) return 0n;
  if (!Number.isSafeInteger(utc) || utc < NINE_HOURS_MS) {
    throw new RangeError(`utc: expected whole milliseconds from 32400000 on, got ${utc}`);
  }
  return BigInt(utc - NINE_HOURS_MS);
}

/** Milliseconds since 1970 UTC, or undefined for "not set" and for what no number holds exactly. */
export function fromTime64(value: bigint): number | undefined {
  const utc = Number(value) + NINE_HOURS_MS;
  return value === 0n || !Number.isSafeInteger(utc) ? undefined : utc;
}
