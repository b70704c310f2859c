/**
 * Broadcast storm prevention, `protocol/data-plane.md` §6.3. The state of a source (port, source MAC, source and
 * destination IP) lives in a set-associative table: a new source takes the place of the one in its set that has been
 * silent longest, so the work for a frame is constant and the memory fixed.
 */

import { STORM, STORM_ENTRIES, STORM_ENTRY, STORM_WAYS } from '../memory';
import { random32 } from '../random';

/** A rate is taken over at least this many ms. */
const WINDOW_MS: f64 = 500;
/** From this thinning on frames are lost, and from SILENCE on all of them. */
const THINNING_START: u32 = 3;
const SILENCE: u32 = 128;
const THINNING_END: u32 = 1024;

@unmanaged
class Source {
  /** Hash of what identifies the source; 0 while the place is free. */
  key: u64;
  windowStart: f64;
  seen: f64;
  count: u32;
  /** One frame in this many passes. */
  thinning: u32;
}

let factor: u64 = 1;

export function initStorm(secret: u64): void {
  factor = secret | 1;
}

/** Whether a frame that is about to be flooded may pass. `limit` is in frames per second. */
export function passStorm(port: u32, mac: u64, sourceIp: u64, destinationIp: u64, limit: u32, now: f64): bool {
  const source = find(hash(port, mac, sourceIp, destinationIp), now);
  source.seen = now;
  source.count++;
  const elapsed = now - source.windowStart;
  if (elapsed > WINDOW_MS) {
    const rate = source.count * 2;
    source.count = 0;
    source.windowStart = now;
    if (rate >= limit) {
      if (source.thinning < THINNING_END) source.thinning = max(source.thinning, 1) * 2;
      return false;
    }
    if (source.thinning != 0) source.thinning = <u32>(<f64>source.thinning / Math.max(2, elapsed / WINDOW_MS));
  }
  if (source.thinning < THINNING_START) return true;
  return source.thinning < SILENCE && random32() % source.thinning == 0;
}

function hash(port: u32, mac: u64, sourceIp: u64, destinationIp: u64): u64 {
  let h = (mac ^ (<u64>port << 48)) * factor;
  h = (h ^ (h >> 31) ^ sourceIp) * 0xbf58_476d_1ce4_e5b9;
  h = (h ^ (h >> 29) ^ destinationIp) * 0x94d0_49bb_1331_11eb;
  h ^= h >> 32;
  return h == 0 ? 1 : h;
}

function find(key: u64, now: f64): Source {
  const set = STORM + (<u32>key & (STORM_ENTRIES / STORM_WAYS - 1)) * STORM_WAYS * STORM_ENTRY;
  let oldest = set;
  for (let way: u32 = 0; way < STORM_WAYS; way++) {
    const at = set + way * STORM_ENTRY;
    const source = changetype<Source>(at);
    if (source.key == key) return source;
    if (source.seen < changetype<Source>(oldest).seen) oldest = at;
  }
  const source = changetype<Source>(oldest);
  source.key = key;
  source.windowStart = now;
  source.count = 0;
  source.thinning = 0;
  return source;
}
