import { describe, expect, test } from 'vitest';
import { Ceiling } from '../../../engine/session/ceiling.ts';

const LOOK_MS = 100;
const LEAST_MS = 20;

/**
 * A bottleneck and what is sent into it, look by look: `demand` bytes per millisecond, as far as the ceiling lets it. The
 * round trip is smoothed, as the kernel has it. `others` are milliseconds of queue that do not depend on us.
 */
function line(capacity: number, bufferMs = 60) {
  const ceiling = new Ceiling();
  let now = 1_000;
  let queueBytes = 0;
  let seenMs = 0;
  const look = (demand: number, others = 0): { readonly drained: number; readonly queueMs: number } => {
    const sent = Math.min(demand, ceiling.value);
    const full = queueBytes + (sent - capacity) * LOOK_MS;
    const drained = full >= 0 ? capacity : capacity + full / LOOK_MS;
    queueBytes = Math.min(Math.max(0, full), capacity * bufferMs);
    const queueMs = queueBytes / capacity + others;
    seenMs += (queueMs - seenMs) / 2;
    now += LOOK_MS;
    ceiling.adjust(drained, seenMs, LEAST_MS, now);
    return { drained, queueMs };
  };
  const run = (seconds: number, demand: number, others = 0) => {
    const looks = Array.from({ length: seconds * 10 }, () => look(demand, others));
    const mean = (pick: (each: { drained: number; queueMs: number }) => number) =>
      looks.reduce((sum, each) => sum + pick(each), 0) / looks.length;
    return { drained: mean(({ drained }) => drained), queueMs: mean(({ queueMs }) => queueMs) };
  };
  return { ceiling, run };
}

describe('the ceiling of what a session sends', () => {
  test.each([
    1_000, 2_500, 12_500,
  ])('keeps the queue of a line of %d bytes per millisecond short, and the line busy', (capacity) => {
    const { run } = line(capacity);
    run(3, capacity * 1.5);
    const { drained, queueMs } = run(20, capacity * 1.5);
    expect(drained).toBeGreaterThan(capacity * 0.93);
    expect(queueMs).toBeLessThan(20);
  });

  test('there is none as long as there is no queue, or next to none of it', () => {
    const { ceiling, run } = line(2_500);
    run(5, 2_000);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
    // A few bytes whose acknowledgement is delayed.
    run(5, 5, 40);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
  });

  test('it goes away soon when less is sent', () => {
    const { ceiling, run } = line(2_500);
    run(3, 4_000);
    expect(ceiling.value).toBeLessThan(4_000);
    run(3, 500);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
  });

  test('more is found when the line gets faster', () => {
    const slow = line(2_500);
    slow.run(5, 50_000);
    const before = slow.ceiling.value;
    // The same ceiling, in front of a faster line.
    const now = 100_000;
    for (let i = 1; i <= 30; i++)
      slow.ceiling.adjust(Math.min(50_000, slow.ceiling.value), 0, LEAST_MS, now + i * LOOK_MS);
    expect(slow.ceiling.value).toBeGreaterThan(before * 4);
  });

  test("other people's queue is left alone after two seconds, and looked at again after ten", () => {
    const { ceiling, run } = line(10_000);
    run(2, 2_000, 50);
    expect(ceiling.value).toBeLessThan(2_000);
    run(2, 2_000, 50);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
    run(7, 2_000, 50);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
    run(3, 2_000, 50);
    expect(ceiling.value).toBeLessThan(2_000);
  });

  test('a short queue that stays is not taken for theirs', () => {
    const { ceiling, run } = line(10_000);
    run(5, 2_000, 8);
    expect(ceiling.value).toBeLessThan(2_000);
  });

  test('what the line carried when it had a queue last is the limit as soon as there is one again', () => {
    const ceiling = new Ceiling();
    for (let i = 1; i <= 3; i++) ceiling.adjust(2_500, 20, LEAST_MS, i * LOOK_MS);
    for (let i = 4; i <= 12; i++) ceiling.adjust(2_400, 0, LEAST_MS, i * LOOK_MS);
    expect(ceiling.value).toBeGreaterThan(2_500);
    ceiling.adjust(2_500, 10, LEAST_MS, 13 * LOOK_MS);
    expect(ceiling.value).toBeLessThan(2_500);
  });

  test('what has passed without a queue is not forgotten when there is one again', () => {
    const ceiling = new Ceiling();
    let now = 0;
    const looks = (count: number, drained: () => number, queue: number): void => {
      for (let i = 0; i < count; i++) {
        now += LOOK_MS;
        ceiling.adjust(drained(), queue, LEAST_MS, now);
      }
    };
    looks(3, () => 1_000, 20);
    expect(ceiling.value).toBeLessThan(1_000);
    // The line was faster all the time.
    looks(12, () => ceiling.value, 0);
    const found = ceiling.value;
    expect(found).toBeGreaterThan(1_500);
    looks(2, () => ceiling.value, 8);
    expect(ceiling.value).toBeGreaterThan(found * 0.7);
  });

  test('as long as more is carried with each look, it is not known what the line carries', () => {
    const ceiling = new Ceiling();
    for (let i = 1; i <= 5; i++) ceiling.adjust(1_000 * 1.3 ** i, 20, LEAST_MS, i * LOOK_MS);
    expect(ceiling.value).toBe(Number.POSITIVE_INFINITY);
    for (let i = 6; i <= 8; i++) ceiling.adjust(3_800, 20, LEAST_MS, i * LOOK_MS);
    expect(ceiling.value).toBeGreaterThan(3_000);
    expect(ceiling.value).toBeLessThan(3_800);
  });

  test('it is never so low that nothing would leave', () => {
    const ceiling = new Ceiling();
    for (let i = 1; i < 15; i++) ceiling.adjust(10, 2_000, LEAST_MS, i * LOOK_MS);
    expect(ceiling.value).toBe(100);
  });
});
