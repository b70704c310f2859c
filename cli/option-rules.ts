/** Options whose values follow the same rules as the configuration file. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { logFormat, logLevel, type Rule } from '../engine/config/rules.ts';
import { Failure } from './failure.ts';

/** For `argParser`: the value that `rule` reads, or commander's error with what is allowed. */
export function byRule<T>(rule: Rule<T>): (text: string) => T {
  return (text) => {
    const value = rule.parse(text);
    if (value === undefined) throw new InvalidArgumentError(`Allowed is ${rule.allowed}.`);
    return value;
  };
}

/** An option that may be given several times. */
export function collectByRule<T>(rule: Rule<T>): (text: string, before: readonly T[] | undefined) => readonly T[] {
  const parse = byRule(rule);
  return (text, before) => [...(before ?? []), parse(text)];
}

export function addLogOptions(command: Command): Command {
  return command
    .addOption(new Option('--log-level <level>', `${logLevel.allowed} (default: info)`).argParser(byRule(logLevel)))
    .addOption(
      new Option('--log-format <format>', `${logFormat.allowed}, on stderr (default: text)`).argParser(
        byRule(logFormat),
      ),
    );
}

/** The mistake of those who expect it elsewhere gets an answer of its own; the value is never kept. */
export function refusePasswordOption(command: Command): Command {
  const refuse = () => {
    throw new Failure(
      'usage',
      'a password is not taken from the command line, where every user of this machine can read it',
      'use --password-file FILE, --password-file - for stdin, the variable ETHERLOOM_PASSWORD, or type it when asked',
    );
  };
  return command
    .addOption(new Option('--password [secret]').hideHelp().argParser(refuse))
    .on('option:password', refuse);
}
