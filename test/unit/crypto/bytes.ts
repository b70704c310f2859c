/** Small hands for byte strings in the tests of the crypto module. */

export { hex } from '../../sim/frames.ts';

export function hexOf(bytes: Uint8Array): string {
  return viewOf(bytes).toString('hex');
}

export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

/** 0, 1, 2 … from `first` on. */
export function counting(count: number, first = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, i) => first + i);
}

/** The same memory, as what node:crypto and comparisons take. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A copy that lies `offset` bytes behind the start of its buffer, among bytes that must not be touched. */
export function shifted(bytes: Uint8Array, offset: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(offset + bytes.length + 16).fill(0xee);
  whole.set(bytes, offset);
  return whole.subarray(offset, offset + bytes.length);
}

/** Nothing around what `shifted` made was written to. */
export function mustBeFramed(part: Uint8Array): void {
  const whole = new Uint8Array(part.buffer);
  const end = part.byteOffset + part.length;
  for (let at = 0; at < whole.length; at++) {
    if (at === part.byteOffset) at = end;
    if (whole[at] !== 0xee) throw new Error(`byte ${at - part.byteOffset} was written, of ${part.length}`);
  }
}

/** Whether these bytes are anywhere in a memory. */
export function holds(memory: Uint8Array, bytes: Uint8Array): boolean {
  return viewOf(memory).includes(viewOf(bytes));
}

/** A memory without its pages of zeros, in which there is less to be searched. */
export function withoutZeros(memory: Uint8Array): Uint8Array {
  const page = new Uint8Array(1_024);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < memory.length; at += page.length) {
    const part = memory.subarray(at, at + page.length);
    // What reaches over the end of a page still does.
    if (!viewOf(part).equals(page)) parts.push(part);
    else if (parts.at(-1)?.length !== 32) parts.push(page.subarray(0, 32));
  }
  return Buffer.concat(parts);
}

/** An `expect` for hundreds of thousands of comparisons: it costs something only when they fail. */
export function mustEqual(found: Uint8Array, expected: Uint8Array, what: () => string): void {
  if (viewOf(found).equals(viewOf(expected))) return;
  throw new Error(`${what()}: found ${hexOf(found)}, expected ${hexOf(expected)}`);
}

/** Likewise of numbers, names and lists of them. */
export function mustBe(found: unknown, expected: unknown, what: () => string): void {
  if (String(found) !== String(expected)) throw new Error(`${what()}: found ${found}, expected ${expected}`);
}
