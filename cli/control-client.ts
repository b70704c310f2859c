/** Asks a running node over its local socket. */

import * as net from 'node:net';
import type { NodeStatus } from '../engine/admin/status.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';

export function requestStatus(socket: string, timeoutMs = 5000): Promise<NodeStatus> {
  return new Promise((resolve, reject) => {
    const connection = net.connect(socket);
    let text = '';
    const finish = (act: () => void) => {
      clearTimeout(timer);
      connection.destroy();
      act();
    };
    const fail = (cause: string, hint?: string) =>
      finish(() => reject(new Failure('notRunning', `cannot ask the node at ${socket}: ${cause}`, hint)));
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} seconds`), timeoutMs);
    connection.setEncoding('utf8');
    connection.on('connect', () => connection.write(`${JSON.stringify({ command: 'status' })}\n`));
    connection.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) finish(() => settle(text.slice(0, end), resolve, (cause) => fail(cause)));
      else if (text.length > MAX_ANSWER_BYTES) fail('its answer is too long');
    });
    connection.on('end', () => fail('it closed the connection without an answer'));
    connection.on('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED' || code === 'ENOENT') fail('no node is running there', NOT_RUNNING_HINT);
      else fail(inWords(error), code === 'EACCES' ? 'ask as the user who started it, or as root' : undefined);
    });
  });
}

export const NOT_RUNNING_HINT =
  'start one with `etherloom server` or `etherloom connect`; one that another user started has to be asked as that user';

const MAX_ANSWER_BYTES = 64 << 20;

function settle(line: string, resolve: (status: NodeStatus) => void, fail: (cause: string) => void): void {
  let answer: NodeStatus & { error?: unknown };
  try {
    answer = JSON.parse(line);
  } catch {
    fail('its answer is not JSON');
    return;
  }
  if (answer.error !== undefined) fail(`it refused: ${String(answer.error)}`);
  else resolve(answer);
}
