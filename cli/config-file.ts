/** Configuration files: read, checked, and their problems told with lines and paths. */

import { type ConfigProblem, formatProblem } from '../engine/config/problem.ts';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';

type Parsed = { readonly ok: true } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface ConfigFile {
  /** As messages name the file; from the current directory it leads there. */
  readonly file: string;
  /** What the file is, such as "the configuration". */
  readonly what: string;
  /** The command whose help describes it. */
  readonly command: string;
}

export async function readConfigFile<R extends Parsed>(
  source: ConfigFile,
  parse: (text: string) => R,
): Promise<Extract<R, { readonly ok: true }>> {
  const result = parse((await readBounded(source.file, MAX_BYTES, source.what)).toString('utf8'));
  if (!result.ok) throw invalidConfig(source, result.problems);
  return result as Extract<R, { readonly ok: true }>;
}

export function invalidConfig({ file, what, command }: ConfigFile, problems: readonly ConfigProblem[]): Failure {
  const lines = problems.slice(0, SHOWN_PROBLEMS).map((problem) => formatProblem(file, problem));
  if (problems.length > SHOWN_PROBLEMS) lines.push(`and ${problems.length - SHOWN_PROBLEMS} more`);
  return new Failure('configuration', `${what} is not valid\n${lines.join('\n')}`, `see \`${command} --help\``);
}

const MAX_BYTES = 4 << 20;
const SHOWN_PROBLEMS = 20;
