/** Poly1305 (RFC 8439 §2.5) in five limbs of 26 bits, whose products fit in 64. Nothing depends on secrets but sums. */

/** r (5 limbs), the sum (5), s (4 words), bytes that wait (u32), those bytes (16). */
export const POLY_BYTES: u32 = 80;
const SUM: u32 = 20;
const PAD: u32 = 40;
const WAITING: u32 = 56;
const BUFFER: u32 = 60;

const LIMB: u32 = 0x03ff_ffff;
/** The bit behind a whole block, in the last limb. */
const BEHIND: u32 = 1 << 24;

/** `key`: 32 bytes, for one message only. */
export function polyInit(state: u32, key: u32): void {
  memory.fill(state, 0, POLY_BYTES);
  // RFC 8439 §2.5.1, the clamp.
  store<u32>(state, load<u32>(key) & LIMB);
  store<u32>(state, (load<u32>(key, 3) >> 2) & 0x03ff_ff03, 4);
  store<u32>(state, (load<u32>(key, 6) >> 4) & 0x03ff_c0ff, 8);
  store<u32>(state, (load<u32>(key, 9) >> 6) & 0x03f0_3fff, 12);
  store<u32>(state, (load<u32>(key, 12) >> 8) & 0x000f_ffff, 16);
  memory.copy(state + PAD, key + 16, 16);
}

export function polyUpdate(state: u32, at: u32, length: u32): void {
  const waiting = load<u32>(state, WAITING);
  if (waiting > 0) {
    const room: u32 = 16 - waiting;
    const fits = length < room ? length : room;
    memory.copy(state + BUFFER + waiting, at, fits);
    store<u32>(state, (waiting + fits) & 15, WAITING);
    if (fits < room) return;
    blocks(state, state + BUFFER, 16, BEHIND);
    at += fits;
    length -= fits;
  }
  const whole = length & ~15;
  blocks(state, at, whole, BEHIND);
  memory.copy(state + BUFFER, at + whole, length - whole);
  store<u32>(state, length - whole, WAITING);
}

/** Fills the block up with zeros, if one has begun (RFC 8439 §2.8). */
export function polyPad(state: u32): void {
  const waiting = load<u32>(state, WAITING);
  if (waiting == 0) return;
  memory.fill(state + BUFFER + waiting, 0, 16 - waiting);
  blocks(state, state + BUFFER, 16, BEHIND);
  store<u32>(state, 0, WAITING);
}

/** Writes 16 bytes to `output` and wipes the state. */
export function polyFinal(state: u32, output: u32): void {
  const waiting = load<u32>(state, WAITING);
  if (waiting > 0) {
    store<u8>(state + BUFFER + waiting, 1);
    memory.fill(state + BUFFER + waiting + 1, 0, 15 - waiting);
    blocks(state, state + BUFFER, 16, 0);
  }
  let h0 = load<u32>(state, SUM);
  let h1 = load<u32>(state, SUM + 4);
  let h2 = load<u32>(state, SUM + 8);
  let h3 = load<u32>(state, SUM + 12);
  let h4 = load<u32>(state, SUM + 16);
  h2 += h1 >> 26;
  h1 &= LIMB;
  h3 += h2 >> 26;
  h2 &= LIMB;
  h4 += h3 >> 26;
  h3 &= LIMB;
  h0 += (h4 >> 26) * 5;
  h4 &= LIMB;
  h1 += h0 >> 26;
  h0 &= LIMB;
  // Less the prime, if that leaves something.
  let g0 = h0 + 5;
  let g1 = h1 + (g0 >> 26);
  g0 &= LIMB;
  let g2 = h2 + (g1 >> 26);
  g1 &= LIMB;
  let g3 = h3 + (g2 >> 26);
  g2 &= LIMB;
  const g4 = h4 + (g3 >> 26) - (1 << 26);
  g3 &= LIMB;
  const keep = <u32>(<i32>g4 >> 31);
  h0 = (h0 & keep) | (g0 & ~keep);
  h1 = (h1 & keep) | (g1 & ~keep);
  h2 = (h2 & keep) | (g2 & ~keep);
  h3 = (h3 & keep) | (g3 & ~keep);
  h4 = (h4 & keep) | (g4 & ~keep);
  let sum = <u64>(h0 | (h1 << 26)) + <u64>load<u32>(state, PAD);
  store<u32>(output, <u32>sum);
  sum = <u64>((h1 >> 6) | (h2 << 20)) + <u64>load<u32>(state, PAD + 4) + (sum >> 32);
  store<u32>(output, <u32>sum, 4);
  sum = <u64>((h2 >> 12) | (h3 << 14)) + <u64>load<u32>(state, PAD + 8) + (sum >> 32);
  store<u32>(output, <u32>sum, 8);
  sum = <u64>((h3 >> 18) | (h4 << 8)) + <u64>load<u32>(state, PAD + 12) + (sum >> 32);
  store<u32>(output, <u32>sum, 12);
  memory.fill(state, 0, POLY_BYTES);
}

/** Takes `length` bytes in, a multiple of 16. */
function blocks(state: u32, at: u32, length: u32, behind: u32): void {
  const r0 = <u64>load<u32>(state);
  const r1 = <u64>load<u32>(state, 4);
  const r2 = <u64>load<u32>(state, 8);
  const r3 = <u64>load<u32>(state, 12);
  const r4 = <u64>load<u32>(state, 16);
  // 2 ** 130 is 5.
  const s1 = r1 * 5;
  const s2 = r2 * 5;
  const s3 = r3 * 5;
  const s4 = r4 * 5;
  let h0 = <u64>load<u32>(state, SUM);
  let h1 = <u64>load<u32>(state, SUM + 4);
  let h2 = <u64>load<u32>(state, SUM + 8);
  let h3 = <u64>load<u32>(state, SUM + 12);
  let h4 = <u64>load<u32>(state, SUM + 16);
  for (const end = at + length; at < end; at += 16) {
    const low = load<u64>(at);
    const high = load<u64>(at, 8);
    h0 += low & LIMB;
    h1 += (low >> 26) & LIMB;
    h2 += ((low >> 52) | (high << 12)) & LIMB;
    h3 += (high >> 14) & LIMB;
    h4 += (high >> 40) | behind;
    const d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
    let d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2;
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3;
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4;
    let d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0;
    d1 += d0 >> 26;
    d2 += d1 >> 26;
    d3 += d2 >> 26;
    d4 += d3 >> 26;
    h0 = (d0 & LIMB) + (d4 >> 26) * 5;
    h1 = (d1 & LIMB) + (h0 >> 26);
    h0 &= LIMB;
    h2 = d2 & LIMB;
    h3 = d3 & LIMB;
    h4 = d4 & LIMB;
  }
  store<u32>(state, <u32>h0, SUM);
  store<u32>(state, <u32>h1, SUM + 4);
  store<u32>(state, <u32>h2, SUM + 8);
  store<u32>(state, <u32>h3, SUM + 12);
  store<u32>(state, <u32>h4, SUM + 16);
}
