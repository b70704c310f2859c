import type { CascadeStatus } from '../admin/status.ts';
import type { Cascade } from '../cascade/cascade.ts';
import type { UserRecord } from '../login/authenticate.ts';
import type { Policy } from '../login/policy.ts';
import type { LoopGuard } from '../loop/guard.ts';
import type { TapPort } from '../node.ts';
import type { HubOptions, UserOptions } from '../server/options.ts';
import type { ServerSession } from '../server/server-session.ts';
import type { LocalBridge } from './local-bridge.ts';

/** A user of a hub. */
export interface HubUser {
  /** How it proves who it is. */
  readonly record: UserRecord;
  readonly disabled: boolean;
  /** Milliseconds since 1970 UTC; Infinity: never. */
  readonly expires: number;
  readonly policy: Partial<Policy>;
  readonly group: string | undefined;
}

/** A virtual hub: who may enter it, and who is in it. The switching itself is the core's. */
export class Hub {
  readonly name: string;
  /** The hub's number in the core. */
  readonly number: number;
  readonly sessions = new Set<ServerSession>();
  readonly taps: TapPort[] = [];
  readonly bridges: LocalBridge[] = [];
  readonly cascades: Cascade[] = [];
  /** Of links that other hubs of this server have to this one: what a status shows of this end. */
  readonly farEnds = new Map<Cascade, () => CascadeStatus>();
  /** Finds the loops that the hub is part of. */
  readonly guard: LoopGuard;
  /** DER of the CAs of its users. */
  readonly cas: readonly Uint8Array[];
  readonly #users = new Map<string, HubUser>();
  #counter = 0;

  constructor(number: number, options: HubOptions, guard: LoopGuard) {
    this.number = number;
    this.guard = guard;
    this.name = options.name;
    this.cas = options.cas ?? [];
    for (const user of options.users) {
      const { disabled = false, expires = Number.POSITIVE_INFINITY, policy = {}, group } = user;
      this.#users.set(userKey(user.name), { record: recordOf(user), disabled, expires, policy, group });
    }
  }

  /** User names are compared without regard to case and outer spaces: `protocol/control-plane.md` §4.1. */
  user(name: string): HubUser | undefined {
    return this.#users.get(userKey(name));
  }

  group(name: string): string | undefined {
    return this.user(name)?.group;
  }

  /** Such as `SID-ALICE-62`: `protocol/control-plane.md` §5. */
  nextSessionName(userName: string): string {
    this.#counter++;
    return `SID-${userName.toUpperCase()}-${this.#counter}`;
  }
}

/** Hub names are compared without regard to case. */
export function hubKey(name: string): string {
  return name.toLowerCase();
}

/** One spelling for all names of a user. */
export function userKey(name: string): string {
  return name.trim().toLowerCase();
}

function recordOf({ passwordHash, certificate, ca }: UserOptions): UserRecord {
  if (passwordHash !== undefined) return { kind: 'password', hash: passwordHash };
  if (certificate !== undefined) return { kind: 'certificate', certificate };
  return ca === undefined ? { kind: 'anonymous' } : { kind: 'ca', ...ca };
}
