/** Questions to the person at the terminal. They go to stderr: stdout is for results. */

import { Failure } from './failure.ts';
import type { Io } from './io.ts';

export interface Terminal {
  /** Whether there is a person to ask. */
  readonly interactive: boolean;
  /** Reads one line that is not shown while it is typed. */
  askHidden(question: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Only `yes` is yes. An aborted question is answered with no. */
  askYesNo(question: string, signal?: AbortSignal): Promise<boolean>;
}

export function createTerminal(io: Io): Terminal {
  const { stdin, stderr } = io;
  return {
    interactive: stdin.isTTY === true && stderr.isTTY === true,

    askHidden(question, signal) {
      // The echo is switched off before anybody is asked; with it goes the terminal's own handling of lines and of
      // Ctrl-C, done below.
      stdin.setRawMode?.(true);
      stderr.write(question);
      const line: number[] = [];
      return listen(io, signal, (byte) => {
        if (byte === CTRL_C) throw interrupted();
        if (byte === ENTER || byte === NEWLINE || byte === CTRL_D) return Uint8Array.from(line);
        if (byte === CTRL_U) line.length = 0;
        else if (byte === BACKSPACE || byte === DELETE) dropCharacter(line);
        else if (line.length < MAX_LINE) line.push(byte);
        return undefined;
      }).finally(() => {
        stdin.setRawMode?.(false);
        stderr.write('\n');
      });
    },

    async askYesNo(question, signal) {
      stderr.write(question);
      const line: number[] = [];
      // Not in raw mode: Ctrl-C stays a signal, which aborts the question.
      const answer = listen(io, signal, (byte) => {
        if (byte === NEWLINE || byte === ENTER || byte === CTRL_D)
          return new TextDecoder().decode(Uint8Array.from(line));
        if (line.length < MAX_LINE) line.push(byte);
        return undefined;
      });
      try {
        return /^\s*yes\s*$/i.test(await answer);
      } catch {
        stderr.write('\n');
        return false;
      }
    },
  };
}

const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE = 8;
const NEWLINE = 10;
const ENTER = 13;
const CTRL_U = 21;
const DELETE = 127;
const MAX_LINE = 4096;

/** Feeds the bytes of stdin to `take` until it returns something, the input ends or the signal is aborted. */
function listen<T>({ stdin }: Io, signal: AbortSignal | undefined, take: (byte: number) => T | undefined): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const finish = (act: () => void) => {
      stdin.removeListener('data', onData);
      stdin.removeListener('end', onEnd);
      stdin.removeListener('error', onEnd);
      signal?.removeEventListener('abort', onAbort);
      // A stream that goes on reading would keep the process alive.
      stdin.pause();
      act();
    };
    const onData = (chunk: Buffer | string) => {
      try {
        for (const byte of Buffer.from(chunk as string)) {
          const result = take(byte);
          if (result !== undefined) return finish(() => resolve(result));
        }
      } catch (thrown) {
        finish(() => reject(thrown));
      }
    };
    const onEnd = () => finish(() => reject(new Failure('usage', 'cannot ask: the input ended before an answer')));
    const onAbort = () => finish(() => reject(interrupted()));
    if (signal?.aborted) return reject(interrupted());
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.on('error', onEnd);
    signal?.addEventListener('abort', onAbort);
    stdin.resume();
  });
}

function interrupted(): Failure {
  return new Failure('interrupted', 'interrupted');
}

/** Takes back one UTF-8 character: its continuation bytes and its first byte. */
function dropCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}
