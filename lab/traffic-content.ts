/** What the traffic tool sends: pseudo-random, so that no compression helps, and different in every flow. */

/** A block of `size` pseudo-random bytes (xorshift32); the same seed gives the same bytes. */
export function makeBlock(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (0x9e3779b9 ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state >>> 0;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Writes the block's number into each of its 4 KiB, so that a block lost, doubled or out of turn shows in the checksum. */
export function stampBlock(block: Uint8Array, number: number): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let at = 0; at + 4 <= block.length; at += 4096) view.setUint32(at, number >>> 0);
}
