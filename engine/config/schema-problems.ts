/** What the schema found, as problems with a place and words for a person. */

import type * as z from 'zod';
import type { ConfigDocument } from './document.ts';
import { type ConfigProblem, formatPath } from './problem.ts';
import { suggest } from './suggest.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What of a file no message may repeat. */
export interface Secrets {
  /** Whether `found`, which does not fit at `path`, may hold a secret. */
  holds(path: Path, found: unknown): boolean;
  /** What to do instead, for an unknown key at the end of `path` that was meant for a secret. */
  advice(path: Path, key: string): string | undefined;
}

export function problemsOf(issues: readonly Issue[], document: ConfigDocument, secrets: Secrets): ConfigProblem[] {
  const problems = issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message.split(', ');
      return issue.keys.map((key) => unknownKey([...issue.path, key], known, document, secrets));
    }
    if (issue.code === 'invalid_key') return [badName(issue.path, issue.issues[0]?.message ?? '', document)];
    return [badValue(issue.path, issue.message, document, secrets)];
  });
  // What has no value is both no list and too short a one.
  return problems.filter(
    ({ path, message }, at) => problems.findIndex((each) => each.path === path && each.message === message) === at,
  );
}

function unknownKey(path: Path, known: readonly string[], document: ConfigDocument, secrets: Secrets): ConfigProblem {
  const key = String(path.at(-1));
  const meant = suggest(key, known);
  const advice =
    secrets.advice(path, key) ??
    (meant !== undefined ? `did you mean ${JSON.stringify(meant)}?` : `known here: ${known.join(', ')}`);
  return { ...document.locateKey(path), path: formatPath(path), message: `unknown key; ${advice}` };
}

function badName(path: Path, allowed: string, document: ConfigDocument): ConfigProblem {
  return { ...document.locateKey(path), path: formatPath(path), message: `this name is not allowed; ${allowed}` };
}

function badValue(path: Path, allowed: string, document: ConfigDocument, secrets: Secrets): ConfigProblem {
  const found = lookUp(document.value, path);
  // A file that is one text is no configuration at all, but maybe a key.
  const secret = path.length === 0 || secrets.holds(path, found);
  const message = found === undefined ? `missing; ${allowed}` : `${describe(found, secret)}${allowed}`;
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
