/** What is compared: a way to get from one host to another. */

import type { Lab, LabHost } from '../../lab/netns.ts';
import { hasOpenVpn } from '../../lab/openvpn.ts';
import { findProgram } from '../../lab/requirements.ts';
import { hasSoftEther, SOFTETHER_PACKAGES } from '../../lab/softether.ts';

/** Two hosts and the cable between them. */
export interface Bed {
  readonly lab: Lab;
  readonly client: LabHost;
  readonly server: LabHost;
}

/** Where the hosts of every bed are, on the cable and in the tunnel. */
export const CABLE = { client: '10.93.0.2', server: '10.93.0.1' } as const;
export const TUNNEL = { client: '10.94.0.2', server: '10.94.0.1' } as const;

export type Direction = 'up' | 'down';

export interface Flow {
  readonly bytes: number;
  readonly seconds: number;
  readonly retransmissions: number;
}

/** A subject that runs. */
export interface Running {
  /** Where the server is through the subject. */
  readonly target: string;
  /** The processes that carry the traffic, each with all that it has started; none for a bare cable. */
  readonly processes: { readonly client: readonly number[]; readonly server: readonly number[] };
  /** A subject that is no network, but carries bytes by itself: it can be asked for one flow, and for nothing else. */
  readonly flow?: (direction: Direction, seconds: number) => Promise<Flow>;
  /** Percent of the client's frames that compression has saved so far; undefined without compression. */
  readonly saved?: () => Promise<number | undefined>;
}

export type Need = 'softether' | 'openvpn' | 'openssl' | 'iperf3';

export interface Subject {
  readonly name: string;
  readonly title: string;
  readonly needs: readonly Need[];
  /** The only measures that it is there for; absent: all. */
  readonly measures?: readonly string[];
  /** Starts it in a fresh bed; it ends with the bed's lab. */
  readonly start: (bed: Bed) => Promise<Running>;
}

const NEEDS: Readonly<Record<Need, { readonly present: () => boolean; readonly packages: string }>> = {
  softether: { present: hasSoftEther, packages: SOFTETHER_PACKAGES },
  openvpn: { present: hasOpenVpn, packages: 'openvpn' },
  openssl: { present: () => findProgram('openssl') !== undefined, packages: 'openssl' },
  iperf3: { present: () => findProgram('iperf3') !== undefined, packages: 'iperf3' },
};

/** What to install for these, as a command; undefined when all is there. */
export function missing(needs: readonly Need[]): string | undefined {
  const absent = needs.filter((need) => !NEEDS[need].present());
  if (absent.length === 0) return undefined;
  const packages = absent.map((need) => NEEDS[need].packages).join(' ');
  return `${absent.join(' and ')} ${absent.length === 1 ? 'is' : 'are'} not installed: sudo apt-get install ${packages}`;
}
