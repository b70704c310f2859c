import { describe, expect, test } from 'vitest';
import { geometricMean, mean, median, quantile } from '../../../bench/tunnel/statistics.ts';

describe('statistics', () => {
  test('the median is the middle value, or the mean of the two in the middle, and knows no order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10])).toBe(10);
  });

  test('the median leaves out what was not measured', () => {
    expect(median([Number.NaN, 5, 1, Number.NaN, 3])).toBe(3);
    expect(median([Number.NaN])).toBeNaN();
    expect(median([])).toBeNaN();
  });

  test('means', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
    expect(geometricMean([0.86, 1.62])).toBeCloseTo(1.18034, 5);
    expect(geometricMean([1, Number.NaN])).toBeNaN();
  });

  test('a quantile is a value that was seen', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(quantile(values, 0.99)).toBe(99);
    expect(quantile(values, 0.5)).toBe(50);
    expect(quantile(values, 0)).toBe(1);
    expect(quantile(values, 1)).toBe(100);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
