/**
 * The frames by which hubs of ours find loops, as they stand behind their Ethernet header. Everybody else floods them:
 * they have a group address and a local experimental EtherType (`assembly/switch/punt.ts`). Numbers are big-endian.
 *
 *    0  destination, 6; source, 6; EtherType 0x88b5; "LOOK"
 *   18  version, 1; kind, 1; identities in the path, 1; 0
 *   22  identity of the origin, 8
 *   30  token of the port that it left by, 4
 *   34  sequence, 4
 *   38  milliseconds of the origin's clock, 8
 *   46  tag, 16: only the origin can make it, and check it
 *   62  identities of the hubs that passed it on, 8 each, in their order
 */

export const ID_BYTES = 8;
const TAG_BYTES = 16;
/** Hubs that pass one probe on, at most: a loop with more of ours in it is not found. */
export const PATH_MAX = 32;

/** Locally administered, and for a group that nobody else is in. */
const GROUP = [0x03, 0x4c, 0x4f, 0x4f, 0x4b, 0x00];
const HEAD = [0x88, 0xb5, 0x4c, 0x4f, 0x4f, 0x4b];
const VERSION = 1;
const KIND = 19;
const COUNT = 20;
const ORIGIN = 22;
const TOKEN = 30;
const SEQUENCE = 34;
const TIME = 38;
const TAG = 46;
const PATH = 62;
/**
 * Source addresses of one hub. Others limit what one address may flood, 32 frames a second (`protocol/data-plane.md` §6.3),
 * so that many ports must not share one; and they count addresses, so that not every port can have its own.
 */
const ADDRESSES = 16;

export type ProbeKind = 'probe' | 'change';

export interface Probe {
  readonly kind: ProbeKind;
  /** Eight bytes. */
  readonly origin: Uint8Array;
  /** Of the port that it left by. */
  readonly token: number;
  readonly sequence: number;
  /** Milliseconds of the origin's clock. */
  readonly time: number;
  /** Sixteen bytes, of what `signedPart` names. */
  readonly tag: Uint8Array;
  /** Identities, in hexadecimal. */
  readonly path: readonly string[];
}

/** The parts of a new probe that its tag covers, as they stand in the frame. */
export function signedPart({ kind, origin, token, sequence, time }: Omit<Probe, 'tag' | 'path'>): Uint8Array {
  const part = new Uint8Array(1 + TAG - ORIGIN);
  const view = new DataView(part.buffer);
  part[0] = kindNumber(kind);
  part.set(origin, 1);
  view.setUint32(1 + TOKEN - ORIGIN, token);
  view.setUint32(1 + SEQUENCE - ORIGIN, sequence);
  view.setBigUint64(1 + TIME - ORIGIN, BigInt(Math.floor(time)));
  return part;
}

/** A frame that has not been passed on yet; `part` is its `signedPart`. */
export function writeProbe(part: Uint8Array, tag: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PATH);
  const origin = part.subarray(1, 1 + ID_BYTES);
  frame.set(GROUP);
  frame.set([0x02, ...origin.subarray(0, 4), part[1 + TOKEN - ORIGIN + 3]! % ADDRESSES], 6);
  frame.set(HEAD, 12);
  frame[18] = VERSION;
  frame[KIND] = part[0]!;
  frame.set(part.subarray(1), ORIGIN);
  frame.set(tag.subarray(0, TAG_BYTES), TAG);
  return frame;
}

/** Undefined for a frame of another version, or one that was cut. What may stand behind the path is ignored. */
export function readProbe(frame: Uint8Array): Probe | undefined {
  if (frame.length < PATH) return undefined;
  const count = frame[COUNT]!;
  const kind = KINDS[frame[KIND]!];
  if (frame.length < PATH + count * ID_BYTES || frame[18] !== VERSION || kind === undefined) return undefined;
  if (count > PATH_MAX) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    kind,
    origin: frame.slice(ORIGIN, TOKEN),
    token: view.getUint32(TOKEN),
    sequence: view.getUint32(SEQUENCE),
    time: Number(view.getBigUint64(TIME)),
    tag: frame.slice(TAG, PATH),
    path: Array.from({ length: count }, (_, i) =>
      hexOf(frame.subarray(PATH + i * ID_BYTES, PATH + (i + 1) * ID_BYTES)),
    ),
  };
}

/** The frame as the next hub passes it on; undefined when as many have as may. */
export function passOn(frame: Uint8Array, id: Uint8Array): Uint8Array | undefined {
  const count = frame[COUNT]!;
  if (count >= PATH_MAX) return undefined;
  const length = PATH + count * ID_BYTES;
  const passed = new Uint8Array(length + ID_BYTES);
  passed.set(frame.subarray(0, length));
  passed.set(id, length);
  passed[COUNT] = count + 1;
  return passed;
}

/** What tells a probe from every other, and is the same wherever it has come by. */
export function keyOf(frame: Uint8Array): string {
  return hexOf(frame.subarray(KIND, COUNT)) + hexOf(frame.subarray(ORIGIN, PATH));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const KINDS: Readonly<Record<number, ProbeKind>> = { 1: 'probe', 2: 'change' };

function kindNumber(kind: ProbeKind): number {
  return kind === 'probe' ? 1 : 2;
}
