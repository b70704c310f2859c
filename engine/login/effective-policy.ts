import { ERROR_ACCESS_DENIED, ERROR_BRIDGE_DENIED, ERROR_MONITOR_DENIED, ERROR_NONE, ERROR_VERSION } from './errors.ts';
import type { LoginRequest } from './login-request.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';

/** What a server has set for all its sessions, where a policy does not say otherwise. */
export interface SessionDefaults {
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** The most that any policy can give, 1 to 32. */
  readonly maxConnections: number;
}

/** A user's whole policy: the default one, with what the server and then what the user has set in place of it. */
export function userPolicy(own: Partial<Policy>, { timeoutMs, maxConnections }: SessionDefaults): Policy {
  return {
    ...DEFAULT_POLICY,
    TimeOut: Math.floor(timeoutMs / 1000),
    ...own,
    MaxConnection: Math.min(own.MaxConnection ?? maxConnections, maxConnections),
    Ver3: true,
  };
}

/**
 * What of a policy is decided when a user who has proved to be one wants to enter, in the order of
 * `protocol/control-plane.md` §7: version (87), expiry and Access (12), monitor (107), bridge (108).
 *
 * @param barred The account has ended or is switched off.
 */
export function refusalOf(
  policy: Policy,
  request: Pick<LoginRequest, 'displayName' | 'clientBuild' | 'monitorMode' | 'bridgeMode'>,
  barred: boolean,
): number {
  const { NoSavePassword, AutoDisconnect, Access, MonitorPort, NoBridge, NoRouting } = policy;
  const old = /client/i.test(request.displayName) && request.clientBuild < POLICY_BUILD;
  if (old && (NoSavePassword || AutoDisconnect > 0)) return ERROR_VERSION;
  if (barred || !Access) return ERROR_ACCESS_DENIED;
  if (request.monitorMode && !MonitorPort) return ERROR_MONITOR_DENIED;
  if (request.bridgeMode && NoBridge && NoRouting) return ERROR_BRIDGE_DENIED;
  return ERROR_NONE;
}

/** Clients of this build and later keep to NoSavePassword and AutoDisconnect: `protocol/control-plane.md` §4.6. */
const POLICY_BUILD = 6560;

/**
 * The policy of a session, as the welcome shows it: `protocol/control-plane.md` §5.1 and §9. Who does not ask for bridge
 * mode is held to be one station, unless it is on this machine; what the policy itself forbids stays forbidden there too,
 * where the reference lifts it, because behind a forwarder for TLS or SSH everybody seems to be on this machine.
 */
export function sessionPolicy(
  policy: Policy,
  request: Pick<LoginRequest, 'monitorMode' | 'bridgeMode'>,
  local: boolean,
): Policy {
  const station = !request.bridgeMode && !local;
  return {
    ...policy,
    NoBridge: policy.NoBridge || station,
    NoRouting: policy.NoRouting || station,
    MonitorPort: policy.MonitorPort && request.monitorMode,
  };
}
