/** The local socket on which a running node answers `etherloom status`: one JSON object a line, both ways. */

import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import type { NodeStatus } from '../engine/admin/status.ts';
import { findSockets, MAX_SOCKET_PATH, prepareSocketDirectory, socketName } from './control-paths.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';
import type { Io } from './io.ts';

export interface ControlServer {
  readonly path: string;
  /** Ends the connections and removes the socket. */
  close(): Promise<void>;
}

export interface ControlRequest {
  readonly role: NodeStatus['role'];
  /** Where the socket is wanted; chosen when absent. */
  readonly path?: string;
  readonly status: () => NodeStatus | undefined;
  /** Further commands of the node, by name: each gets the whole request, and its answer goes back as JSON. */
  readonly commands?: ControlCommands;
  readonly io: Io;
}

export type ControlCommands = Readonly<Record<string, (request: Readonly<Record<string, unknown>>) => object>>;

export async function startControlServer({
  role,
  path: wanted,
  status,
  commands,
  io,
}: ControlRequest): Promise<ControlServer> {
  // Looking for the others removes what dead ones left behind, such as a socket with the number of this process.
  if (wanted === undefined) await findSockets(io);
  const socket = wanted ?? path.join(await prepareSocketDirectory(io), socketName(role, io.pid));
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new Failure(
      'configuration',
      `cannot use the control socket ${socket}: its path has more than ${MAX_SOCKET_PATH} bytes`,
      'choose a shorter one with `control: { socket: PATH }`',
    );
  }
  await removeStale(socket);

  const connections = new Set<net.Socket>();
  const server = net.createServer((connection) => {
    if (connections.size >= MAX_CONNECTIONS) {
      connection.destroy();
      return;
    }
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    serve(connection, status, commands);
  });
  await listen(server, socket);

  return {
    path: socket,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      await closed;
      await fs.rm(socket, { force: true });
    },
  };
}

const MAX_CONNECTIONS = 16;
const MAX_REQUEST_BYTES = 64 * 1024;
const IDLE_MS = 30_000;

async function listen(server: net.Server, socket: string): Promise<void> {
  // The socket must not be open to others even for the moment before chmod.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
    // What goes wrong from now on concerns single connections, such as too many open files.
    server.removeAllListeners('error').on('error', () => undefined);
    await fs.chmod(socket, 0o600);
  } catch (thrown) {
    throw new Failure('configuration', `cannot open the control socket ${socket}: ${inWords(thrown)}`);
  } finally {
    process.umask(before);
  }
}

/** A socket that nobody answers on is a dead node's. Anything else that stands there is not ours to remove. */
async function removeStale(socket: string): Promise<void> {
  const stat = await fs.lstat(socket).catch(() => undefined);
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new Failure('configuration', `cannot open the control socket ${socket}: there is a file that is no socket`);
  }
  const answered = await new Promise<boolean>((resolve) => {
    const probe = net.connect(socket);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (answered) {
    throw new Failure('configuration', `cannot open the control socket ${socket}: another running node has it`);
  }
  await fs.rm(socket, { force: true });
}

function serve(connection: net.Socket, status: () => NodeStatus | undefined, commands?: ControlCommands): void {
  let waiting = '';
  connection.setEncoding('utf8');
  connection.setTimeout(IDLE_MS, () => connection.destroy());
  connection.on('error', () => connection.destroy());
  connection.on('data', (text: string) => {
    waiting += text;
    const lines = waiting.split('\n');
    waiting = lines.pop() ?? '';
    for (const line of lines) connection.write(`${answer(line, status, commands)}\n`);
    if (waiting.length > MAX_REQUEST_BYTES) {
      connection.end(`${JSON.stringify({ error: `a request has at most ${MAX_REQUEST_BYTES} bytes` })}\n`);
      // What still comes is not collected.
      connection.removeAllListeners('data');
      connection.resume();
    }
  });
}

function answer(line: string, status: () => NodeStatus | undefined, commands: ControlCommands = {}): string {
  if (line.length > MAX_REQUEST_BYTES)
    return JSON.stringify({ error: `a request has at most ${MAX_REQUEST_BYTES} bytes` });
  let request: Readonly<Record<string, unknown>> | null;
  try {
    request = JSON.parse(line);
  } catch {
    return JSON.stringify({ error: 'a request is one line of JSON, such as {"command":"status"}' });
  }
  const command = request?.command;
  if (command === 'status') return JSON.stringify(status() ?? { error: 'the node is starting; ask again' });
  if (request !== null && typeof command === 'string' && Object.hasOwn(commands, command)) {
    return JSON.stringify(commands[command]!(request));
  }
  const known = ['status', ...Object.keys(commands)].map((name) => `"${name}"`);
  return JSON.stringify({
    error: `unknown command; known ${known.length === 1 ? 'is' : 'are'} ${known.join(' and ')}`,
  });
}
