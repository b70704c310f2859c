/** Which addresses a server may give, and networks as text. */

import { formatIpv4, formatIpv6 } from '../pack/ip-text.ts';

/** An IPv4 address that a host can have, or that a host can be reached at. */
export function isHost4(address: Uint8Array): boolean {
  const first = address[0]!;
  return address.length === 4 && first !== 0 && first !== 127 && first < 224;
}

/** The prefix length of a mask; undefined when its ones are not in front. */
export function maskPrefix(mask: Uint8Array): number | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return mask.length === 4 && /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** What the class of an address says (RFC 950 §2.1), where a server does not. */
export function classPrefix(address: Uint8Array): number {
  return address[0]! < 128 ? 8 : address[0]! < 192 ? 16 : 24;
}

/** Not the network itself and not its broadcast; networks of two and of one have neither (RFC 3021). */
export function isHostOf(address: Uint8Array, prefix: number): boolean {
  if (prefix >= 31) return true;
  const value = number4(address);
  const size = 2 ** (32 - prefix);
  return value % size !== 0 && value % size !== size - 1;
}

/** The network of an address in CIDR form, bits of hosts cleared. */
export function network(address: Uint8Array, prefix: number): string {
  const bytes = address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix - index * 8))));
  return `${bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes)}/${prefix}`;
}

/** An IPv6 address that a host can have and others can send to: no multicast, no loopback, not unspecified. */
export function isHost6(address: Uint8Array): boolean {
  if (address.length !== 16 || address[0] === 0xff) return false;
  return address.subarray(0, 15).some((byte) => byte !== 0) || address[15]! > 1;
}

export function isLinkLocal6(address: Uint8Array): boolean {
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

function number4(address: Uint8Array): number {
  return address.reduce((sum, byte) => sum * 256 + byte, 0);
}
