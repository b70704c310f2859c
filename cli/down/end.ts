/** Ends one process: by asking, or else by SIGTERM, and to nobody else. */

import * as fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlClient } from '../control-client.ts';
import { Failure } from '../failure.ts';
import { isAlive, startOf } from '../processes.ts';
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
  // Before it is asked: what has the number now and has it later with the same start is the same process.
  const start = target.start ?? startOf(pid);
  const gone = () => startOf(pid) !== start || (start === undefined && !isAlive(pid));
  const asked = socket !== undefined && (await ask(socket, Math.min(ASK_MS, timeoutMs)));
  let by: Ended['by'] = 'request';
  if (!asked || !(await until(gone, timeoutMs))) {
    // A socket that answered is the process's own; one that does not says nothing, and only a record of `up` vouches.
    if (!gone() && !asked && target.start === undefined) {
      throw new Failure(
        'timeout',
        `${name} does not answer at ${socket}, and nothing proves that process ${pid} is its own`,
        `if it is, end it with: kill ${pid}`,
      );
    }
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
  if (socket !== undefined) await fs.rm(socket, { force: true });
  if (record !== undefined) await release(record, pid);
  return { pid, by };
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

async function until(condition: () => boolean, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; ; await sleep(POLL_MS)) {
    if (condition()) return true;
    if (performance.now() > end) return false;
  }
}
