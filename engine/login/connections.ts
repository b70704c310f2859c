import { MAX_CONNECTIONS, type SessionWishes } from './login-request.ts';

/** How many TCP connections a session has at most. */

/**
 * What a server writes into the welcome: `protocol/control-plane.md` §4.1, `max_connection`.
 *
 * @param policyMax The policy's MaxConnection, 1 to 32.
 */
export function grantedConnections(wishes: SessionWishes, policyMax: number): number {
  const granted = clamp(Math.min(wishes.maxConnection, policyMax));
  return Math.max(granted, needed(wishes.qos, wishes.halfConnection));
}

/**
 * What a client makes of a welcome: `protocol/control-plane.md` §5, `max_connection`.
 *
 * @param own The client's own setting, 1 to 32.
 */
export function usableConnections(
  own: number,
  welcome: { readonly maxConnection: number; readonly qos: boolean; readonly halfConnection: boolean },
): number {
  const usable = clamp(Math.min(own, welcome.maxConnection));
  return welcome.qos ? Math.max(usable, needed(true, welcome.halfConnection)) : usable;
}

/** QoS keeps one connection free in each direction; half duplex needs one in each direction. */
function needed(qos: boolean, half: boolean): number {
  return (qos ? 2 : 1) * (half ? 2 : 1);
}

function clamp(count: number): number {
  return Math.min(Math.max(count, 1), MAX_CONNECTIONS);
}
