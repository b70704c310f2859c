/** `etherloom hash-password`. */

import { formatPasswordHash } from '../../engine/config/password-hash.ts';
import { equalBytes, hashedPassword } from '../../engine/login/password.ts';
import type { Context } from '../context.ts';
import { Failure } from '../failure.ts';
import { printLine } from '../io.ts';
import { PASSWORD_VARIABLE, readPassword, readPasswordFromStdin } from '../password.ts';
import { createTerminal } from '../terminal.ts';
import type { HashPasswordFlags } from './hash-password.ts';

export async function runHashPassword(
  user: string,
  flags: HashPasswordFlags,
  { environment, io }: Context,
): Promise<void> {
  const terminal = createTerminal(io);
  const { passwordFile: file } = flags;
  const password =
    (await readPassword({
      file,
      question: `Password of ${user}: `,
      io,
      terminal,
      warn: (message) => printLine(io.stderr, `warning: ${message}`),
    })) ?? (await readPasswordFromStdin(io));
  if (password.length === 0)
    throw new Failure('usage', 'the password is empty', 'for a user without a password use `anonymous: true`');

  const typed =
    terminal.interactive && (file === '-' || (file === undefined && io.env[PASSWORD_VARIABLE] === undefined));
  // What nobody could see is typed twice.
  if (typed && !equalBytes(password, await terminal.askHidden('The same again: '))) {
    throw new Failure('usage', 'the two passwords differ');
  }
  const { sha0 } = await environment.load();
  const passwordHash = formatPasswordHash(hashedPassword(sha0, password, user));
  password.fill(0);
  printLine(io.stdout, flags.json ? JSON.stringify({ user, passwordHash }) : passwordHash);
}
