/**
 * One look at a frame from Ethernet to layer 4, `protocol/data-plane.md` §6.1 step 4. `parse` fills the fields below;
 * they describe the last frame that it was given. What lies outside the frame is never read.
 */

import { arpSenderIp, fitsArp } from './arp';
import { ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MIN, ETHERTYPE_VLAN, fitsEthernet, typeOrLength } from './ethernet';
import { fitsIcmp, ICMP, icmpCode, icmpType, ICMPV6 } from './icmp';
import { fitsIpv4, IPV4_BYTES, ipv4Destination, ipv4FragmentOffset, ipv4HeaderBytes, ipv4MoreFragments, ipv4Protocol, ipv4Source, ipv4TotalLength } from './ipv4';
import { fitsIpv6, ipv6DestinationFold, ipv6Fragment, ipv6LaterFragment, ipv6Payload, ipv6PayloadLength, ipv6PayloadOffset, ipv6PayloadProtocol, ipv6SourceFold, ipv6Version } from './ipv6';
import { fitsTcp, TCP, tcpDestinationPort, tcpFlags, tcpHeaderBytes, tcpSourcePort } from './tcp';
import { fitsUdp, UDP, udpDestinationPort, udpSourcePort } from './udp';
import { fitsVlan, vlanId, VLAN_BYTES, vlanType } from './vlan';

export const NO_LAYER: u32 = 0;

/** EtherType behind a VLAN tag; for 802.3 the length field. */
export let etherType: u32 = 0;
/** Whether there is a VLAN tag; its VLAN is 0 without one, and with one that has a priority only. */
export let tagged: bool = false;
export let vlan: u32 = 0;
/** Offset of the layer 3 header, or NO_LAYER. */
export let layer3: u32 = 0;
/** Offset of the layer 4 header, or NO_LAYER: a later fragment has none, nor has what could not be parsed. */
export let layer4: u32 = 0;
/** Whether the packet is a part of one. */
export let fragment: bool = false;
/** Where the packet ends: padding behind it does not belong to it. */
export let packetEnd: u32 = 0;
/** IP protocol number, or 0. */
export let protocol: u32 = 0;
/** Addresses: IPv4 as a number, IPv6 folded, ARP the sender's as the source; 0 without. */
export let sourceIp: u64 = 0;
export let destinationIp: u64 = 0;
/** TCP and UDP ports; ICMP type and code. */
export let sourcePort: u32 = 0;
export let destinationPort: u32 = 0;
export let flags: u32 = 0;

/** False for a frame that is to be dropped as malformed. `frame` is the address of `length` bytes. */
export function parse(frame: u32, length: u32): bool {
  etherType = vlan = layer3 = layer4 = protocol = sourcePort = destinationPort = flags = 0;
  sourceIp = destinationIp = 0;
  fragment = tagged = false;
  packetEnd = length;
  if (!fitsEthernet(length)) return false;
  let offset = ETHERNET_BYTES;
  etherType = typeOrLength(frame);
  if (etherType == ETHERTYPE_VLAN) {
    if (!fitsVlan(length)) return false;
    tagged = true;
    vlan = vlanId(frame);
    etherType = vlanType(frame);
    offset += VLAN_BYTES;
  }
  if (etherType < ETHERTYPE_MIN) return true;
  const left = length - offset;
  if (etherType == ETHERTYPE_ARP) {
    if (!fitsArp(left)) return false;
    layer3 = offset;
    sourceIp = <u64>arpSenderIp(frame + offset);
    return true;
  }
  if (etherType == ETHERTYPE_IPV4) return parseIpv4(frame, offset, left);
  if (etherType == ETHERTYPE_IPV6) return parseIpv6(frame, offset, left);
  return true;
}

function parseIpv4(frame: u32, offset: u32, left: u32): bool {
  if (!fitsIpv4(left)) return false;
  const at = frame + offset;
  const headerBytes = ipv4HeaderBytes(at);
  // Kept, but not looked into: the reference forwards it as it is.
  if (headerBytes < IPV4_BYTES || headerBytes > left) return true;
  layer3 = offset;
  sourceIp = <u64>ipv4Source(at);
  destinationIp = <u64>ipv4Destination(at);
  const total = ipv4TotalLength(at);
  const inside = total >= headerBytes && total < left ? total : left;
  packetEnd = offset + inside;
  protocol = ipv4Protocol(at);
  fragment = ipv4MoreFragments(at) || ipv4FragmentOffset(at) != 0;
  if (ipv4FragmentOffset(at) != 0) return true;
  // A first fragment may be shorter than its transport header (RFC 791 allows eight bytes): nothing to refuse there.
  return parseTransport(frame, offset + headerBytes, inside - headerBytes, ICMP) || fragment;
}

function parseIpv6(frame: u32, offset: u32, left: u32): bool {
  if (!fitsIpv6(left)) return false;
  const at = frame + offset;
  if (ipv6Version(at) != 6) return false;
  layer3 = offset;
  sourceIp = ipv6SourceFold(at);
  destinationIp = ipv6DestinationFold(at);
  const total = ipv6PayloadLength(at) + 40;
  // Payload length 0 is a jumbogram (RFC 2675) or a large frame of an offload: the frame's own length counts.
  const inside = total > 40 && total < left ? total : left;
  packetEnd = offset + inside;
  if (!ipv6Payload(at, inside)) return false;
  protocol = ipv6PayloadProtocol;
  fragment = ipv6Fragment;
  if (ipv6LaterFragment) return true;
  return parseTransport(frame, offset + ipv6PayloadOffset, inside - ipv6PayloadOffset, ICMPV6);
}

function parseTransport(frame: u32, offset: u32, left: u32, icmp: u32): bool {
  const at = frame + offset;
  if (protocol == TCP) {
    if (!fitsTcp(left)) return false;
    const headerBytes = tcpHeaderBytes(at);
    // Kept, but not looked into.
    if (headerBytes < 20 || headerBytes > left) return true;
    layer4 = offset;
    sourcePort = tcpSourcePort(at);
    destinationPort = tcpDestinationPort(at);
    flags = tcpFlags(at);
    return true;
  }
  if (protocol == UDP) {
    if (!fitsUdp(left)) return false;
    layer4 = offset;
    sourcePort = udpSourcePort(at);
    destinationPort = udpDestinationPort(at);
    return true;
  }
  if (protocol == icmp) {
    if (!fitsIcmp(left)) return false;
    layer4 = offset;
    sourcePort = icmpType(at);
    destinationPort = icmpCode(at);
  }
  return true;
}
