/**
 * What policies and limits ask of the frame that was parsed last. What is behind a VLAN tag is not looked at: the
 * reference's build 9674 does not either (`protocol/data-plane.md` §6.5, Appendix B).
 */

import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet';
import { ICMP, ICMPV6 } from '../wire/icmp';
import { destinationPort, etherType, flags, fragment, layer3, layer4, packetEnd, protocol, sourcePort, tagged } from '../wire/packet';
import { TCP, tcpHeaderBytes } from '../wire/tcp';
import { UDP } from '../wire/udp';

export const SYN: u32 = 0x02;
const FIN: u32 = 0x01;
const RST: u32 = 0x04;
const URG: u32 = 0x20;
export const ACK: u32 = 0x10;
const SERVER: u32 = 67;
const CLIENT: u32 = 68;
const CLIENT_V6: u32 = 546;
const SERVER_V6: u32 = 547;
export const ROUTER_SOLICITATION: u32 = 133;
export const ROUTER_ADVERTISEMENT: u32 = 134;

@inline
export function isArp(): bool {
  return !tagged && etherType == ETHERTYPE_ARP;
}

/** A packet that could be parsed. */
@inline
export function isIpv4(): bool {
  return !tagged && etherType == ETHERTYPE_IPV4 && layer3 != 0;
}

@inline
export function isIpv6(): bool {
  return !tagged && etherType == ETHERTYPE_IPV6 && layer3 != 0;
}

/** DHCP for IPv4, from a client or from a server (RFC 2131 §4.1). */
export function isDhcp(): bool {
  if (!isIpv4() || layer4 == 0 || protocol != UDP) return false;
  return (sourcePort == SERVER && destinationPort == CLIENT) || (sourcePort == CLIENT && destinationPort == SERVER);
}

/** To a client or a server of DHCPv6 (RFC 8415 §7.2). */
@inline
export function isDhcpv6(): bool {
  return isIpv6() && layer4 != 0 && protocol == UDP && (destinationPort == CLIENT_V6 || destinationPort == SERVER_V6);
}

/** What a server of DHCPv6 gets or sends. */
@inline
export function isDhcpv6Server(): bool {
  return isIpv6() && layer4 != 0 && protocol == UDP && (destinationPort == CLIENT_V6 || sourcePort == SERVER_V6);
}

@inline
export function isIcmpv6(): bool {
  return isIpv6() && layer4 != 0 && protocol == ICMPV6;
}

/** ICMPv6 of this type. */
@inline
export function isIcmpv6Of(type: u32): bool {
  return isIcmpv6() && sourcePort == type;
}

/** The answer of a TCP server. */
@inline
export function isSynAck(): bool {
  return layer4 != 0 && protocol == TCP && (flags & (SYN | ACK)) == (SYN | ACK);
}

/** A segment that a redirecting rule answers, `protocol/data-plane.md` §6.7: with data, of a connection that is open. */
export function isRequest(frame: u32): bool {
  if (tagged || fragment || layer4 == 0 || protocol != TCP) return false;
  return (flags & (SYN | RST | URG | ACK)) == ACK && packetEnd > layer4 + tcpHeaderBytes(frame + layer4);
}

/** What rate limits do not count, `protocol/data-plane.md` §6.6. */
export function isUnlimited(): bool {
  if (isArp()) return true;
  if (!isIpv4() || layer4 == 0) return false;
  if (protocol == ICMP) return true;
  if (protocol == TCP) return (flags & (SYN | FIN | RST)) != 0;
  return isDhcp();
}

/** Those that end a connection keep behind its data. */
@inline
export function isEndOfFlow(): bool {
  return protocol == TCP && (flags & (FIN | RST)) != 0;
}
