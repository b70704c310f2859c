import { type PackElement, TYPE_DATA, TYPE_INT, TYPE_INT64, TYPE_STR, TYPE_UNISTR } from './element.ts';
import type { Pack } from './pack.ts';

/** The bytes of a Pack, elements in its order: `protocol/control-plane.md` §2. */
export function encodePack(pack: Pack): Uint8Array {
  let size = 4;
  for (const element of pack.elements) size += elementBytes(element);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pack.elements.length);
  let offset = 4;
  for (const element of pack.elements) offset = writeElement(bytes, view, offset, element);
  return bytes;
}

function elementBytes(element: PackElement): number {
  // The length of the name, the name, the type, the number of values.
  let size = 4 + element.name.length + 4 + 4;
  switch (element.type) {
    case TYPE_INT:
      return size + element.values.length * 4;
    case TYPE_INT64:
      return size + element.values.length * 8;
    case TYPE_DATA:
    case TYPE_STR:
    case TYPE_UNISTR:
      for (const value of element.values) size += 4 + value.length + nulBytes(element.type);
      return size;
  }
}

function writeElement(bytes: Uint8Array, view: DataView, start: number, element: PackElement): number {
  let offset = start;
  // The length counts a NUL that is not sent.
  view.setUint32(offset, element.name.length + 1);
  offset += 4;
  for (let index = 0; index < element.name.length; index += 1) bytes[offset + index] = element.name.charCodeAt(index);
  offset += element.name.length;
  view.setUint32(offset, element.type);
  view.setUint32(offset + 4, element.values.length);
  offset += 8;
  switch (element.type) {
    case TYPE_INT:
      for (const value of element.values) {
        view.setUint32(offset, value);
        offset += 4;
      }
      return offset;
    case TYPE_INT64:
      for (const value of element.values) {
        view.setBigUint64(offset, value);
        offset += 8;
      }
      return offset;
    case TYPE_DATA:
    case TYPE_STR:
    case TYPE_UNISTR:
      for (const value of element.values) {
        const length = value.length + nulBytes(element.type);
        view.setUint32(offset, length);
        bytes.set(value, offset + 4);
        // The NUL is there already: the array began as zeros.
        offset += 4 + length;
      }
      return offset;
  }
}

/** Only UNISTR sends its NUL and counts it. */
function nulBytes(type: number): number {
  return type === TYPE_UNISTR ? 1 : 0;
}
