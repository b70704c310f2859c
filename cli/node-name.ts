/** The name of a node: that of its profile or configuration, the file's name without its ending. */

import * as path from 'node:path';

/** What a name may be: it is a part of file names, and the path of a socket has an end. */
export const NODE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,39}$/;
export const NODE_NAME_ALLOWED =
  '1 to 40 letters, digits, dots, dashes and underscores, not with a dot or dash in front';

/** Undefined where the name of the file does not make one: the node is then nameless. */
export function nodeNameOf(file: string): string | undefined {
  const name = path.basename(file).replace(/\.ya?ml$/, '');
  return NODE_NAME.test(name) ? name : undefined;
}
