/** A request to a running node over its local socket: one JSON object there, one back. */

import * as net from 'node:net';
import { NOT_RUNNING_HINT } from './control-client.ts';
import { Failure } from './failure.ts';
import { inWords } from './files.ts';

const MAX_ANSWER_BYTES = 1 << 20;

/** The node's answer, also one with `error`. Fails with `notRunning` when there is none. */
export function askNode(socket: string, request: object, timeoutMs = 5000): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const connection = net.connect(socket);
    let text = '';
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      connection.destroy();
      act();
    };
    const fail = (cause: string, hint?: string): void =>
      finish(() => reject(new Failure('notRunning', `cannot ask the node at ${socket}: ${cause}`, hint)));
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} seconds`), timeoutMs);
    connection.setEncoding('utf8');
    connection.on('connect', () => connection.write(`${JSON.stringify(request)}\n`));
    connection.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0) {
        if (text.length > MAX_ANSWER_BYTES) fail('its answer is too long');
        return;
      }
      try {
        const answer = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
        finish(() => resolve(answer));
      } catch {
        fail('its answer is not JSON');
      }
    });
    connection.on('end', () => fail('it closed the connection without an answer'));
    connection.on('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED' || code === 'ENOENT') fail('no node is running there', NOT_RUNNING_HINT);
      else fail(inWords(error), code === 'EACCES' ? 'ask as the user who started it, or as root' : undefined);
    });
  });
}
