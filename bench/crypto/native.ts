/** What machine code makes of the primitives: the system's OpenSSL, and a plain RC4 in C (`rc4.c`). */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../lab/runtime.ts';
import { messageBytes, type Primitive, RECIPES, type Recipe } from './primitives.ts';

/** OpenSSL 3 keeps what is no longer safe in a provider of its own. */
const LEGACY = ['-provider', 'legacy', '-provider', 'default'];

/**
 * 10^6 bytes in a second by `openssl speed`, on one core and by the clock on the wall; undefined where there is no
 * OpenSSL 3, or none with the algorithm. Its ciphers but the AEAD run through all messages as through one, without an IV
 * for each; its AEAD covers 13 more bytes, as in TLS.
 */
export async function opensslSpeed(primitive: Primitive, bytes: number): Promise<number | undefined> {
  const recipe = RECIPES[primitive];
  const measure = ['-mr', '-elapsed', '-seconds', '1', '-bytes', String(messageBytes(recipe, bytes))];
  try {
    const { stdout } = await promisify(execFile)('openssl', ['speed', ...measure, ...algorithm(recipe)]);
    // `+F:INDEX:NAME:BYTES IN A SECOND`
    return speed(/^\+F:.*:([\d.]+)$/m.exec(stdout)?.[1], 1e-6);
  } catch {
    return undefined;
  }
}

function algorithm(recipe: Recipe): string[] {
  switch (recipe.kind) {
    case 'hash':
      return ['-evp', recipe.digest];
    case 'hmac':
      return ['-hmac', recipe.digest];
    case 'rc4':
      return [...LEGACY, '-evp', 'rc4'];
    case 'cbc':
      return [
        ...(recipe.cipher.name === 'des-cbc' ? LEGACY : []),
        ...(recipe.decrypt ? ['-decrypt'] : []),
        ...['-evp', recipe.cipher.name],
      ];
    case 'aead':
      return [...(recipe.decrypt ? ['-decrypt'] : []), '-aead', '-evp', 'chacha20-poly1305'];
  }
}

/** 10^6 bytes in a second by `rc4.c`, one stream through all messages; undefined where it cannot be built. */
export async function nativeRc4(bytes: number): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'etherloom-rc4-'));
  const program = join(folder, 'rc4');
  try {
    await promisify(execFile)('cc', ['-O2', '-o', program, join(projectRoot, 'bench/crypto/rc4.c')]);
    const { stdout } = await promisify(execFile)(program, [String(bytes)]);
    return speed(stdout.trim(), 1);
  } catch {
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function speed(text: string | undefined, unit: number): number | undefined {
  const value = Number(text) * unit;
  return value > 0 && Number.isFinite(value) ? value : undefined;
}
