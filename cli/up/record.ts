/**
 * Which process is a profile's: a file `NAME.up` next to the control sockets. It is there before the process has a socket,
 * makes a second start impossible, and tells the process from another one that got its number later.
 */

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { isOwnDirectory, socketDirectories } from '../control-paths.ts';
import { Failure } from '../failure.ts';
import { inWords, readBounded, writeAtomically, writeNeighbour } from '../files.ts';
import type { Io } from '../io.ts';
import { NODE_NAME } from '../node-name.ts';
import { startOf } from '../processes.ts';

export interface UpRecord {
  /** While the process is being started that of `etherloom up`. */
  readonly pid: number;
  /** As `startOf` tells it. */
  readonly start: string;
  /** The profile. */
  readonly file: string;
  readonly log: string;
}

export interface FoundRecord extends UpRecord {
  readonly name: string;
  readonly path: string;
}

export function recordPath(directory: string, name: string): string {
  return path.join(directory, `${name}.up`);
}

/** Takes the name, or tells who has it. One that a crashed process left is taken over. */
export async function claim(file: string, record: UpRecord): Promise<UpRecord | undefined> {
  for (;;) {
    const neighbour = await writeNeighbour(file, JSON.stringify(record), 0o600).catch((thrown) => {
      throw new Failure('configuration', `cannot write ${file}: ${inWords(thrown)}`);
    });
    try {
      // Unlike a rename it fails where somebody was faster.
      await fs.link(neighbour, file);
      return undefined;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new Failure('configuration', `cannot write ${file}: ${inWords(thrown)}`);
      }
    } finally {
      await fs.rm(neighbour, { force: true });
    }
    const holder = await read(file);
    if (holder !== undefined && isHeld(holder)) return holder;
    await removeStale(file);
  }
}

/** Hands the claimed name to another process. */
export async function hand(file: string, record: UpRecord): Promise<void> {
  await writeAtomically(file, JSON.stringify(record), 0o600);
}

/** Gives the name back, if it is still that of `pid`. */
export async function release(file: string, pid: number): Promise<void> {
  const record = await read(file);
  if (record?.pid === pid) await fs.rm(file, { force: true });
}

/** The processes of `etherloom up` that live. What crashed ones left is removed on the way. */
export async function findRecords(io: Io): Promise<readonly FoundRecord[]> {
  const found: FoundRecord[] = [];
  for (const directory of socketDirectories(io)) {
    const files = (await fs.readdir(directory).catch(() => [])).filter((file) => file.endsWith('.up')).sort();
    if (files.length === 0 || !(await isOwnDirectory(directory, io.uid))) continue;
    for (const file of files) {
      const name = file.slice(0, -'.up'.length);
      if (!NODE_NAME.test(name)) continue;
      const at = path.join(directory, file);
      const record = await read(at);
      if (record !== undefined && isHeld(record)) found.push({ ...record, name, path: at });
      else await removeStale(at);
    }
  }
  return found;
}

/** Whether the very process that took the name is there. */
export function isHeld({ pid, start }: UpRecord): boolean {
  return startOf(pid) === start;
}

const MAX_BYTES = 64 * 1024;

async function read(file: string): Promise<UpRecord | undefined> {
  try {
    const record = JSON.parse((await readBounded(file, MAX_BYTES, 'the record')).toString('utf8')) as UpRecord;
    const { pid, start, file: profile, log } = record;
    const whole =
      Number.isSafeInteger(pid) && pid > 0 && [start, profile, log].every((text) => typeof text === 'string');
    return whole ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Moved aside first and looked at again: between the look and the removal somebody else may have taken the name. */
async function removeStale(file: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await fs.rename(file, aside);
  } catch {
    return;
  }
  const record = await read(aside);
  if (record !== undefined && isHeld(record)) await fs.link(aside, file).catch(() => {});
  await fs.rm(aside, { force: true });
}
