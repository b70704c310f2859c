/** `etherloom status`. */

import type { Context } from '../context.ts';
import { requestStatus } from '../control-client.ts';
import type { NodeAnswer } from '../control-protocol.ts';
import { Failure } from '../failure.ts';
import { printLine } from '../io.ts';
import { requireNodes } from '../nodes.ts';
import { formatStatus } from '../status-text.ts';
import type { StatusFlags } from './status.ts';

export async function runStatus(name: string | undefined, flags: StatusFlags, context: Context): Promise<void> {
  if (flags.socket !== undefined && (flags.all || name !== undefined))
    throw new Failure('usage', '--socket asks one node, a NAME or --all others: use only one of them');
  const statuses =
    flags.socket === undefined ? await askAll(name, flags, context) : [await requestStatus(flags.socket)];
  const { stdout } = context.io;
  if (flags.json) printLine(stdout, JSON.stringify(flags.all ? statuses : statuses[0], undefined, 2));
  else printLine(stdout, statuses.map((status) => formatStatus(status, Date.now())).join('\n\n'));
}

async function askAll(name: string | undefined, flags: StatusFlags, { io }: Context): Promise<NodeAnswer[]> {
  const sockets = await requireNodes(io, name);
  if (flags.json && !flags.all && sockets.length > 1) {
    throw new Failure(
      'usage',
      `there are ${sockets.length} nodes${name === undefined ? '' : ` named ${name}`}, and --json prints one: ${sockets.map(({ path }) => path).join(', ')}`,
      'choose one with its NAME or with --socket PATH, or ask for an array with --all',
    );
  }
  const answers = await Promise.allSettled(sockets.map(({ path }) => requestStatus(path)));
  const statuses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  if (statuses.length > 0) return statuses;
  throw answers.find((answer) => answer.status === 'rejected')!.reason;
}
