/** The process that `etherloom up` starts, seen from inside: where its log goes, and whom it asks. */

import { Buffer } from 'node:buffer';
import type { Log } from '../../engine/host.ts';
import type { ConnectReport, ConnectSubject } from '../connect-report.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Terminal } from '../terminal.ts';
import { logFile } from './log-file.ts';
import type { ToChild, ToParent } from './messages.ts';
import { release } from './record.ts';

export interface Background {
  /** With the secrets that were handed over. */
  readonly io: Io;
  readonly log: string;
  readonly write: (text: string) => void;
  /** The person at the terminal of `up`, for as long as that runs. */
  readonly terminal: Terminal;
  report(log: Log, subject: ConnectSubject): ConnectReport;
  /** Tells `up` why it ends; resolves when that has left. */
  failed(failure: Failure): Promise<void>;
  /** Gives the profile's name back. */
  leave(): Promise<void>;
}

/** Waits for what `up` has to say first. */
export async function enterBackground(io: Io, signal: AbortSignal): Promise<Background> {
  const { parent } = io;
  if (parent === undefined) {
    throw new Failure(
      'usage',
      '--background is for processes that `etherloom up` starts',
      'use `etherloom up PROFILE`',
    );
  }
  const send = (message: ToParent): Promise<void> => parent.send(message);
  const questions = new Map<number, (text: string | undefined) => void>();
  let attached = true;
  const gone = () => {
    attached = false;
    for (const [number, answer] of questions) {
      questions.delete(number);
      answer(undefined);
    }
  };
  const go = await new Promise<Extract<ToChild, { kind: 'go' }>>((resolve, reject) => {
    const give = () => reject(new Failure('interrupted', '`etherloom up` ended before it said what to do'));
    signal.addEventListener('abort', give, { once: true });
    const take = (message: unknown) => {
      const said = message as ToChild;
      if (said.kind === 'go') resolve(said);
      else questions.get(said.question)?.(said.text);
    };
    parent.listen(take, () => {
      gone();
      give();
    });
    void send({ kind: 'ready' });
  });

  let asked = 0;
  const ask = (what: 'hidden' | 'yesNo', text: string, aborted?: AbortSignal): Promise<string | undefined> =>
    new Promise((resolve) => {
      const number = ++asked;
      const settle = (answer: string | undefined) => {
        questions.delete(number);
        resolve(answer);
      };
      if (!attached || aborted?.aborted) return resolve(undefined);
      questions.set(number, settle);
      aborted?.addEventListener('abort', () => settle(undefined), { once: true });
      void send({ kind: 'ask', question: number, what, text });
    });

  return {
    io: { ...io, env: { ...io.env, ...go.secrets } },
    log: go.log,
    write: logFile(go.log).write,
    terminal: {
      get interactive() {
        return attached && go.interactive;
      },
      async askHidden(question, aborted) {
        const answer = await ask('hidden', question, aborted);
        if (answer === undefined) throw new Failure('interrupted', 'interrupted');
        return Uint8Array.from(Buffer.from(answer, 'base64'));
      },
      askYesNo: async (question, aborted) => (await ask('yesNo', question, aborted)) === 'yes',
    },
    report: (log, subject) => ({
      started(version, control) {
        const { server, hub, user, tap } = subject;
        log('info', 'started in the background', { version, pid: io.pid, server, hub, user, tap });
        void send({ kind: 'started', subject, control: control ?? null });
      },
      event(event) {
        log(event.kind === 'lost' || event.kind === 'interrupted' ? 'warn' : 'info', event.kind, fieldsOf(event));
        void send({ kind: 'event', event });
      },
      ended(end) {
        log(end.kind === 'closed' ? 'info' : 'error', 'ended', { cause: end.kind, ...fieldsOf(end) });
      },
    }),
    failed: ({ exit, message, hint }) =>
      send({ kind: 'failed', failure: { exit, message, ...(hint === undefined ? {} : { hint }) } }),
    leave: () => release(go.record, io.pid),
  };
}

/** `message` is the log's own word. */
function fieldsOf({ kind, message, ...fields }: { kind: string; message?: string }): Record<string, unknown> {
  return message === undefined || message === '' ? fields : { ...fields, said: message };
}
