/** An error that is told to a person: what went wrong, what to do, and the exit code of the process. */

import type { HostError } from '../engine/host.ts';
import { type ExitName, exitCode } from './exit-codes.ts';

export class Failure extends Error {
  readonly exit: ExitName;
  readonly hint: string | undefined;

  /** `message` says what was tried, on what, and what went wrong; `hint` what to do. Neither holds a secret. */
  constructor(exit: ExitName, message: string, hint?: string) {
    super(message);
    this.name = 'Failure';
    this.exit = exit;
    this.hint = hint;
  }
}

/** Whatever was thrown, as a failure. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new Failure(
    'internal',
    `internal error: ${text}`,
    'this should not happen; please report it with the text above',
  );
}

/** For people. */
export function formatFailure(failure: Failure): string {
  const hint = failure.hint === undefined ? '' : `\n  ${failure.hint.replaceAll('\n', '\n  ')}`;
  return `error: ${failure.message}${hint}`;
}

/** One line for programs. */
export function failureJson(failure: Failure): string {
  const { exit, message, hint } = failure;
  return JSON.stringify({
    error: { kind: exit, exitCode: exitCode(exit), message, ...(hint === undefined ? {} : { hint }) },
  });
}

/** A `HostError` that a start of the server rejected with; undefined when it is something else. */
export function failureOfHost(thrown: unknown): Failure | undefined {
  const { doing, message } = (thrown ?? {}) as Partial<HostError>;
  if (typeof message !== 'string' || (doing !== 'tap' && doing !== 'listen')) return undefined;
  // Its message says what to do already.
  return new Failure(doing, message);
}
