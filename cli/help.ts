/** What stands below the options in every help text. */

import { describeExitCodes, type ExitName } from './exit-codes.ts';

export function helpTail(
  examples: readonly (readonly [command: string, what: string])[],
  codes?: readonly ExitName[],
): string {
  const lines = examples.map(([command, what]) => `  # ${what}\n  ${command}`);
  return ['', 'Examples:', ...lines, '', describeExitCodes(codes)].join('\n');
}
