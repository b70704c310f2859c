/**
 * What a process has changed, in a file that outlives it. Each change is there before it is made; a line is written in one
 * call, so that a process that is killed leaves at most a last line that is not whole.
 */

import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineChange } from '../../../engine/host.ts';
import { type Identity, isAlive, ownIdentity } from './identity.ts';
import { settingsFailure } from './programs.ts';

export interface Entry {
  readonly key: string;
  readonly change: MachineChange;
  /** What is needed to undo it. */
  readonly saved?: Readonly<Record<string, string>>;
}

const NAME = /^machine-\d+-\d+\.journal$/;

export class Journal {
  readonly directory: string;
  readonly identity: Identity;
  readonly #path: string;

  /** Throws a `HostFailure` when it can be written in none of the directories. */
  constructor(directories: readonly string[]) {
    this.identity = ownIdentity();
    const name = `machine-${this.identity.pid}-${this.identity.start}.journal`;
    const causes: string[] = [];
    for (const directory of directories) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        if (!isOwn(directory)) throw new Error('it belongs to another user');
        const path = join(directory, name);
        writeFileSync(path, `${JSON.stringify({ version: 1, ...this.identity })}\n`, { mode: 0o600, flag: 'wx' });
        this.directory = directory;
        this.#path = path;
        return;
      } catch (error) {
        causes.push(`${directory}: ${(error as Error).message}`);
      }
    }
    throw settingsFailure('EACCES', `cannot write a journal of what is changed: ${causes.join('; ')}`);
  }

  add(entry: Entry): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
  }

  remove(key: string): void {
    appendFileSync(this.#path, `${JSON.stringify({ undone: key })}\n`);
  }

  end(): void {
    rmSync(this.#path, { force: true });
  }
}

export interface FoundJournal {
  readonly identity: Identity;
  /** What has not been undone, in the order in which it was done. */
  readonly entries: readonly Entry[];
  remove(): void;
}

/** The journals of processes that are gone. */
export function deadJournals(directories: readonly string[]): readonly FoundJournal[] {
  return directories.flatMap((directory) => {
    // What another user could have put there is not believed.
    if (!isOwn(directory)) return [];
    return readdirSync(directory)
      .filter((name) => NAME.test(name))
      .sort()
      .flatMap((name) => read(join(directory, name)) ?? [])
      .filter(({ identity }) => !isAlive(identity));
  });
}

function read(path: string): FoundJournal | undefined {
  let lines: Record<string, unknown>[];
  try {
    if (statSync(path).uid !== process.getuid?.()) return undefined;
    lines = readFileSync(path, 'utf8').split('\n').flatMap(parsed);
  } catch {
    return undefined;
  }
  const remove = () => rmSync(path, { force: true });
  const [head, ...rest] = lines;
  if (head?.version !== 1) return undefined;
  const entries = new Map<string, Entry>();
  for (const line of rest) {
    if (typeof line.undone === 'string') {
      entries.delete(line.undone);
    } else if (typeof line.key === 'string' && typeof line.change === 'object') {
      const entry = line as unknown as Entry;
      const before = entries.get(entry.key);
      // A change that took the place of another one undoes to what was before both.
      entries.set(entry.key, before?.saved === undefined ? entry : { ...entry, saved: before.saved });
    }
  }
  return { identity: head as unknown as Identity, entries: [...entries.values()], remove };
}

function parsed(line: string): Record<string, unknown>[] {
  try {
    const found = JSON.parse(line);
    return found !== null && typeof found === 'object' ? [found] : [];
  } catch {
    return [];
  }
}

function isOwn(directory: string): boolean {
  try {
    const stat = statSync(directory);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  } catch {
    return false;
  }
}
