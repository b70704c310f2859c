import type { FrameBatch } from '../../engine/host.ts';
import type { Libc } from './libc.ts';

/** Where the memory of batches is, for calls of the kernel. */
export class BatchMemory {
  readonly #libc: Libc;
  #memory: Uint8Array | undefined;
  #base = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The address of the memory, asked for once. Throws when a place does not lie in it: the kernel would not notice. */
  baseOf(batch: FrameBatch, count: number): number {
    const { memory, offsets, lengths } = batch;
    if (count > offsets.length || count > lengths.length) {
      throw new RangeError(`count must be at most the length of the batch, ${offsets.length}, and is ${count}`);
    }
    for (let index = 0; index < count; index++) {
      if (offsets[index]! + lengths[index]! > memory.length) {
        throw new RangeError(`place ${index} of the batch ends behind the memory of ${memory.length} bytes`);
      }
    }
    if (memory !== this.#memory) {
      this.#base = this.#libc.addressOf(memory);
      this.#memory = memory;
    }
    return this.#base;
  }
}
