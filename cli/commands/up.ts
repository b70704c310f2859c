import type { Command } from 'commander';
import { whole } from '../../engine/config/rules.ts';
import type { Context } from '../context.ts';
import type { ExitName } from '../exit-codes.ts';
import { helpTail } from '../help.ts';
import { byRule } from '../option-rules.ts';

export interface UpFlags {
  /** Seconds. */
  readonly wait: number;
  readonly json?: boolean;
}

export function defineUp(program: Command, context: Context): void {
  program
    .command('up')
    .summary('connect profiles in the background')
    .description(
      'Starts `etherloom connect --profile` for each profile as a process of its own in the background, and returns when ' +
        'every one of them is connected, has ended for good, or --wait is over; it then goes on trying. One that is up ' +
        'already is left as it is.\n\n' +
        'A PROFILE with a slash or with .yaml at its end is the path of a file, as `etherloom connect --profile` reads it. ' +
        'Anything else is a name: NAME.yaml in /etc/etherloom/profiles for root, in $XDG_CONFIG_HOME/etherloom ' +
        '(~/.config/etherloom) for others. The name of the file without its ending is the name of the profile.\n\n' +
        'What needs a person is asked here, before this command returns: a password that no passwordFile and no ' +
        'ETHERLOOM_PASSWORD holds, and whether a server is the right one. Ctrl-C ends those that are not connected yet.\n\n' +
        'Each process writes its log to NAME.log in $XDG_STATE_HOME/etherloom/log; without the variable it is in ' +
        '/var/log/etherloom for root, in ~/.local/state/etherloom/log for others. At 4 MiB it becomes NAME.log.1.',
    )
    .argument('<profile...>', 'names or paths of profiles')
    .option(
      '--wait <seconds>',
      'how long to wait for each, 1 to 3600; the time begins anew after a question',
      byRule(whole(1, 3600, 'seconds')),
      30,
    )
    .option('--json', 'print a line of JSON for each profile, and errors as JSON')
    .addHelpText(
      'after',
      `${helpTail(EXAMPLES, EXITS)}\n\nWith several profiles it is the code of the first, in the order given, that is not 0.`,
    )
    .action(async (words: string[], flags: UpFlags) => {
      const { runUp } = await import('./up-run.ts');
      await runUp(words, flags, context);
    });
}

const EXAMPLES = [
  ['etherloom up lab', 'the profile lab.yaml of the usual directory'],
  ['etherloom up ./lab.yaml home office --wait 60', 'several at once'],
  ['etherloom up lab --json && etherloom watch lab', 'from a script'],
] as const;

const EXITS: readonly ExitName[] = [
  'ok',
  'internal',
  'usage',
  'configuration',
  'tap',
  'refused',
  'untrusted',
  'unreachable',
  'settings',
  'timeout',
  'interrupted',
];
