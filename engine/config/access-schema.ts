/** The access list of a hub in the server's configuration. */

import type * as z from 'zod';
import type { AccessRule, AddressRange, PortRange } from '../hub/access-rule.ts';
import { activeRules } from '../hub/access-table.ts';
import { REDIRECT_URL_MAX } from '../hub/redirect.ts';
import { parseIpv4, parseIpv6 } from './address.ts';
import { groupName, userName } from './names.ts';
import { oneOf, type Rule, whole, yesOrNo } from './rules.ts';
import { list, section, value } from './schema-parts.ts';

/** Active rules of one hub: what the core compares a frame with. */
export const MAX_RULES = 1024;

/** `10.0.0.0/8`, `10.0.0.1`, `10.0.0.1/255.0.0.255`, `fd00::/8`. */
const addresses: Rule<AddressRange> = {
  allowed:
    'an IPv4 or IPv6 address, also with a prefix length or a mask, such as 10.0.0.0/8, 10.0.0.1/255.0.0.255 or fd00::/8',
  parse(text) {
    const [start = '', end, ...rest] = text.split('/');
    const address = parseIpv4(start) ?? parseIpv6(start);
    if (address === undefined || rest.length > 0) return undefined;
    if (end === undefined) return { address, mask: prefixMask(address.length, address.length * 8) };
    const bits = whole(0, address.length * 8).parse(end);
    if (bits !== undefined) return { address, mask: prefixMask(address.length, bits) };
    const mask = parseIpv4(end) ?? parseIpv6(end);
    return mask?.length === address.length ? { address, mask } : undefined;
  },
};

const stations: Rule<AddressRange> = {
  allowed: 'a MAC address, also with a mask, such as 02:00:00:00:00:01 or 02:00:00:00:00:00/ff:ff:ff:00:00:00',
  parse(text) {
    const parts = text.split('/').map(parseMac);
    const [address, mask = new Uint8Array(6).fill(0xff)] = parts;
    if (address === undefined || parts.length > 2 || parts.includes(undefined)) return undefined;
    return { address, mask };
  },
};

const ports: Rule<PortRange> = {
  allowed: 'a port from 0 to 65535, or a range such as 80-443',
  parse(text) {
    const [first, last, ...rest] = text.split('-').map((part) => whole(0, 65_535).parse(part));
    if (first === undefined || rest.length > 0) return undefined;
    if (!text.includes('-')) return { first, last: first };
    return last !== undefined && last >= first ? { first, last } : undefined;
  },
};

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, icmpv6: 58 };

const protocol: Rule<number> = {
  allowed: `${Object.keys(PROTOCOLS).join(', ')} or the number of an IP protocol from 0 to 255`,
  parse: (text) => PROTOCOLS[text] ?? whole(0, 255).parse(text),
};

const webPage: Rule<string> = {
  allowed: `a URL that begins with http:// or https://, of at most ${REDIRECT_URL_MAX} printable ASCII characters without spaces`,
  parse: (text) => (text.length <= REDIRECT_URL_MAX && /^https?:\/\/[\x21-\x7e]+$/.test(text) ? text : undefined),
};

const rule = section({
  priority: value(whole(1, 0xffff_ffff, 'the smallest is looked at first')),
  action: value(oneOf('pass', 'discard')),
  active: value(yesOrNo).optional(),
  from: value(addresses).optional(),
  to: value(addresses).optional(),
  protocol: value(protocol).optional(),
  fromPorts: value(ports).optional(),
  toPorts: value(ports).optional(),
  tcpState: value(oneOf('established', 'unestablished')).optional(),
  fromMac: value(stations).optional(),
  toMac: value(stations).optional(),
  fromUser: value(userName).optional(),
  fromGroup: value(groupName).optional(),
  toUser: value(userName).optional(),
  toGroup: value(groupName).optional(),
  loss: value(whole(0, 100, 'percent')).optional(),
  delay: value(whole(0, 10_000, 'milliseconds')).optional(),
  jitter: value(whole(0, 100, 'percent of the delay')).optional(),
  redirect: value(webPage).optional(),
}).superRefine((found, context) => {
  const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const { from, to, fromPorts, toPorts, tcpState } = found;
  if (from !== undefined && to !== undefined && from.address.length !== to.address.length) {
    problem('to', 'allowed is an address of the same family as in from');
  }
  const isTcp = found.protocol === undefined || found.protocol === 6;
  if ((fromPorts ?? toPorts) !== undefined && !isTcp && found.protocol !== 17) {
    problem(
      fromPorts === undefined ? 'toPorts' : 'fromPorts',
      'allowed is a port only where protocol is tcp or udp, or is not there',
    );
  }
  if (tcpState !== undefined && !isTcp) problem('tcpState', 'allowed only where protocol is tcp, or is not there');
  for (const key of ['loss', 'delay', 'jitter', 'redirect'] as const) {
    if (found[key] !== undefined && found.action === 'discard') problem(key, 'allowed only where action is pass');
  }
  if (found.jitter !== undefined && found.delay === undefined) problem('jitter', 'allowed only beside a delay');
  if (found.redirect !== undefined && (found.toUser ?? found.toGroup) !== undefined) {
    problem(
      'redirect',
      'allowed only without toUser and toGroup: a frame is redirected before it is known who gets it',
    );
  }
  if (found.delay !== undefined && (found.toUser ?? found.toGroup) !== undefined) {
    problem('delay', 'allowed only without toUser and toGroup: a frame is delayed before it is known who gets it');
  }
});

export const accessSchema = list(rule, 0, 'rules')
  .max(MAX_RULES, {
    error: `allowed are at most ${MAX_RULES} rules: a frame may have to be compared with all of them`,
  })
  .superRefine((rules, context) => {
    const active = activeRules(rules);
    const first = active.findIndex(({ toUser, toGroup }) => (toUser ?? toGroup) !== undefined);
    if (first < 0) return;
    for (const [index, found] of rules.entries()) {
      const key = found.redirect !== undefined ? 'redirect' : found.delay !== undefined ? 'delay' : undefined;
      // What a rule says against itself has been said.
      const late = active.indexOf(found) > first && (found.toUser ?? found.toGroup) === undefined;
      if (key === undefined || !late) continue;
      const message =
        'allowed only in rules that are looked at before those with toUser and toGroup: give it a smaller priority';
      context.addIssue({ code: 'custom', path: [index, key], message });
    }
  });

export function accessRules(found: z.output<typeof accessSchema>): readonly AccessRule[] {
  return found;
}

function prefixMask(length: number, bits: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (0xff << (8 - Math.max(0, Math.min(8, bits - i * 8)))) & 0xff);
}

function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (byte) => Number.parseInt(byte, 16));
}
