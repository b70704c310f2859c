import type { Random } from '../host.ts';

/**
 * Milliseconds until a connection's next keep-alive: `protocol/data-plane.md` §4.4.
 *
 * @param timeoutMs The session's time-out T.
 * @returns max(T/5, r) with r uniform in [0, T/2).
 */
export function keepAliveSpan(timeoutMs: number, random: Random): number {
  const r = (uint32(random) / 0x1_0000_0000) * (timeoutMs / 2);
  return Math.max(timeoutMs / 5, r);
}

/** Bytes of a keep-alive's body, 0 to 511: `protocol/data-plane.md` §1.6. */
export function keepAliveSize(random: Random): number {
  return uint32(random) & 0x1ff;
}

function uint32(random: Random): number {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
