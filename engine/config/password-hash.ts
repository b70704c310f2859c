/** The stored form of a password: `hashed_password` of `protocol/control-plane.md` §4.3, twenty bytes. */

import type { Rule } from './rules.ts';

/** Forty hexadecimal digits, which is our form, or base64, which is SoftEther's. */
export const passwordHash: Rule<Uint8Array> = {
  allowed: 'the 40 hexadecimal digits that `etherloom hash-password USER` prints, or 20 bytes in base64',
  parse: (text) => parseHex(text) ?? parseBase64(text),
};

/** Our written form of a hash. */
export function formatPasswordHash(hash: Uint8Array): string {
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function parseHex(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{40}$/.test(text)) return undefined;
  return Uint8Array.from({ length: 20 }, (_, index) => Number.parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Twenty bytes are 27 digits of base64 and one `=`. */
function parseBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{27}=$/.test(text)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const digit of text.slice(0, 27)) {
    bits = (bits << 6) | BASE64.indexOf(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >> held) & 0xff);
      bits &= (1 << held) - 1;
    }
  }
  // Bits beyond the last byte have to be zero (RFC 4648 §3.5).
  return bits === 0 ? Uint8Array.from(bytes) : undefined;
}
