import { checksum, pseudo } from '../dhcp/datagram.ts';

/** Bytes of Ethernet's header: a tagged frame is never redirected. */
const IP = 14;
const TCP_BYTES = 20;
const TCP = 6;
const FIN_PSH_ACK = 0x19;
/** Bytes in front of a URL and behind it are some 80. */
export const REDIRECT_URL_MAX = 250;

/**
 * The answer to a segment of HTTP that a rule redirects, `protocol/data-plane.md` §6.7: a frame for the one who sent it, with
 * an HTTP 302 (RFC 9110 §15.4.3) that closes the connection. Undefined when the lengths in the headers do not agree.
 * @param headers The frame from its start to the end of its TCP header at least.
 * @param layer4 Offset of the TCP header.
 */
export function redirectAnswer(headers: Uint8Array, layer4: number, url: string): Uint8Array | undefined {
  const asked = new DataView(headers.buffer, headers.byteOffset, headers.length);
  const isIpv4 = asked.getUint16(12) === 0x0800;
  const ipBytes = isIpv4 ? 20 : 40;
  if (layer4 < IP + ipBytes || headers.length < layer4 + TCP_BYTES) return undefined;
  const end = IP + (isIpv4 ? asked.getUint16(IP + 2) : asked.getUint16(IP + 4) + ipBytes);
  const payload = end - layer4 - (asked.getUint8(layer4 + 12) >> 4) * 4;
  if (payload <= 0) return undefined;
  const text = new TextEncoder().encode(
    `HTTP/1.1 302 Found\r\nLocation: ${url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  );
  const at = IP + ipBytes;
  const frame = new Uint8Array(at + TCP_BYTES + text.length);
  const view = new DataView(frame.buffer);
  frame.set(headers.subarray(6, 12), 0);
  frame.set(headers.subarray(0, 6), 6);
  view.setUint16(12, asked.getUint16(12));
  const [first, size] = isIpv4 ? [IP + 12, 4] : [IP + 8, 16];
  const source = headers.slice(first + size, first + 2 * size);
  const destination = headers.slice(first, first + size);
  frame.set(source, first);
  frame.set(destination, first + size);
  if (isIpv4) {
    view.setUint8(IP, 0x45);
    view.setUint16(IP + 2, frame.length - IP);
    view.setUint8(IP + 8, 64);
    view.setUint8(IP + 9, TCP);
    view.setUint16(IP + 10, checksum(frame.subarray(IP, at)));
  } else {
    view.setUint8(IP, 0x60);
    view.setUint16(IP + 4, frame.length - at);
    view.setUint8(IP + 6, TCP);
    view.setUint8(IP + 7, 64);
  }
  view.setUint16(at, asked.getUint16(layer4 + 2));
  view.setUint16(at + 2, asked.getUint16(layer4));
  view.setUint32(at + 4, asked.getUint32(layer4 + 8));
  view.setUint32(at + 8, (asked.getUint32(layer4 + 4) + payload) >>> 0);
  view.setUint8(at + 12, 0x50);
  view.setUint8(at + 13, FIN_PSH_ACK);
  view.setUint16(at + 14, 0xffff);
  frame.set(text, at + TCP_BYTES);
  view.setUint16(at + 16, checksum(frame.subarray(at), pseudo(source, destination, TCP, frame.length - at)));
  return frame;
}
