/**
 * The premaster secret out of what RSA decrypted. Whatever is wrong with it, the handshake goes on with random bytes and
 * fails at the Finished message like one with a wrong key: an answer that told a wrong padding from a wrong secret would
 * decrypt what others sent (Bleichenbacher 1998; RFC 5246 §7.4.7.1).
 */

export const PREMASTER_BYTES = 48;

/**
 * Computes with every byte in every case and branches on none.
 * @param block What RSA gave, without any padding removed: as long as the modulus. Empty when RSA refused.
 * @param version What the ClientHello said, which the secret has to repeat.
 * @param random `PREMASTER_BYTES` random bytes, made before `block` was.
 */
export function premasterOf(block: Uint8Array, version: number, random: Uint8Array): Uint8Array {
  const secret = new Uint8Array(PREMASTER_BYTES);
  // RFC 8017 §7.2.2: 0, 2, eight or more bytes that are not 0, 0, the secret.
  const start = block.length - PREMASTER_BYTES;
  if (start < 11) {
    secret.set(random);
    return secret;
  }
  let wrong = block[0]! | (block[1]! ^ 2) | block[start - 1]!;
  for (let i = 2; i < start - 1; i++) wrong |= ((block[i]! - 1) >> 8) & 1;
  wrong |= block[start]! ^ (version >> 8);
  wrong |= block[start + 1]! ^ (version & 255);
  // All bits when something is wrong, none otherwise.
  const mask = -wrong >> 31;
  for (let i = 0; i < PREMASTER_BYTES; i++) secret[i] = (block[start + i]! & ~mask) | (random[i]! & mask);
  return secret;
}
