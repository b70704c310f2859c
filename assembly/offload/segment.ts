/**
 * Cutting a super-frame into the frames that it stands for, and finishing checksums, as the kernel does it for a network
 * card that can do neither (`tcp_gso_segment`, `__udp_gso_segment`, `inet_gso_segment`). The frames are sound: see
 * `sound.ts`.
 */

import { SEGMENTS } from '../memory';
import { frameOf, releaseSlot, Slot, takeSlot } from '../pool';
import { fold, pseudoHeader, sum } from '../wire/checksum';
import { ETHERTYPE_IPV4 } from '../wire/ethernet';
import { finishIpv4, ipv4Identification, setIpv4Identification, setIpv4TotalLength } from '../wire/ipv4';
import { IPV6_BYTES, setIpv6PayloadLength } from '../wire/ipv6';
import { etherType, layer3, layer4, packetEnd, parse, protocol } from '../wire/packet';
import { setTcpSequence, TCP, TCP_CHECKSUM, tcpFlags, TCP_FLAGS, tcpHeaderBytes, tcpSequence } from '../wire/tcp';
import { setUdpLength, UDP_BYTES, UDP_CHECKSUM } from '../wire/udp';

/** They say something of the end of what was sent, and stay with the last frame. */
const FIN_PSH: u32 = 0x01 | 0x08;
/** RFC 3168 §6.1.2: one packet tells that the window was reduced. */
const CWR: u32 = 0x80;

/**
 * Writes the addresses of new slots, each held once, to SEGMENTS and returns their number; 0 when the pool is short. The
 * super-frame stays as it is.
 */
export function segment(slot: u32): u32 {
  const s = changetype<Slot>(slot);
  const frame = frameOf(slot);
  parse(frame, s.length);
  const tcp = protocol == TCP;
  const ipv4 = etherType == ETHERTYPE_IPV4;
  const transport = frame + layer4;
  const headers = layer4 + (tcp ? tcpHeaderBytes(transport) : UDP_BYTES);
  const identification = ipv4 ? ipv4Identification(frame + layer3) : 0;
  const sequence = tcp ? tcpSequence(transport) : 0;
  const flags = tcp ? tcpFlags(transport) : 0;
  const payload = <u32>s.segment;
  let count: u32 = 0;
  for (let at = headers; at < s.length; at += payload) {
    const bytes = min(payload, s.length - at);
    const piece = takeSlot(headers + bytes);
    if (piece == 0) {
      while (count != 0) releaseSlot(load<u32>(SEGMENTS + --count * 4));
      return 0;
    }
    const to = frameOf(piece);
    changetype<Slot>(piece).length = headers + bytes;
    memory.copy(to, frame, headers);
    memory.copy(to + headers, frame + at, bytes);
    const ip = to + layer3;
    if (ipv4) {
      setIpv4TotalLength(ip, headers + bytes - layer3);
      setIpv4Identification(ip, identification + count);
      finishIpv4(ip);
    } else {
      setIpv6PayloadLength(ip, headers + bytes - layer3 - IPV6_BYTES);
    }
    if (tcp) {
      setTcpSequence(to + layer4, sequence + at - headers);
      const keep = flags & (at + bytes < s.length ? ~FIN_PSH : ~0) & (count != 0 ? ~CWR : ~0);
      store<u8>(to + layer4, <u8>keep, TCP_FLAGS);
    } else {
      setUdpLength(to + layer4, UDP_BYTES + bytes);
    }
    finishTransport(ip, to + layer4, headers + bytes - layer4);
    store<u32>(SEGMENTS + count * 4, piece);
    count++;
  }
  return count;
}

/** Finishes the checksum of a frame in its place. */
export function finish(slot: u32): void {
  const s = changetype<Slot>(slot);
  const frame = frameOf(slot);
  parse(frame, s.length);
  finishTransport(frame + layer3, frame + layer4, packetEnd - layer4);
  s.unfinished = 0;
}

function finishTransport(ip: u32, at: u32, length: u32): void {
  const tcp = protocol == TCP;
  const field = at + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  store<u16>(field, 0);
  let checksum = ~fold(pseudoHeader(ip, etherType != ETHERTYPE_IPV4, protocol, length) + sum(at, length)) & 0xffff;
  // RFC 768: 0 says that there is none.
  if (checksum == 0 && !tcp) checksum = 0xffff;
  store<u16>(field, <u16>checksum);
}
