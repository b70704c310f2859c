/** The process as the commands see it; the tests bring one of their own. */

import * as os from 'node:os';
import process from 'node:process';

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly pid: number;
  readonly uid: number;
  readonly homeDirectory: string;
  readonly temporaryDirectory: string;
  readonly hostName: string;
  /** Calls `call` for every signal that asks for an end; returns a function that stops that. */
  onSignal(call: (name: SignalName) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
  /** The process that started this one with a channel to it; only `etherloom up` does. */
  readonly parent?: ParentChannel;
}

/** Messages are what JSON can carry. */
export interface ParentChannel {
  /** Resolves when the message has left; what can no longer be sent is lost. */
  send(message: object): Promise<void>;
  /** Calls for every message; `gone` once, when the other side has left. */
  listen(message: (message: unknown) => void, gone: () => void): void;
}

export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export function processIo(): Io {
  for (const stream of [process.stdout, process.stderr]) {
    // The reader of a pipe may leave at any time (EPIPE). A tunnel goes on without it, and there is nobody left to tell.
    stream.on('error', () => {});
  }
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    platform: process.platform,
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    homeDirectory: os.homedir(),
    temporaryDirectory: os.tmpdir(),
    hostName: os.hostname(),
    onSignal(call) {
      const names: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
      const handlers = names.map((name) => [name, () => call(name)] as const);
      for (const [name, handler] of handlers) process.on(name, handler);
      return () => {
        for (const [name, handler] of handlers) process.removeListener(name, handler);
      };
    },
    exit: (code) => process.exit(code),
    ...(process.send === undefined ? {} : { parent: parentChannel() }),
  };
}

function parentChannel(): ParentChannel {
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (!process.connected) return resolve();
        process.send?.(message, undefined, {}, () => resolve());
      }),
    listen(message, gone) {
      process.on('message', message);
      process.on('disconnect', gone);
      if (!process.connected) gone();
    },
  };
}

export function printLine(output: Output, line: string): void {
  print(output, `${line}\n`);
}

export function print(output: Output, text: string): void {
  written.set(output, new Promise((resolve) => output.write(text, () => resolve())));
}

/** Waits until what was printed has left the process; a reader who is gone ends the wait too. */
export async function flush(output: Output): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // A reader that is alive and does not read must not hold the process for ever.
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FLUSH_MS);
  });
  await Promise.race([written.get(output), patience]);
  clearTimeout(timer);
}

const FLUSH_MS = 2_000;

/**
 * The end of the last write, and with it of all before. An empty write would tell the same on Node; on Bun its callback
 * does not wait for what was written before it.
 */
const written = new WeakMap<Output, Promise<void>>();
