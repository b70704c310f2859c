/** The policy of a user or a group in the server's configuration: the names of the wire in our spelling. */

import type * as z from 'zod';
import type { Policy, PolicyFlag, PolicyNumber } from '../login/policy.ts';
import { type Rule, whole, yesOrNo } from './rules.ts';
import { section, value } from './schema-parts.ts';
import { bitRate } from './user-rules.ts';

/** `Ver3` says how the policy is written, and is not to be set. */
type Settable = Exclude<PolicyFlag, 'Ver3'> | PolicyNumber;

/** Each of the names of `protocol/control-plane.md` §5.1 as the file has it. docs/users.md describes them. */
export const POLICY_NAMES = {
  access: 'Access',
  arpDhcpOnly: 'ArpDhcpOnly',
  autoDisconnect: 'AutoDisconnect',
  checkIp: 'CheckIP',
  checkIpv6: 'CheckIPv6',
  checkMac: 'CheckMac',
  dhcpFilter: 'DHCPFilter',
  dhcpForce: 'DHCPForce',
  dhcpNoServer: 'DHCPNoServer',
  dhcpv6Filter: 'DHCPv6Filter',
  dhcpv6NoServer: 'DHCPv6NoServer',
  filterIpv4: 'FilterIPv4',
  filterIpv6: 'FilterIPv6',
  filterNonIp: 'FilterNonIP',
  fixPassword: 'FixPassword',
  maxConnection: 'MaxConnection',
  maxDownload: 'MaxDownload',
  maxIp: 'MaxIP',
  maxIpv6: 'MaxIPv6',
  maxMac: 'MaxMac',
  maxUpload: 'MaxUpload',
  monitorPort: 'MonitorPort',
  multiLogins: 'MultiLogins',
  noBridge: 'NoBridge',
  noBroadcastLimiter: 'NoBroadcastLimiter',
  noIpv6DefaultRouterInRa: 'NoIPv6DefaultRouterInRA',
  noIpv6DefaultRouterInRaWhenIpv6: 'NoIPv6DefaultRouterInRAWhenIPv6',
  noQos: 'NoQoS',
  noRouting: 'NoRouting',
  noRoutingV6: 'NoRoutingV6',
  noSavePassword: 'NoSavePassword',
  noServer: 'NoServer',
  noServerV6: 'NoServerV6',
  privacyFilter: 'PrivacyFilter',
  raFilter: 'RAFilter',
  rsAndRaFilter: 'RSandRAFilter',
  timeout: 'TimeOut',
  vlanId: 'VLanId',
} as const satisfies Readonly<Record<string, Settable>>;

type PolicyName = keyof typeof POLICY_NAMES;

/** What is not true or false. */
const NUMBERS: { readonly [Field in PolicyNumber]: Rule<number> } = {
  AutoDisconnect: whole(0, 0xffff_ffff, 'seconds; 0 is off'),
  MaxConnection: whole(1, 32),
  MaxDownload: bitRate,
  MaxIP: whole(0, 65_535, 'addresses; 0 is off'),
  MaxIPv6: whole(0, 65_535, 'addresses; 0 is off'),
  MaxMac: whole(0, 65_535, 'addresses; 0 is off'),
  MaxUpload: bitRate,
  MultiLogins: whole(0, 65_535, 'sessions; 0 is off'),
  TimeOut: whole(5, 60, 'seconds'),
  VLanId: whole(0, 4_095, '0 is off'),
};

const shape = Object.fromEntries(
  Object.entries(POLICY_NAMES).map(([name, wire]) => {
    const rule: Rule<boolean | number> = wire in NUMBERS ? NUMBERS[wire as PolicyNumber] : yesOrNo;
    return [name, value(rule).optional()];
  }),
) as unknown as Record<PolicyName, z.ZodOptional<ReturnType<typeof value<boolean | number>>>>;

export const policySchema = section(shape);

/** The same without fields that cannot be set where it stands, by their names on the wire. */
export function policySchemaWithout(fixed: readonly (PolicyFlag | PolicyNumber)[]): typeof policySchema {
  const free = Object.entries(shape).filter(([name]) => !fixed.includes(POLICY_NAMES[name as PolicyName]));
  return section(Object.fromEntries(free)) as unknown as typeof policySchema;
}

/** The fields that are set, under the names of the wire. */
export function policyOf(found: z.output<typeof policySchema>): Partial<Policy> {
  const fields = Object.entries(found).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [POLICY_NAMES[name as PolicyName], field]));
}
