/** YAML text to plain values, with a way back from a value's path to its place in the text. */

import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { ConfigProblem } from './problem.ts';

/** A YAML document of which every scalar is text: the schema decides what a text means, not its look. */
export interface ConfigDocument {
  /** Maps, lists and strings. */
  readonly value: unknown;
  /** Where the value at `path` stands, or the nearest place around it. */
  locate(path: readonly PropertyKey[]): Place;
  /** Where the key at the end of `path` stands, or the nearest place around it. */
  locateKey(path: readonly PropertyKey[]): Place;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

export function parseConfigDocument(text: string): ConfigDocument | readonly ConfigProblem[] {
  const lines = new LineCounter();
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  // With the fail-safe schema a hash of digits stays a text, and so do names such as `no` and `1e3`.
  const document = parseDocument(text, {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The parser would compare each key with every other one of its mapping: minutes for many users.
    uniqueKeys: false,
    logLevel: 'error',
  });
  const faults: { readonly code: string; readonly pos: readonly number[] }[] = [
    ...document.errors,
    ...document.warnings,
    ...repeatedKeys(document),
  ];
  if (faults.length > 0) {
    return faults.map(({ code, pos }) => ({ ...placeOf(pos[0]!), path: '', message: syntaxMessage(code) }));
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch {
    // Aliases that multiply without end; the parser has refused everything else.
    return [{ line: 1, column: 1, path: '', message: 'not valid YAML: too many aliases (*name)' }];
  }
  return {
    value,
    locate: (path) => placeOf(findOffset(document, path, false)),
    locateKey: (path) => placeOf(findOffset(document, path, true)),
  };
}

function repeatedKeys(document: Document): { readonly code: string; readonly pos: readonly number[] }[] {
  const found: { code: string; pos: number[] }[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        // Anything else is refused as a key already.
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) found.push({ code: 'DUPLICATE_KEY', pos: [startOf(key) ?? 0] });
        seen.add(name);
      }
    },
  });
  return found;
}

function findOffset(document: Document, path: readonly PropertyKey[], wantKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const item = childOf(node, step);
    if (item === undefined) break;
    const last = index === path.length - 1;
    node = item.value;
    const keyOffset = startOf(item.key);
    // A key without a value is found at the key, and so is what has no place of its own.
    offset = (last && wantKey ? keyOffset : undefined) ?? valueStart(node) ?? keyOffset ?? offset;
  }
  return offset;
}

function childOf(node: unknown, step: PropertyKey): { readonly key?: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isPair(item) && (isScalar(item.key) ? String(item.key.value) : '') === String(step),
    );
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(node) && typeof step === 'number' && step < node.items.length) return { value: node.items[step] };
  return undefined;
}

function valueStart(node: unknown): number | undefined {
  return isScalar(node) && node.value === '' && node.type === 'PLAIN' ? undefined : startOf(node);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

/** Our own words: the parser's messages quote the text, and a line of this file may hold a secret. */
function syntaxMessage(code: string): string {
  const known: Readonly<Record<string, string>> = {
    BAD_INDENT: 'this line is indented in a way that does not fit the lines above it',
    TAB_AS_INDENT: 'a tab is used to indent; use spaces',
    DUPLICATE_KEY: 'this key stands here a second time',
    MISSING_CHAR: 'something is missing here, such as a closing quote, a bracket or a comma',
    UNEXPECTED_TOKEN: 'this does not belong here; is a quote, a bracket or a colon missing before it?',
    BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot start here; put it on a line of its own, or quote the text before it',
    MULTILINE_IMPLICIT_KEY: 'a key has to end with a colon on its own line',
    MULTIPLE_DOCS: 'a second document starts here; a configuration file holds one',
    NON_STRING_KEY: 'a key has to be a plain text',
    BAD_ALIAS: 'an alias (*name) without an anchor (&name) before it',
    BAD_DQ_ESCAPE: 'an unknown escape (\\) in a text with double quotes',
    BAD_SCALAR_START: 'a text that starts with this character needs quotes',
    TAG_RESOLVE_FAILED: 'tags (!name) are not used here; quote a text that starts with !',
  };
  return `not valid YAML: ${known[code] ?? 'this cannot be read'}`;
}
