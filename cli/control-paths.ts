/** Where the control sockets of running nodes are. */

import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { NODE_ROLES, type NodeRole } from '../engine/admin/status.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';
import type { Io } from './io.ts';
import { NODE_NAME } from './node-name.ts';
import { isAlive } from './processes.ts';

/** sun_path of Linux has 108 bytes with the final zero; a longer path would be cut off. */
export const MAX_SOCKET_PATH = 107;

export interface FoundSocket {
  readonly path: string;
  readonly role: NodeRole;
  readonly pid: number;
  /** Absent: the node has none. */
  readonly name?: string;
}

export function socketName(role: NodeRole, pid: number, name?: string): string {
  return name === undefined ? `${role}-${pid}.sock` : `${role}-${pid}-${name}.sock`;
}

/** That which the environment names for this session of the user. */
export function runtimeDirectory({ env }: Pick<Io, 'env'>): string | undefined {
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime !== undefined && path.isAbsolute(runtime) ? path.join(runtime, 'etherloom') : undefined;
}

/** The directories of this user, the preferred one first. `status` looks in all of them. */
export function socketDirectories(io: Io): readonly string[] {
  const runtime = runtimeDirectory(io);
  return [
    ...new Set([
      ...(runtime === undefined ? [] : [runtime]),
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

/**
 * The sockets of this user's running nodes. Those that a dead process left behind are removed on the way.
 *
 * @param trusted Whether nobody needs to knock at a socket, because somebody is known to be there.
 */
export async function findSockets(
  io: Io,
  trusted: (path: string) => boolean = () => false,
): Promise<readonly FoundSocket[]> {
  const found: FoundSocket[] = [];
  for (const directory of socketDirectories(io)) {
    const names = await fs.readdir(directory).catch(() => []);
    // /tmp is everybody's: what another user put there is not asked.
    if (names.length === 0 || !(await isOwnDirectory(directory, io.uid))) continue;
    for (const name of names.sort()) {
      const socket = parseSocketName(directory, name);
      if (socket === undefined) continue;
      // Another process may have got the number of one that has died.
      const alive = isAlive(socket.pid) && (trusted(socket.path) || (await isListening(socket.path)));
      if (alive) found.push(socket);
      else await fs.rm(socket.path, { force: true }).catch(() => {});
    }
  }
  return found;
}

/** Also one that hangs is there: its connections are only not taken. */
export function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(socket);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function parseSocketName(directory: string, file: string): FoundSocket | undefined {
  const match = SOCKET_NAME.exec(file);
  if (match === null) return undefined;
  const [, role, pid, name] = match;
  if (name !== undefined && !NODE_NAME.test(name)) return undefined;
  return {
    path: path.join(directory, file),
    role: role as NodeRole,
    pid: Number(pid),
    ...(name === undefined ? {} : { name }),
  };
}

const SOCKET_NAME = new RegExp(`^(${NODE_ROLES.join('|')})-([0-9]{1,10})(?:-(.+))?\\.sock$`);

export async function isOwnDirectory(directory: string, uid: number): Promise<boolean> {
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
