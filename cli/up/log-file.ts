/** The log of a process in the background: a file of its owner's alone that does not grow for ever. */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { Failure } from '../failure.ts';
import { inWords } from '../files.ts';
import type { Io } from '../io.ts';

/** `$XDG_STATE_HOME/etherloom/log`; without the variable /var/log/etherloom for root, ~/.local/state/etherloom/log for others. */
export function logDirectory(io: Io): string {
  const state = io.env.XDG_STATE_HOME;
  if (state !== undefined && path.isAbsolute(state)) return path.join(state, 'etherloom', 'log');
  return io.uid === 0 ? '/var/log/etherloom' : path.join(io.homeDirectory, '.local', 'state', 'etherloom', 'log');
}

/** Makes what is not there. The descriptor appends. */
export function openLogFile(file: string): number {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = fs.constants;
    const descriptor = fs.openSync(file, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
    fs.fchmodSync(descriptor, 0o600);
    return descriptor;
  } catch (thrown) {
    throw new Failure('configuration', `cannot write the log ${file}: ${inWords(thrown)}`);
  }
}

export interface LogFile {
  write(text: string): void;
}

/**
 * Writes to the file; at `limit` bytes its content moves to `file.1`, in place of what was there. The file stays the same
 * one, so that stdout and stderr of the process, which lead there too, are not lost.
 */
export function logFile(file: string, limit = LIMIT_BYTES): LogFile {
  const descriptor = openLogFile(file);
  let size = fs.fstatSync(descriptor).size;
  const rotate = () => {
    fs.copyFileSync(file, `${file}.1`);
    fs.chmodSync(`${file}.1`, 0o600);
    fs.ftruncateSync(descriptor, 0);
    size = 0;
  };
  return {
    write(text) {
      try {
        if (size >= limit) rotate();
        size += fs.writeSync(descriptor, text);
      } catch {
        // A full disk must not end a tunnel.
      }
    },
  };
}

const LIMIT_BYTES = 4 << 20;
