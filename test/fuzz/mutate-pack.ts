import { decodePack } from '../../engine/pack/decode.ts';
import { type PackElement, TYPE_DATA, TYPE_INT, TYPE_INT64, TYPE_STR, TYPE_UNISTR } from '../../engine/pack/element.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import { Pack } from '../../engine/pack/pack.ts';
import type { Rng } from './rng.ts';

/** Sizes of one value: where limits are, and beyond all of them. */
const SIZES = [
  0, 1, 2, 15, 16, 19, 20, 21, 63, 64, 255, 256, 257, 1_000, 1_024, 1_025, 4_096, 20_000, 40_000, 60_000, 100_000,
];
const FILLS = [0x00, 0x20, 0x41, 0x61, 0x7f, 0x80, 0xc3, 0xff];
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 13, 20, 32, 33, 9_674, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** A whole Pack with another meaning: what a well-behaved encoder could have sent. Undefined for what is no Pack. */
export function mutatePack(rng: Rng, bytes: Uint8Array): Uint8Array | undefined {
  const decoded = decodePack(bytes);
  if (!decoded.ok || decoded.pack.elements.length === 0) return undefined;
  const elements = [...decoded.pack.elements];
  for (let times = 1 + rng.below(3); times > 0; times--) {
    let at = rng.below(elements.length);
    // Texts are what is shown, compared, hashed and repeated.
    if (rng.oneIn(2))
      at = (at + Math.max(0, [...elements.slice(at), ...elements.slice(0, at)].findIndex(isText))) % elements.length;
    const element = elements[at];
    if (element === undefined) break;
    if (rng.oneIn(6)) elements.splice(at, 1);
    else elements[at] = rng.oneIn(6) ? otherType(rng, element) : otherValue(rng, element);
  }
  return encodePack(new Pack(elements));
}

function isText(element: PackElement): boolean {
  return element.type === TYPE_STR || element.type === TYPE_UNISTR;
}

function otherValue(rng: Rng, element: PackElement): PackElement {
  // Now and then a row of values: most fields have one.
  const count = rng.oneIn(8) ? 2 + rng.below(70) : 1;
  const { name, type } = element;
  switch (type) {
    case TYPE_INT:
      return { name, type, values: Array.from({ length: count }, () => rng.of(NUMBERS)) };
    case TYPE_INT64:
      return { name, type, values: Array.from({ length: count }, () => BigInt(rng.of(NUMBERS)) * 0x1_0000_0001n) };
    default:
      return { name, type, values: Array.from({ length: count }, () => text(rng, count)) };
  }
}

function otherType(rng: Rng, element: PackElement): PackElement {
  const { name } = element;
  const type = rng.of([TYPE_INT, TYPE_INT64, TYPE_DATA, TYPE_STR, TYPE_UNISTR] as const);
  if (type === TYPE_INT) return otherValue(rng, { name, type, values: [0] });
  if (type === TYPE_INT64) return otherValue(rng, { name, type, values: [0n] });
  return otherValue(rng, { name, type, values: [] });
}

/** Many are short, so that the whole stays below what a message may have. */
function text(rng: Rng, count: number): Uint8Array {
  const size = count > 1 ? rng.below(40) : rng.of(SIZES);
  return rng.oneIn(4) ? rng.bytes(Math.min(size, 2_000)) : new Uint8Array(size).fill(rng.of(FILLS));
}
