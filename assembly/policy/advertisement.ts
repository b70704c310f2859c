/**
 * Router advertisements that make nobody a default router, policies NoIPv6DefaultRouterInRA and the one of sessions over IPv6
 * (`protocol/data-plane.md` §6.5, RFC 4861 §4.2).
 */

import { frameOf, Slot, takeSlot } from '../pool';
import { fold, pseudoHeader, sum } from '../wire/checksum';
import { ICMPV6 } from '../wire/icmp';
import { layer3, layer4, packetEnd } from '../wire/packet';

const CHECKSUM: u32 = 2;
const LIFETIME: u32 = 6;
const ADVERTISEMENT_BYTES: u32 = 16;

/** A copy of the advertisement, which was parsed last, with lifetime 0: a slot that is held once; 0 when there is none. */
export function withoutRouter(slot: u32): u32 {
  const length = changetype<Slot>(slot).length;
  const copy = takeSlot(length);
  if (copy == 0) return 0;
  changetype<Slot>(copy).length = length;
  const frame = frameOf(copy);
  memory.copy(frame, frameOf(slot), length);
  const bytes = packetEnd - layer4;
  if (bytes < ADVERTISEMENT_BYTES) return copy;
  const at = frame + layer4;
  store<u16>(at, 0, LIFETIME);
  store<u16>(at, 0, CHECKSUM);
  store<u16>(at, <u16>~fold(pseudoHeader(frame + layer3, true, ICMPV6, bytes) + sum(at, bytes)), CHECKSUM);
  return copy;
}
