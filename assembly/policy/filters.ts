/** The tests of a policy that look at the frame alone, `protocol/data-plane.md` §6.5. */

import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, isGroup, destination } from '../wire/ethernet';
import { etherType, layer4, packetEnd, tagged } from '../wire/packet';
import { UDP_BYTES } from '../wire/udp';
import {
  ARP_DHCP_ONLY, DHCP_FILTER, DHCP_NO_SERVER, DHCPV6_FILTER, DHCPV6_NO_SERVER, FILTER_IPV4, FILTER_IPV6, FILTER_NON_IP, NO_SERVER,
  NO_SERVER_V6, RA_FILTER, RS_AND_RA_FILTER,
} from './bits';
import { isArp, isDhcp, isDhcpv6, isDhcpv6Server, isIcmpv6, isIcmpv6Of, isIpv4, isIpv6, isSynAck, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION } from './kinds';

const FROM_SERVER: u32 = 2;

/** Whether a session with these tests may send the frame that was parsed last. */
export function maySend(tests: u32, frame: u32): bool {
  if (!maySee(tests, frame)) return false;
  if (tests & DHCP_NO_SERVER && isDhcp() && operation(frame) == FROM_SERVER) return false;
  if (tests & NO_SERVER && isIpv4() && isSynAck()) return false;
  if (tests & NO_SERVER_V6 && isIpv6() && isSynAck()) return false;
  if (tests & RA_FILTER && isIcmpv6Of(ROUTER_ADVERTISEMENT)) return false;
  if (tests & DHCPV6_NO_SERVER && isDhcpv6Server()) return false;
  // By the type alone, also of what could not be parsed.
  const ipv4 = !tagged && (etherType == ETHERTYPE_IPV4 || etherType == ETHERTYPE_ARP);
  const ipv6 = !tagged && etherType == ETHERTYPE_IPV6;
  if (tests & FILTER_IPV4 && ipv4) return false;
  if (tests & FILTER_IPV6 && ipv6) return false;
  return !(tests & FILTER_NON_IP) || ipv4 || ipv6;
}

/** Whether a session with these tests may get it. */
export function mayGet(tests: u32, frame: u32): bool {
  if (!maySee(tests, frame)) return false;
  const ipv4 = isIpv4() || isArp();
  if (tests & FILTER_IPV4 && ipv4) return false;
  if (tests & FILTER_IPV6 && isIpv6()) return false;
  return !(tests & FILTER_NON_IP) || ipv4 || isIpv6();
}

/** What is tested the same way in both directions. */
function maySee(tests: u32, frame: u32): bool {
  if (tests & DHCP_FILTER && isDhcp()) return false;
  if (tests & ARP_DHCP_ONLY && isGroup(destination(frame)) && !isArp() && !isDhcp() && !isDhcpv6() && !isIcmpv6()) return false;
  if (tests & RS_AND_RA_FILTER && (isIcmpv6Of(ROUTER_SOLICITATION) || isIcmpv6Of(ROUTER_ADVERTISEMENT))) return false;
  return !(tests & DHCPV6_FILTER && isDhcpv6());
}

/** The first byte of a DHCP message (RFC 2131 §2), or 0. */
@inline
function operation(frame: u32): u32 {
  return layer4 + UDP_BYTES < packetEnd ? <u32>load<u8>(frame + layer4 + UDP_BYTES) : 0;
}
