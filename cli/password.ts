/** Where a password comes from: a file, stdin, the environment or a hidden question; never from an argument. */

import * as fs from 'node:fs/promises';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';
import type { Io } from './io.ts';
import type { Terminal } from './terminal.ts';

export const PASSWORD_VARIABLE = 'ETHERLOOM_PASSWORD';

export interface PasswordRequest {
  /** The value of `--password-file`; `-` is stdin. */
  readonly file?: string;
  /** What a person is asked. */
  readonly question: string;
  readonly io: Io;
  readonly terminal: Terminal;
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** The password's bytes, or undefined when there is no source for one. The first source of the list above wins. */
export async function readPassword(request: PasswordRequest): Promise<Uint8Array | undefined> {
  const { file, io, terminal, question, warn, signal } = request;
  if (file === '-') return terminal.interactive ? terminal.askHidden(question, signal) : readPasswordFromStdin(io);
  if (file !== undefined) {
    await warnWhenOthersCanRead(file, warn);
    return toPassword(await readBounded(file, MAX_BYTES, 'the password file'), file);
  }
  const variable = io.env[PASSWORD_VARIABLE];
  if (variable !== undefined) return new TextEncoder().encode(variable);
  return terminal.interactive ? terminal.askHidden(question, signal) : undefined;
}

export async function readPasswordFromStdin(io: Io): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as string);
    length += bytes.length;
    if (length > MAX_BYTES)
      throw new Failure('usage', `cannot use stdin as password: it is longer than ${MAX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return toPassword(Buffer.concat(chunks), 'stdin');
}

const MAX_BYTES = 4096;

/** Editors end a file with a newline that is not meant; a second line means that it is the wrong file. */
function toPassword(bytes: Uint8Array, source: string): Uint8Array {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === 10) end--;
  if (end < bytes.length && end > 0 && bytes[end - 1] === 13) end--;
  const password = bytes.slice(0, end);
  if (password.includes(10)) {
    throw new Failure('configuration', `cannot use ${source} as password: it has more than one line`);
  }
  return password;
}

async function warnWhenOthersCanRead(file: string, warn: (message: string) => void): Promise<void> {
  const stat = await fs.stat(file).catch(() => undefined);
  if (stat?.isFile() && (stat.mode & 0o044) !== 0) {
    warn(`other users of this machine can read the password file ${file}; close it with: chmod 600 ${file}`);
  }
}
