/** What a running server does with `etherloom cascade online` and `offline`. */

import type { RunningServer } from '../engine/server/options.ts';

/** The answer to a request of the control socket. */
export function cascadeCommand(
  server: Pick<RunningServer, 'setCascade'>,
  { name, hub, online }: Readonly<Record<string, unknown>>,
): object {
  if (typeof name !== 'string' || typeof online !== 'boolean' || (hub !== undefined && typeof hub !== 'string')) {
    return { error: 'expected name, a text, and online, true or false; hub, when it is there, is a text' };
  }
  const answer = server.setCascade(name, hub, online);
  return answer.ok ? { hub: answer.hub, cascade: answer.cascade } : { error: answer.problem };
}
