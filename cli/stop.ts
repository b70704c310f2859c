/** The end that a person or a service manager asks for: the first signal ends in order, the second one at once. */

import * as os from 'node:os';
import type { Io } from './io.ts';

export interface Stop {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Gives the signals back. */
  dispose(): void;
}

export function stopOnSignals(io: Io): Stop {
  const controller = new AbortController();
  const dispose = io.onSignal((name) => {
    if (controller.signal.aborted) io.exit(128 + os.constants.signals[name]);
    else controller.abort(name);
  });
  return { signal: controller.signal, dispose };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
