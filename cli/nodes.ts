/** The running nodes that a command is about. */

import { NOT_RUNNING_HINT } from './control-client.ts';
import { type FoundSocket, findSockets, socketDirectories } from './control-paths.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';

/** All nodes of this user, or those with this name; none is a failure. */
export async function requireNodes(io: Io, name?: string): Promise<readonly FoundSocket[]> {
  const all = await findSockets(io);
  const found = name === undefined ? all : all.filter((node) => node.name === name);
  if (found.length > 0) return found;
  if (name === undefined) throw nobodyRuns(io);
  throw notUp(io, name, all);
}

export function nobodyRuns(io: Io): Failure {
  return new Failure(
    'notRunning',
    `no running server, client or bridge of this user was found (looked in ${socketDirectories(io).join(', ')})`,
    NOT_RUNNING_HINT,
  );
}

/** @param all The nodes that are running. */
export function notUp(io: Io, name: string, all: readonly FoundSocket[]): Failure {
  const names = [...new Set(all.flatMap((node) => node.name ?? []))].sort();
  return new Failure(
    'notRunning',
    `no running node of this user is named ${name} (looked in ${socketDirectories(io).join(', ')})`,
    names.length === 0 ? NOT_RUNNING_HINT : `running are: ${names.join(', ')}`,
  );
}
