/**
 * `struct virtio_net_hdr` (linux/virtio_net.h; virtio 1.2 §5.1.6), ten bytes in front of each frame of a TAP, in the byte
 * order of the machine. What the kernel reads is always made from the packet itself.
 */

import { VNET_HEADER } from '../memory';
import { frameOf, Slot } from '../pool';
import { fold, sum } from '../wire/checksum';
import { ETHERTYPE_IPV4 } from '../wire/ethernet';
import { etherType, layer4, parse, protocol } from '../wire/packet';
import { TCP, TCP_CHECKSUM, tcpFlags, tcpHeaderBytes } from '../wire/tcp';
import { UDP, UDP_BYTES, UDP_CHECKSUM } from '../wire/udp';

const NEEDS_CHECKSUM: u32 = 1;
const GSO_TCP4: u32 = 1;
const GSO_TCP6: u32 = 4;
const GSO_UDP: u32 = 5;
/** Only the first of the frames is to have the flag CWR (RFC 3168 §6.1.2). */
const GSO_ECN: u32 = 0x80;
const CWR: u32 = 0x80;

const FLAGS: usize = 0;
const GSO_TYPE: usize = 1;
const HEADER_LENGTH: usize = 2;
const GSO_SIZE: usize = 4;
const CHECKSUM_START: usize = 6;
const CHECKSUM_OFFSET: usize = 8;

/** Takes over what the kernel said of a frame that it put into the slot, which may have held another one before. */
export function acceptVnet(slot: u32): void {
  const s = changetype<Slot>(slot);
  s.unfinished = 0;
  s.segment = 0;
  const header = frameOf(slot) - VNET_HEADER;
  if (load<u16>(header) == 0) return;
  const start = <u32>load<u16>(header, CHECKSUM_START);
  const offset = <u32>load<u16>(header, CHECKSUM_OFFSET);
  if (load<u8>(header, GSO_TYPE) != 0) {
    s.segment = load<u16>(header, GSO_SIZE);
    s.unfinished = 1;
  } else if (load<u8>(header, FLAGS) & NEEDS_CHECKSUM) {
    // Of a packet inside a tunnel, or behind a second tag, only the kernel knows where its checksum is.
    const known = parse(frameOf(slot), s.length) && layer4 == start && offset == checksumOffset();
    if (known) s.unfinished = 1;
    else finishAt(slot, start, offset);
  }
}

/** The frame has become longer, by so many bytes in front of its checksum, since the kernel said where that is. */
export function moveChecksum(slot: u32, bytes: u32): void {
  const header = frameOf(slot) - VNET_HEADER;
  if (load<u16>(header) != 0) store<u16>(header, <u16>(load<u16>(header, CHECKSUM_START) + bytes), CHECKSUM_START);
}

/** Writes the header for a frame that is about to be given to the kernel. The frame is sound. */
export function buildVnet(slot: u32): void {
  const frame = frameOf(slot);
  const header = frame - VNET_HEADER;
  store<u64>(header, 0);
  store<u16>(header, 0, 8);
  const s = changetype<Slot>(slot);
  if (!s.unfinished) return;
  parse(frame, s.length);
  store<u8>(header, NEEDS_CHECKSUM, FLAGS);
  store<u16>(header, <u16>layer4, CHECKSUM_START);
  store<u16>(header, <u16>checksumOffset(), CHECKSUM_OFFSET);
  if (s.segment == 0) return;
  const transport = frame + layer4;
  let type = GSO_UDP;
  let bytes = UDP_BYTES;
  if (protocol == TCP) {
    type = etherType == ETHERTYPE_IPV4 ? GSO_TCP4 : GSO_TCP6;
    if (tcpFlags(transport) & CWR) type |= GSO_ECN;
    bytes = tcpHeaderBytes(transport);
  }
  store<u8>(header, <u8>type, GSO_TYPE);
  store<u16>(header, <u16>(layer4 + bytes), HEADER_LENGTH);
  store<u16>(header, s.segment, GSO_SIZE);
}

@inline
function checksumOffset(): u32 {
  return protocol == TCP ? TCP_CHECKSUM : protocol == UDP ? UDP_CHECKSUM : 0;
}

/** Finishes a checksum where the kernel said that it is; the field holds the sum of the pseudo header. */
function finishAt(slot: u32, start: u32, offset: u32): void {
  const length = changetype<Slot>(slot).length;
  if (start + offset + 2 > length) return;
  const frame = frameOf(slot);
  const checksum = ~fold(sum(frame + start, length - start));
  store<u16>(frame + start + offset, <u16>checksum);
}
