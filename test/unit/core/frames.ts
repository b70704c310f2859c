/** More frames for the core's tests: tagged, prioritised, of IP. */

import { BROADCAST, frame, mac } from '../../sim/frames.ts';

export function bulk(number: number, length = 60): Uint8Array<ArrayBuffer> {
  return frame(BROADCAST, mac(1), length, number);
}

/** An IPv4 frame with ToS 0xb8 (EF): priority. Its protocol is an experimental one: there is no header to look for. */
export function voice(number: number, length = 60): Uint8Array<ArrayBuffer> {
  const made = bulk(number, length);
  made.set([0x08, 0x00, 0x45, 0xb8], 12);
  made.set([0xfd], 23);
  return made;
}

/** With an 802.1Q tag; `tci` holds priority and VLAN. */
export function tagged(to: number[], from: number[], tci: number, length = 64): Uint8Array<ArrayBuffer> {
  const made = frame(to, from, length);
  made.set([0x81, 0x00, tci >> 8, tci & 0xff, 0x88, 0xb5], 12);
  return made;
}

export function arp(from: number[], senderIp: number[], targetIp: number[], to = BROADCAST): Uint8Array<ArrayBuffer> {
  const made = frame(to, from, 60, 0);
  made.set([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1, ...from, ...senderIp, 0, 0, 0, 0, 0, 0, ...targetIp], 12);
  return made;
}

/** IPv4 of protocol 0xfd, 20 bytes of header. */
export function ipv4(to: number[], from: number[], source: number[], destination: number[]): Uint8Array<ArrayBuffer> {
  const made = frame(to, from, 60, 0);
  made.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 0xfd, 0, 0, ...source, ...destination], 12);
  return made;
}

/** An 802.1D BPDU, sent from the address of a bridge's port and naming the bridge. */
export function bpdu(port: number[], bridge: number[]): Uint8Array<ArrayBuffer> {
  const made = frame([0x01, 0x80, 0xc2, 0, 0, 0], port, 60, 0);
  made.set([0, 38, 0x42, 0x42, 0x03], 12);
  made.set(bridge, 36);
  return made;
}
