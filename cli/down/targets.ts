/** Which processes are to end. */

import { type FoundSocket, findSockets } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { notUp } from '../nodes.ts';
import { findRecords } from '../up/record.ts';

export interface Target {
  readonly name: string;
  readonly pid: number;
  /** When the process started (cli/processes.ts), where a record of `up` vouches for it. */
  readonly start?: string;
  /** Absent: it has none yet. */
  readonly socket?: string;
  readonly record?: string;
}

export interface Running {
  readonly records: Awaited<ReturnType<typeof findRecords>>;
  readonly sockets: readonly FoundSocket[];
}

export async function findRunning(io: Io): Promise<Running> {
  return { records: await findRecords(io), sockets: await findSockets(io) };
}

/** All that `up` started. */
export function allTargets({ records, sockets }: Running): readonly Target[] {
  return records.map(({ name, pid, start, path }) => {
    const socket = sockets.find((found) => found.pid === pid)?.path;
    return { name, pid, start, record: path, ...(socket === undefined ? {} : { socket }) };
  });
}

/** The one of this name. */
export function targetOf(io: Io, name: string, running: Running): Target {
  const started = allTargets(running).find((target) => target.name === name);
  if (started !== undefined) return started;
  const named = running.sockets.filter((found) => found.name === name);
  const [only] = named;
  if (only === undefined) throw notUp(io, name, running.sockets);
  if (named.length > 1) {
    throw new Failure(
      'usage',
      `${named.length} nodes are named ${name}, and \`etherloom up\` started none of them: ${named.map(({ path }) => path).join(', ')}`,
      'choose one with --socket PATH',
    );
  }
  return { name, pid: only.pid, socket: only.path };
}
