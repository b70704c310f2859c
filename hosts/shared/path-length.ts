/** One element of DER (X.690 §8.1): its tag and what is in it. */
interface Element {
  readonly tag: number;
  readonly body: Uint8Array;
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;
/** RFC 5280 §4.1: the extensions of a certificate. */
const EXTENSIONS = 0xa3;
/** basicConstraints, 2.5.29.19 (RFC 5280 §4.2.1.9). */
const BASIC_CONSTRAINTS = '55,1d,13';

/**
 * How many intermediate certificates may stand below a CA (RFC 5280 §4.2.1.9); Infinity when it does not say. The runtimes
 * do not tell. @param der A certificate that was read before, so that it is DER.
 */
export function pathLength(der: Uint8Array): number {
  const [certificate] = elements(der);
  const [signed] = elements(certificate!.body);
  const extensions = elements(signed!.body).find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return Number.POSITIVE_INFINITY;
  for (const { body } of elements(elements(extensions.body)[0]!.body)) {
    const parts = elements(body);
    const name = Array.from(parts[0]!.body, (byte) => byte.toString(16)).join(',');
    if (name !== BASIC_CONSTRAINTS) continue;
    const value = parts[1]!.tag === BOOLEAN ? parts[2]! : parts[1]!;
    const length = elements(elements(value.body)[0]!.body).find(({ tag }) => tag === INTEGER);
    return length === undefined ? Number.POSITIVE_INFINITY : length.body.reduce((sum, byte) => sum * 256 + byte, 0);
  }
  return Number.POSITIVE_INFINITY;
}

/** Those that lie one behind the other. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const tag = bytes[at]!;
    let length = bytes[at + 1]!;
    at += 2;
    if (length & 0x80) {
      const size = length & 0x7f;
      length = bytes.subarray(at, at + size).reduce((sum, byte) => sum * 256 + byte, 0);
      at += size;
    }
    found.push({ tag, body: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}
