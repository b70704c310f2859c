import { Failure } from './failure.ts';
import type { Io } from './io.ts';

/** Fails where there are no TAP devices of the kind that the hosts open. `need` says what wants one. */
export function requireTaps({ platform }: Io, need: string): void {
  if (platform === 'linux') return;
  throw new Failure(
    'tap',
    `${need}, and Etherloom opens TAP devices and bridges interfaces on Linux only; this is ${platform}`,
    'a server without `taps` and `bridges` runs here; a client and a bridge need Linux',
  );
}
