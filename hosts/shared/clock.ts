import type { Clock } from '../../engine/host.ts';

/** The monotonic clock of the process and the wall clock, both in milliseconds. */
export const clock: Clock = {
  now: () => performance.now(),
  utc: () => Date.now(),
};
