/** `etherloom status`. */

import type { NodeStatus } from '../../engine/admin/status.ts';
import type { Context } from '../context.ts';
import { NOT_RUNNING_HINT, requestStatus } from '../control-client.ts';
import { findSockets, socketDirectories } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import { printLine } from '../io.ts';
import { formatStatus } from '../status-text.ts';
import type { StatusFlags } from './status.ts';

export async function runStatus(flags: StatusFlags, context: Context): Promise<void> {
  if (flags.socket !== undefined && flags.all)
    throw new Failure('usage', '--socket asks one node and --all asks every one: use only one of them');
  const statuses = flags.socket === undefined ? await askAll(flags, context) : [await requestStatus(flags.socket)];
  const { stdout } = context.io;
  if (flags.json) printLine(stdout, JSON.stringify(flags.all ? statuses : statuses[0], undefined, 2));
  else printLine(stdout, statuses.map((status) => formatStatus(status, Date.now())).join('\n\n'));
}

async function askAll(flags: StatusFlags, { io }: Context): Promise<NodeStatus[]> {
  const sockets = await findSockets(io);
  if (flags.json && !flags.all && sockets.length > 1) {
    throw new Failure(
      'usage',
      `there are ${sockets.length} nodes, and --json prints one: ${sockets.map(({ path }) => path).join(', ')}`,
      'choose one with --socket PATH, or ask for an array with --all',
    );
  }
  const answers = await Promise.allSettled(sockets.map(({ path }) => requestStatus(path)));
  const statuses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  if (statuses.length > 0) return statuses;
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  throw new Failure(
    'notRunning',
    `no running server, client or bridge of this user was found (looked in ${socketDirectories(io).join(', ')})`,
    NOT_RUNNING_HINT,
  );
}
