/** The process of a profile, seen by `etherloom up` that starts it. */

import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { KEY_PASSPHRASE_VARIABLE } from '../client-certificate.ts';
import type { Environment } from '../environment.ts';
import { Failure } from '../failure.ts';
import { inWords } from '../files.ts';
import type { Io } from '../io.ts';
import { PASSWORD_VARIABLE } from '../password.ts';
import { startOf } from '../processes.ts';
import { PROXY_CREDENTIALS_VARIABLE } from '../proxy-credentials.ts';
import { openLogFile } from './log-file.ts';
import type { ToChild, ToParent } from './messages.ts';
import type { Profile } from './profiles.ts';
import { hand } from './record.ts';

export interface ProfileProcess {
  readonly pid: number;
  /** Resolves when it has been told what to do: from then on it goes on alone. */
  readonly told: Promise<void>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<string>;
  send(message: ToChild): void;
  /** Lets it go on alone. */
  leave(): void;
  terminate(): void;
}

export interface StartRequest {
  readonly profile: Profile;
  readonly log: string;
  /** Claimed for this process; handed on to the one that is started. */
  readonly record: string;
  readonly interactive: boolean;
  readonly environment: Environment;
  readonly io: Io;
  readonly onMessage: (message: ToParent) => void;
}

/** In a session of its own: it outlives the terminal, and Ctrl-C there is not for it. */
export async function startProcess(request: StartRequest): Promise<ProfileProcess> {
  const { profile, log, record, interactive, environment, io, onMessage } = request;
  const secrets: Record<string, string> = {};
  const env: Record<string, string | undefined> = { ...io.env };
  for (const name of [PASSWORD_VARIABLE, KEY_PASSPHRASE_VARIABLE, PROXY_CREDENTIALS_VARIABLE]) {
    const secret = env[name];
    if (secret !== undefined) secrets[name] = secret;
    delete env[name];
  }
  const output = openLogFile(log);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [environment.program, 'connect', '--profile', profile.file, '--background'], {
      detached: true,
      // No directory is kept busy.
      cwd: '/',
      env,
      stdio: ['ignore', output, output, 'ipc'],
      serialization: 'json',
    });
  } finally {
    fs.closeSync(output);
  }
  // Such as a message to one that has just ended; its end tells more.
  child.on('error', () => {});
  const send = (message: ToChild) => {
    if (child.connected) child.send(message, () => {});
  };
  let handed: Promise<void> | undefined;
  let tell: () => void = () => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  child.on('message', (message) => {
    const said = message as ToParent;
    if (said.kind !== 'ready') onMessage(said);
    else {
      void started
        .then(() => handed)
        .then(() => send({ kind: 'go', secrets, interactive, log, record }))
        // Without the name it is not told anything, and ended below.
        .then(tell, () => {});
    }
  });
  const ended = endOf(child);
  const started = new Promise<number>((resolve, reject) => {
    child.once('error', (error) =>
      reject(
        new Failure('internal', `cannot start ${process.execPath} for the profile ${profile.name}: ${error.message}`),
      ),
    );
    child.once('spawn', () => resolve(child.pid!));
  });
  const pid = await started;
  const start = startOf(pid);
  handed = start === undefined ? undefined : hand(record, { pid, start, file: profile.file, log });
  try {
    await handed;
  } catch (thrown) {
    child.kill('SIGKILL');
    await ended;
    throw new Failure('configuration', `cannot write ${record}: ${inWords(thrown)}`);
  }
  return {
    pid,
    told,
    ended,
    send,
    leave() {
      if (child.connected) child.disconnect();
      child.unref();
    },
    // Its own child, which nobody has waited for before its end: the number cannot be another's.
    terminate: () => void child.kill('SIGTERM'),
  };
}

/** What it said last may arrive behind its end. */
async function endOf(child: ChildProcess): Promise<string> {
  const silent = new Promise<void>((resolve) => child.once('disconnect', resolve));
  const how = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  await Promise.race([silent, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref())]);
  return how;
}

const LAST_WORDS_MS = 1000;
