/** Rules for hosts, ports and addresses. No runtime's own parser is used: the engine knows no runtime. */

import { type Rule, whole } from './rules.ts';

/** A port to connect to. */
export const port: Rule<number> = whole(1, 65535);

/** A port to listen on; with 0 the system chooses one. */
export const listenPort: Rule<number> = whole(0, 65535);

/** A host name or an IP address, without brackets. */
export const hostName: Rule<string> = {
  allowed: 'a host name or an IP address (IPv6 without brackets)',
  parse: (text) => (isIpAddress(text) || isHostName(text) ? text : undefined),
};

/** The address of an interface with its prefix length. */
export const interfaceAddress: Rule<string> = {
  allowed:
    'an address with its prefix length, such as 10.90.0.1/24 or fd00::1/64 (of the host, not that of the network or the broadcast)',
  parse(text) {
    const [address = '', prefixText = '', ...rest] = text.split('/');
    if (rest.length > 0) return undefined;
    const v4 = parseIpv4(address);
    if (v4 !== undefined) {
      const prefix = whole(1, 32).parse(prefixText);
      return prefix === undefined || isNetworkOrBroadcast(v4, prefix) ? undefined : text;
    }
    if (parseIpv6(address) === undefined) return undefined;
    return whole(1, 128).parse(prefixText) === undefined ? undefined : text;
  },
};

/** Whether `text` is an IPv4 or IPv6 address, without brackets and without a zone. */
export function isIpAddress(text: string): boolean {
  return parseIpv4(text) !== undefined || parseIpv6(text) !== undefined;
}

/** Four decimal numbers, without leading zeros, which some programs read as octal. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => octet.parse(part));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes as number[]) : undefined;
}

/** RFC 4291 §2.2, all three forms. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const gap = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (halves.length === 2 ? gap < 2 : gap !== 0) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(gap).fill(0), ...tail]);
}

const octet = whole(0, 255);

/** Groups of 16 bits as bytes; the last one may be an IPv4 address when it ends the whole text. */
function parseGroups(text: string, endsText: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    const v4 = endsText && index === groups.length - 1 ? parseIpv4(group) : undefined;
    if (v4 !== undefined) {
      bytes.push(...v4);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return undefined;
    }
  }
  return bytes;
}

/** RFC 1123 §2.1; underscores are let through because real networks have them. */
function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  // A name whose last label is a number is an IPv4 address gone wrong, such as 10.0.0.256.
  if (/(^|\.)[0-9]+\.?$/.test(text)) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}

/** In networks of two addresses (RFC 3021) and of one, every address is a host's. */
function isNetworkOrBroadcast(address: Uint8Array, prefix: number): boolean {
  if (prefix >= 31) return false;
  const value = address.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - prefix);
  return value % size === 0 || value % size === size - 1;
}
