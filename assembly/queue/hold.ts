/**
 * When a port that sends is to wait for one that receives. A tunnel that drops what its connection does not take at once
 * makes every sender slow down that a network card would merely make wait; one that waits for ever stops everybody for
 * the slowest.
 */

import { HOLD_MS, NONE, RELEASE_BYTES } from '../memory';
import { portAt, PORT_FREE } from '../port';
import { clearFilled, filled } from './queue';

/** Before frames of a port are forwarded. */
export function watchQueues(): void {
  clearFilled();
}

/** After that: notes for whom it is to wait, and whether it is. */
export function hold(id: u32, now: f64): bool {
  if (filled == NONE) return false;
  const port = portAt(id);
  port.heldBy = filled;
  port.heldUntil = now + HOLD_MS;
  return true;
}

/** Whether nothing is to be read from the port now. */
export function isHeld(id: u32, now: f64): bool {
  const port = portAt(id);
  if (port.heldBy == NONE) return false;
  const receiver = portAt(port.heldBy);
  const waits = receiver.kind != PORT_FREE && max(receiver.bytes0, receiver.bytes1) >= RELEASE_BYTES;
  if (waits && now < port.heldUntil) return true;
  if (waits) receiver.late = 1;
  port.heldBy = NONE;
  return false;
}
