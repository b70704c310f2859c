/** The terminal as a screen, and back again on every way out. */

import { writeSync } from 'node:fs';
import type { Io } from '../io.ts';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

export interface ScreenRequest {
  readonly io: Io;
  readonly onInput: (text: string) => void;
  readonly onResize: () => void;
}

export function openScreen({ io, onInput, onResize }: ScreenRequest): Screen {
  const { stdin, stdout } = io;
  const keys = stdin.isTTY === true;
  let open = true;
  let busy = false;
  // The second signal and what nobody caught end the process without a way back.
  const onExit = () => {
    try {
      if (open) writeSync(1, LEAVE);
    } catch {
      // The terminal is gone.
    }
  };
  const take = (chunk: Buffer | string) => onInput(chunk.toString());
  process.on('exit', onExit);
  stdout.on('resize', onResize);
  if (keys) {
    stdin.setRawMode?.(true);
    stdin.on('data', take);
    stdin.resume();
  }
  stdout.write(ENTER);
  return {
    get columns() {
      return stdout.columns || 80;
    },
    get rows() {
      return stdout.rows || 24;
    },
    draw(lines) {
      // A terminal that is slow sees fewer pictures, not old ones.
      if (!open || busy) return;
      busy = true;
      stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`, () => {
        busy = false;
      });
    },
    close() {
      if (!open) return;
      open = false;
      process.removeListener('exit', onExit);
      stdout.removeListener('resize', onResize);
      if (keys) {
        stdin.removeListener('data', take);
        stdin.setRawMode?.(false);
        stdin.pause();
      }
      stdout.write(LEAVE);
    },
  };
}

/** The other screen, no cursor, and long lines end at the edge. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
