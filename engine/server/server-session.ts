import type { Hub } from '../hub/hub.ts';
import type { Direction } from '../login/additional.ts';
import type { Session } from '../session/session.ts';

/** A session as the server keeps it. */
export interface ServerSession {
  readonly session: Session;
  readonly hub: Hub;
  /** Such as `SID-ALICE-62`. */
  readonly name: string;
  readonly user: string;
  /** 20 random bytes that let a connection join. */
  readonly key: Uint8Array;
  /** 1 to 32. */
  readonly maxConnections: number;
  readonly halfDuplex: boolean;
  /** False: every connection leaves TLS behind its login (`protocol/control-plane.md` §8.4). */
  readonly encrypted: boolean;
  readonly compressed: boolean;
  /** What the client says of its installation: 16 bytes, all 0 when it does not. */
  readonly uniqueId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** The direction that the next connection of a half-duplex session gets: `protocol/data-plane.md` §4.5. */
export function nextDirection(directions: readonly Direction[]): Direction {
  const down = directions.filter((direction) => direction === 1).length;
  return down > directions.length - down ? 2 : 1;
}
