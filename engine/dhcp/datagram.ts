/**
 * The datagrams that addresses are asked for with, in Ethernet frames: UDP over IPv4 (RFC 791, RFC 768), UDP and ICMPv6
 * over IPv6 (RFC 8200, RFC 4443). What does not fit is undefined, never an error.
 */

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const UDP = 17;
const ICMPV6 = 58;
const IPV4_TYPE = 0x0800;
const IPV6_TYPE = 0x86dd;

export interface Datagram {
  /** Six bytes each. */
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  /** Four or sixteen bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export interface IcmpMessage {
  readonly sourceMac: Uint8Array;
  readonly source: Uint8Array;
  readonly hopLimit: number;
  /** From the type on; at least 4 bytes. */
  readonly message: Uint8Array;
}

/** A frame with the datagram, both checksums filled in. */
export function udp4Frame(datagram: Datagram): Uint8Array {
  const { payload } = datagram;
  const frame = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  ethernet(frame, datagram, IPV4_TYPE);
  const ip = ETHERNET_BYTES;
  view.setUint8(ip, 0x45);
  // CS6, which network control is marked with (RFC 4594 §3.1).
  view.setUint8(ip + 1, 0xc0);
  view.setUint16(ip + 2, frame.length - ip);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, UDP);
  frame.set(datagram.source, ip + 12);
  frame.set(datagram.destination, ip + 16);
  view.setUint16(ip + 10, checksum(frame.subarray(ip, ip + IPV4_BYTES)));
  udp(frame, ip + IPV4_BYTES, datagram);
  return frame;
}

/** A frame with the datagram over IPv6, where the checksum is a duty. */
export function udp6Frame(datagram: Datagram): Uint8Array {
  const { payload } = datagram;
  const frame = new Uint8Array(ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES + payload.length);
  ethernet(frame, datagram, IPV6_TYPE);
  ipv6(frame, datagram, UDP, 64);
  udp(frame, ETHERNET_BYTES + IPV6_BYTES, datagram);
  return frame;
}

/** An ICMPv6 message of a node on the link; its checksum (bytes 2 and 3) is filled in. */
export function icmp6Frame(
  addresses: Pick<Datagram, 'sourceMac' | 'destinationMac' | 'source' | 'destination'>,
  message: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET_BYTES + IPV6_BYTES + message.length);
  ethernet(frame, addresses, IPV6_TYPE);
  ipv6(frame, addresses, ICMPV6, 255);
  const at = ETHERNET_BYTES + IPV6_BYTES;
  frame.set(message, at);
  const sum = checksum(frame.subarray(at), pseudo(addresses.source, addresses.destination, ICMPV6, message.length));
  new DataView(frame.buffer).setUint16(at + 2, sum);
  return frame;
}

/** UDP in a frame, over IPv4 or IPv6, whole and with right checksums. */
export function parseUdp(frame: Uint8Array): Datagram | undefined {
  const ip = parseIp(frame);
  if (ip === undefined || ip.protocol !== UDP || ip.payload.length < UDP_BYTES) return undefined;
  const view = new DataView(ip.payload.buffer, ip.payload.byteOffset, ip.payload.length);
  const length = view.getUint16(4);
  if (length < UDP_BYTES || length > ip.payload.length) return undefined;
  const segment = ip.payload.subarray(0, length);
  const given = view.getUint16(6);
  // RFC 768: none was made. IPv6 has no such exception (RFC 8200 §8.1).
  const unchecked = given === 0 && ip.source.length === 4;
  if (!unchecked && (given === 0 || sum(segment, pseudo(ip.source, ip.destination, UDP, length)) !== 0xffff)) {
    return undefined;
  }
  return {
    sourceMac: ip.sourceMac,
    destinationMac: ip.destinationMac,
    source: ip.source,
    destination: ip.destination,
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    payload: segment.subarray(UDP_BYTES),
  };
}

/** An ICMPv6 message in a frame, with a right checksum. */
export function parseIcmp6(frame: Uint8Array): IcmpMessage | undefined {
  const ip = parseIp(frame);
  if (ip === undefined || ip.protocol !== ICMPV6 || ip.source.length !== 16 || ip.payload.length < 4) return undefined;
  if (sum(ip.payload, pseudo(ip.source, ip.destination, ICMPV6, ip.payload.length)) !== 0xffff) return undefined;
  return { sourceMac: ip.sourceMac, source: ip.source, hopLimit: ip.hopLimit, message: ip.payload };
}

