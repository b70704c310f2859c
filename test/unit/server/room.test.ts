/** Room for further connections, beside those that cascades may have. */
import { expect, test } from 'vitest';
import { type AuthorityOptions, HubAuthority } from '../../../engine/server/authority.ts';
import type { ServerSession } from '../../../engine/server/server-session.ts';

const MEMBER = { session: { tunnels: [] }, maxConnections: 32 } as unknown as ServerSession;

function hasRoom(connections: number, otherConnections: number): boolean {
  const options = { sessions: new Set(), connections: () => connections, otherPorts: 0, otherConnections };
  return new HubAuthority(options as unknown as AuthorityOptions).hasRoom(MEMBER);
}

test('a session gets no further connection where first ones, and those of cascades, would have no place', () => {
  expect([hasRoom(2_175, 0), hasRoom(2_176, 0)]).toEqual([true, false]);
  expect([hasRoom(1_023, 1_153), hasRoom(1_024, 1_152)]).toEqual([false, false]);
  expect(hasRoom(1_023, 1_152)).toBe(true);
});
