import type { UserRecord } from '../login/authenticate.ts';
import type { Policy } from '../login/policy.ts';
import type { TapPort } from '../node.ts';
import type { HubOptions } from '../server/options.ts';
import type { ServerSession } from '../server/server-session.ts';

/** A virtual hub: who may enter it, and who is in it. The switching itself is the core's. */
export class Hub {
  readonly name: string;
  /** The hub's number in the core. */
  readonly number: number;
  readonly sessions = new Set<ServerSession>();
  readonly taps: TapPort[] = [];
  readonly #users = new Map<string, UserRecord>();
  readonly #policies = new Map<string, Partial<Policy>>();
  readonly #groups = new Map<string, string>();
  #counter = 0;

  constructor(number: number, options: HubOptions) {
    this.number = number;
    this.name = options.name;
    for (const user of options.users) {
      const record: UserRecord =
        user.passwordHash === undefined ? { kind: 'anonymous' } : { kind: 'password', hash: user.passwordHash };
      this.#users.set(userKey(user.name), record);
      if (user.policy !== undefined) this.#policies.set(userKey(user.name), user.policy);
      if (user.group !== undefined) this.#groups.set(userKey(user.name), user.group);
    }
  }

  /** User names are compared without regard to case and outer spaces: `protocol/control-plane.md` §4.1. */
  user(name: string): UserRecord | undefined {
    return this.#users.get(userKey(name));
  }

  /** What is set for the user. */
  policy(name: string): Partial<Policy> {
    return this.#policies.get(userKey(name)) ?? {};
  }

  group(name: string): string | undefined {
    return this.#groups.get(userKey(name));
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

function userKey(name: string): string {
  return name.trim().toLowerCase();
}
