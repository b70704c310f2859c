/** What is known of how fast connections drain, and what follows from it. */

import { connectionAt, MAY_SEND } from '../connection';
import { NONE } from '../memory';
import { portAt, rulesOf } from '../port';

/**
 * Bytes per millisecond below which a super-frame would take more than some ten milliseconds on a connection, and above
 * which a port gets them again.
 */
const SLOW_RATE: u32 = 6_000;
const FAST_RATE: u32 = 8_000;

/** Whether a super-frame takes too long at a limit, bytes per millisecond. */
@inline
export function slowRate(rate: f64): bool {
  return rate < <f64>SLOW_RATE;
}

/** `rate` is in bytes per millisecond; 0: it is not known. */
export function setRate(id: u32, rate: u32): void {
  const c = connectionAt(id);
  c.rate = rate;
  judgeRate(c.port);
}

/** Whether the port is to be given super-frames, by what its connections drain and its limit. */
export function judgeRate(id: u32): void {
  const port = portAt(id);
  let most: u32 = 0;
  for (let next = port.firstConnection; next != NONE; next = connectionAt(next).next) {
    if (connectionAt(next).flags & MAY_SEND) most = max(most, connectionAt(next).rate);
  }
  const limit = rulesOf(id).downloadRate;
  const slow = most != 0 && most < (port.slow ? FAST_RATE : SLOW_RATE);
  port.slow = slow || (limit != 0 && slowRate(limit)) ? 1 : 0;
}
