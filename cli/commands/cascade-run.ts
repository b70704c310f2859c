/** `etherloom cascade`. */

import type { CascadeStatus } from '../../engine/admin/status.ts';
import type { Context } from '../context.ts';
import { askNode, NOT_RUNNING_HINT, requestStatus } from '../control-client.ts';
import { findSockets, socketDirectories } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import { printLine } from '../io.ts';
import { cascadeTable } from '../status-cascades.ts';
import { printable } from '../text.ts';
import type { CascadeFlags } from './cascade.ts';

export async function runCascade(
  action: 'list' | 'online' | 'offline',
  name: string | undefined,
  flags: CascadeFlags,
  { io }: Context,
): Promise<void> {
  const socket = flags.socket ?? (await findServer(io));
  if (action === 'list') return list(socket, flags, io);
  const answer = await askNode(socket, { command: 'cascade', name, hub: flags.hub, online: action === 'online' });
  if (typeof answer.error === 'string')
    throw new Failure('usage', printable(answer.error), 'see `etherloom cascade list`');
  const { hub, cascade } = answer as { hub?: string; cascade?: CascadeStatus };
  if (flags.json) printLine(io.stdout, JSON.stringify({ ...cascade, of: hub }, undefined, 2));
  else
    printLine(
      io.stdout,
      `cascade ${printable(cascade?.name ?? '')} of hub ${printable(hub ?? '')} is ${cascade?.state}`,
    );
}

async function list(socket: string, flags: CascadeFlags, io: Context['io']): Promise<void> {
  const { hubs } = await requestStatus(socket);
  const wanted = hubs.filter(({ name }) => flags.hub === undefined || name.toLowerCase() === flags.hub.toLowerCase());
  if (wanted.length === 0 && flags.hub !== undefined)
    throw new Failure('usage', `there is no hub ${printable(flags.hub)}`);
  const rows = wanted.flatMap(({ name, cascades = [] }) => cascades.map((cascade) => ({ ...cascade, of: name })));
  if (flags.json) return printLine(io.stdout, JSON.stringify(rows, undefined, 2));
  if (rows.length === 0) return printLine(io.stdout, 'there are no cascades');
  printLine(io.stdout, cascadeTable(rows, Date.now()).join('\n'));
}

/** The one server or bridge that runs. */
async function findServer(io: Context['io']): Promise<string> {
  const sockets = (await findSockets(io)).filter(({ role }) => role !== 'client');
  const [first] = sockets;
  if (first === undefined) {
    const looked = socketDirectories(io).join(', ');
    throw new Failure('notRunning', `no running server of this user was found (looked in ${looked})`, NOT_RUNNING_HINT);
  }
  if (sockets.length > 1) {
    const paths = sockets.map(({ path }) => path).join(', ');
    throw new Failure('usage', `there are ${sockets.length} servers: ${paths}`, 'choose one with --socket PATH');
  }
  return first.path;
}
