/** The servers that a person has confirmed: `host:port` and the fingerprint that was seen then. */

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { fingerprint } from '../engine/config/fingerprint.ts';
import { Failure } from './failure.ts';
import { exists, inWords, readBounded, writeAtomically } from './files.ts';
import type { Io } from './io.ts';

export interface KnownServers {
  /** The file, for messages. */
  readonly file: string;
  find(server: string): Promise<string | undefined>;
  remember(server: string, fingerprint: string): Promise<void>;
}

/** `$XDG_STATE_HOME/etherloom/known-servers.json`, or the same below `~/.local/state`. */
export function knownServersFile(io: Io): string {
  const state = io.env.XDG_STATE_HOME;
  // The specification wants relative paths to be ignored.
  const directory =
    state !== undefined && path.isAbsolute(state) ? state : path.join(io.homeDirectory, '.local', 'state');
  return path.join(directory, 'etherloom', 'known-servers.json');
}

export function knownServers(file: string): KnownServers {
  return {
    file,
    async find(server) {
      return (await load(file)).get(server)?.fingerprint;
    },
    async remember(server, seen) {
      // Read again: another client may have written meanwhile.
      const servers = await load(file);
      servers.set(server, { fingerprint: seen, since: new Date().toISOString() });
      const content = {
        version: VERSION,
        servers: Object.fromEntries([...servers].sort(([a], [b]) => (a < b ? -1 : 1))),
      };
      try {
        await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
        await writeAtomically(file, `${JSON.stringify(content, undefined, 2)}\n`, 0o600);
      } catch (thrown) {
        throw new Failure('configuration', `cannot remember the server in ${file}: ${inWords(thrown)}`);
      }
    },
  };
}

interface Entry {
  readonly fingerprint: string;
  readonly since: string;
}

const VERSION = 1;
const MAX_BYTES = 4 << 20;

/** A file that cannot be understood is never taken for an empty one: that would trust a changed server again. */
async function load(file: string): Promise<Map<string, Entry>> {
  if (!(await exists(file, 'the list of known servers'))) return new Map();
  const text = (await readBounded(file, MAX_BYTES, 'the list of known servers')).toString('utf8');
  const invalid = (cause: string) =>
    new Failure('configuration', `cannot use the list of known servers ${file}: ${cause}`, 'repair it or move it away');
  let content: { version?: unknown; servers?: Record<string, Partial<Entry>> };
  try {
    content = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  if (content?.version !== VERSION || typeof content.servers !== 'object' || content.servers === null) {
    throw invalid(`it is not a list of version ${VERSION}`);
  }
  const servers = new Map<string, Entry>();
  for (const [server, entry] of Object.entries(content.servers)) {
    const seen = typeof entry?.fingerprint === 'string' ? fingerprint.parse(entry.fingerprint) : undefined;
    if (seen === undefined) throw invalid(`the entry ${JSON.stringify(server)} has no valid fingerprint`);
    servers.set(server, { fingerprint: seen, since: typeof entry.since === 'string' ? entry.since : '' });
  }
  return servers;
}
