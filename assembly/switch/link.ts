/**
 * Links: two ports of two hubs, joined back to back. What is queued for one end enters the hub of the other as if it had
 * come in by that end. Frames go through the queue and are moved once in a turn, so that hubs that are linked in a circle
 * cannot call each other without end: what comes round waits for the next turn. So does what comes when the engine has been
 * given as many frames as it takes in one.
 */

import { DROP_LOOP } from '../counters';
import { NONE } from '../memory';
import { releaseSlot, Slot } from '../pool';
import { countDrop, portAt } from '../port';
import { hold, isHeld, watchQueues } from '../queue/hold';
import { dequeue, filled, peek } from '../queue/queue';
import { linksReady, markReady, nextLink } from '../queue/ready';
import { forward } from './forward';
import { hasPuntRoom } from './punt';

/** What `moveLinks` answers. */
const DONE: u32 = 0;
const MORE: u32 = 1;
const WAITS: u32 = 2;

/**
 * Holders of a frame above which it goes through no further link. Without a loop each port is one of them at most (PORTS_MAX);
 * in one that nobody cuts the same buffer is queued again with every round, and its counter has sixteen bits.
 */
const HOLDERS_MAX: u32 = 0x4000;

export function joinLink(a: u32, b: u32): void {
  portAt(a).peer = b;
  portAt(b).peer = a;
}

/** One end goes away: the other leads nowhere. */
export function partLink(id: u32): void {
  const peer = portAt(id).peer;
  if (peer != NONE) portAt(peer).peer = NONE;
}

/**
 * Moves what waits in links to their other ends, at most what was there when it began. DONE: that was all. MORE: the next
 * turn has something to do. WAITS: what is left waits for a queue behind a link.
 */
export function moveLinks(now: f64): u32 {
  let waiting: u32 = 0;
  for (let i = linksReady(); i != 0; i--) {
    const id = nextLink();
    const port = portAt(id);
    const to = port.peer;
    // Priority frames first, and also when bulk has to wait.
    for (let frames = port.frames1; frames != 0 && hasPuntRoom(); frames--) pass(id, to, true, now);
    if (to == NONE || !isHeld(to, now)) {
      watchQueues();
      for (let frames = port.frames0; frames != 0 && filled == NONE && hasPuntRoom(); frames--) pass(id, to, false, now);
      if (to != NONE) hold(to, now);
    }
    if (port.frames0 == 0 && port.frames1 == 0) continue;
    if (to != NONE && isHeld(to, now)) waiting++;
    markReady(id);
  }
  const left = linksReady();
  return left == 0 ? DONE : left > waiting ? MORE : WAITS;
}

function pass(id: u32, to: u32, priority: bool, now: f64): void {
  if (peek(id, priority, NONE, now) == 0) return;
  const slot = dequeue(id, priority, now);
  if (to == NONE) return releaseSlot(slot);
  if (<u32>changetype<Slot>(slot).refs > HOLDERS_MAX) {
    countDrop(id, DROP_LOOP);
    return releaseSlot(slot);
  }
  forward(to, slot, now);
}
