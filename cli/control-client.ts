/** Asks a running node over its local socket. */

import * as net from 'node:net';
import type { NodeAnswer } from './control-protocol.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';

export interface ControlClient {
  /** One question at a time. Rejects with a `notRunning` failure; the connection is then of no use any more. */
  status(): Promise<NodeAnswer>;
  /** Asks for an end in order; resolves when the node has heard it. */
  stop(): Promise<void>;
  /** Any other question; the answer may be one with `error`. */
  request(request: object): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/** One question. Fails with `notRunning` when there is no answer. */
export async function askNode(socket: string, request: object): Promise<Readonly<Record<string, unknown>>> {
  const client = controlClient(socket);
  try {
    return await client.request(request);
  } finally {
    client.close();
  }
}

export async function requestStatus(socket: string, timeoutMs?: number): Promise<NodeAnswer> {
  const client = controlClient(socket, timeoutMs);
  try {
    return await client.status();
  } finally {
    client.close();
  }
}

/** A connection that stays open until `close` for as many questions as are wanted. */
export function controlClient(socket: string, timeoutMs = 5000): ControlClient {
  const connection = net.connect(socket);
  let chunks: string[] = [];
  let length = 0;
  let waiting: { resolve(line: string): void; reject(failure: Failure): void } | undefined;
  let broken: Failure | undefined;

  const fail = (cause: string, hint?: string) => {
    broken ??= new Failure('notRunning', `cannot ask the node at ${socket}: ${cause}`, hint);
    connection.destroy();
    waiting?.reject(broken);
  };
  connection.setEncoding('utf8');
  connection.on('data', (chunk: string) => {
    const end = chunk.indexOf('\n');
    chunks.push(end < 0 ? chunk : chunk.slice(0, end));
    length += chunk.length;
    if (end < 0) {
      if (length > MAX_ANSWER_BYTES) fail('its answer is too long');
      return;
    }
    const line = chunks.join('');
    // Nothing follows an answer before the next question.
    chunks = [];
    length = 0;
    waiting?.resolve(line);
  });
  connection.on('end', () => fail('it closed the connection without an answer'));
  connection.on('error', (error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') fail('no node is running there', NOT_RUNNING_HINT);
    else fail(inWords(error), code === 'EACCES' ? 'ask as the user who started it, or as root' : undefined);
  });

  const ask = async (request: object): Promise<Readonly<Record<string, unknown>>> => {
    if (broken !== undefined) throw broken;
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} seconds`), timeoutMs);
    try {
      const line = await new Promise<string>((resolve, reject) => {
        waiting = { resolve, reject };
        connection.write(`${JSON.stringify(request)}\n`);
      });
      return parse(line, fail);
    } finally {
      clearTimeout(timer);
      waiting = undefined;
      if (broken !== undefined) connection.destroy();
    }
  };

  const command = async (name: string): Promise<object> => {
    const answer = await ask({ command: name });
    if (answer.error === undefined) return answer;
    // The connection is as good as before; this question was not.
    throw new Failure('notRunning', `cannot ask the node at ${socket}: it refused: ${String(answer.error)}`);
  };

  return {
    status: async () => (await command('status')) as NodeAnswer,
    stop: async () => void (await command('stop')),
    request: ask,
    close: () => void connection.destroy(),
  };

  function parse(line: string, refuse: (cause: string) => void): Readonly<Record<string, unknown>> {
    try {
      return JSON.parse(line);
    } catch {
      refuse('its answer is not JSON');
      throw broken;
    }
  }
}

export const NOT_RUNNING_HINT =
  'start one with `etherloom server`, `etherloom connect` or `etherloom up`; one that another user started has to be asked as that user';

const MAX_ANSWER_BYTES = 64 << 20;
