import { nameKey, type PackElement, TYPE_DATA, TYPE_INT, TYPE_INT64, TYPE_STR, TYPE_UNISTR } from './element.ts';
import { fromUtf8 } from './text.ts';

/**
 * A set of named, typed arrays: `protocol/control-plane.md` §2. It does not change. `PackBuilder` and `decodePack`
 * make one.
 *
 * A getter whose name is not there, whose element has another type, or whose index is beyond the last value, reads as
 * absent: 0, an empty string or no bytes. Names are case-insensitive.
 */
export class Pack {
  /** In the order in which they were added or came. */
  readonly elements: readonly PackElement[];
  readonly #byName: ReadonlyMap<string, PackElement>;

  /** @param elements No two with the same name, whatever the case; otherwise a `RangeError`. */
  constructor(elements: readonly PackElement[]) {
    const byName = new Map<string, PackElement>();
    for (const element of elements) byName.set(nameKey(element.name), element);
    if (byName.size !== elements.length) throw new RangeError('elements: expected different names, got one twice');
    this.elements = elements;
    this.#byName = byName;
  }

  /** Whether there is an element of that name, of any type. */
  has(name: string): boolean {
    return this.#byName.has(nameKey(name));
  }

  /** How many values the element has; 0 when it is absent. */
  count(name: string): number {
    return this.#byName.get(nameKey(name))?.values.length ?? 0;
  }

  /** An INT, 0 to 0xFFFFFFFF. */
  int(name: string, index = 0): number {
    const element = this.#byName.get(nameKey(name));
    return element?.type === TYPE_INT ? (element.values[index] ?? 0) : 0;
  }

  /** Whether an INT is not 0. */
  bool(name: string, index = 0): boolean {
    return this.int(name, index) !== 0;
  }

  /** An INT64, 0 to 2^64 - 1. */
  int64(name: string, index = 0): bigint {
    const element = this.#byName.get(nameKey(name));
    return element?.type === TYPE_INT64 ? (element.values[index] ?? 0n) : 0n;
  }

  /** The bytes of a DATA. They are the Pack's own: copy them before you change them. */
  data(name: string, index = 0): Uint8Array {
    return this.#bytes(TYPE_DATA, name, index);
  }

  /** A STR, read as UTF-8. */
  str(name: string, index = 0): string {
    return fromUtf8(this.strBytes(name, index));
  }

  /** The bytes of a STR as they came, trimmed; its charset is the sender's secret. */
  strBytes(name: string, index = 0): Uint8Array {
    return this.#bytes(TYPE_STR, name, index);
  }

  /** A UNISTR. */
  uni(name: string, index = 0): string {
    return fromUtf8(this.#bytes(TYPE_UNISTR, name, index));
  }

  #bytes(type: number, name: string, index: number): Uint8Array {
    const element = this.#byName.get(nameKey(name));
    if (element?.type !== type) return NO_BYTES;
    return (element.values[index] as Uint8Array | undefined) ?? NO_BYTES;
  }
}

const NO_BYTES = new Uint8Array(0);
