/** How the kernel controls congestion on a tunnel's connections. */

import type { Channel } from '../host.ts';

/** `auto`, `system` for what the system has set for all connections, or a name of the kernel's, such as `cubic`. */
export type Congestion = string;

/** Of a name of the kernel's, TCP_CA_NAME_MAX. */
export const CONGESTION_PATTERN = /^[a-z0-9_-]{1,15}$/;

/**
 * From a round trip of so many milliseconds on, BBR is chosen where the kernel has it: it keeps the queue in front of a
 * bottleneck short, and does not take each loss for congestion. On shorter ways its pacing costs more than it brings.
 */
const LONG_MS = 3;

/** Whether the connection's round trips are long; false where they are not known. */
export function isLong(channel: Channel): boolean {
  return (channel.tcp?.()?.leastRoundTripMs ?? 0) >= LONG_MS;
}

/**
 * What the connection carries: bulk, or priority frames alone. Those are few, and BBR would pace them by how few they are:
 * two that come together would leave 20 ms apart.
 */
export type Load = 'bulk' | 'priority';

/** For the latter, whichever the kernel has. */
const UNPACED = ['cubic', 'reno'];

/**
 * To be called when the connection's login is over, as the kernel knows its round trip by then, and when its load changes.
 * Whether its queue in the network is to be kept short (`ceiling.ts`). `refused` is told when a name was asked for that the
 * kernel does not have, or not for us.
 */
export function controlCongestion(
  channel: Channel,
  congestion: Congestion,
  load: Load,
  refused: () => void = () => {},
): boolean {
  if (congestion === 'system') return false;
  if (congestion !== 'auto') {
    if (channel.useCongestion?.(congestion) !== true) refused();
    return false;
  }
  if (!isLong(channel)) return false;
  if (load === 'priority') {
    UNPACED.find((name) => channel.useCongestion?.(name));
    return false;
  }
  return channel.useCongestion?.('bbr') === true;
}

export const CONGESTION_REFUSED =
  "the kernel does not have this congestion control, or not for this user: the system's own is used; " +
  'sysctl net.ipv4.tcp_available_congestion_control names those that there are';
