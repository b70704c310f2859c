/** The element of a Pack: `protocol/control-plane.md` §2. */

/** An unsigned 32-bit integer. */
export const TYPE_INT = 0x00;
/** Bytes. */
export const TYPE_DATA = 0x01;
/** Text without a declared charset, no NUL on the wire. */
export const TYPE_STR = 0x02;
/** UTF-8 text, one NUL on the wire. */
export const TYPE_UNISTR = 0x03;
/** An unsigned 64-bit integer. */
export const TYPE_INT64 = 0x04;

export interface IntElement {
  readonly name: string;
  readonly type: typeof TYPE_INT;
  readonly values: readonly number[];
}

/**
 * DATA, STR and UNISTR. Text is held as bytes, trimmed and without NUL: STR has no declared charset, and a password
 * hash is made of the bytes as they came.
 */
export interface BytesElement {
  readonly name: string;
  readonly type: typeof TYPE_DATA | typeof TYPE_STR | typeof TYPE_UNISTR;
  readonly values: readonly Uint8Array[];
}

export interface Int64Element {
  readonly name: string;
  readonly type: typeof TYPE_INT64;
  readonly values: readonly bigint[];
}

/** `name` is 1 to 63 printable ASCII characters, `values` has at least one entry. */
export type PackElement = IntElement | BytesElement | Int64Element;

/** The form under which a name is looked up: names are case-insensitive. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}
