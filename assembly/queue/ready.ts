/**
 * Which ports have something to send: sessions in a list that `fill` serves in turn, links in another one, TAPs in a table
 * for the host.
 */

import { NONE, TAPS_MAX, TAPS_READY } from '../memory';
import { portAt, PORT_FREE, PORT_LINK, PORT_TAP } from '../port';

let head: u32 = NONE;
let tail: u32 = NONE;
let firstLink: u32 = NONE;
let lastLink: u32 = NONE;
let links: u32 = 0;

export function initReady(): void {
  head = tail = firstLink = lastLink = NONE;
  links = 0;
  store<u32>(TAPS_READY, 0);
}

export function markReady(id: u32): void {
  const port = portAt(id);
  // One that was closed would still be in the list when the next port with its number joins it, and close a circle.
  if (port.ready || port.kind == PORT_FREE) return;
  port.ready = 1;
  if (port.kind == PORT_TAP) {
    const count = load<u32>(TAPS_READY);
    store<u32>(TAPS_READY + 4 + count * 4, id);
    store<u32>(TAPS_READY, count + 1);
    return;
  }
  port.nextReady = NONE;
  if (port.kind == PORT_LINK) {
    if (firstLink == NONE) firstLink = id;
    else portAt(lastLink).nextReady = id;
    lastLink = id;
    links++;
    return;
  }
  if (head == NONE) head = id;
  else portAt(tail).nextReady = id;
  tail = id;
}

/** The session that has waited longest, taken off the list, or NONE. */
export function nextReady(): u32 {
  const id = head;
  if (id == NONE) return NONE;
  const port = portAt(id);
  head = port.nextReady;
  port.ready = 0;
  return id;
}

/** Links that have something to move. */
export function linksReady(): u32 {
  return links;
}

/** The link that has waited longest, taken off its list. There must be one. */
export function nextLink(): u32 {
  const id = firstLink;
  const port = portAt(id);
  firstLink = port.nextReady;
  port.ready = 0;
  links--;
  return id;
}

/** Takes a port that goes away off the list. */
export function unmarkReady(id: u32): void {
  const port = portAt(id);
  if (!port.ready) return;
  port.ready = 0;
  if (port.kind == PORT_TAP) {
    const count = load<u32>(TAPS_READY);
    for (let i: u32 = 0; i < count; i++) {
      if (load<u32>(TAPS_READY + 4 + i * 4) != id) continue;
      store<u32>(TAPS_READY + 4 + i * 4, load<u32>(TAPS_READY + count * 4));
      store<u32>(TAPS_READY, count - 1);
      return;
    }
    return;
  }
  if (port.kind == PORT_LINK) {
    links--;
    if (firstLink == id) {
      firstLink = port.nextReady;
      return;
    }
    let before = firstLink;
    while (portAt(before).nextReady != id) before = portAt(before).nextReady;
    portAt(before).nextReady = port.nextReady;
    if (lastLink == id) lastLink = before;
    return;
  }
  if (head == id) {
    head = port.nextReady;
    return;
  }
  let before = head;
  while (before != NONE && portAt(before).nextReady != id) before = portAt(before).nextReady;
  if (before == NONE) return;
  portAt(before).nextReady = port.nextReady;
  if (tail == id) tail = before;
}

/** The largest number of TAP ports that fit in the table. */
export const READY_TAPS_MAX: u32 = TAPS_MAX - 1;
