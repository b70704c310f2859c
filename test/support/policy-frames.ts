/** Frames that policies are about. Each carries a number by which it is known again wherever it arrives. */

type Mac = readonly number[];

export const BROADCAST: Mac = [255, 255, 255, 255, 255, 255];

const MARK = [0x45, 0x4c, 0x50];

export function stationOf(session: number, further = 0): Mac {
  return [0x02, 0x77, 0, 0, session, further];
}

export function ipOf(session: number, further = 1): readonly number[] {
  return [10, 77, session, further];
}

/** fe80::SESSION:FURTHER */
export function ipv6Of(session: number, further = 1, first = [0xfe, 0x80]): readonly number[] {
  return [...first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, session, 0, further];
}

export function markOf(number: number): number[] {
  return [...MARK, (number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** The number of a frame that arrived, and what has become of it; undefined for one that is not of the test. */
export function recognise(hex: string): { number: number; tagged: boolean; lifetime: number | undefined } | undefined {
  const at = hex.indexOf('454c50');
  if (at < 0 || at % 2 !== 0) return undefined;
  const bytes = Buffer.from(hex, 'hex');
  const isAdvertisement = bytes.readUInt16BE(12) === 0x86dd && bytes[20] === 58 && bytes[54] === 134;
  return {
    number: Number.parseInt(hex.slice(at + 6, at + 12), 16),
    tagged: bytes.readUInt16BE(12) === 0x8100,
    lifetime: isAdvertisement ? bytes.readUInt16BE(60) : undefined,
  };
}

/** Whether the checksum of an ICMPv6 frame without tag is right. */
export function hasRightChecksum(hex: string): boolean {
  const bytes = [...Buffer.from(hex, 'hex')];
  const length = (bytes[18]! << 8) | bytes[19]!;
  return (
    sumOf([...bytes.slice(22, 54), 0, 0, bytes[18]!, bytes[19]!, 0, 0, 0, 58, ...bytes.slice(54, 54 + length)]) === 0
  );
}

export function ethernet(to: Mac, from: Mac, type: number, body: readonly number[]): number[] {
  return [...to, ...from, type >> 8, type & 255, ...body];
}

export function tag(frame: readonly number[], vlan: number): number[] {
  return [...frame.slice(0, 12), 0x81, 0, vlan >> 8, vlan & 255, ...frame.slice(12)];
}

/** Its mark is in the padding, which the reference keeps. */
export function arp(to: Mac, from: Mac, ip: readonly number[], number: number): number[] {
  const body = [0, 1, 8, 0, 6, 4, 0, 1, ...from, ...ip, 0, 0, 0, 0, 0, 0, 10, 77, 0, 250, ...markOf(number)];
  return ethernet(to, from, 0x0806, [...body, ...new Array(46 - body.length).fill(0)]);
}

export function ipv4(
  to: Mac,
  from: Mac,
  ip: readonly number[],
  protocol: number,
  payload: readonly number[],
  target: readonly number[] = [10, 77, 0, 250],
): number[] {
  const total = 20 + payload.length;
  const head = [0x45, 0, total >> 8, total & 255, 0, 1, 0x40, 0, 64, protocol, 0, 0, ...ip, ...target];
  const sum = sumOf(head);
  head[10] = sum >> 8;
  head[11] = sum & 255;
  const whole = [...payload];
  if (protocol === 17 || protocol === 6)
    finish(whole, protocol === 17 ? 6 : 16, [...ip, ...target, 0, protocol, payload.length >> 8, payload.length & 255]);
  if (protocol === 1) finish(whole, 2, []);
  return ethernet(to, from, 0x0800, [...head, ...whole]);
}

export function ipv6(
  to: Mac,
  from: Mac,
  ip: readonly number[],
  protocol: number,
  payload: readonly number[],
): number[] {
  const target = ipv6Of(0, 250);
  const head = [0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, protocol, 255, ...ip, ...target];
  const whole = [...payload];
  const pseudo = [...ip, ...target, 0, 0, payload.length >> 8, payload.length & 255, 0, 0, 0, protocol];
  finish(whole, protocol === 17 ? 6 : protocol === 6 ? 16 : 2, pseudo);
  return ethernet(to, from, 0x86dd, [...head, ...whole]);
}

export function udp(from: number, to: number, data: readonly number[]): number[] {
  const length = 8 + data.length;
  return [from >> 8, from & 255, to >> 8, to & 255, length >> 8, length & 255, 0, 0, ...data];
}

export function tcp(flags: number, number: number, ports: readonly [number, number] = [1025, 80]): number[] {
  const [from, to] = ports;
  const head = [from >> 8, from & 255, to >> 8, to & 255, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
  return [...head, ...markOf(number), ...new Array(20).fill(0)];
}

export function echo(type: number, number: number): number[] {
  return [type, 0, 0, 0, 0, 1, 0, 1, ...markOf(number), ...new Array(20).fill(0)];
}

/** Router and neighbour discovery: the mark is the link-layer address of an option. */
export function discovery(type: number, number: number): number[] {
  const body =
    type === 133
      ? [0, 0, 0, 0]
      : type === 134
        ? [64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]
        : [0, 0, 0, 0, ...ipv6Of(0, 250)];
  return [type, 0, 0, 0, ...body, 1, 1, ...markOf(number)];
}

/** BOOTP with option 53, `type`; what a server gives is `yours`, for the station `client`. */
export function dhcp(type: number, client: Mac, yours: readonly number[], number: number): number[] {
  const reply = type === 2 || type === 5;
  const head = [reply ? 2 : 1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, ...yours, 10, 77, 0, 250, 0, 0, 0, 0];
  const body = [...head, ...client, ...new Array(10).fill(0), ...markOf(number), ...new Array(186).fill(0)];
  const options = [
    0x63,
    0x82,
    0x53,
    0x63,
    53,
    1,
    type,
    54,
    4,
    10,
    77,
    0,
    250,
    51,
    4,
    0,
    0,
    2,
    88,
    1,
    4,
    255,
    0,
    0,
    0,
    255,
  ];
  const message = [...body, ...options, ...new Array(300 - body.length - options.length).fill(0)];
  return reply ? udp(67, 68, message) : udp(68, 67, message);
}

export function data(number: number): number[] {
  return [...markOf(number), ...new Array(26).fill(0)];
}

function finish(payload: number[], at: number, pseudo: readonly number[]): void {
  const sum = sumOf([...pseudo, ...payload]);
  payload[at] = sum >> 8;
  payload[at + 1] = sum & 255;
}

/** RFC 1071. */
function sumOf(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}
