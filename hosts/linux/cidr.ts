import { isIPv4, isIPv6 } from 'node:net';

/** An interface address with the length of its network's prefix. */
export interface Cidr {
  readonly family: 4 | 6;
  /** Four or sixteen bytes. */
  readonly bytes: Uint8Array;
  /** Bits, 0 to 32 or 128. */
  readonly prefix: number;
}

function ipv4Bytes(text: string): number[] {
  return text.split('.').map(Number);
}

/** @param text Valid IPv6 without a zone (RFC 4291 section 2.2). */
function ipv6Bytes(text: string): Uint8Array {
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          // The last 32 bits may be written as IPv4.
          if (group.includes('.')) return ipv4Bytes(group);
          const value = Number.parseInt(group, 16);
          return [value >> 8, value & 255];
        });
  const [front = '', back = ''] = text.split('::');
  const bytes = new Uint8Array(16);
  const head = groups(front);
  const tail = groups(back);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Reads `10.0.0.1/24` or `fd00::1/64`. Undefined when it is neither; a prefix is required. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)\/(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const [, address = '', digits = ''] = match;
  const prefix = Number(digits);
  if (isIPv4(address)) {
    return prefix <= 32 ? { family: 4, bytes: Uint8Array.from(ipv4Bytes(address)), prefix } : undefined;
  }
  if (isIPv6(address)) return prefix <= 128 ? { family: 6, bytes: ipv6Bytes(address), prefix } : undefined;
  return undefined;
}
