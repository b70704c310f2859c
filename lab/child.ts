/**
 * Child processes of the lab: started without a shell, watched line by line, ended by their pid.
 *
 * Works the same on Node and Bun; nothing here knows about namespaces.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** Most characters kept of each output stream; older text is dropped, because a peer's log must not eat the memory. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/** How long a child may take after SIGTERM before it gets SIGKILL, in milliseconds. */
export const DEFAULT_GRACE_MS = 3000;

/** How a process ended: exactly one of the two is not null. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a finished command left. */
export interface RunResult extends ExitStatus {
  readonly command: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  /** Added to the environment of this process; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Written to standard input, which is then closed. Without it standard input is empty. */
  readonly input?: string;
  /** Keeps standard input open for {@link LabChild.write}. Not together with `input`. */
  readonly interactive?: boolean;
  /** Called with every complete line of output (and the unfinished last one), as it comes. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface RunOptions extends SpawnOptions {
  /** Milliseconds until the command is killed and the promise rejects. Default 30 000. */
  readonly timeoutMs?: number;
  /** `false`: an exit code other than 0 is a result, not an error. Default `true`. */
  readonly check?: boolean;
}

/** A command that failed, with all it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly result: RunResult;

  constructor(reason: string, result: RunResult) {
    const said = tail(`${result.stdout}\n${result.stderr}`, 30);
    super(`${result.command.join(' ')}: ${reason}${said === '' ? '' : `\n${said}`}`);
    this.result = result;
  }
}

/** The last `count` non-empty lines of `text`. */
export function tail(text: string, count: number): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-count).join('\n');
}

type Line = { readonly text: string; readonly stream: 'stdout' | 'stderr' };

/** A running child process. */
export class LabChild {
  /** The process id; stays readable after the end. */
  readonly pid: number;
  readonly command: readonly string[];
  /** Resolves when the process has ended and its output is complete; never rejects. */
  readonly exited: Promise<ExitStatus>;
  #child: ChildProcess;
  #output = { stdout: '', stderr: '' };
  #partial = { stdout: '', stderr: '' };
  #watchers = new Set<(line: Line) => void>();
  #status: ExitStatus | undefined;

  private constructor(child: ChildProcess, command: readonly string[], options: SpawnOptions) {
    this.#child = child;
    this.pid = child.pid!;
    this.command = command;
    if (options.onLine !== undefined) {
      const onLine = options.onLine;
      this.#watchers.add((line) => onLine(line.text, line.stream));
    }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8');
      child[stream]?.on('data', (text: string) => this.#take(stream, text));
    }
    this.exited = new Promise((resolve) => {
      let settled = false;
      const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (settled) return;
        settled = true;
        for (const stream of ['stdout', 'stderr'] as const) this.#take(stream, '\n', true);
        this.#status = { code, signal };
        resolve(this.#status);
      };
      child.on('close', settle);
      // A grandchild that keeps the pipe open would put 'close' off for ever: the end of the process itself is enough.
      child.on('exit', (code, signal) => setTimeout(() => settle(code, signal), 250).unref());
    });
  }

  /**
   * Starts `command[0]` with the rest as arguments, in a process group of its own: a Ctrl-C at the terminal
   * reaches the lab alone, which then ends its children in the right order.
   * @throws Error when the program cannot be started (not found, no permission).
   */
  static async start(command: readonly string[], options: SpawnOptions = {}): Promise<LabChild> {
    const [file, ...args] = command;
    if (file === undefined) throw new TypeError('LabChild.start: command: expected at least a program name, got []');
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
    for (const [key, value] of Object.entries(env)) if (value === undefined) delete env[key];
    const child = spawn(file, args, {
      cwd: options.cwd,
      env,
      detached: true,
      stdio: [options.input === undefined && options.interactive !== true ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const failure = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(new Error(`cannot start ${file}: ${error.message}`, { cause: error })));
    });
    failure.catch(() => {});
    if (child.pid === undefined) return await failure;
    child.stdin?.on('error', () => {}); // the program may end without reading all of it
    if (options.input !== undefined) child.stdin?.end(options.input);
    return new LabChild(child, command, options);
  }

