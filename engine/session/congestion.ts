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

/**
 * To be called when the connection's login is over: the kernel knows its round trip by then. Whether its queue in the network
 * is to be kept short (`ceiling.ts`).
 */
export function controlCongestion(channel: Channel, congestion: Congestion): boolean {
  if (congestion === 'system') return false;
  if (congestion !== 'auto') {
    channel.useCongestion?.(congestion);
    return false;
  }
  const { leastRoundTripMs = 0 } = channel.tcp?.() ?? {};
  return leastRoundTripMs >= LONG_MS && channel.useCongestion?.('bbr') === true;
}
