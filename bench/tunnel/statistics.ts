/** The little statistics that the bench needs. NaN stands for "no figure", and what is made of nothing is NaN. */

/** The middle value; of an even number the mean of the two in the middle. Ignores NaN. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a few positive values: what one rate would have to be that stands for two directions alike. */
export function geometricMean(values: readonly number[]): number {
  // Logarithms would make 4.9999999 of 5 and 5.
  return values.reduce((product, value) => product * value, 1) ** (1 / values.length);
}

/** The smallest value that `share` (0 to 1) of all are not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
