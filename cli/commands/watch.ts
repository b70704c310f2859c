import type { Command } from 'commander';
import { type Rule, whole } from '../../engine/config/rules.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { byRule } from '../option-rules.ts';

export interface WatchFlags {
  /** Seconds. */
  readonly interval: number;
  readonly count?: number;
  readonly top?: number;
  readonly socket?: string;
  readonly json?: boolean;
}

export function defineWatch(program: Command, context: Context): void {
  program
    .command('watch')
    .summary('show live what running nodes carry')
    .description(
      'Shows the running nodes of this user live: what each session and each of its TCP connections carries now and has ' +
        'carried of late, round trip times, queues, how long frames wait in each class (half of them, and all but one in a ' +
        'hundred), and frames dropped per second by cause. IN is from the port into the hub. The busiest sessions stand first.\n\n' +
        'Keys: q ends, arrows, PgUp, PgDn, Home and End scroll, d shows and hides the classes and connections of each session.\n\n' +
        'Without a terminal it prints a line for each node and interval; with --json one object for each interval, rates in ' +
        'bytes and frames per second.',
    )
    .argument('[name]', 'only the nodes of this name: that of their profile or configuration, without .yaml')
    .option('--interval <seconds>', 'time between two looks, 0.2 to 3600', byRule(interval), 1)
    .option('--count <number>', 'end after so many; without it, go on until Ctrl-C', byRule(whole(1, 1_000_000_000)))
    .option('--top <number>', 'only so many sessions of each hub, the busiest', byRule(whole(1, 1_000_000)))
    .option('--socket <path>', 'the node at this control socket')
    .option('--json', 'print a line of JSON for each interval')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'notRunning']))
    .action(async (name: string | undefined, flags: WatchFlags) => {
      const { runWatch } = await import('./watch-run.ts');
      await runWatch(name, flags, context);
    });
}

const interval: Rule<number> = {
  allowed: 'a number from 0.2 to 3600 (seconds)',
  parse(text) {
    const value = /^[0-9]{1,4}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    return value >= 0.2 && value <= 3600 ? value : undefined;
  },
};

const EXAMPLES = [
  ['etherloom watch', 'all nodes of this user'],
  ['etherloom watch lab --interval 5', 'what `etherloom up lab` started'],
  [
    "etherloom watch --json --count 1 | jq '.nodes[] | [.name, .in.bytesPerSecond, .out.bytesPerSecond]'",
    'for a program',
  ],
] as const;
