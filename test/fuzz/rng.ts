/** mulberry32: small, fast, and the same numbers on every runtime. */
export class Rng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The chances of one run, from the seed of all and its number: any run can be had alone. */
  static of(seed: number, run: number): Rng {
    return new Rng(Math.imul(seed, 0x9e37_79b9) ^ Math.imul(run, 0x85eb_ca6b) ^ 0xc2b2_ae35);
  }

  /** The chances that belong to an input: how it is cut, say. A replay of the input alone has the same. */
  static from(bytes: Uint8Array): Rng {
    let hash = 0x811c_9dc5 ^ bytes.length;
    // The front of a long one is enough.
    const end = Math.min(bytes.length, 4_096);
    for (let i = 0; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
    return new Rng(hash);
  }

  u32(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * limit);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.u32() & 0xff;
    return bytes;
  }
}
