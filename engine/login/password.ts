import { utf8 } from '../pack/text.ts';

/** Passwords: `protocol/control-plane.md` §4.3. SHA-0 itself lives in the core. */

/** The 20 bytes of SHA-0 of `bytes`, in memory that the caller may keep. It does not keep `bytes`. */
export type Sha0 = (bytes: Uint8Array) => Uint8Array;

/** Bytes of a SHA-0 value, of a stored password and of a challenge. */
export const HASH_BYTES = 20;

/** Bytes of a password. Ours: a login has 64 KiB for everything, and nobody types this much. */
export const MAX_PASSWORD_BYTES = 1024;

/**
 * What a server stores of a password.
 *
 * @param password As typed, in UTF-8.
 * @param userName As the account has it; its case does not matter, outer spaces do.
 */
export function hashedPassword(sha0: Sha0, password: Uint8Array, userName: string): Uint8Array {
  const name = utf8(userName);
  const input = new Uint8Array(password.length + name.length);
  input.set(password);
  // Only a to z: the original upper-cases bytes.
  for (const [index, byte] of name.entries())
    input[password.length + index] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
  const hash = sha0(input);
  input.fill(0);
  return hash;
}

/**
 * What a client sends of a password.
 *
 * @param hashed 20 bytes of `hashedPassword`.
 * @param challenge The 20 bytes of the hello on the same connection.
 */
export function securePassword(sha0: Sha0, hashed: Uint8Array, challenge: Uint8Array): Uint8Array {
  if (hashed.length !== HASH_BYTES) throw new RangeError(`hashed: expected 20 bytes, got ${hashed.length}`);
  if (challenge.length !== HASH_BYTES) throw new RangeError(`challenge: expected 20 bytes, got ${challenge.length}`);
  const input = new Uint8Array(2 * HASH_BYTES);
  input.set(hashed);
  input.set(challenge, HASH_BYTES);
  const secure = sha0(input);
  input.fill(0);
  return secure;
}

/** Whether two arrays are equal. The time it takes depends on their lengths only, not on where they differ. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= left[index]! ^ right[index]!;
  return difference === 0;
}
