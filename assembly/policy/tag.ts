/** The VLAN tag of a session that has a VLAN: set on what it sends, taken from what it gets (`protocol/data-plane.md` §6.1, §6.5). */

import { LARGE_FRAME_MAX, SMALL_FRAME_MAX } from '../memory';
import { frameOf, Slot, takeSlot } from '../pool';
import { VLAN_BYTES } from '../wire/vlan';

const ADDRESSES: u32 = 12;
/** TPID 0x8100 as it lies in memory. */
const TPID: u16 = 0x0081;

/** Puts the tag into a frame: its slot, or a new one when others hold it or there is no room in it; 0 when there is none. */
export function insertTag(slot: u32, vlan: u32): u32 {
  const s = changetype<Slot>(slot);
  const length = s.length + VLAN_BYTES;
  let to = slot;
  if (s.refs != 1 || length > (s.large ? LARGE_FRAME_MAX : SMALL_FRAME_MAX)) {
    to = takeSlot(length);
    if (to == 0) return 0;
    changetype<Slot>(to).frames = s.frames;
    changetype<Slot>(to).unfinished = s.unfinished;
    changetype<Slot>(to).segment = s.segment;
  }
  const from = frameOf(slot);
  const frame = frameOf(to);
  memory.copy(frame + ADDRESSES + VLAN_BYTES, from + ADDRESSES, s.length - ADDRESSES);
  if (to != slot) memory.copy(frame, from, ADDRESSES);
  store<u16>(frame, TPID, ADDRESSES);
  store<u16>(frame, bswap<u16>(<u16>vlan), ADDRESSES + 2);
  changetype<Slot>(to).length = length;
  return to;
}

/** A copy of a tagged frame without its tag: a slot that is held once, or 0. */
export function withoutTag(slot: u32): u32 {
  const s = changetype<Slot>(slot);
  const length = s.length - VLAN_BYTES;
  const copy = takeSlot(length);
  if (copy == 0) return 0;
  const c = changetype<Slot>(copy);
  c.length = length;
  c.frames = s.frames;
  c.unfinished = s.unfinished;
  c.segment = s.segment;
  const from = frameOf(slot);
  const frame = frameOf(copy);
  memory.copy(frame, from, ADDRESSES);
  memory.copy(frame + ADDRESSES, from + ADDRESSES + VLAN_BYTES, length - ADDRESSES);
  return copy;
}
