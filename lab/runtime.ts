/** Which program runs our JavaScript: Node or Bun, whichever is asked for and wherever it is. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPrograms } from './requirements.ts';

export type Runtime = 'node' | 'bun';

/** The runtime of this very process. */
export const thisRuntime: Runtime = process.versions.bun === undefined ? 'node' : 'bun';

/** The directory that holds package.json: this module lies in lab/ there, or in dist/lab/. */
export const projectRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Absolute path of a runtime's binary. @throws Error that says how to get it. */
export function runtimePath(runtime: Runtime = thisRuntime): string {
  if (runtime === thisRuntime) return process.execPath;
  const local = join(projectRoot, 'node_modules', '.bin', runtime);
  const found = existsSync(local) ? [local] : findPrograms(runtime);
  // `bun --bun` puts a "node" on the PATH that is Bun itself; only the link's target tells.
  const path = found.find((each) => runtime === 'bun' || !basename(realpathSync(each)).startsWith('bun'));
  if (path === undefined) {
    const fix = runtime === 'bun' ? 'npm install (it is a dev dependency)' : 'install Node.js 20 or later';
    throw new Error(`cannot find ${runtime}: ${fix}`);
  }
  return path;
}

function findRoot(start: string): string {
  let directory = start;
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no package.json above ${start}`);
    directory = parent;
  }
  return directory;
}
