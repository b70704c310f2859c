/** `etherloom up`. */

import * as path from 'node:path';
import type { Context } from '../context.ts';
import { prepareSocketDirectory } from '../control-paths.ts';
import { Failure, toFailure } from '../failure.ts';
import { type Io, printLine } from '../io.ts';
import { requireTaps } from '../platform.ts';
import { stopOnSignals } from '../stop.ts';
import { createTerminal } from '../terminal.ts';
import { bringUp, type Outcome } from '../up/bring-up.ts';
import { logDirectory } from '../up/log-file.ts';
import { findProfile, type Profile } from '../up/profiles.ts';
import { outcomeJson, summary, upReport } from '../up/report.ts';
import type { UpFlags } from './up.ts';

export async function runUp(words: readonly string[], flags: UpFlags, context: Context): Promise<void> {
  const { io } = context;
  requireTaps(io, '`etherloom up` needs TAP devices');
  const stop = stopOnSignals(io);
  try {
    // Nothing is started when one of them is not there.
    const profiles = await findProfiles(io, words);
    const sockets = await prepareSocketDirectory(io);
    const terminal = createTerminal(io);
    // One question at a time, and no answer of one profile between the question and the answer of another.
    let line: Promise<unknown> = Promise.resolve();
    const inLine = <T>(ask: () => Promise<T>): Promise<T> => {
      const turn = line.then(ask);
      line = turn.catch(() => {});
      return turn;
    };
    const outcomes = await Promise.all(
      profiles.map(async (profile): Promise<Outcome> => {
        const report = flags.json ? undefined : upReport(profile.name, (text) => printLine(io.stdout, text));
        const request = {
          ...{ profile, sockets, log: path.join(logDirectory(io), `${profile.name}.log`), report, terminal, inLine },
          ...{ context, waitMs: flags.wait * 1000, signal: stop.signal },
        };
        const outcome = await bringUp(request).catch(
          (thrown): Outcome => ({ kind: 'failed', profile, failure: toFailure(thrown) }),
        );
        if (flags.json) printLine(io.stdout, outcomeJson(outcome));
        else report?.settled(outcome, profiles.length > 1);
        return outcome;
      }),
    );
    const failure = summary(outcomes);
    if (failure !== undefined) throw failure;
  } finally {
    stop.dispose();
  }
}

async function findProfiles(io: Io, words: readonly string[]): Promise<readonly Profile[]> {
  const found = new Map<string, Profile>();
  for (const word of words) {
    const profile = await findProfile(io, word);
    const other = found.get(profile.name);
    if (other !== undefined && other.file !== profile.file) {
      throw new Failure(
        'usage',
        `${other.file} and ${profile.file} are both named ${profile.name}`,
        'a name stands for one process; rename one of the files',
      );
    }
    found.set(profile.name, profile);
  }
  return [...found.values()];
}
