/** `etherloom down`. */

import type { Context } from '../context.ts';
import { requestStatus } from '../control-client.ts';
import { type Ended, end } from '../down/end.ts';
import { allTargets, findRunning, type Running, type Target, targetOf } from '../down/targets.ts';
import { exitCode } from '../exit-codes.ts';
import { Failure, toFailure } from '../failure.ts';
import { type Io, printLine } from '../io.ts';
import { profileName } from '../up/profiles.ts';
import type { DownFlags } from './down.ts';

export async function runDown(words: readonly string[], flags: DownFlags, { io }: Context): Promise<void> {
  const ways = [words.length > 0, flags.all === true, flags.socket !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    throw new Failure(
      'usage',
      ways === 0 ? 'nothing is named that shall end' : 'profiles, --all and --socket exclude each other',
      'name a PROFILE, or --all, or --socket PATH; `etherloom status` shows what runs',
    );
  }
  const results = await Promise.all(
    (await findEnds(words, flags, io)).map(async ({ name, find }) => {
      const result = await settle(name, find, flags.timeout * 1000);
      report(result, flags, io);
      return result;
    }),
  );
  const failures = results.flatMap(({ failure }) => failure ?? []);
  const [first] = failures;
  if (first === undefined) return;
  throw results.length === 1
    ? first
    : new Failure(
        first.exit,
        `${failures.length} of ${results.length} were not ended:\n${failures.map(({ message }) => message).join('\n')}`,
      );
}

interface Wanted {
  readonly name: string;
  readonly find: () => Target;
}

interface Result {
  readonly name: string;
  readonly ended?: Ended;
  readonly failure?: Failure;
}

async function findEnds(words: readonly string[], flags: DownFlags, io: Io): Promise<readonly Wanted[]> {
  if (flags.socket !== undefined) {
    const target = await targetAt(flags.socket);
    return [{ name: target.name, find: () => target }];
  }
  const names = [...new Set(words.map(profileName))];
  const running: Running = await findRunning(io);
  if (!flags.all) return names.map((name) => ({ name, find: () => targetOf(io, name, running) }));
  const targets = allTargets(running);
  if (targets.length === 0) {
    throw new Failure('notRunning', 'nothing runs that `etherloom up` started', '`etherloom status` shows other nodes');
  }
  return targets.map((target) => ({ name: target.name, find: () => target }));
}

async function targetAt(socket: string): Promise<Target> {
  const { name, role, pid } = await requestStatus(socket);
  return { name: name ?? role, pid, socket };
}

async function settle(name: string, find: () => Target, timeoutMs: number): Promise<Result> {
  try {
    return { name, ended: await end(find(), timeoutMs) };
  } catch (thrown) {
    return { name, failure: toFailure(thrown) };
  }
}

function report({ name, ended, failure }: Result, flags: DownFlags, io: Io): void {
  if (flags.json) {
    const error = failure && { kind: failure.exit, exitCode: exitCode(failure.exit), message: failure.message };
    printLine(
      io.stdout,
      JSON.stringify({ profile: name, result: ended === undefined ? 'failed' : 'ended', ...ended, error }),
    );
  } else if (ended !== undefined) {
    printLine(io.stdout, `${name}: ended${ended.by === 'request' ? '' : ', by SIGTERM'} (process ${ended.pid})`);
  }
}
