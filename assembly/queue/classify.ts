/** Which frames are priority frames. */

import { ICMP as ICMPV4, ICMPV6 } from '../wire/icmp';
import { etherType, fragment, layer3, layer4, packetEnd, protocol, sourcePort, destinationPort, flags, tagged } from '../wire/packet';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet';
import { TCP, tcpHeaderBytes } from '../wire/tcp';
import { UDP } from '../wire/udp';
import { VLAN_BYTES, vlanPriority } from '../wire/vlan';

const ETHERTYPE: u32 = 12;
const TOS: u32 = 15;
const PROTOCOL: u32 = 23;
const IPV4_BIG_ENDIAN: u32 = 0x0008;
const ICMP: u32 = 1;
/** Larger ICMP frames are bulk: a flood of full-size pings shall not overtake a call. */
const ICMP_FRAME_MAX: u32 = 128;

/** IEEE 802.1Q-2018 table I-2: from "voice" on. */
const PCP_MIN: u32 = 5;
/**
 * The DSCP (RFC 2474) of bulk: the default, "lower effort" (RFC 8622), the old "throughput" bit, CS1, AF1x and AF3x, which
 * RFC 4594 has for bulk data and for streams that are buffered. One bit each.
 */
const BULK_DSCP: u64 = 0x5400_5507;
const SYN_FIN_RST: u32 = 0x07;
const DNS: u32 = 53;

/**
 * `protocol/data-plane.md` §5.1: to the byte what a SoftEther sender does. `frame` is the address of `length` bytes.
 */
export function isPriority(frame: u32, length: u32): bool {
  if (length < 16 || <u32>load<u16>(frame + ETHERTYPE) != IPV4_BIG_ENDIAN) return false;
  const tos = <u32>load<u8>(frame + TOS);
  if (tos != 0x00 && tos != 0x08) return true;
  return length >= 34 && length <= ICMP_FRAME_MAX && <u32>load<u8>(frame + PROTOCOL) == ICMP;
}

/**
 * The rule that can be chosen instead, of the frame that was parsed last: IPv4 and IPv6, with and without a VLAN tag, by
 * DSCP and not by ECN bits; beside that tags from PCP 5 on, small ICMP and ICMPv6, TCP acknowledgements without data, and
 * DNS over UDP.
 */
export function isPriorityExtended(frame: u32, length: u32): bool {
  if (tagged && vlanPriority(frame) >= PCP_MIN) return true;
  if (layer3 == 0 || (etherType != ETHERTYPE_IPV4 && etherType != ETHERTYPE_IPV6)) return false;
  const at = frame + layer3;
  const dscp = etherType == ETHERTYPE_IPV4 ? <u32>load<u8>(at, 1) >> 2 : (<u32>bswap<u16>(load<u16>(at)) >> 6) & 0x3f;
  if (!((BULK_DSCP >> dscp) & 1)) return true;
  if (layer4 == 0 || fragment) return false;
  if (protocol == TCP) return (flags & SYN_FIN_RST) == 0 && layer4 + tcpHeaderBytes(frame + layer4) >= packetEnd;
  if (protocol == UDP) return sourcePort == DNS || destinationPort == DNS;
  const icmp = protocol == (etherType == ETHERTYPE_IPV4 ? ICMPV4 : ICMPV6);
  return icmp && length <= ICMP_FRAME_MAX + (tagged ? VLAN_BYTES : 0);
}
