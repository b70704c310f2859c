import type { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';

/** A user's policy as 39 INT elements `policy:*` of a welcome: `protocol/control-plane.md` §5.1. */

/** In the order of the wire; the value is the default policy's. */
const FLAGS = {
  Access: true,
  ArpDhcpOnly: false,
  CheckIP: false,
  CheckIPv6: false,
  CheckMac: false,
  DHCPFilter: false,
  DHCPForce: false,
  DHCPNoServer: false,
  DHCPv6Filter: false,
  DHCPv6NoServer: false,
  FilterIPv4: false,
  FilterIPv6: false,
  FilterNonIP: false,
  FixPassword: false,
  MonitorPort: false,
  NoBridge: false,
  NoBroadcastLimiter: false,
  NoIPv6DefaultRouterInRA: false,
  NoIPv6DefaultRouterInRAWhenIPv6: false,
  NoQoS: false,
  NoRouting: false,
  NoRoutingV6: false,
  NoSavePassword: false,
  NoServer: false,
  NoServerV6: false,
  PrivacyFilter: false,
  RAFilter: false,
  RSandRAFilter: false,
  /** Always sent as 1. */
  Ver3: true,
};

const NUMBERS = {
  /** Seconds, 0 = off. The client ends the session itself, with error 126. */
  AutoDisconnect: 0,
  /** TCP connections of one session, 1 to 32. */
  MaxConnection: 32,
  /** Bit/s, 0 = off. */
  MaxDownload: 0,
  /** 1 to 65535 addresses, 0 = off. */
  MaxIP: 0,
  MaxIPv6: 0,
  MaxMac: 0,
  /** Bit/s, 0 = off. */
  MaxUpload: 0,
  /** 1 to 65535 sessions of one user, 0 = off. */
  MultiLogins: 0,
  /** Seconds, 5 to 60. */
  TimeOut: 20,
  /** 1 to 4095, 0 = off. */
  VLanId: 0,
};

export type PolicyFlag = keyof typeof FLAGS;
export type PolicyNumber = keyof typeof NUMBERS;
/** Names as on the wire, without `policy:`. */
export type Policy = { readonly [Flag in PolicyFlag]: boolean } & { readonly [Field in PolicyNumber]: number };

export const POLICY_FLAGS = Object.keys(FLAGS) as readonly PolicyFlag[];
export const POLICY_NUMBERS = Object.keys(NUMBERS) as readonly PolicyNumber[];
export const DEFAULT_POLICY: Policy = { ...FLAGS, ...NUMBERS };

/** Adds all 39 elements, in the order of real servers. */
export function putPolicy(builder: PackBuilder, policy: Policy): PackBuilder {
  for (const name of SORTED) builder.int(`policy:${name}`, Number(policy[name]));
  return builder;
}

/** An element that is absent reads as 0, as everywhere. */
export function getPolicy(pack: Pack): Policy {
  const flags = POLICY_FLAGS.map((name) => [name, pack.bool(`policy:${name}`)] as const);
  const numbers = POLICY_NUMBERS.map((name) => [name, pack.int(`policy:${name}`)] as const);
  return Object.fromEntries([...flags, ...numbers]) as Policy;
}

/** Real senders sort elements by their names, ignoring case: `protocol/control-plane.md` §2. */
const SORTED: readonly (PolicyFlag | PolicyNumber)[] = [...POLICY_FLAGS, ...POLICY_NUMBERS].sort((a, b) =>
  a.toLowerCase() < b.toLowerCase() ? -1 : 1,
);
