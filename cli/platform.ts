import { Failure } from './failure.ts';
import type { Io } from './io.ts';

/** Fails where there are no TAP devices of the kind that the hosts open. `need` says what wants one. */
export function requireTaps({ platform }: Io, need: string): void {
  if (platform === 'linux') return;
  throw new Failure(
    'tap',
    `${need}, and Etherloom opens TAP devices on Linux only; this is ${platform}`,
    'a server without `taps` runs here; a client needs Linux',
  );
}
