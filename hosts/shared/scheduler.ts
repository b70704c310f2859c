import type { Scheduler } from '../../engine/host.ts';

/** The longest delay that the runtimes take, in milliseconds; they fire at once when it is exceeded. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** Timers and turns of the event loop. A delay below zero counts as zero. */
export const scheduler: Scheduler = {
  after(ms, call) {
    const timer = setTimeout(call, Math.min(Math.max(ms, 0), LONGEST_DELAY_MS));
    return () => clearTimeout(timer);
  },
  soon(call) {
    setImmediate(call);
  },
};
