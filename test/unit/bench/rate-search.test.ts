import { describe, expect, test } from 'vitest';
import { searchRate, type Trial } from '../../../bench/tunnel/rate-search.ts';

const OPTIONS = { start: 40_000, lowest: 1_000, precision: 1.05, rates: 20 };

/** A path that takes so much and no more, and a sender that has a limit of its own. */
function path(capacity: number, sender = Number.POSITIVE_INFINITY) {
  const rates: number[] = [];
  const attempt = async (rate: number): Promise<Trial> => {
    rates.push(rate);
    const sent = Math.min(rate, sender);
    return { achieved: Math.min(sent, capacity), passed: sent <= capacity, limited: sent < rate * 0.9 };
  };
  return { rates, attempt };
}

describe('the search for a rate', () => {
  test.each([1_000, 1_500, 39_000, 40_000, 41_000, 123_456, 2_000_000])('encloses %i', async (capacity) => {
    const { attempt } = path(capacity);
    const found = await searchRate(OPTIONS, attempt);
    expect(found).toBeLessThanOrEqual(capacity);
    expect(found).toBeGreaterThan(capacity / 1.06);
  });

  test('ends where the sender is the limit, with what it managed', async () => {
    const { attempt, rates } = path(1e9, 150_000);
    expect(await searchRate(OPTIONS, attempt)).toBe(150_000);
    expect(rates.at(-1)).toBeGreaterThan(150_000);
    expect(rates.length).toBeLessThan(7);
  });

  test('finds nothing where nothing gets through, and says so', async () => {
    const { attempt, rates } = path(500);
    expect(await searchRate(OPTIONS, attempt)).toBe(0);
    expect(Math.min(...rates)).toBe(1_000);
  });

  test('tries no more rates than it may', async () => {
    const { attempt, rates } = path(123_456);
    await searchRate({ ...OPTIONS, precision: 1, rates: 7 }, attempt);
    expect(rates).toHaveLength(7);
  });

  test.each([1, 2, 3, 5])('is not misled by a failure, the one of trial %i', async (which) => {
    const { attempt } = path(100_000);
    let calls = 0;
    const moody = async (rate: number): Promise<Trial> => {
      const trial = await attempt(rate);
      return ++calls === which ? { ...trial, passed: false } : trial;
    };
    expect(await searchRate({ ...OPTIONS, rates: 30 }, moody)).toBeGreaterThan(100_000 / 1.06);
  });

  test.each([1, 2, 4])('is not misled by a sender that was slow once, in trial %i', async (which) => {
    const { attempt } = path(100_000);
    let calls = 0;
    const moody = async (rate: number): Promise<Trial> => {
      if (++calls !== which) return await attempt(rate);
      return { achieved: 20_000, passed: true, limited: true };
    };
    expect(await searchRate({ ...OPTIONS, rates: 30 }, moody)).toBeGreaterThan(100_000 / 1.06);
  });
});
