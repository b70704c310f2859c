import type { Peer } from './peers.ts';

/** The byte at a place in a stream: whatever is lost, doubled or overwritten shows. */
export function byteAt(position: number): number {
  return ((position * 2_654_435_761) >>> 21) & 255;
}

/** Bytes of a stream from `position` on. */
export function stretch(position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = byteAt(position + index);
  return bytes;
}

/** To be called with what arrives, in order; throws at the first byte that is wrong. */
export function checker(): (bytes: Uint8Array) => void {
  let position = 0;
  return (bytes) => {
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] !== byteAt(position + index)) throw new Error(`the byte at ${position + index} is wrong`);
    }
    position += bytes.length;
  };
}

/** Sends `total` bytes from one piece of memory that is spoilt after every write, as the engine's is. */
export function send(peer: Peer, total: number, done: () => void = () => undefined): void {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 8, maximum: 8 }).buffer);
  let position = 0;
  let turn = 0;
  const pump = (): void => {
    while (position < total) {
      // Sizes vary, so that what is offered after a partial write is never what was offered before.
      const size = Math.min(total - position, 1 + ((turn++ * 70_001) % 400_000));
      const offered = memory.subarray((turn * 16) % 1024, ((turn * 16) % 1024) + size);
      for (let index = 0; index < size; index++) offered[index] = byteAt(position + index);
      const taken = peer.channel.write(offered);
      offered.fill(0xee);
      position += taken;
      if (taken < size) return;
    }
    peer.onWritable = () => undefined;
    done();
  };
  peer.onWritable = pump;
  pump();
}
