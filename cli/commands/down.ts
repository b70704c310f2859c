import type { Command } from 'commander';
import { whole } from '../../engine/config/rules.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { byRule } from '../option-rules.ts';

export interface DownFlags {
  readonly all?: boolean;
  readonly socket?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

export function defineDown(program: Command, context: Context): void {
  program
    .command('down')
    .summary('end what runs in the background')
    .description(
      'Asks the processes of these profiles to end in order, and returns when they are gone, and with them their sessions, ' +
        'TAPs and routes. One that does not answer, or takes longer than --timeout, gets SIGTERM.\n\n' +
        'A name stands for the process that `etherloom up` started for that profile; without one, for the only node of that ' +
        'name, also a server, a bridge or a client in the foreground. --all ends what `etherloom up` started, and nothing else.',
    )
    .argument('[profile...]', 'names or paths of profiles, or names of other nodes')
    .option('--all', 'all that `etherloom up` started')
    .option('--socket <path>', 'the node at this control socket, of any kind')
    .option(
      '--timeout <seconds>',
      'how long an end in order may take, 1 to 3600',
      byRule(whole(1, 3600, 'seconds')),
      15,
    )
    .option('--json', 'print a line of JSON for each process, and errors as JSON')
    .addHelpText(
      'after',
      `${helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'notRunning', 'timeout'])}\n\nWith several profiles it is the code of the first, in the order given, that is not 0.`,
    )
    .action(async (words: string[], flags: DownFlags) => {
      const { runDown } = await import('./down-run.ts');
      await runDown(words, flags, context);
    });
}

const EXAMPLES = [
  ['etherloom down lab', 'what `etherloom up lab` started'],
  ['etherloom down --all --timeout 5', 'everything that runs in the background'],
  ['etherloom down --socket /run/etherloom/lab.sock', 'a server by its control socket'],
] as const;