interface IpPacket extends Pick<Datagram, 'sourceMac' | 'destinationMac' | 'source' | 'destination'> {
  readonly protocol: number;
  readonly hopLimit: number;
  readonly payload: Uint8Array;
}

function parseIp(frame: Uint8Array): IpPacket | undefined {
  if (frame.length < ETHERNET_BYTES + IPV4_BYTES) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const macs = { destinationMac: frame.subarray(0, 6), sourceMac: frame.subarray(6, 12) };
  const at = ETHERNET_BYTES;
  const type = view.getUint16(12);
  if (type === IPV4_TYPE) {
    const header = (view.getUint8(at) & 15) * 4;
    const length = view.getUint16(at + 2);
    if (view.getUint8(at) >> 4 !== 4 || header < IPV4_BYTES || length < header) return undefined;
    if (at + length > frame.length || sum(frame.subarray(at, at + header)) !== 0xffff) return undefined;
    // Fragments: nobody cuts what is this small.
    if ((view.getUint16(at + 6) & 0x3fff) !== 0) return undefined;
    return {
      ...macs,
      source: frame.subarray(at + 12, at + 16),
      destination: frame.subarray(at + 16, at + 20),
      protocol: view.getUint8(at + 9),
      hopLimit: view.getUint8(at + 8),
      payload: frame.subarray(at + header, at + length),
    };
  }
  if (type !== IPV6_TYPE || frame.length < at + IPV6_BYTES || view.getUint8(at) >> 4 !== 6) return undefined;
  const length = view.getUint16(at + 4);
  if (at + IPV6_BYTES + length > frame.length) return undefined;
  return {
    ...macs,
    source: frame.subarray(at + 8, at + 24),
    destination: frame.subarray(at + 24, at + 40),
    // Extension headers are not looked behind: these messages have none.
    protocol: view.getUint8(at + 6),
    hopLimit: view.getUint8(at + 7),
    payload: frame.subarray(at + IPV6_BYTES, at + IPV6_BYTES + length),
  };
}

function ethernet(
  frame: Uint8Array,
  { sourceMac, destinationMac }: Pick<Datagram, 'sourceMac' | 'destinationMac'>,
  type: number,
): void {
  frame.set(destinationMac);
  frame.set(sourceMac, 6);
  frame[12] = type >> 8;
  frame[13] = type & 255;
}

function ipv6(
  frame: Uint8Array,
  { source, destination }: Pick<Datagram, 'source' | 'destination'>,
  next: number,
  hops: number,
): void {
  const view = new DataView(frame.buffer);
  const at = ETHERNET_BYTES;
  view.setUint8(at, 0x60);
  view.setUint16(at + 4, frame.length - at - IPV6_BYTES);
  view.setUint8(at + 6, next);
  view.setUint8(at + 7, hops);
  frame.set(source, at + 8);
  frame.set(destination, at + 24);
}

function udp(
  frame: Uint8Array,
  at: number,
  { source, destination, sourcePort, destinationPort, payload }: Datagram,
): void {
  const view = new DataView(frame.buffer);
  const length = UDP_BYTES + payload.length;
  view.setUint16(at, sourcePort);
  view.setUint16(at + 2, destinationPort);
  view.setUint16(at + 4, length);
  frame.set(payload, at + UDP_BYTES);
  // Zero would say that there is none.
  view.setUint16(at + 6, checksum(frame.subarray(at, at + length), pseudo(source, destination, UDP, length)) || 0xffff);
}

/** What a checksum also covers (RFC 768, RFC 8200 §8.1): the sums of both forms are the same. */
export function pseudo(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number {
  return add(source) + add(destination) + protocol + length;
}

export function checksum(bytes: Uint8Array, before = 0): number {
  return ~sum(bytes, before) & 0xffff;
}

/** RFC 1071. 0xffff over what holds its own checksum. */
function sum(bytes: Uint8Array, before = 0): number {
  let total = before + add(bytes);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x1_0000);
  return total;
}

function add(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  return total;
}
