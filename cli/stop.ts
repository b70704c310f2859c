/**
 * The end that a person or a service manager asks for: the first signal, or `etherloom down`, ends in order, a signal
 * after that at once.
 */

import * as os from 'node:os';
import type { Io } from './io.ts';

export interface Stop {
  /** Aborted by the first signal, or by `now`; its reason is what asked for the end. */
  readonly signal: AbortSignal;
  /** What asked for the end, in words. */
  by(): string;
  /** Asks for the end without a signal; a signal then ends at once. */
  now(reason: string): void;
  /** Gives the signals back. */
  dispose(): void;
}

export function stopOnSignals(io: Io): Stop {
  const controller = new AbortController();
  const dispose = io.onSignal((name) => {
    if (controller.signal.aborted) io.exit(128 + os.constants.signals[name]);
    else controller.abort(name);
  });
  const now = (reason: string) => {
    if (!controller.signal.aborted) controller.abort(reason);
  };
  const by = () => (/^SIG/.test(String(controller.signal.reason)) ? 'a signal' : String(controller.signal.reason));
  return { signal: controller.signal, by, now, dispose };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
