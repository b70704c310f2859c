/** The programs that change settings: `ip`, `nft`, `resolvectl`, `resolvconf`. Their output is read in the C locale. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { HostFailure } from '../../shared/error.ts';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that talks to a daemon may wait for it; the kernel answers at once. */
const TIMEOUT_MS = 5_000;
/** A Ctrl-C at the terminal reaches these programs too: what it ended is done again. */
const ATTEMPTS = 3;

const PACKAGES: Readonly<Record<string, string>> = { ip: 'iproute2', nft: 'nftables' };

/** Runs a program to its end. Throws a `HostFailure` when it is missing or does not end. */
export function run(program: string, args: readonly string[], input = ''): ProgramResult {
  const path = findProgram(program);
  if (path === undefined) {
    const advice = PACKAGES[program] === undefined ? '' : `; install the package ${PACKAGES[program]}`;
    throw settingsFailure('ENOENT', `the program \`${program}\` is needed for the settings of this machine${advice}`);
  }
  for (let attempt = 1; ; attempt++) {
    const { status, signal, error, stdout, stderr } = spawnSync(path, args, {
      input,
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 16 << 20,
      env: { ...environment(), LC_ALL: 'C' },
    });
    if (status !== null) return { code: status, stdout, stderr };
    const late = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
    if (late || signal === null || attempt >= ATTEMPTS) {
      const why = late ? `did not end within ${TIMEOUT_MS / 1000} s` : (error?.message ?? `was ended by ${signal}`);
      throw settingsFailure(late ? 'ETIMEDOUT' : 'EIO', `\`${program} ${args.join(' ')}\` ${why}`);
    }
  }
}

/** Without our own variables: passwords may be in them, and some programs run what others have installed. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETHERLOOM_')));
}

/** The same, and an exit code other than 0 is an error. @param doing Such as "add the route to 10.0.0.0/8". */
export function demand(doing: string, program: string, args: readonly string[], input = ''): string {
  const { code, stdout, stderr } = run(program, args, input);
  if (code === 0) return stdout;
  throw settingsFailure('EIO', `cannot ${doing}: ${firstLine(stderr) || `\`${program}\` ended with ${code}`}`);
}

/** The path of a program as a shell would find it; sbin is searched too. */
export function findProgram(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter).concat(['/usr/sbin', '/sbin', '/usr/bin', '/bin']);
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

export function settingsFailure(code: string, message: string): HostFailure {
  return new HostFailure('settings', code, message);
}

/** What a program said, without what stands in front of it in all of its messages. */
export function firstLine(text: string): string {
  const line = text.split('\n').find((each) => each.trim() !== '') ?? '';
  return line.replace(/^(RTNETLINK answers|Error): /, '').trim();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