  /** All of standard output so far (its last 4 MiB). */
  get stdout(): string {
    return this.#output.stdout;
  }

  /** All of standard error so far (its last 4 MiB). */
  get stderr(): string {
    return this.#output.stderr;
  }

  /** `undefined` while the process runs. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#status === undefined;
  }

  /** Writes to the standard input of a child started with `interactive`; lost when the child has ended. */
  write(text: string): void {
    if (this.#child.stdin === null) throw new Error(`${this.command.join(' ')}: write: was not started interactive`);
    this.#child.stdin.write(text);
  }

  /** Calls `watcher` with every further line; the returned function ends that. */
  onLine(watcher: (line: string, stream: 'stdout' | 'stderr') => void): () => void {
    const entry = (line: Line): void => watcher(line.text, line.stream);
    this.#watchers.add(entry);
    return () => this.#watchers.delete(entry);
  }

  /**
   * The first line, past or future and of either stream, that matches `pattern`.
   * @throws Error when `timeoutMs` pass or the process ends first; the message has the tail of its output.
   */
  async waitForLine(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpMatchArray> {
    const complete = (text: string): string[] => text.split('\n').slice(0, -1);
    for (const line of [...complete(this.stdout), ...complete(this.stderr)]) {
      const match = line.match(pattern);
      if (match !== null) return match;
    }
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        finish();
        reject(new Error(`${this.command.join(' ')}: ${why} (waited for ${pattern})\n${this.outputTail()}`));
      };
      const timer = setTimeout(() => fail(`no such line within ${timeoutMs} ms`), timeoutMs);
      const watcher = (line: Line): void => {
        const match = line.text.match(pattern);
        if (match === null) return;
        finish();
        resolve(match);
      };
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
      };
      this.#watchers.add(watcher);
      void this.exited.then((end) => {
        if (this.#watchers.has(watcher)) fail(`ended first, ${describeExit(end)}`);
      });
    });
  }

  /** The last lines of both streams, for an error message. */
  outputTail(lines = 30): string {
    return tail(`${this.stdout}\n${this.stderr}`, lines);
  }

  /** Sends a signal to this one process; does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (!this.running) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // ended in this very moment
    }
  }

  /** SIGTERM, then SIGKILL when `graceMs` have passed. Resolves when the process is gone; may be called again. */
  async stop(graceMs = DEFAULT_GRACE_MS): Promise<ExitStatus> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  #take(stream: 'stdout' | 'stderr', text: string, last = false): void {
    if (!last) this.#output[stream] = (this.#output[stream] + text).slice(-OUTPUT_LIMIT);
    const lines = (this.#partial[stream] + text).split('\n');
    this.#partial[stream] = lines.pop() ?? '';
    for (const line of lines) {
      if (last && line === '') continue;
      for (const watcher of [...this.#watchers]) watcher({ text: line.replace(/\r$/, ''), stream });
    }
  }
}

/** "exit code 1" or "killed by SIGTERM". */
export function describeExit(end: ExitStatus): string {
  return end.signal === null ? `exit code ${end.code}` : `killed by ${end.signal}`;
}

/**
 * Runs a command to its end.
 * @throws CommandError on an exit code other than 0 (unless `check: false`) and on a time-out.
 */
export async function run(
  command: readonly string[],
  options: RunOptions = {},
  started?: (child: LabChild) => void,
): Promise<RunResult> {
  const child = await LabChild.start(command, options);
  started?.(child);
  const timeoutMs = options.timeoutMs ?? 30_000;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const end = await child.exited;
  clearTimeout(timer);
  const result: RunResult = { ...end, command, stdout: child.stdout, stderr: child.stderr };
  if (late) throw new CommandError(`not done within ${timeoutMs} ms`, result);
  if (options.check !== false && end.code !== 0) throw new CommandError(describeExit(end), result);
  return result;
}
