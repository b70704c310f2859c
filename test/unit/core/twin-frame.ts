/**
 * The plain twin of assembly/wire and assembly/queue/classify: what `protocol/data-plane.md` §5.1 and §6.1 say of a
 * frame, on a Uint8Array, one step after the other.
 */

import type { Dissection } from '../../../engine/core.ts';

type Fields = { -readonly [K in keyof Dissection]: Dissection[K] };

/** A Dissection whose addresses are whole: the core hands out their low halves. */
export interface TwinDissection extends Omit<Fields, 'sourceIp' | 'destinationIp'> {
  sourceIp: bigint;
  destinationIp: bigint;
}

const U64 = 0xffff_ffff_ffff_ffffn;
const EXTENSION_HEADERS = [0, 43, 44, 60];

export function isPriority(frame: Uint8Array): boolean {
  if (frame.length < 16 || frame[12] !== 0x08 || frame[13] !== 0x00) return false;
  if (frame[15] !== 0x00 && frame[15] !== 0x08) return true;
  return frame.length >= 34 && frame.length <= 128 && frame[23] === 0x01;
}

export function dissect(frame: Uint8Array): TwinDissection {
  const found: TwinDissection = {
    valid: false,
    etherType: 0,
    vlan: 0,
    layer3: 0,
    layer4: 0,
    packetEnd: frame.length,
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
    flags: 0,
    sourceIp: 0n,
    destinationIp: 0n,
  };
  found.valid = ethernet(frame, found);
  return found;
}

function ethernet(frame: Uint8Array, found: TwinDissection): boolean {
  if (frame.length < 14) return false;
  let start = 14;
  found.etherType = u16(frame, 12);
  if (found.etherType === 0x8100) {
    if (frame.length < 18) return false;
    found.vlan = u16(frame, 14) % 4096;
    found.etherType = u16(frame, 16);
    start = 18;
  }
  switch (found.etherType) {
    case 0x0806:
      if (frame.length - start < 28) return false;
      found.layer3 = start;
      found.sourceIp = BigInt(u32(frame, start + 14));
      return true;
    case 0x0800:
      return ipv4(frame, start, found);
    case 0x86dd:
      return ipv6(frame, start, found);
    default:
      return true;
  }
}

function ipv4(frame: Uint8Array, start: number, found: TwinDissection): boolean {
  const room = frame.length - start;
  if (room < 20) return false;
  const header = (frame[start]! % 16) * 4;
  if (header < 20 || header > room) return true;
  found.layer3 = start;
  found.protocol = frame[start + 9]!;
  found.sourceIp = BigInt(u32(frame, start + 12));
  found.destinationIp = BigInt(u32(frame, start + 16));
  const total = u16(frame, start + 2);
  // A length that cannot be right says nothing: the frame counts.
  if (total >= header && total < room) found.packetEnd = start + total;
  const fragment = u16(frame, start + 6);
  if (fragment % 0x2000 !== 0) return true;
  const fits = transport(frame.subarray(0, found.packetEnd), start + header, 1, found);
  return fits || (fragment & 0x2000) !== 0;
}

function ipv6(frame: Uint8Array, start: number, found: TwinDissection): boolean {
  const room = frame.length - start;
  if (room < 40 || frame[start]! >> 4 !== 6) return false;
  found.layer3 = start;
  found.sourceIp = fold(frame, start + 8);
  found.destinationIp = fold(frame, start + 24);
  const total = 40 + u16(frame, start + 4);
  if (total > 40 && total < room) found.packetEnd = start + total;
  const packet = frame.subarray(0, found.packetEnd);
  let next = packet[start + 6]!;
  let at = start + 40;
  let later = false;
  for (let count = 0; count < 8 && !later && EXTENSION_HEADERS.includes(next); count++) {
    if (packet.length < at + 8) return false;
    const bytes = next === 44 ? 8 : (packet[at + 1]! + 1) * 8;
    if (packet.length < at + bytes) return false;
    later = next === 44 && u16(packet, at + 2) >= 8;
    next = packet[at]!;
    at += bytes;
  }
  found.protocol = next;
  return later || transport(packet, at, 58, found);
}

function transport(packet: Uint8Array, at: number, icmp: number, found: TwinDissection): boolean {
  const room = packet.length - at;
  if (found.protocol === 6) {
    if (room < 20) return false;
    const header = (packet[at + 12]! >> 4) * 4;
    if (header < 20 || header > room) return true;
    found.flags = packet[at + 13]!;
  } else if (found.protocol === 17) {
    if (room < 8) return false;
  } else if (found.protocol === icmp) {
    if (room < 4) return false;
    found.layer4 = at;
    found.sourcePort = packet[at]!;
    found.destinationPort = packet[at + 1]!;
    return true;
  } else {
    return true;
  }
  found.layer4 = at;
  found.sourcePort = u16(packet, at);
  found.destinationPort = u16(packet, at + 2);
  return true;
}

/** How the core folds an IPv6 address into a number: good for telling sources apart. */
function fold(frame: Uint8Array, at: number): bigint {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return (view.getBigUint64(at, true) * 0x9e37_79b9_7f4a_7c15n + view.getBigUint64(at + 8, true)) & U64;
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100 + bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}
