/**
 * When a TAP is to wait for a receiver. A tunnel that drops what its connection does not take at once makes every sender
 * slow down that a network card would merely make wait; one that waits for ever stops everybody for the slowest.
 */

import { HOLD_MS, NONE, RELEASE_BYTES } from '../memory';
import { portAt, PORT_FREE } from '../port';
import { clearFilled, filled } from './queue';

/** Before frames of a TAP are forwarded. */
export function watchQueues(): void {
  clearFilled();
}

/** After that: notes for whom it is to wait. */
export function hold(tap: u32, now: f64): void {
  if (filled == NONE) return;
  const port = portAt(tap);
  port.heldBy = filled;
  port.heldUntil = now + HOLD_MS;
}

/** Whether the TAP is not to be read now. */
export function isHeld(tap: u32, now: f64): bool {
  const port = portAt(tap);
  if (port.heldBy == NONE) return false;
  const receiver = portAt(port.heldBy);
  const waits = receiver.kind != PORT_FREE && max(receiver.bytes0, receiver.bytes1) >= RELEASE_BYTES;
  if (waits && now < port.heldUntil) return true;
  if (waits) receiver.late = 1;
  port.heldBy = NONE;
  return false;
}
