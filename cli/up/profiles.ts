/** Where profiles are, and which one is meant. */

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Failure } from '../failure.ts';
import { exists } from '../files.ts';
import type { Io } from '../io.ts';
import { NODE_NAME, NODE_NAME_ALLOWED, nodeNameOf } from '../node-name.ts';

export interface Profile {
  readonly name: string;
  /** Absolute. */
  readonly file: string;
}

/** Root's are the machine's; those of another user are the user's own. */
export function profileDirectory(io: Io): string {
  if (io.uid === 0) return '/etc/etherloom/profiles';
  const config = io.env.XDG_CONFIG_HOME;
  // The specification wants relative paths to be ignored.
  const base = config !== undefined && path.isAbsolute(config) ? config : path.join(io.homeDirectory, '.config');
  return path.join(base, 'etherloom');
}

/** What has a slash, or ends with `.yaml` or `.yml`, is a path; everything else is a name. */
export function isPath(word: string): boolean {
  return word.includes('/') || /\.ya?ml$/.test(word);
}

/** The name that `down` and `status` know the profile by. */
export function profileName(word: string): string {
  const name = isPath(word) ? nodeNameOf(word) : NODE_NAME.test(word) ? word : undefined;
  if (name === undefined) {
    throw new Failure('usage', `the profile '${word}' has no usable name; allowed is ${NODE_NAME_ALLOWED}`);
  }
  return name;
}

export async function findProfile(io: Io, word: string): Promise<Profile> {
  const name = profileName(word);
  if (isPath(word)) {
    const file = path.resolve(word);
    if (await exists(file, 'the profile')) return { name, file };
    throw new Failure('configuration', `cannot read the profile ${word}: there is no such file`);
  }
  const directory = profileDirectory(io);
  const file = path.join(directory, `${name}.yaml`);
  if (await exists(file, 'the profile')) return { name, file };
  throw new Failure('configuration', `there is no profile ${name}: looked for ${file}`, await suggestion(directory));
}

async function suggestion(directory: string): Promise<string> {
  const files = await fs.readdir(directory).catch(() => []);
  const names = files.flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : [])).sort();
  const other = 'a path, with a slash or with .yaml at its end, is taken as it is';
  return names.length === 0 ? other : `there are: ${names.slice(0, 20).join(', ')}; ${other}`;
}
