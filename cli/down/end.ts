/** Ends one process: by asking, or else by SIGTERM, and to nobody else. */

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlClient } from '../control-client.ts';
import { isListening } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import { ownsSocket, startOf } from '../processes.ts';
import { release } from '../up/record.ts';
import type { Target } from './targets.ts';

export interface Ended {
  readonly pid: number;
  /** By what it ended. */
  readonly by: 'request' | 'SIGTERM';
}

/** Resolves when the process is gone. */
export async function end(target: Target, timeoutMs: number): Promise<Ended> {
  const { name, pid, socket, record } = target;
  // A record of `up` vouches for a process, or the socket that is its own. Looked at before it is asked: what has the
  // number now and has it later with the same start is the same process.
  const vouched = target.start !== undefined || (socket !== undefined && ownsSocket(pid, path.resolve(socket)));
  const start = target.start ?? (vouched ? startOf(pid) : undefined);
  const asked = socket !== undefined && (await ask(socket, Math.min(ASK_MS, timeoutMs)));
  if (!vouched) return await unseen(target, asked, timeoutMs);
  const gone = () => start === undefined || startOf(pid) !== start;
  let by: Ended['by'] = 'request';
  if (!asked || !(await until(gone, timeoutMs))) {
    if (!gone()) {
      by = 'SIGTERM';
      signal(pid);
    }
    if (!(await until(gone, SIGNAL_MS))) {
      throw new Failure(
        'timeout',
        `process ${pid} of ${name} has not ended, neither when it was asked nor at SIGTERM`,
        `look at its log; \`kill -9 ${pid}\` ends it at once`,
      );
    }
  }
  // After an end in order there is nothing left.
  if (socket !== undefined) await removeDead(socket);
  if (record !== undefined) await release(record, pid);
  return { pid, by };
}

/** The end of a node whose process cannot be told from others, such as one in another PID namespace: no signal is for it. */
async function unseen({ name, pid, socket = '' }: Target, asked: boolean, timeoutMs: number): Promise<Ended> {
  const silent = async () => !(await isListening(socket));
  if (asked ? await until(silent, timeoutMs) : await silent()) {
    await removeDead(socket);
    return { pid, by: 'request' };
  }
  throw new Failure(
    'timeout',
    asked
      ? `${name} was asked to end, and still listens at ${socket}; nothing proves that process ${pid} is its own`
      : `${name} does not answer at ${socket}, and nothing proves that process ${pid} is its own`,
    `if it is, end it with: kill ${pid}`,
  );
}

/** Whoever started it may have started it again by now, at the same place. */
async function removeDead(socket: string): Promise<void> {
  if (!(await isListening(socket))) await fs.rm(socket, { force: true });
}

/** The node's own end may take 10 seconds. */
const SIGNAL_MS = 12_000;
const POLL_MS = 20;
const ASK_MS = 3_000;

async function ask(socket: string, timeoutMs: number): Promise<boolean> {
  const client = controlClient(socket, timeoutMs);
  try {
    await client.stop();
    return true;
  } catch (thrown) {
    if (thrown instanceof Failure) return false;
    throw thrown;
  } finally {
    client.close();
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'ESRCH') throw thrown;
  }
}

async function until(condition: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; ; await sleep(POLL_MS)) {
    if (await condition()) return true;
    if (performance.now() > end) return false;
  }
}
