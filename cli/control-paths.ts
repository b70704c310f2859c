/** Where the control sockets of running nodes are. */

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { NodeStatus } from '../engine/admin/status.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';
import type { Io } from './io.ts';

/** sun_path of Linux has 108 bytes with the final zero; a longer path would be cut off. */
export const MAX_SOCKET_PATH = 107;

export interface FoundSocket {
  readonly path: string;
  readonly role: NodeStatus['role'];
  readonly pid: number;
}

export function socketName(role: NodeStatus['role'], pid: number): string {
  return `${role}-${pid}.sock`;
}

/** The directories of this user, the preferred one first. `status` looks in all of them. */
export function socketDirectories(io: Io): readonly string[] {
  const runtime = io.env.XDG_RUNTIME_DIR;
  return [
    ...new Set([
      ...(runtime !== undefined && path.isAbsolute(runtime) ? [path.join(runtime, 'etherloom')] : []),
      ...(io.uid === 0 ? ['/run/etherloom'] : []),
      // For users without a runtime directory, and for root of a user namespace, who may not write to /run.
      path.join(io.temporaryDirectory, `etherloom-${io.uid}`),
    ]),
  ];
}

/** The first of the directories that can be used, made when it is not there: mode 0700 and nobody else's. */
export async function prepareSocketDirectory(io: Io): Promise<string> {
  const causes: string[] = [];
  for (const directory of socketDirectories(io)) {
    try {
      await fs.mkdir(directory, { recursive: true, mode: 0o700 });
      await checkOwner(directory, io.uid);
      await fs.chmod(directory, 0o700);
      await fs.access(directory, fs.constants.W_OK);
      return directory;
    } catch (thrown) {
      causes.push(`${directory}: ${inWords(thrown)}`);
    }
  }
  throw new Failure('configuration', `cannot make a directory for the control socket: ${causes.join('; ')}`);
}

/** The sockets of this user's running nodes. Those that a dead process left behind are removed on the way. */
export async function findSockets(io: Io): Promise<readonly FoundSocket[]> {
  const found: FoundSocket[] = [];
  for (const directory of socketDirectories(io)) {
    const names = await fs.readdir(directory).catch(() => []);
    // /tmp is everybody's: what another user put there is not asked.
    if (names.length === 0 || !(await isOwnDirectory(directory, io.uid))) continue;
    for (const name of names.sort()) {
      const match = /^(server|client|bridge)-([0-9]{1,10})\.sock$/.exec(name);
      if (match === null) continue;
      const socket = { path: path.join(directory, name), role: match[1] as FoundSocket['role'], pid: Number(match[2]) };
      if (isAlive(socket.pid)) found.push(socket);
      else await fs.rm(socket.path, { force: true }).catch(() => {});
    }
  }
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // It exists and is somebody else's.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isOwnDirectory(directory: string, uid: number): Promise<boolean> {
  return checkOwner(directory, uid).then(
    () => true,
    () => false,
  );
}

async function checkOwner(directory: string, uid: number): Promise<void> {
  // lstat: a symbolic link that someone planted in /tmp is not followed.
  const stat = await fs.lstat(directory);
  if (!stat.isDirectory()) throw new Error('it is not a directory');
  if (stat.uid !== uid) throw new Error('it belongs to another user');
}
