/** Where a password comes from: a file, stdin, the environment or a hidden question; never from an argument. */

import { MAX_PASSWORD_BYTES } from '../engine/login/password.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';
import { MAX_SECRET_BYTES, onlyLine, readSecretFile } from './secret-file.ts';
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
  const ask = async () => checked(await terminal.askHidden(question, signal), 'what was typed');
  if (file === '-') return terminal.interactive ? ask() : readPasswordFromStdin(io);
  if (file !== undefined) {
    return checked(await readSecretFile({ file, what: 'the password file', as: 'password', warn }), file);
  }
  const variable = io.env[PASSWORD_VARIABLE];
  if (variable !== undefined) return checked(new TextEncoder().encode(variable), PASSWORD_VARIABLE);
  return terminal.interactive ? ask() : undefined;
}

export async function readPasswordFromStdin(io: Io): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as string);
    length += bytes.length;
    if (length > MAX_SECRET_BYTES)
      throw new Failure('usage', `cannot use stdin as password: it is longer than ${MAX_SECRET_BYTES} bytes`);
    chunks.push(bytes);
  }
  return checked(onlyLine(Buffer.concat(chunks), 'stdin', 'password'), 'stdin');
}

function checked(password: Uint8Array, source: string): Uint8Array {
  if (password.length <= MAX_PASSWORD_BYTES) return password;
  throw new Failure(
    'configuration',
    `cannot use ${source} as password: it has ${password.length} bytes, and ${MAX_PASSWORD_BYTES} are the most`,
  );
}
