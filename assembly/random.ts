// xorshift64*, Vigna 2016. For padding and for the storm limiter's dice: nothing secret is made of it.

let state: u64 = 0x9e37_79b9_7f4a_7c15;

export function seedRandom(seed: u64): void {
  // Zero is the one state that the generator never leaves.
  state = seed == 0 ? 0x9e37_79b9_7f4a_7c15 : seed;
}

export function random32(): u32 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <u32>((state * 0x2545_f491_4f6c_dd1d) >> 32);
}
