/** Driving SoftEther's command line tool, and reading its tables. */
import { tail } from './child.ts';
import type { SoftEtherSandbox } from './softether-sandbox.ts';

/** vpncmd's refusal. `code` is SoftEther's error number (protocol/control-plane.md §7). */
export class VpncmdError extends Error {
  override readonly name = 'VpncmdError';
  readonly code: number;
  readonly output: string;

  constructor(command: string, code: number, output: string) {
    super(`vpncmd: ${command}: error ${code}\n${tail(output, 12)}`);
    this.code = code;
    this.output = output;
  }
}

/** One command's answer. */
export interface VpncmdAnswer {
  readonly command: string;
  /** 0, or SoftEther's error number. */
  readonly code: number;
  readonly output: string;
}

export interface VpncmdOptions {
  /** `server:PORT` or `client`. */
  readonly target: { readonly server: number } | 'client';
  /** Milliseconds for all commands together. Default 20 000. */
  readonly timeoutMs?: number;
  /** `false`: an error of a command is an answer; the commands after it run too. Default `true`. */
  readonly check?: boolean;
}

/**
 * Runs commands in one vpncmd session (it costs 0.2 s whatever they are).
 * @throws VpncmdError for the first command that failed, unless `check` is false.
 * @throws CommandError when vpncmd does not come to its end in time.
 */
export async function vpncmd(
  sandbox: SoftEtherSandbox,
  commands: readonly string[],
  options: VpncmdOptions,
): Promise<VpncmdAnswer[]> {
  const script = sandbox.writeScript([...commands, 'exit']);
  const target =
    options.target === 'client' ? ['localhost', '/CLIENT'] : [`localhost:${options.target.server}`, '/SERVER'];
  const command = sandbox.enter([sandbox.vpncmdPath, ...target, '/PROGRAMMING', `/IN:${script}`]);
  const end = await sandbox.host.lab.command(command, { check: false, timeoutMs: options.timeoutMs ?? 20_000 });
  // [PROMPT:code of the command before:...] stands before each command; the last one before our "exit".
  const parts = end.stdout.split(/^\[PROMPT:(\d+):[^\]\n]*\]\s*$/m);
  const answers: VpncmdAnswer[] = [];
  for (const [index, command] of commands.entries()) {
    const output = parts[2 + 2 * index];
    const code = parts[3 + 2 * index];
    if (output === undefined || code === undefined) {
      throw new VpncmdError(command, end.code ?? -1, `vpncmd ended early\n${end.stdout}\n${end.stderr}`);
    }
    const answer = { command, code: Number(code), output: output.trim() };
    if (options.check !== false && answer.code !== 0) throw new VpncmdError(command, answer.code, answer.output);
    answers.push(answer);
  }
  return answers;
}

/** An argument in quotes; an empty one is nothing at all, for vpncmd takes `""` to be one quote. @throws TypeError for a text that vpncmd has no way to write. */
export function quote(value: string | number): string {
  const text = String(value);
  if (/["\n\r]/.test(text)) throw new TypeError(`vpncmd: expected an argument without quotes, got ${text}`);
  return text === '' ? '' : `"${text}"`;
}

/** A two-column table (`Item|Value`): one object per record. */
export function parseTable(output: string): Record<string, string>[] {
  const records: Record<string, string>[] = [];
  let current: Record<string, string> = {};
  let inside = false;
  const flush = (): void => {
    if (Object.keys(current).length > 0) records.push(current);
    current = {};
  };
  for (const line of output.split('\n')) {
    if (/^-+\+-+\s*$/.test(line)) {
      inside = true;
      flush();
      continue;
    }
    const bar = line.indexOf('|');
    if (!inside || bar < 0) continue;
    current[line.slice(0, bar).trim()] = line.slice(bar + 1).trim();
  }
  flush();
  return records;
}

/** "1,234 bytes" → 1234. NaN for what is not a number. */
export function parseCount(text: string | undefined): number {
  return text === undefined ? Number.NaN : Number.parseInt(text.replaceAll(',', ''), 10);
}
