/** Router solicitations and advertisements: RFC 4861 §4.1 and §4.2, DNS options of RFC 8106. */

import { formatIpv6 } from '../pack/ip-text.ts';
import { isHost6, isLinkLocal6 } from './addresses.ts';
import { icmp6Frame, parseIcmp6 } from './datagram.ts';
import { domainNames } from './names.ts';

export interface Advertisement {
  /** Link-local. */
  readonly router: string;
  /** Addresses are to be had by DHCPv6, and other settings are. */
  readonly managed: boolean;
  readonly other: boolean;
  /** Seconds for which it is a router for everything; 0: it is none. */
  readonly lifetime: number;
  readonly dns: readonly Lifetime[];
  readonly search: readonly Lifetime[];
}

/** A server's address or a domain, and for how many seconds; Infinity: for ever. */
export interface Lifetime {
  readonly value: string;
  readonly seconds: number;
}

const SOLICITATION = 133;
const ADVERTISEMENT = 134;
const HEAD_BYTES = 16;
const RDNSS = 25;
const DNSSL = 31;
const ITEMS_MAX = 8;
const ALL_ROUTERS = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/** From nobody in particular (RFC 4861 §4.1): the answer then goes to all nodes, and so to the kernel as well. */
export function solicitation(mac: Uint8Array): Uint8Array {
  const message = new Uint8Array(8);
  message[0] = SOLICITATION;
  return icmp6Frame(
    {
      sourceMac: mac,
      destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 2),
      source: new Uint8Array(16),
      destination: Uint8Array.from(ALL_ROUTERS),
    },
    message,
  );
}

/** Undefined when it is none that a node may take (RFC 4861 §6.1.2). */
export function parseAdvertisement(frame: Uint8Array): Advertisement | undefined {
  const found = parseIcmp6(frame);
  if (found === undefined || found.hopLimit !== 255 || !isLinkLocal6(found.source)) return undefined;
  const { message, source } = found;
  if (message[0] !== ADVERTISEMENT || message[1] !== 0 || message.length < HEAD_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const dns: Lifetime[] = [];
  const search: Lifetime[] = [];
  for (let at = HEAD_BYTES; at < message.length; ) {
    const length = at + 1 < message.length ? message[at + 1]! * 8 : 0;
    if (length === 0 || at + length > message.length) return undefined;
    const type = message[at];
    if ((type === RDNSS || type === DNSSL) && length >= 16) {
      const whole = view.getUint32(at + 4);
      const seconds = whole === 0xffff_ffff ? Number.POSITIVE_INFINITY : whole;
      const body = message.subarray(at + 8, at + length);
      const values = type === RDNSS ? serversOf(body) : domainNames(body, false);
      const into = type === RDNSS ? dns : search;
      for (const value of values) if (into.length < ITEMS_MAX) into.push({ value, seconds });
    }
    at += length;
  }
  return {
    router: formatIpv6(source),
    managed: (message[5]! & 0x80) !== 0,
    other: (message[5]! & 0x40) !== 0,
    lifetime: view.getUint16(6),
    dns,
    search,
  };
}

function serversOf(body: Uint8Array): string[] {
  const servers: string[] = [];
  for (let at = 0; at + 16 <= body.length; at += 16) {
    const address = body.subarray(at, at + 16);
    // A link-local one means nothing without the interface, which files of resolvers do not name.
    if (isHost6(address) && !isLinkLocal6(address)) servers.push(formatIpv6(address));
  }
  return servers;
}
