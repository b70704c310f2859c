import type { Policy, PolicyFlag } from '../login/policy.ts';

/** What the core has to know of a session's policy: `assembly/policy/`. */
export interface PortPolicy {
  /** Tests of what the session sends and gets, bits of `assembly/policy/bits.ts`. */
  readonly tests: number;
  readonly noRouter: boolean;
  readonly stations: number;
  readonly ips: number;
  readonly ipv6s: number;
}

/** In the order of the bits. */
const TESTS: readonly PolicyFlag[] = [
  'DHCPFilter',
  'DHCPNoServer',
  'DHCPForce',
  'CheckIP',
  'ArpDhcpOnly',
  'PrivacyFilter',
  'NoServer',
  'RSandRAFilter',
  'RAFilter',
  'DHCPv6Filter',
  'DHCPv6NoServer',
  'CheckIPv6',
  'NoServerV6',
  'FilterIPv4',
  'FilterIPv6',
  'FilterNonIP',
];

/** `protocol/data-plane.md` §6.5: what a session may have that is no bridge and no router, and what every one may have. */
const STATIONS_OF_A_CLIENT = 3;
const IPS_OF_A_CLIENT = 4;
const IPV6S_OF_A_CLIENT = 15;
const IPV6S_LEAST = 5;

/** @param ipv6Outside The session's connections run over IPv6. */
export function portPolicy(policy: Policy, ipv6Outside: boolean): PortPolicy {
  return {
    tests: TESTS.reduce((bits, name, i) => (policy[name] ? bits | (1 << i) : bits), 0),
    noRouter: policy.NoIPv6DefaultRouterInRA || (policy.NoIPv6DefaultRouterInRAWhenIPv6 && ipv6Outside),
    stations: most(policy.NoBridge ? STATIONS_OF_A_CLIENT : 0, policy.MaxMac, STATIONS_OF_A_CLIENT),
    ips: most(policy.NoRouting ? IPS_OF_A_CLIENT : 0, policy.MaxIP, IPS_OF_A_CLIENT),
    ipv6s: most(policy.NoRoutingV6 ? IPV6S_OF_A_CLIENT : 0, policy.MaxIPv6, IPV6S_LEAST),
  };
}

/** The smaller one of two limits, 0 being none, and `least` at least. */
function most(one: number, other: number, least: number): number {
  if (one === 0 && other === 0) return 0;
  return Math.max(least, Math.min(one || Number.POSITIVE_INFINITY, other || Number.POSITIVE_INFINITY));
}
