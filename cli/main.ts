/** The command line as one function: arguments in, exit code out. It never ends the process itself. */

import { CommanderError } from 'commander';
import type { Environment } from './environment.ts';
import { EXIT_CODES, exitCode } from './exit-codes.ts';
import { Failure, failureJson, formatFailure, toFailure } from './failure.ts';
import { flush, type Io, printLine, processIo } from './io.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command.
 *
 * @param argv The arguments behind the program's name.
 * @param environment What the launcher brings.
 * @param io The process; another one in tests.
 * @returns The exit code, once everything that was written has left the process.
 */
export async function main(argv: readonly string[], environment: Environment, io: Io = processIo()): Promise<number> {
  const code = await run(argv, environment, io);
  await flush(io.stdout);
  await flush(io.stderr);
  return code;
}

async function run(argv: readonly string[], environment: Environment, io: Io): Promise<number> {
  try {
    await createProgram({ environment, io }).parseAsync(argv as string[], { from: 'user' });
    return EXIT_CODES.ok.code;
  } catch (thrown) {
    // Help that was asked for arrives as an exception too.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT_CODES.ok.code;
    const failure = thrown instanceof CommanderError ? usageFailure(thrown) : toFailure(thrown);
    if (failure.message !== '')
      printLine(io.stderr, argv.includes('--json') ? failureJson(failure) : formatFailure(failure));
    return exitCode(failure.exit);
  }
}

function usageFailure({ code, message }: CommanderError): Failure {
  // Help in place of a missing command has been printed.
  if (code === 'commander.help') return new Failure('usage', '');
  // `--password=secret` is shown as `--password`: what follows may be a secret, and errors end up in logs.
  const text = message
    .replace(/^error: /, '')
    .replace(/(unknown option '-[^'=]*)=[^']*'/, "$1'")
    .replace(/\n+\(/, ' (');
  return new Failure('usage', text, 'run the command with --help for its options and examples');
}
