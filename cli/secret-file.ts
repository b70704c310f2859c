/** Files that hold one line nobody else may read. */

import * as fs from 'node:fs/promises';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';

export interface SecretFile {
  readonly file: string;
  /** What the file is, such as "the password file". */
  readonly what: string;
  /** What its line is, such as "password". */
  readonly as: string;
  readonly warn: (message: string) => void;
}

export async function readSecretFile({ file, what, as, warn }: SecretFile): Promise<Uint8Array> {
  const stat = await fs.stat(file).catch(() => undefined);
  if (stat?.isFile() && (stat.mode & 0o044) !== 0) {
    warn(`other users of this machine can read ${what} ${file}; close it with: chmod 600 ${file}`);
  }
  return onlyLine(await readBounded(file, MAX_SECRET_BYTES, what), file, as);
}

/** What is read before it is looked at: a secret with the end of its line. */
export const MAX_SECRET_BYTES = 4096;

/** Editors end a file with a newline that is not meant; a second line means that it is the wrong file. */
export function onlyLine(bytes: Uint8Array, source: string, as: string): Uint8Array {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === 10) end--;
  if (end < bytes.length && end > 0 && bytes[end - 1] === 13) end--;
  const line = Uint8Array.from(bytes.subarray(0, end));
  if (line.includes(10)) throw new Failure('configuration', `cannot use ${source} as ${as}: it has more than one line`);
  return line;
}
