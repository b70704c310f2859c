import { parseIpv4, parseIpv6 } from '../config/address.ts';

/**
 * What counts as one source of connections: an IPv4 address, and of IPv6 the network of 64 bits, of which whoever has
 * one address has them all.
 */
export function sourceOf(address: string): string {
  const bytes = parseIpv6(address);
  if (bytes === undefined) return address;
  // RFC 4291 §2.5.5.2: an IPv4 address on a socket for both.
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const groups = [0, 2, 4, 6].map((at) => ((bytes[at]! << 8) | bytes[at + 1]!).toString(16));
  return `${groups.join(':')}::/64`;
}

/** Whether both ends of a connection are on one machine (`protocol/control-plane.md` §9). */
export function isLocal(remote: string, local: string): boolean {
  return sameHost(remote, local) || isLoopback(remote);
}

function sameHost(left: string, right: string): boolean {
  return normal(left) === normal(right);
}

function isLoopback(address: string): boolean {
  const text = normal(address);
  const v4 = parseIpv4(text);
  return v4 === undefined ? text === LOOPBACK_V6 : v4[0] === 127;
}

const LOOPBACK_V6 = [...new Uint8Array(15), 1].join(',');

/** One spelling of an address. */
function normal(address: string): string {
  const bytes = parseIpv6(address);
  if (bytes === undefined) return address;
  return isMapped(bytes) ? bytes.subarray(12).join('.') : bytes.join(',');
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}
