/** The sender of the block stream, `protocol/data-plane.md` §1.2: batches and keep-alives in an out buffer. */

import { Connection } from '../connection';
import { BLOCK_UNFINISHED, KEEP_ALIVE_MARK, OUT_BUFFER_BYTES } from '../memory';
import { frameOf, Node, releaseSlot, Slot } from '../pool';
import { portAt } from '../port';
import { dequeue } from '../queue/queue';
import { random32 } from '../random';

/** Appends the keep-alive that is due. */
export function encodeKeepAlive(c: Connection): void {
  const size = c.keepAlive - 1;
  c.keepAlive = 0;
  const at = c.out + c.outLength;
  store<u32>(at, bswap<u32>(KEEP_ALIVE_MARK));
  store<u32>(at, bswap<u32>(size), 4);
  for (let i: u32 = 0; i < size; i += 4) store<u32>(at + 8 + i, random32());
  c.outLength += 8 + size;
}

/** Appends one batch with as many frames of the queue as there is room for; nothing when there is none. */
export function encodeBatch(c: Connection, id: u32, priority: bool): void {
  const port = portAt(id);
  const start = c.out + c.outLength;
  const end = c.out + OUT_BUFFER_BYTES;
  let at = start + 4;
  let frames: u32 = 0;
  while (true) {
    const node = priority ? port.head1 : port.head0;
    if (node == 0) break;
    const s = changetype<Slot>(changetype<Node>(node).slot);
    const length = s.length;
    const head: u32 = s.unfinished ? 8 : 4;
    if (at + head + length > end) break;
    const slot = dequeue(id, priority);
    store<u32>(at, bswap<u32>(s.unfinished ? length | BLOCK_UNFINISHED : length));
    if (s.unfinished) store<u32>(at, bswap<u32>(<u32>s.segment), 4);
    at += head;
    memory.copy(at, frameOf(slot), length);
    releaseSlot(slot);
    at += length;
    frames++;
  }
  if (frames == 0) return;
  store<u32>(start, bswap<u32>(frames));
  c.outLength = at - c.out;
}
