/** Files: read with a bound, written as a whole or not at all, and errors in words. */

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Failure } from './failure.ts';

/** Reads a file of at most `limit` bytes. `what` names it in the error, such as "the configuration". */
export async function readBounded(file: string, limit: number, what: string): Promise<Buffer> {
  try {
    const handle = await fs.open(file, 'r');
    try {
      // The size is not asked for: pipes and /proc have none.
      const chunks: Buffer[] = [];
      let length = 0;
      while (length <= limit) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(65536), 0, 65536, null);
        if (bytesRead === 0) return Buffer.concat(chunks);
        chunks.push(buffer.subarray(0, bytesRead));
        length += bytesRead;
      }
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    throw new Failure('configuration', `cannot read ${what} ${file}: ${inWords(thrown)}`);
  }
  throw new Failure('configuration', `cannot use ${what} ${file}: it is larger than ${limit} bytes`);
}

/** Whether something is there; an error that is not "no such file" is a failure. */
export async function exists(file: string, what: string): Promise<boolean> {
  try {
    await fs.stat(file);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new Failure('configuration', `cannot read ${what} ${file}: ${inWords(thrown)}`);
  }
}

/** Writes a temporary neighbour of `file`, complete and on disk; the caller renames or removes it. */
export async function writeNeighbour(file: string, content: string, mode: number): Promise<string> {
  const name = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await fs.open(name, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (thrown) {
    await handle.close();
    await fs.rm(name, { force: true });
    throw thrown;
  }
  await handle.close();
  return name;
}

/** A reader sees the old content or the new one, never a part. */
export async function writeAtomically(file: string, content: string, mode: number): Promise<void> {
  const neighbour = await writeNeighbour(file, content, mode);
  try {
    await fs.rename(neighbour, file);
  } catch (thrown) {
    await fs.rm(neighbour, { force: true });
    throw thrown;
  }
}

/** A system error without its codes and paths. */
export function inWords(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of the path is not a directory',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EMFILE: 'too many open files',
    ENAMETOOLONG: 'the path is too long',
    ELOOP: 'too many symbolic links',
  };
  return (code !== undefined ? known[code] : undefined) ?? message ?? String(thrown);
}
