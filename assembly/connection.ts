/** One TCP connection of a session, from the first byte of its tunnel stream on. */

import { CONNECTION_BYTES, CONNECTIONS, CONNECTIONS_MAX, NONE } from './memory';
import { releaseOut, releaseSlot, releaseWindow } from './pool';
import { portAt } from './port';

/** This side may send on it, `protocol/data-plane.md` §4.5. */
export const MAY_SEND: u32 = 1;
/** Its round trips are long: it is never given everything there is to send, see `queue/deal.ts`. */
export const LONG: u32 = 2;

@unmanaged
export class Connection {
  /** NONE while the connection is free. */
  port: u32;
  next: u32;
  flags: u32;
  /** The host takes bytes now. */
  writable: u8;
  // The receiver, `protocol/data-plane.md` §1.3.
  state: u8;
  /** The block is deflated. */
  deflated: u8;
  /** The checksum of its frame is unfinished; `segment` says for what it stands. */
  unfinished: u8;
  /** 1: the peer said that it sends nothing more on this connection, 2: and the host was told. */
  retired: u8;
  /** 1: the host's write is under way, the out buffer is in the outbox table. 2: it said "writable" meanwhile. */
  offered: u8;
  /** What becomes of the frames of the batch at hand: `stream/order.ts`. */
  batchState: u8;
  /** Blocks that the batch still holds. */
  blocks: u32;
  /** Bytes of the field or body that are still missing. */
  missing: u32;
  /** The number that is being read, most significant byte first. */
  number: u32;
  /** Size of the block whose `segment` is being read. */
  size: u32;
  segment: u32;
  /** Where the body is collected; 0 while it is skipped. */
  slot: u32;
  // The sender.
  out: u32;
  outLength: u32;
  outTaken: u32;
  /** Size of the keep-alive that is due, plus one; 0 when none is. */
  keepAlive: u32;
  /** When the last block or keep-alive was complete, and when a batch or keep-alive was last written; host's ms. */
  received: f64;
  sent: f64;
  receivedBytes: u64;
  sentBytes: u64;
  /** Windows of a session of own peers that compresses, `deflate/window.ts`; 0 until they are needed. */
  sendWindow: u32;
  receiveWindow: u32;
  /** Of its frames that wait for their turn. */
  heldBytes: u32;
  /** Bytes per millisecond that it drains, as far as that is known; 0: it is not. */
  rate: u32;
  /** Flows that it carries, towards a peer that does not put frames in order: `queue/lanes.ts`. */
  flows: u32;
  /** The number of the batch that is being received, the place of the block in it, and where it waits; 0: it does not. */
  batchNumber: u32;
  blockIndex: u32;
  batch: u32;
  // What it was given and the peer is not known to have: `stream/keep.ts`, `stream/stall.ts`.
  /** Batches, and bytes of frames in them. */
  outstanding: u32;
  outstandingBytes: u32;
  /** 1: it has stopped, and gets nothing. */
  stalled: u8;
  /** 1: the peer is to be asked for a sign that it goes on. */
  mark: u8;
  /** The peer's connection that it was asked for on this one, plus one; 0: none. */
  echo: u32;
  /** Since when the peer got nothing of them, when it did last (0: never), when it was asked; host's ms. */
  since: f64;
  moved: f64;
  marked: f64;
  /** Milliseconds until a batch is acknowledged; 0: not known. */
  roundTrip: f64;
}

@inline
export function connectionAt(connection: u32): Connection {
  return changetype<Connection>(CONNECTIONS + connection * CONNECTION_BYTES);
}

let cursor: u32 = 0;

export function initConnections(): void {
  for (let i: u32 = 0; i < CONNECTIONS_MAX; i++) connectionAt(i).port = NONE;
  cursor = 0;
}

/** A connection that joins `port` as its last, or NONE. */
export function openConnection(port: u32, flags: u32, now: f64): u32 {
  for (let i: u32 = 0; i < CONNECTIONS_MAX; i++) {
    const id = (cursor + i) % CONNECTIONS_MAX;
    const connection = connectionAt(id);
    if (connection.port != NONE) continue;
    cursor = id + 1;
    memory.fill(changetype<usize>(connection), 0, CONNECTION_BYTES);
    connection.port = port;
    connection.next = NONE;
    connection.flags = flags;
    connection.writable = 1;
    connection.missing = 4;
    connection.received = now;
    connection.sent = now;
    append(port, id);
    return id;
  }
  return NONE;
}

export function closeConnection(id: u32): void {
  const connection = connectionAt(id);
  if (connection.port == NONE) return;
  if (connection.slot != 0) releaseSlot(connection.slot);
  if (connection.out != 0) releaseOut(connection.out);
  if (connection.sendWindow != 0) releaseWindow(connection.sendWindow);
  if (connection.receiveWindow != 0) releaseWindow(connection.receiveWindow);
  remove(connection.port, id);
  connection.port = NONE;
}

function append(port: u32, id: u32): void {
  const p = portAt(port);
  p.connections++;
  if (p.firstConnection == NONE) {
    p.firstConnection = id;
    return;
  }
  let last = p.firstConnection;
  while (connectionAt(last).next != NONE) last = connectionAt(last).next;
  connectionAt(last).next = id;
}

function remove(port: u32, id: u32): void {
  const p = portAt(port);
  p.connections--;
  if (p.firstConnection == id) {
    p.firstConnection = connectionAt(id).next;
    return;
  }
  let before = p.firstConnection;
  while (connectionAt(before).next != id) before = connectionAt(before).next;
  connectionAt(before).next = connectionAt(id).next;
}
