/** Networks, routes and servers of the client's settings. */

import { domainName } from '../dhcp/names.ts';
import { isIpAddress, parseIpv4, parseIpv6 } from './address.ts';
import { type Rule, whole } from './rules.ts';

/** A network in CIDR form, without bits of a host. */
export const networkCidr: Rule<string> = {
  allowed: 'a network such as 10.0.0.0/8 or fd00::/8, without bits behind its prefix',
  parse(text) {
    const [address = '', prefixText = '', ...rest] = text.split('/');
    const bytes = parseIpv4(address) ?? parseIpv6(address);
    if (rest.length > 0 || bytes === undefined) return undefined;
    const prefix = whole(0, bytes.length * 8).parse(prefixText);
    if (prefix === undefined || !isZeroBehind(bytes, prefix)) return undefined;
    return text;
  },
};

/** A route: a network, or one of two words. */
export const route: Rule<string> = {
  allowed: `${networkCidr.allowed}, or default, or auto for those of the DHCP server`,
  parse: (text) => (text === 'default' || text === 'auto' ? text : networkCidr.parse(text)),
};

export const gateway: Rule<string> = {
  allowed: 'the address of a router, such as 10.90.0.1 or fd00::1',
  parse: (text) => (isIpAddress(text) ? text : undefined),
};

export const dnsServer: Rule<string> = {
  allowed: 'the address of a DNS server, or auto for those that DHCP and router advertisements name',
  parse: (text) => (text === 'auto' || isIpAddress(text) ? text : undefined),
};

export const searchDomain: Rule<string> = {
  allowed: 'a domain such as corp.example.com',
  parse: (text) => domainName(text),
};

export const metric = whole(1, 1_000_000);

/** Whether the network holds the address; both are well-formed. */
export function holds(network: string, address: string): boolean {
  const [base = '', prefixText = ''] = network.split('/');
  const left = parseIpv4(base) ?? parseIpv6(base);
  const right = parseIpv4(address) ?? parseIpv6(address);
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  const prefix = Number(prefixText);
  return left.every((byte, index) => {
    const mask = 0xff00 >> Math.min(8, Math.max(0, prefix - index * 8));
    return ((byte ^ right[index]!) & mask & 0xff) === 0;
  });
}

function isZeroBehind(bytes: Uint8Array, prefix: number): boolean {
  return bytes.every((byte, index) => (byte & (0xff >> Math.min(8, Math.max(0, prefix - index * 8)))) === 0);
}
