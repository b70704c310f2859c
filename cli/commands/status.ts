import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';

export interface StatusFlags {
  readonly json?: boolean;
  readonly socket?: string;
  readonly all?: boolean;
}

export function defineStatus(program: Command, context: Context): void {
  program
    .command('status')
    .summary('show what a running server, client or bridge is doing')
    .description(
      'Asks the running servers, clients and bridges of this user: hubs, sessions, TCP connections and ciphers, frames and bytes each way ' +
        '(IN is from the port into the hub), drops by cause, size of the forwarding table.',
    )
    .option('--socket <path>', 'ask the node at this control socket')
    .option('--all', 'with --json: print an array of all nodes')
    .option('--json', 'print JSON: the object of the one node, or an array with --all')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'notRunning']))
    .action(async (flags: StatusFlags) => {
      const { runStatus } = await import('./status-run.ts');
      await runStatus(flags, context);
    });
}

const EXAMPLES = [
  ['etherloom status', 'all nodes of this user'],
  ["etherloom status --json | jq '.hubs[].sessions[].user'", 'who is connected'],
  ['etherloom status --socket /run/etherloom/server-4711.sock', 'one of several'],
] as const;
