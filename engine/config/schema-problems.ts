/** What the schema found, as problems with a place and words for a person. */

import type * as z from 'zod';
import type { ConfigDocument } from './document.ts';
import { type ConfigProblem, formatPath } from './problem.ts';
import { suggest } from './suggest.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

export function problemsOf(issues: readonly Issue[], document: ConfigDocument): ConfigProblem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey([...issue.path, key], issue.message.split(', '), document));
    }
    if (issue.code === 'invalid_key') return [badName(issue.path, issue.issues[0]?.message ?? '', document)];
    return [badValue(issue.path, issue.message, document)];
  });
}

function unknownKey(path: Path, known: readonly string[], document: ConfigDocument): ConfigProblem {
  const key = String(path.at(-1));
  const meant = isPasswordKey(path, key) ? undefined : suggest(key, known);
  const advice = isPasswordKey(path, key)
    ? 'passwords are not written here; use passwordHash, with what `etherloom hash-password USER` prints'
    : meant !== undefined
      ? `did you mean ${JSON.stringify(meant)}?`
      : `known here: ${known.join(', ')}`;
  return { ...document.locateKey(path), path: formatPath(path), message: `unknown key; ${advice}` };
}

function badName(path: Path, allowed: string, document: ConfigDocument): ConfigProblem {
  return { ...document.locateKey(path), path: formatPath(path), message: `this name is not allowed; ${allowed}` };
}

function badValue(path: Path, allowed: string, document: ConfigDocument): ConfigProblem {
  const found = lookUp(document.value, path);
  const message = found === undefined ? `missing; ${allowed}` : `${describe(found, isSecret(path))}${allowed}`;
  return { ...document.locate(path), path: formatPath(path), message };
}

/** The value as far as it may be shown. */
function describe(found: unknown, secret: boolean): string {
  if (found === '' || found === null) return 'there is no value; ';
  if (Array.isArray(found)) return found.length === 0 ? 'found an empty list; ' : 'found a list; ';
  if (typeof found === 'object') return secret ? '' : 'found a mapping; ';
  const text = String(found);
  if (secret || /[\r\n]|-----BEGIN/.test(text)) return 'the value (not shown here) does not fit; ';
  return `found ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)}; `;
}

/**
 * Among the users everything but `anonymous` may be a password or its hash, also what stands there by mistake. And a
 * file that is one text is no configuration at all, but maybe a key.
 */
function isSecret(path: Path): boolean {
  if (path.length === 0) return true;
  return path.length >= 3 && path[0] === 'hubs' && path[2] === 'users' && path[4] !== 'anonymous';
}

function isPasswordKey(path: Path, key: string): boolean {
  return path.length === 5 && path[2] === 'users' && /^(password|passwd|pass|pw|secret)$/i.test(key);
}

function lookUp(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, step)) {
      // The schema made a list of a single text; the text itself is what stands in the file.
      return typeof found === 'string' ? found : undefined;
    }
    found = (found as Record<PropertyKey, unknown>)[step];
  }
  return found;
}
