/** TCP and UDP packets made by hand, and what a receiver would check of them; nothing here is shared with the core. */

import { mac } from '../../sim/frames.ts';

export interface PacketOptions {
  readonly to?: number[];
  readonly from?: number[];
  readonly ipv6?: boolean;
  readonly udp?: boolean;
  /** VLAN tag, with its priority. */
  readonly tag?: number;
  /** TCP options; padded to four bytes with the end of options. */
  readonly options?: readonly number[];
  /** Bytes of IPv4 options, a multiple of four. */
  readonly ipOptions?: number;
  /** ACK when absent. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly id?: number;
  readonly ports?: readonly [number, number];
  readonly ttl?: number;
  readonly tos?: number;
  readonly dontFragment?: boolean;
}

export const ACK = 0x10;
export const PSH = 0x08;
export const FIN = 0x01;
export const CWR = 0x80;

/** A whole frame with correct checksums. */
export function packet(payload: Uint8Array, o: PacketOptions = {}): Uint8Array<ArrayBuffer> {
  const options = [...(o.options ?? [])];
  while (options.length % 4 !== 0) options.push(0);
  const ipBytes = o.ipv6 ? 40 : 20 + (o.ipOptions ?? 0);
  const transportBytes = o.udp ? 8 : 20 + options.length;
  const layer3 = o.tag === undefined ? 14 : 18;
  const made = new Uint8Array(layer3 + ipBytes + transportBytes + payload.length);
  const view = new DataView(made.buffer);
  made.set([...(o.to ?? mac(2)), ...(o.from ?? mac(1))]);
  if (o.tag !== undefined) {
    view.setUint16(12, 0x8100);
    view.setUint16(14, o.tag);
  }
  view.setUint16(layer3 - 2, o.ipv6 ? 0x86dd : 0x0800);
  const length = transportBytes + payload.length;
  if (o.ipv6) {
    view.setUint32(layer3, 0x6000_0000 | ((o.tos ?? 0) << 20));
    view.setUint16(layer3 + 4, length);
    made.set([o.udp ? 17 : 6, o.ttl ?? 64], layer3 + 6);
    made.set([0xfd, ...new Array(14).fill(0), 1, 0xfd, ...new Array(14).fill(0), 2], layer3 + 8);
  } else {
    made.set([0x40 | (ipBytes / 4), o.tos ?? 0], layer3);
    view.setUint16(layer3 + 2, ipBytes + length);
    view.setUint16(layer3 + 4, o.id ?? 0x1234);
    view.setUint16(layer3 + 6, o.dontFragment === false ? 0 : 0x4000);
    made.set([o.ttl ?? 64, o.udp ? 17 : 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], layer3 + 8);
    made.fill(1, layer3 + 20, layer3 + ipBytes);
    view.setUint16(layer3 + 10, checksum(made, layer3, ipBytes));
  }
  const layer4 = layer3 + ipBytes;
  const [source, destination] = o.ports ?? [5201, 40_000];
  view.setUint16(layer4, source);
  view.setUint16(layer4 + 2, destination);
  if (o.udp) {
    view.setUint16(layer4 + 4, length);
  } else {
    view.setUint32(layer4 + 4, o.sequence ?? 1000);
    view.setUint32(layer4 + 8, o.acknowledgement ?? 77);
    made.set([(transportBytes / 4) << 4, o.flags ?? ACK, 0x20, 0], layer4 + 12);
    made.set(options, layer4 + 20);
  }
  made.set(payload, layer4 + transportBytes);
  const at = layer4 + (o.udp ? 6 : 16);
  const sum = checksum(made, layer4, length, pseudo(made, layer3, o.udp ? 17 : 6, length));
  view.setUint16(at, sum === 0 && o.udp ? 0xffff : sum);
  return made;
}

export interface Dissected {
  readonly layer3: number;
  readonly layer4: number;
  readonly ipv6: boolean;
  readonly udp: boolean;
  readonly payload: Uint8Array;
  readonly sequence: number;
  readonly flags: number;
  readonly id: number;
}

/** What is in a frame of `packet`'s kind. Throws where a length lies or an IP checksum is wrong. */
export function dissect(frame: Uint8Array): Dissected {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const layer3 = view.getUint16(12) === 0x8100 ? 18 : 14;
  const ipv6 = view.getUint16(layer3 - 2) === 0x86dd;
  const ipBytes = ipv6 ? 40 : (frame[layer3]! & 15) * 4;
  const total = ipv6 ? 40 + view.getUint16(layer3 + 4) : view.getUint16(layer3 + 2);
  if (layer3 + total !== frame.length) throw new Error(`the packet says ${total} bytes, the frame has ${frame.length}`);
  if (!ipv6 && checksum(frame, layer3, ipBytes) !== 0) throw new Error('the checksum of the IPv4 header is wrong');
  const layer4 = layer3 + ipBytes;
  const udp = frame[layer3 + (ipv6 ? 6 : 9)] === 17;
  if (udp && view.getUint16(layer4 + 4) !== frame.length - layer4) throw new Error('the length of UDP is wrong');
  const headers = layer4 + (udp ? 8 : (frame[layer4 + 12]! >> 4) * 4);
  return {
    layer3,
    layer4,
    ipv6,
    udp,
    payload: frame.slice(headers),
    sequence: udp ? 0 : view.getUint32(layer4 + 4),
    flags: udp ? 0 : frame[layer4 + 13]!,
    id: ipv6 ? 0 : view.getUint16(layer3 + 4),
  };
}

/** The frame with another payload, its lengths and checksums made anew. */
export function rebuild(
  frame: Uint8Array,
  payload: Uint8Array,
  { sequence, flags, id }: { sequence: number; flags: number; id: number },
): Uint8Array<ArrayBuffer> {
  const { layer3, layer4, ipv6, udp, payload: old } = dissect(frame);
  const headers = frame.length - old.length;
  const made = new Uint8Array(headers + payload.length);
  made.set(frame.subarray(0, headers));
  made.set(payload, headers);
  const view = new DataView(made.buffer);
  const length = made.length - layer4;
  if (ipv6) {
    view.setUint16(layer3 + 4, length + layer4 - layer3 - 40);
  } else {
    view.setUint16(layer3 + 2, made.length - layer3);
    view.setUint16(layer3 + 4, id);
    view.setUint16(layer3 + 10, 0);
    view.setUint16(layer3 + 10, checksum(made, layer3, layer4 - layer3));
  }
  if (udp) {
    view.setUint16(layer4 + 4, length);
  } else {
    view.setUint32(layer4 + 4, sequence);
    made[layer4 + 13] = flags;
  }
  const at = layer4 + (udp ? 6 : 16);
  view.setUint16(at, 0);
  const sum = checksum(made, layer4, length, pseudo(made, layer3, udp ? 17 : 6, length));
  view.setUint16(at, sum === 0 && udp ? 0xffff : sum);
  return made;
}

/** Whether the checksum of TCP or UDP is right. */
export function isIntact(frame: Uint8Array): boolean {
  const { layer3, layer4, udp } = dissect(frame);
  const length = frame.length - layer4;
  return checksum(frame, layer4, length, pseudo(frame, layer3, udp ? 17 : 6, length)) === 0;
}

/** As the kernel hands it over when it leaves the checksum to the card: the field holds the sum of the pseudo header. */
export function unfinished(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = Uint8Array.from(frame);
  const { layer3, layer4, udp } = dissect(frame);
  const sum = pseudo(frame, layer3, udp ? 17 : 6, frame.length - layer4);
  new DataView(made.buffer).setUint16(layer4 + (udp ? 6 : 16), fold(sum));
  return made;
}

/** `struct virtio_net_hdr` as the kernel writes it; `segment` 0 is no super-frame. */
export function virtioHeader(frame: Uint8Array, segment: number): Uint8Array<ArrayBuffer> {
  const { layer4, ipv6, udp, payload, flags } = dissect(frame);
  const header = new DataView(new ArrayBuffer(10));
  header.setUint8(0, 1);
  if (segment !== 0) {
    header.setUint8(1, udp ? 5 : (ipv6 ? 4 : 1) | (flags & CWR ? 0x80 : 0));
    header.setUint16(2, frame.length - payload.length, true);
    header.setUint16(4, segment, true);
  }
  header.setUint16(6, layer4, true);
  header.setUint16(8, udp ? 6 : 16, true);
  return new Uint8Array(header.buffer);
}

/** RFC 1071, the slow way. */
export function checksum(bytes: Uint8Array, from: number, length: number, start = 0): number {
  let total = start;
  for (let i = 0; i < length; i++) total += i % 2 === 0 ? bytes[from + i]! * 256 : bytes[from + i]!;
  return ~fold(total) & 0xffff;
}

function pseudo(frame: Uint8Array, layer3: number, protocol: number, length: number): number {
  const ipv6 = frame[layer3]! >> 4 === 6;
  const [from, to] = ipv6 ? [layer3 + 8, layer3 + 40] : [layer3 + 12, layer3 + 20];
  let total = protocol + length;
  for (let i = from; i < to; i += 2) total += frame[i]! * 256 + frame[i + 1]!;
  return total;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}
