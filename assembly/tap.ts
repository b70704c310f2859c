/**
 * Batches between the core and a TAP. The host reads straight into slots: a table always holds free ones, each place
 * starting where the kernel puts its virtio header, and what was read goes into the switch without being copied. All
 * TAPs share the table, because a batch is read and handed over in one go.
 */

import { LARGE_FRAME_MAX, NONE, SLOT_HEAD, SMALL_FRAME_MAX, TAP_BATCH, TAP_READ_LENGTHS, TAP_READ_OFFSETS, TAP_READ_TAGS, TAP_WRITE_LENGTHS, TAP_WRITE_OFFSETS, TAP_WRITE_SLOTS, VNET_HEADER } from './memory';
import { finishJoined, join, joinedEntry, joinedSlot, openFlow, startFlows } from './offload/coalesce';
import { acceptVnet, buildVnet, moveChecksum } from './offload/vnet';
import { frameOf, largeTotal, releaseSlot, Slot, smallTotal, takeLarge, takeSmall } from './pool';
import { portAt, PORT_OFFLOAD, PORT_OFFLOAD_UDP } from './port';
import { hold, watchQueues } from './queue/hold';
import { dequeue, peek } from './queue/queue';
import { forward } from './switch/forward';

/** Places at the front of the table that hold a slot. */
let places: u32 = 0;
let large: bool = false;
/** Frames in the write table, which holds them, and the port whose they are. */
let batch: u32 = 0;
let batchPort: u32 = NONE;

export function initTaps(): void {
  places = batch = 0;
  large = false;
}

/** Makes sure that frames of up to LARGE_FRAME_MAX can be read from now on. */
export function widenPlaces(): void {
  if (large) return;
  large = true;
  while (places != 0) releaseSlot(slotAtPlace(--places));
}

/**
 * Takes over the first `count` frames of the table as coming from the port, and fills the table up again. Returns how
 * many places it has now: fewer than TAP_BATCH, down to 0, while the pool is short of slots.
 */
export function tapRead(id: u32, count: u32, now: f64): u32 {
  const offload = (portAt(id).flags & PORT_OFFLOAD) != 0;
  watchQueues();
  for (let i: u32 = 0; i < count; i++) {
    const slot = slotAtPlace(i);
    let length = load<u32>(TAP_READ_LENGTHS + i * 4) - VNET_HEADER;
    if (load<u32>(TAP_READ_TAGS + i * 4) != 0) length = insertTag(slot, i, length);
    const s = changetype<Slot>(slot);
    s.length = length;
    if (offload) acceptVnet(slot);
    // A small frame must not keep a large slot busy while it waits in a queue.
    const small = s.large && length <= SMALL_FRAME_MAX ? takeSmall() : 0;
    if (small != 0) {
      const c = changetype<Slot>(small);
      c.length = length;
      c.unfinished = s.unfinished;
      c.segment = s.segment;
      memory.copy(frameOf(small), frameOf(slot), length);
      forward(id, small, now);
      continue;
    }
    store<u32>(TAP_READ_OFFSETS + i * 4, 0);
    forward(id, slot, now);
  }
  hold(id, now);
  // A quarter of the pool at most: what waits in the table for the kernel cannot hold what sessions receive.
  const most = min(TAP_BATCH, (large ? largeTotal : smallTotal) >> 2);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < most; i++) {
    const has = i < places && load<u32>(TAP_READ_OFFSETS + i * 4) != 0;
    const slot = has ? slotAtPlace(i) : large ? takeLarge() : takeSmall();
    if (slot == 0) continue;
    store<u32>(TAP_READ_OFFSETS + kept * 4, slot + SLOT_HEAD - VNET_HEADER);
    store<u32>(TAP_READ_LENGTHS + kept * 4, (large ? LARGE_FRAME_MAX : SMALL_FRAME_MAX) + VNET_HEADER);
    kept++;
  }
  places = kept;
  return places;
}

/** Puts the VLAN tag back that the kernel took out of the frame; the host left room for it. Returns the new length. */
function insertTag(slot: u32, place: u32, length: u32): u32 {
  const tag = load<u32>(TAP_READ_TAGS + place * 4);
  store<u32>(TAP_READ_TAGS + place * 4, 0);
  if (length < ADDRESSES_BYTES || length + TAG_BYTES > (changetype<Slot>(slot).large ? LARGE_FRAME_MAX : SMALL_FRAME_MAX)) return length;
  const at = frameOf(slot) + ADDRESSES_BYTES;
  memory.copy(at + TAG_BYTES, at, length - ADDRESSES_BYTES);
  store<u32>(at, tag);
  moveChecksum(slot, TAG_BYTES);
  return length + TAG_BYTES;
}

/** The two MAC addresses in front of a tag, IEEE 802.1Q §9.3. */
const ADDRESSES_BYTES: u32 = 12;
const TAG_BYTES: u32 = 4;

/**
 * Gives back the frames of the last batch, takes the next ones off the port's queue, and puts them into the write table.
 * Returns how many; with 0 the port has nothing left. The host writes a batch before it asks for another one.
 */
export function tapWrite(id: u32): u32 {
  releaseBatch();
  batchPort = id;
  const port = portAt(id);
  const joins = (port.flags & PORT_OFFLOAD) != 0;
  const joinsUdp = (port.flags & PORT_OFFLOAD_UDP) != 0;
  startFlows();
  for (let slot = peek(id, false, NONE, 0); slot != 0; slot = peek(id, false, NONE, 0)) {
    if (joins && join(slot, joinsUdp)) {
      store<u32>(TAP_WRITE_SLOTS + joinedEntry * 4, joinedSlot);
      releaseSlot(dequeue(id, false, 0));
      continue;
    }
    if (batch == TAP_BATCH) break;
    dequeue(id, false, 0);
    if (joins) openFlow(slot, batch);
    store<u32>(TAP_WRITE_SLOTS + batch++ * 4, slot);
  }
  for (let i: u32 = 0; i < batch; i++) {
    const slot = slotInBatch(i);
    // One that came as a super-frame only gets what it has.
    if (joins && changetype<Slot>(slot).segment != 0) finishJoined(slot);
    buildVnet(slot);
    store<u32>(TAP_WRITE_OFFSETS + i * 4, slot + SLOT_HEAD - VNET_HEADER);
    store<u32>(TAP_WRITE_LENGTHS + i * 4, changetype<Slot>(slot).length + VNET_HEADER);
  }
  if (batch == 0) port.ready = 0;
  return batch;
}

/** Gives back what a port that goes away still had in the write table. */
export function dropBatch(id: u32): void {
  if (batchPort == id) releaseBatch();
}

function releaseBatch(): void {
  while (batch != 0) releaseSlot(slotInBatch(--batch));
}

@inline
function slotInBatch(entry: u32): u32 {
  return load<u32>(TAP_WRITE_SLOTS + entry * 4);
}

@inline
function slotAtPlace(place: u32): u32 {
  return load<u32>(TAP_READ_OFFSETS + place * 4) + VNET_HEADER - SLOT_HEAD;
}
