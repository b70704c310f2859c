/** What `etherloom up` prints: lines for each profile, or an object for each when it is settled. */

import type { ClientEvent } from '../../engine/client/options.ts';
import { type ConnectReport, type ConnectSubject, textReport } from '../connect-report.ts';
import { exitCode } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { printable } from '../text.ts';
import type { Outcome } from './bring-up.ts';

export interface UpReport {
  started(subject: ConnectSubject): void;
  event(event: ClientEvent): void;
  /** @param several Whether the errors of others are told too: the only one is told by the command's own. */
  settled(outcome: Outcome, several: boolean): void;
}

export function upReport(name: string, printLine: (line: string) => void): UpReport {
  const print = (line: string) => printLine(`${name}: ${line}`);
  let report: ConnectReport | undefined;
  return {
    started(subject) {
      report = textReport(print, subject);
    },
    event: (event) => report?.event(event),
    settled(outcome, several) {
      if (outcome.kind === 'already') print(alreadyText(outcome));
      else if (outcome.kind === 'established')
        print(`in the background as process ${outcome.pid}; its log is ${outcome.log}`);
      else if (several) print(`error: ${failureOf(outcome)!.message}`);
    },
  };
}

export function outcomeJson(outcome: Outcome): string {
  const { kind, profile, ...fields } = outcome;
  const failure = failureOf(outcome);
  const error =
    failure === undefined
      ? {}
      : {
          error: { kind: failure.exit, exitCode: exitCode(failure.exit), message: failure.message, hint: failure.hint },
        };
  const rest = kind === 'failed' ? {} : fields;
  return JSON.stringify({ profile: profile.name, file: profile.file, result: kind, ...rest, ...error });
}

/** The error of the command: that of its only profile, or a count with the code of the first that failed. */
export function summary(outcomes: readonly Outcome[]): Failure | undefined {
  const failures = outcomes.flatMap((outcome) => failureOf(outcome) ?? []);
  const [first] = failures;
  if (first === undefined || outcomes.length === 1) return first;
  const names = outcomes.flatMap((outcome) => (failureOf(outcome) === undefined ? [] : outcome.profile.name));
  return new Failure(
    first.exit,
    `${failures.length} of ${outcomes.length} profiles are not connected: ${names.join(', ')}`,
  );
}

function failureOf(outcome: Outcome): Failure | undefined {
  if (outcome.kind === 'failed') return outcome.failure;
  if (outcome.kind !== 'pending') return undefined;
  const { profile, pid, log, cause } = outcome;
  return new Failure(
    'timeout',
    `${profile.name} is not connected yet${cause === undefined ? '' : ` (${printable(cause)})`}; process ${pid} goes on trying in the background`,
    `see \`etherloom status ${profile.name}\` and ${log}; \`etherloom down ${profile.name}\` ends it`,
  );
}

function alreadyText({ pid, state }: Extract<Outcome, { kind: 'already' }>): string {
  return `is up already: process ${pid}${state === undefined ? '' : `, ${state}`}`;
}
