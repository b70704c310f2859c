/** Text in a Pack, as bytes: `protocol/control-plane.md` §2. */

const SPACE = 0x20;
const TAB = 0x09;

/** The UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text of UTF-8 bytes; what is not UTF-8 becomes U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  // ignoreBOM keeps the mark as a character: a name with one is a different name.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** A view without leading and trailing spaces and tabs, which both ends remove from STR and UNISTR. */
export function trimmed(bytes: Uint8Array): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start]!)) start += 1;
  while (end > start && isBlank(bytes[end - 1]!)) end -= 1;
  return bytes.subarray(start, end);
}

/** A view without NUL bytes at the end. */
export function withoutTrailingNul(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
