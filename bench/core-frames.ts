/** Frames for the bench of the core. */

export const BROADCAST = new Uint8Array(6).fill(0xff);
export const STATION_A = Uint8Array.of(2, 0, 0, 0, 0, 1);
export const STATION_B = Uint8Array.of(2, 0, 0, 0, 0, 2);

const IPV4_TCP = [0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
/** Ports, numbers, a header of 20 bytes, ACK. */
const TCP = [0x14, 0x51, 0xc3, 0x50, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0];

/** A TCP segment of a bulk transfer: what is parsed, learned and classified most. */
export function frame(to: Uint8Array, from: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(length).fill(0x5a);
  made.set(to);
  made.set(from, 6);
  made.set(IPV4_TCP, 12);
  made.set(TCP, 34);
  const total = Math.min(0xffff, length - 14);
  made.set([total >> 8, total & 0xff], 16);
  return made;
}

/** Ethernet, IPv4 and TCP of {@link frame}. */
export const HEADERS = 54;
/** Payload of one of the frames that a super-frame stands for. */
export const SEGMENT = 1460;
/** What the kernel puts in front of such a super-frame, `struct virtio_net_hdr` of linux/virtio_net.h: checksum and TCPv4. */
export const VNET = new Uint8Array(Uint16Array.of(0x0101, HEADERS, SEGMENT, 34, 16).buffer);

/** Consecutive segments of one flow with checksums that hold, `count` of them, as one batch of the block stream. */
export function flowBlock(to: Uint8Array, from: Uint8Array, length: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = block(frame(to, from, length), count);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const at = 4 + i * (4 + length) + 4;
    view.setUint32(at + 38, 1 + i * (length - HEADERS));
    view.setUint16(at + 24, ~onesSum(view, at + 14, at + 34));
    // The addresses, the protocol and the length are the pseudo header (RFC 9293 §3.1).
    view.setUint16(at + 50, ~onesSum(view, at + 26, at + length, 6 + length - 34));
  }
  return bytes;
}

/** The Internet checksum's sum (RFC 1071) of a whole number of 16-bit words. */
function onesSum(view: DataView, from: number, end: number, start = 0): number {
  let sum = start;
  for (let at = from; at < end; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return sum;
}

/** The super-frame `count` times as own peers that agreed to it send it: a block each, and its segment behind the length. */
export function superBlock(made: Uint8Array, segment: number, count: number): Uint8Array<ArrayBuffer> {
  const each = 12 + made.length;
  const bytes = new Uint8Array(count * each);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += each) {
    view.setUint32(at, 1);
    view.setUint32(at + 4, (made.length | 0x8000_0000) >>> 0);
    view.setUint32(at + 8, segment);
    bytes.set(made, at + 12);
  }
  return bytes;
}

/** A batch of the block stream with the frame `count` times. */
export function block(made: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + count * (4 + made.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count);
  for (let i = 0, at = 4; i < count; i++, at += 4 + made.length) {
    view.setUint32(at, made.length);
    bytes.set(made, at + 4);
  }
  return bytes;
}
