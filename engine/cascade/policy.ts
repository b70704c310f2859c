import type { Core } from '../core.ts';
import type { Policy } from '../login/policy.ts';

/** A core that enforces policies per frame. */
interface Enforcer {
  setPolicy(port: number, policy: Policy, now: number): void;
}

/** What the hub demands of the frames that come in by a cascade, `protocol/data-plane.md` §6.10: the one call site. */
export function enforcePolicy(core: Core & Partial<Enforcer>, port: number, policy: Policy, now: number): void {
  core.setPolicy?.(port, policy, now);
}
