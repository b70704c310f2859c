/** The plain twin of assembly/switch/storm with assembly/random: `protocol/data-plane.md` §6.3, with the same dice. */

const U64 = 0xffff_ffff_ffff_ffffn;

interface Source {
  checked: number;
  count: number;
  thinning: number;
}

export class TwinStorm {
  readonly #sources = new Map<unknown, Source>();
  readonly #limit: number;
  #dice: bigint;

  /** @param seeds The 16 random bytes that the core was given. */
  constructor(seeds: Uint8Array, limit: number) {
    const view = new DataView(seeds.buffer, seeds.byteOffset, seeds.length);
    this.#dice = view.getBigUint64(0) ^ ((view.getBigUint64(8) << 1n) & U64);
    this.#limit = limit;
  }

  pass(source: unknown, now: number): boolean {
    let state = this.#sources.get(source);
    if (state === undefined) {
      state = { checked: now, count: 0, thinning: 0 };
      this.#sources.set(source, state);
    }
    state.count++;
    if (now - state.checked > 500) {
      const rate = state.count * 2;
      const halves = (now - state.checked) / 500;
      state.count = 0;
      state.checked = now;
      if (rate >= this.#limit) {
        if (state.thinning < 1024) state.thinning = Math.max(state.thinning, 1) * 2;
        return false;
      }
      if (state.thinning >= 1) state.thinning = Math.floor(state.thinning / Math.max(2, halves));
    }
    if (state.thinning < 3) return true;
    if (state.thinning >= 128) return false;
    return this.#roll() % state.thinning === 0;
  }

  /** xorshift64*. */
  #roll(): number {
    this.#dice ^= this.#dice >> 12n;
    this.#dice ^= (this.#dice << 25n) & U64;
    this.#dice ^= this.#dice >> 27n;
    return Number(((this.#dice * 0x2545_f491_4f6c_dd1dn) & U64) >> 32n);
  }
}
