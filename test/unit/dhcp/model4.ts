/** A DHCP server of a test, written for itself: it shares nothing with the client but the layout of frames. */
import { parseUdp, udp4Frame } from '../../../engine/dhcp/datagram.ts';

export interface Asked {
  readonly type: number;
  readonly transaction: number;
  readonly mac: string;
  readonly client: string;
  readonly requested: string | undefined;
  readonly server: string | undefined;
  /** Of the frame. */
  readonly destination: string;
  readonly destinationMac: string;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export interface Answer {
  readonly type: number;
  readonly address?: string;
  readonly server?: string;
  /** Instead of what was asked. */
  readonly transaction?: number;
  readonly mac?: readonly number[];
  /** Code and value; in front of them are the type and the server. */
  readonly options?: readonly (readonly [number, readonly number[]])[];
}

export const SERVER = '10.9.0.1';
export const SERVER_MAC = [2, 0, 0, 0, 0, 1];

export function bytes4(text: string): number[] {
  return text.split('.').map(Number);
}

export function u32(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
}

/** What a frame of a client says; undefined when it is none. */
export function asked(frame: Uint8Array): Asked | undefined {
  const datagram = parseUdp(frame);
  if (datagram?.destinationPort !== 67 || datagram.source.length !== 4) return undefined;
  const { payload } = datagram;
  const options = new Map<number, Uint8Array>();
  for (let at = 240; at < payload.length && payload[at] !== 255; ) {
    options.set(payload[at]!, payload.subarray(at + 2, at + 2 + payload[at + 1]!));
    at += 2 + payload[at + 1]!;
  }
  const text = (code: number) => options.get(code)?.join('.');
  return {
    type: options.get(53)![0]!,
    transaction: new DataView(payload.buffer, payload.byteOffset).getUint32(4),
    mac: payload.subarray(28, 34).join(':'),
    client: payload.subarray(12, 16).join('.'),
    requested: text(50),
    server: text(54),
    destination: datagram.destination.join('.'),
    destinationMac: datagram.destinationMac.join(':'),
    options,
  };
}

/** The frame of an answer to a question. */
export function answer(
  question: Pick<Asked, 'transaction' | 'mac'>,
  { type, address, server, transaction, mac, options = [] }: Answer,
): Uint8Array {
  const from = bytes4(server ?? SERVER);
  const chaddr = mac ?? question.mac.split(':').map(Number);
  const tail = [[53, [type]] as const, [54, from] as const, ...options].flatMap(([code, value]) => [
    code,
    value.length,
    ...value,
  ]);
  const payload = new Uint8Array(240 + tail.length + 1);
  payload.set([2, 1, 6, 0, ...u32(transaction ?? question.transaction)]);
  payload.set(bytes4(address ?? '0.0.0.0'), 16);
  payload.set(chaddr, 28);
  payload.set([99, 130, 83, 99, ...tail, 255], 236);
  return udp4Frame({
    sourceMac: Uint8Array.from(SERVER_MAC),
    destinationMac: new Uint8Array(6).fill(255),
    source: Uint8Array.from(from),
    destination: Uint8Array.of(255, 255, 255, 255),
    sourcePort: 67,
    destinationPort: 68,
    payload,
  });
}

/** Options of a lease, seconds. */
export function lease(seconds: number, ...more: readonly (readonly [number, readonly number[]])[]): Answer['options'] {
  return [[51, u32(seconds)], [1, [255, 255, 255, 0]], [3, [10, 9, 0, 1]], [6, [10, 9, 0, 53]], ...more];
}
