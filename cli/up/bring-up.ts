/** One profile: started, asked for, and watched until it is settled what became of it. */

import { Buffer } from 'node:buffer';
import type { ClientStatus } from '../../engine/admin/status.ts';
import type { ClientEvent } from '../../engine/client/options.ts';
import type { ConnectSubject } from '../connect-report.ts';
import type { Context } from '../context.ts';
import { requestStatus } from '../control-client.ts';
import { findSockets } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import { startOf } from '../processes.ts';
import type { Terminal } from '../terminal.ts';
import type { ToParent } from './messages.ts';
import { type ProfileProcess, startProcess } from './process.ts';
import type { Profile } from './profiles.ts';
import { claim, recordPath, release } from './record.ts';
import type { UpReport } from './report.ts';

export type Outcome =
  | {
      readonly kind: 'established';
      readonly profile: Profile;
      readonly pid: number;
      readonly log: string;
      readonly session: string;
    }
  /** It was up before; the state is absent when it cannot be asked. */
  | {
      readonly kind: 'already';
      readonly profile: Profile;
      readonly pid: number;
      readonly state?: ClientStatus['state'];
    }
  /** The time is over; it goes on trying. */
  | {
      readonly kind: 'pending';
      readonly profile: Profile;
      readonly pid: number;
      readonly log: string;
      readonly cause?: string;
    }
  | { readonly kind: 'failed'; readonly profile: Profile; readonly failure: Failure };

export interface BringUpRequest {
  readonly profile: Profile;
  /** The directory of the control sockets. */
  readonly sockets: string;
  readonly log: string;
  readonly report: UpReport | undefined;
  readonly terminal: Terminal;
  /** Lets one question be asked after the other. */
  readonly inLine: <T>(ask: () => Promise<T>) => Promise<T>;
  readonly context: Context;
  readonly waitMs: number;
  /** Ends what is not connected yet. */
  readonly signal: AbortSignal;
}

export async function bringUp(request: BringUpRequest): Promise<Outcome> {
  const { profile, sockets, log, terminal } = request;
  const { environment, io } = request.context;
  const record = recordPath(sockets, profile.name);
  const start = startOf(io.pid);
  if (start === undefined) throw new Failure('internal', 'cannot read /proc/self/stat');
  const holder = await claim(record, { pid: io.pid, start, file: profile.file, log });
  if (holder !== undefined) return await already(request, holder.pid);
  try {
    // One in the foreground has the name without a record.
    const running = (await findSockets(io)).find(({ name, role }) => name === profile.name && role === 'client');
    if (running !== undefined) return await already(request, running.pid);

    const course = new Course(request);
    const process = await startProcess({
      ...{ profile, log, record, environment, io, interactive: terminal.interactive },
      onMessage: (message) => course.take(message),
    });
    const outcome = await course.settle(process);
    if (outcome.kind === 'failed' && !course.over) {
      process.terminate();
      await process.ended;
    }
    process.leave();
    // It does so itself when it ends in order.
    if (course.over) await release(record, process.pid);
    return outcome;
  } finally {
    await release(record, io.pid);
  }
}

async function already({ profile, context }: BringUpRequest, pid: number): Promise<Outcome> {
  const socket = (await findSockets(context.io)).find((found) => found.pid === pid);
  const state =
    socket === undefined
      ? undefined
      : await requestStatus(socket.path).then(
          ({ client }) => client?.state,
          () => undefined,
        );
  return { kind: 'already', profile, pid, ...(state === undefined ? {} : { state }) };
}

/** What a process has said so far. */
class Course {
  readonly #ended = new AbortController();
  readonly #request: BringUpRequest;
  /** Closes a question that is open: the terminal must not stay in the midst of it. */
  readonly #asking: AbortSignal;
  #process: ProfileProcess | undefined;
  #failure: Failure | undefined;
  #cause: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #questions = 0;
  #done: (outcome: Outcome | 'late') => void = () => {};
  readonly #settled = new Promise<Outcome | 'late'>((resolve) => {
    this.#done = resolve;
  });

  constructor(request: BringUpRequest) {
    this.#request = request;
    this.#asking = AbortSignal.any([request.signal, this.#ended.signal]);
  }

  /** Whether the process has ended. */
  get over(): boolean {
    return this.#ended.signal.aborted;
  }

  take(message: ToParent): void {
    switch (message.kind) {
      case 'ask':
        void this.#ask(message);
        break;
      case 'started':
        this.#request.report?.started(message.subject as ConnectSubject);
        break;
      case 'event':
        this.#event(message.event);
        break;
      case 'failed':
        this.#failure = new Failure(message.failure.exit, message.failure.message, message.failure.hint);
        break;
    }
  }

  async settle(process: ProfileProcess): Promise<Outcome> {
    const { profile, log, signal } = this.#request;
    this.#process = process;
    void process.ended.then((how) => {
      this.#ended.abort();
      this.#done({ kind: 'failed', profile, failure: this.#failure ?? unexplained(profile, how, log) });
    });
    const interrupt = () =>
      this.#done({
        kind: 'failed',
        profile,
        failure: new Failure('interrupted', 'interrupted before it was connected'),
      });
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    const slow = () => this.#done({ kind: 'failed', profile, failure: notStarted(profile, process.pid, log) });
    this.#timer = setTimeout(slow, START_MS);
    void process.told.then(() => {
      clearTimeout(this.#timer);
      if (this.#questions === 0) this.#await();
    });
    const outcome = await this.#settled;
    clearTimeout(this.#timer);
    signal.removeEventListener('abort', interrupt);
    if (outcome !== 'late') return outcome;
    return {
      ...{ kind: 'pending', profile, log, pid: process.pid },
      ...(this.#cause === undefined ? {} : { cause: this.#cause }),
    };
  }

  #event(event: ClientEvent): void {
    const { profile, log, report } = this.#request;
    report?.event(event);
    if (event.kind === 'lost') this.#cause = event.cause;
    if (event.kind !== 'established') return;
    this.#done({ kind: 'established', profile, log, pid: this.#process?.pid ?? 0, session: event.session });
  }

  /** The time of a person does not count. */
  async #ask({ question, what, text }: Extract<ToParent, { kind: 'ask' }>): Promise<void> {
    const { terminal, inLine } = this.#request;
    const signal = this.#asking;
    this.#questions++;
    clearTimeout(this.#timer);
    const answer = await inLine(async () => {
      if (signal.aborted) return undefined;
      if (what === 'yesNo') return (await terminal.askYesNo(text, signal)) ? 'yes' : 'no';
      return Buffer.from(await terminal.askHidden(text, signal)).toString('base64');
    }).catch(() => undefined);
    this.#process?.send({ kind: 'answer', question, ...(answer === undefined ? {} : { text: answer }) });
    if (--this.#questions === 0 && !signal.aborted) this.#await();
  }

  #await(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#done('late'), this.#request.waitMs);
  }
}

/** For a runtime to load and to say that it is there, on a machine that has much else to do. */
const START_MS = 60_000;

function notStarted({ name }: Profile, pid: number, log: string): Failure {
  return new Failure(
    'internal',
    `process ${pid} of ${name} did not start within ${START_MS / 1000} seconds, and is given up`,
    `its log is ${log}`,
  );
}

function unexplained({ name }: Profile, how: string, log: string): Failure {
  return new Failure('internal', `the process of ${name} ended without a word (${how})`, `its log is ${log}`);
}
