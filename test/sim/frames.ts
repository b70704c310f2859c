/** Frames for tests, made by hand. */

export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** A station's address: locally administered, ending with `number`. */
export function mac(number: number): number[] {
  return [0x02, 0, 0, 0, (number >> 8) & 0xff, number & 0xff];
}

/** A frame of the experimental EtherType 0x88B5 with a recognisable body. */
export function frame(to: number[], from: number[], length = 60, fill = 0x55): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length).fill(fill);
  bytes.set([...to, ...from, 0x88, 0xb5].slice(0, length));
  return bytes;
}

export function u32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** One batch of the block stream, `protocol/data-plane.md` §1.2. */
export function batch(...frames: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...u32(frames.length), ...frames.flatMap((f) => [...u32(f.length), ...f])]);
}

export function hex(text: string): Uint8Array<ArrayBuffer> {
  const pairs = text.replace(/\s+/g, '').match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
