/** Poly1305 (RFC 8439 §2.5) in words of 32 bits, whose products fit in 64. Nothing depends on secrets but sums. */

/** r (4 words), the sum (5 words, the last of a few bits), s (4 words), bytes that wait (u32), those bytes (16). */
export const POLY_BYTES: u32 = 72;
const SUM: u32 = 16;
const PAD: u32 = 36;
const WAITING: u32 = 52;
const BUFFER: u32 = 56;

/** `key`: 32 bytes, for one message only. */
export function polyInit(state: u32, key: u32): void {
  // RFC 8439 §2.5.1, the clamp.
  store<u64>(state, load<u64>(key) & 0x0fff_fffc_0fff_ffff);
  store<u64>(state, load<u64>(key, 8) & 0x0fff_fffc_0fff_fffc, 8);
  store<u64>(state, 0, SUM);
  store<u64>(state, 0, SUM + 8);
  store<u32>(state, 0, SUM + 16);
  store<u64>(state, load<u64>(key, 16), PAD);
  store<u64>(state, load<u64>(key, 24), PAD + 8);
  store<u32>(state, 0, WAITING);
}

export function polyUpdate(state: u32, at: u32, length: u32): void {
  const waiting = load<u32>(state, WAITING);
  if (waiting > 0) {
    const room: u32 = 16 - waiting;
    const fits = length < room ? length : room;
    memory.copy(state + BUFFER + waiting, at, fits);
    store<u32>(state, (waiting + fits) & 15, WAITING);
    if (fits < room) return;
    blocks(state, state + BUFFER, 16, 1);
    at += fits;
    length -= fits;
  }
  const whole = length & ~15;
  if (whole > 0) blocks(state, at, whole, 1);
  if (length == whole) return;
  memory.copy(state + BUFFER, at + whole, length - whole);
  store<u32>(state, length - whole, WAITING);
}

/** Fills the block up with zeros, if one has begun (RFC 8439 §2.8). */
export function polyPad(state: u32): void {
  const waiting = load<u32>(state, WAITING);
  if (waiting == 0) return;
  memory.fill(state + BUFFER + waiting, 0, 16 - waiting);
  blocks(state, state + BUFFER, 16, 1);
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
  const h0 = <u64>load<u32>(state, SUM);
  const h1 = <u64>load<u32>(state, SUM + 4);
  const h2 = <u64>load<u32>(state, SUM + 8);
  const h3 = <u64>load<u32>(state, SUM + 12);
  const h4 = <u64>load<u32>(state, SUM + 16);
  // Less the prime, if that leaves something: if 5 more reach 2 ** 130.
  let carry = (h0 + 5) >> 32;
  carry = (h1 + carry) >> 32;
  carry = (h2 + carry) >> 32;
  carry = (h3 + carry) >> 32;
  const over = (h4 + carry) >> 2;
  let sum = h0 + over * 5 + <u64>load<u32>(state, PAD);
  store<u32>(output, <u32>sum);
  sum = h1 + <u64>load<u32>(state, PAD + 4) + (sum >> 32);
  store<u32>(output, <u32>sum, 4);
  sum = h2 + <u64>load<u32>(state, PAD + 8) + (sum >> 32);
  store<u32>(output, <u32>sum, 8);
  sum = h3 + <u64>load<u32>(state, PAD + 12) + (sum >> 32);
  store<u32>(output, <u32>sum, 12);
  for (let i: u32 = 0; i < POLY_BYTES; i += 8) store<u64>(state + i, 0);
}

/**
 * Takes `length` bytes in, a multiple of 16. `behind`: 1 for whole blocks, the bit behind them. The clamp leaves four bits
 * of a word of r free, so that four products and what was carried fit in 64 bits.
 */
function blocks(state: u32, at: u32, length: u32, behind: u32): void {
  const r0 = <u64>load<u32>(state);
  const r1 = <u64>load<u32>(state, 4);
  const r2 = <u64>load<u32>(state, 8);
  const r3 = <u64>load<u32>(state, 12);
  // 2 ** 130 is 5. The clamp makes these words multiples of 4, so that 2 ** 128 can be 5 / 4.
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  let h0 = <u64>load<u32>(state, SUM);
  let h1 = <u64>load<u32>(state, SUM + 4);
  let h2 = <u64>load<u32>(state, SUM + 8);
  let h3 = <u64>load<u32>(state, SUM + 12);
  let h4 = <u64>load<u32>(state, SUM + 16);
  for (const end = at + length; at < end; at += 16) {
    h0 += <u64>load<u32>(at);
    h1 += <u64>load<u32>(at, 4);
    h2 += <u64>load<u32>(at, 8);
    h3 += <u64>load<u32>(at, 12);
    h4 += <u64>behind;
    const d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
    const d1 = h1 * r0 + h0 * r1 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >> 32);
    const d2 = h2 * r0 + h0 * r2 + h1 * r1 + h3 * s3 + h4 * s2 + (d1 >> 32);
    const d3 = h3 * r0 + h0 * r3 + h1 * r2 + h2 * r1 + h4 * s3 + (d2 >> 32);
    const d4 = h4 * r0 + (d3 >> 32);
    h0 = <u64><u32>d0 + (d4 >> 2) * 5;
    h1 = <u64><u32>d1 + (h0 >> 32);
    h0 = <u64><u32>h0;
    h2 = <u64><u32>d2;
    h3 = <u64><u32>d3;
    h4 = d4 & 3;
  }
  // The one carry that is left.
  h2 += h1 >> 32;
  h3 += h2 >> 32;
  h4 += h3 >> 32;
  store<u32>(state, <u32>h0, SUM);
  store<u32>(state, <u32>h1, SUM + 4);
  store<u32>(state, <u32>h2, SUM + 8);
  store<u32>(state, <u32>h3, SUM + 12);
  store<u32>(state, <u32>h4, SUM + 16);
}
