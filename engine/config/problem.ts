/** What is wrong in a configuration file, and where. */

export interface ConfigProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `hubs.lab.users.alice.passwordHash`; empty for the file as a whole. */
  readonly path: string;
  /** What was found and what is allowed. It holds no secret. */
  readonly message: string;
}

/** One line for a person, in the form that editors and compilers use to lead to a place. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const place = `${file}:${problem.line}:${problem.column}`;
  return problem.path === '' ? `${place}: ${problem.message}` : `${place}: ${problem.path}: ${problem.message}`;
}

/** `listen[0].port`; names that are no plain words are quoted. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}
