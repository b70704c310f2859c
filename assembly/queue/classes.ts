/** What is told of the two classes of a session: how much left, how much was dropped, and how long it waited. */

import { Node } from '../pool';
import { classOf, DELAY_SPANS, delaysOf } from '../port';

/** Units of a time stamp in a millisecond. Stamps wrap after three days; only differences count. */
const STAMPS: f64 = 16;
/** With so many delays counted all counts are halved: what they say is of late. */
const DELAYS_MAX: u32 = 0x1_0000;

@inline
export function stamp(now: f64): u32 {
  return <u32>(<u64>(now * STAMPS));
}

/** Milliseconds for which the frame has waited. */
@inline
export function waited(node: u32, now: f64): f64 {
  return <f64>(stamp(now) - changetype<Node>(node).time) / STAMPS;
}

/** `frames` frames of the class leave together, `node` being their place in the queue. */
export function countLeft(id: u32, priority: bool, frames: u32, bytes: u32, node: u32, now: f64): void {
  const c = classOf(id, priority);
  c.frames += frames;
  c.bytes += bytes;
  const delay = stamp(now) - changetype<Node>(node).time;
  const at = delaysOf(id, priority) + (span(delay) << 2);
  store<u32>(at, load<u32>(at) + frames);
  c.delays += frames;
  if (c.delays < DELAYS_MAX) return;
  c.delays = 0;
  for (let i: u32 = 0; i < DELAY_SPANS; i++) {
    const count = load<u32>(delaysOf(id, priority) + (i << 2)) >> 1;
    store<u32>(delaysOf(id, priority) + (i << 2), count);
    c.delays += count;
  }
}

@inline
export function countClassDrop(id: u32, priority: bool): void {
  classOf(id, priority).drops++;
}

/** Two spans for each power of two: 0, 1, 2, 3, 4 to 5, 6 to 7, 8 to 11 and so on, up to what is longest. */
function span(delay: u32): u32 {
  if (delay < 2) return delay;
  const power = 31 - clz(delay);
  return min(DELAY_SPANS - 1, power * 2 + ((delay >> (power - 1)) & 1));
}
