import { nameKey, type PackElement, TYPE_DATA, TYPE_INT, TYPE_INT64, TYPE_STR, TYPE_UNISTR } from './element.ts';
import { MAX_ELEMENTS, MAX_NAME_BYTES, MAX_VALUES } from './limits.ts';
import { Pack } from './pack.ts';
import { trimmed, utf8 } from './text.ts';

/**
 * Collects elements in the order of the calls. Every method takes one value or an array of them; an empty array adds
 * nothing, because an element without values makes a receiver refuse the Pack (`protocol/control-plane.md` §2).
 *
 * Mistakes throw a `RangeError`: a name that is not 1 to 63 printable ASCII characters or that is there already, an
 * integer out of range, a NUL in a text, too many elements or values.
 */
export class PackBuilder {
  readonly #elements: PackElement[] = [];
  readonly #names = new Set<string>();

  /** INT, 0 to 0xFFFFFFFF. */
  int(name: string, value: number | readonly number[]): this {
    const values = typeof value === 'number' ? [value] : [...value];
    for (const each of values) {
      if (!Number.isInteger(each) || each < 0 || each > 0xffffffff) {
        throw new RangeError(`${name}: expected an integer from 0 to 4294967295, got ${each}`);
      }
    }
    return this.#add({ name, type: TYPE_INT, values });
  }

  /** INT 1 or 0; the format has no type for it. */
  bool(name: string, value: boolean): this {
    return this.int(name, value ? 1 : 0);
  }

  /** INT64, 0 to 2^64 - 1. */
  int64(name: string, value: bigint | readonly bigint[]): this {
    const values = typeof value === 'bigint' ? [value] : [...value];
    for (const each of values) {
      if (each < 0n || each > 0xffffffffffffffffn) {
        throw new RangeError(`${name}: expected an integer from 0 to 2^64 - 1, got ${each}`);
      }
    }
    return this.#add({ name, type: TYPE_INT64, values });
  }

  /** DATA; the bytes are copied. */
  data(name: string, value: Uint8Array | readonly Uint8Array[]): this {
    const values = value instanceof Uint8Array ? [value] : value;
    return this.#add({ name, type: TYPE_DATA, values: values.map((each) => each.slice()) });
  }

  /** STR, without outer spaces and tabs. A string is sent as UTF-8, bytes as they are. */
  str(name: string, value: string | Uint8Array | readonly (string | Uint8Array)[]): this {
    return this.#add({ name, type: TYPE_STR, values: texts(name, value) });
  }

  /** UNISTR, without outer spaces and tabs. */
  uni(name: string, value: string | readonly string[]): this {
    return this.#add({ name, type: TYPE_UNISTR, values: texts(name, value) });
  }

  /** The elements so far. The builder can go on; the Pack does not change any more. */
  build(): Pack {
    return new Pack([...this.#elements]);
  }

  #add(element: PackElement): this {
    const { name, values } = element;
    if (values.length === 0) return this;
    if (name.length > MAX_NAME_BYTES || !/^[\x20-\x7e]+$/.test(name)) {
      throw new RangeError(`name: expected 1 to 63 printable ASCII characters, got ${JSON.stringify(name)}`);
    }
    if (values.length > MAX_VALUES) {
      throw new RangeError(`${name}: expected at most ${MAX_VALUES} values, got ${values.length}`);
    }
    if (this.#elements.length >= MAX_ELEMENTS) {
      throw new RangeError(`${name}: expected at most ${MAX_ELEMENTS} elements, got one more`);
    }
    if (this.#names.has(nameKey(name))) throw new RangeError(`name: expected one that is not there yet, got ${name}`);
    this.#names.add(nameKey(name));
    this.#elements.push(element);
    return this;
  }
}

function texts(name: string, value: string | Uint8Array | readonly (string | Uint8Array)[]): Uint8Array[] {
  const values = typeof value === 'string' || value instanceof Uint8Array ? [value] : value;
  return values.map((each) => {
    const bytes = typeof each === 'string' ? utf8(each) : each;
    if (bytes.includes(0)) throw new RangeError(`${name}: expected a text without NUL, got one with it`);
    return trimmed(bytes).slice();
  });
}
