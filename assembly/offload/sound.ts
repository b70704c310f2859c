/**
 * What may be believed of a frame whose checksum is unfinished, or that stands for several frames. A peer can claim
 * anything; what is not sound never reaches a queue, so that everything behind works without a check of its own.
 */

import { TCP_SEGMENT_MIN, UDP_SEGMENTS_MAX } from '../memory';
import { frameOf, Slot } from '../pool';
import { fold, pseudoHeader } from '../wire/checksum';
import { ETHERTYPE_IPV4 } from '../wire/ethernet';
import { ipv4TotalLength } from '../wire/ipv4';
import { IPV6_BYTES, ipv6PayloadLength } from '../wire/ipv6';
import { etherType, fragment, layer3, layer4, packetEnd, protocol } from '../wire/packet';
import { TCP, TCP_CHECKSUM, tcpFlags, tcpHeaderBytes } from '../wire/tcp';
import { UDP, UDP_BYTES, UDP_CHECKSUM, udpLength } from '../wire/udp';

/** SYN, RST and URG: no sender joins such segments. */
const NEVER_JOINED: u32 = 0x02 | 0x04 | 0x20;

/** Bytes in front of the payload of the last frame that was found sound. */
export let headerBytes: u32 = 0;

/**
 * Whether what the slot claims fits its frame, which `wire/packet.ts` has just parsed. The headers then lie in the frame,
 * its lengths agree, and a super-frame stands for 2 to SEGMENTS_MAX frames; a claim without effect is taken back. The
 * checksum field then holds the sum of the pseudo header, as the kernel wants it, whatever was in it.
 */
export function isSound(slot: u32): bool {
  const s = changetype<Slot>(slot);
  const frame = frameOf(slot);
  if (layer4 == 0 || fragment) return false;
  const ip = frame + layer3;
  const length = etherType == ETHERTYPE_IPV4 ? ipv4TotalLength(ip) : ipv6PayloadLength(ip) + IPV6_BYTES;
  if (layer3 + length != packetEnd) return false;
  const transport = frame + layer4;
  let checksum: u32;
  if (protocol == TCP) {
    headerBytes = layer4 + tcpHeaderBytes(transport);
    checksum = transport + TCP_CHECKSUM;
  } else if (protocol == UDP && udpLength(transport) == packetEnd - layer4) {
    headerBytes = layer4 + UDP_BYTES;
    checksum = transport + UDP_CHECKSUM;
  } else {
    return false;
  }
  store<u16>(checksum, <u16>fold(pseudoHeader(ip, etherType != ETHERTYPE_IPV4, protocol, packetEnd - layer4)));
  const segment = <u32>s.segment;
  if (segment == 0) return true;
  // Padding would be lost, and with it nothing; but no sender pads what it joined.
  if (packetEnd != s.length) return false;
  const payload = packetEnd - headerBytes;
  if (payload <= segment) {
    s.segment = 0;
    return true;
  }
  if (protocol == UDP) return payload <= segment * UDP_SEGMENTS_MAX;
  return segment >= TCP_SEGMENT_MIN && (tcpFlags(transport) & NEVER_JOINED) == 0;
}
