import type { Command } from 'commander';
import { userName } from '../../engine/config/names.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { byRule, refusePasswordOption } from '../option-rules.ts';

export interface HashPasswordFlags {
  readonly passwordFile?: string;
  readonly json?: boolean;
}

export function defineHashPassword(program: Command, context: Context): void {
  const command = program
    .command('hash-password')
    .summary('print the passwordHash of a user for the configuration')
    .description(
      'Prints what the configuration takes as passwordHash of a user: 40 hexadecimal digits. The hash holds the name, ' +
        'regardless of case, so it fits this user only. The password comes from --password-file, from the variable ' +
        'ETHERLOOM_PASSWORD, from a question at a terminal, or from stdin.\n\n' +
        'Keep the hash as secret as the password: who has it can log in with it.',
    )
    .argument('<user>', 'the name of the user', byRule(userName))
    .option(
      '--password-file <file>',
      'read the password from a file, or from stdin with -; one newline at its end is removed',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'configuration', 'interrupted']))
    .action(async (user: string, flags: HashPasswordFlags) => {
      const { runHashPassword } = await import('./hash-password-run.ts');
      await runHashPassword(user, flags, context);
    });
  refusePasswordOption(command);
}

const EXAMPLES = [
  ['etherloom hash-password alice', 'asks twice'],
  ['etherloom hash-password alice --password-file alice.pw', 'from a file'],
] as const;
