/** What keys mean. */

export type Key = 'quit' | 'up' | 'down' | 'pageUp' | 'pageDown' | 'home' | 'end' | 'details';

/** A terminal sends whole keys, and when it is busy several at once. What is not known means nothing. */
export function parseKeys(text: string): readonly Key[] {
  const keys: Key[] = [];
  for (const [found] of text.matchAll(PATTERN)) {
    const key = KEYS[found];
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

/** A sequence of ECMA-48 (CSI and SS3), or one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control characters.
const PATTERN = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO[A-Za-z]|[\s\S]/g;

const KEYS: Readonly<Record<string, Key>> = {
  q: 'quit',
  Q: 'quit',
  '\x03': 'quit',
  '\x04': 'quit',
  k: 'up',
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  j: 'down',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[5~': 'pageUp',
  '\x1b[6~': 'pageDown',
  ' ': 'pageDown',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
  d: 'details',
};
