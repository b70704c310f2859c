import type { HttpError, HttpHead } from './head.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS, MAX_LINE_BYTES } from './limits.ts';

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads one head from chunks of any size, by the rules of `protocol/control-plane.md` §1.3: lines end with LF, a CR
 * before it is dropped, the first line has three tokens, a header without a colon or without a value is fatal.
 */
export class HeadParser {
  /** The line so far; it grows by doubling up to the longest line that is allowed, with its CR. */
  #line = new Uint8Array(256);
  #lineLength = 0;
  #headLength = 0;
  #first: HttpHead['first'] | undefined;
  #headerLines = 0;
  readonly #headers = new Map<string, string>();
  #contentLength: string | undefined;
  #result: HttpHead | HttpError | undefined;

  /** The head, or why there is none; undefined as long as more bytes are needed. */
  get result(): HttpHead | HttpError | undefined {
    return this.#result;
  }

  /**
   * Takes bytes from the front, up to and including the empty line, and returns how many. What it did not take is not
   * part of the head. Once there is a result it takes nothing.
   */
  push(bytes: Uint8Array): number {
    let offset = 0;
    while (offset < bytes.length && this.#result === undefined) {
      const feed = bytes.indexOf(LF, offset);
      const end = feed === -1 ? bytes.length : feed;
      if (!this.#append(bytes.subarray(offset, end))) return end;
      if (feed === -1) return end;
      offset = feed + 1;
      this.#headLength += 1;
      this.#endLine();
    }
    return offset;
  }

  #append(part: Uint8Array): boolean {
    const length = this.#lineLength + part.length;
    this.#headLength += part.length;
    // One more for the CR, which is part of the line until its LF comes.
    if (length > MAX_LINE_BYTES + 1) return this.#fail(`a line has more than ${MAX_LINE_BYTES} bytes`);
    if (this.#headLength > MAX_HEAD_BYTES) return this.#fail(`the head has more than ${MAX_HEAD_BYTES} bytes`);
    if (length > this.#line.length) {
      const grown = new Uint8Array(Math.max(length, this.#line.length * 2));
      grown.set(this.#line.subarray(0, this.#lineLength));
      this.#line = grown;
    }
    this.#line.set(part, this.#lineLength);
    this.#lineLength = length;
    return true;
  }

  #endLine(): void {
    const length =
      this.#lineLength > 0 && this.#line[this.#lineLength - 1] === CR ? this.#lineLength - 1 : this.#lineLength;
    if (length > MAX_LINE_BYTES) {
      this.#fail(`a line has more than ${MAX_LINE_BYTES} bytes`);
      return;
    }
    let line = '';
    for (let index = 0; index < length; index += 1) line += String.fromCharCode(this.#line[index]!);
    this.#lineLength = 0;
    if (this.#first === undefined) this.#firstLine(line);
    else if (line === '') this.#finish(this.#first);
    else this.#headerLine(line);
  }

  #firstLine(line: string): void {
    const tokens = line.split(' ').filter((token) => token !== '');
    if (tokens.length < 3) this.#fail('the first line has fewer than three words');
    else this.#first = tokens as [string, string, string, ...string[]];
  }

  #headerLine(line: string): void {
    this.#headerLines += 1;
    if (this.#headerLines > MAX_HEADERS) {
      this.#fail(`there are more than ${MAX_HEADERS} headers`);
      return;
    }
    const colon = line.indexOf(':');
    const name = blankTrimmed(line.slice(0, Math.max(colon, 0))).toLowerCase();
    const value = blankTrimmed(line.slice(colon + 1));
    if (colon === -1) this.#fail('a header has no colon');
    else if (name === '') this.#fail('a header has no name');
    else if (value === '') this.#fail('a header has no value');
    else if (name === 'content-length') this.#lengthHeader(value);
    else if (!this.#headers.has(name)) this.#headers.set(name, value);
  }

  #lengthHeader(value: string): void {
    if (!/^[0-9]+$/.test(value)) this.#fail('Content-Length is not a number');
    else if (this.#contentLength !== undefined && this.#contentLength !== value)
      this.#fail('Content-Length is not one');
    else this.#contentLength = value;
  }

  #finish(first: HttpHead['first']): void {
    const framed = !this.#headers.has('transfer-encoding');
    this.#result = {
      first,
      headers: this.#headers,
      contentLength: framed && this.#contentLength !== undefined ? Number(this.#contentLength) : undefined,
      framed,
    };
  }

  #fail(cause: string): false {
    this.#result = { ok: false, cause };
    return false;
  }
}

/** One head from the front of `bytes`, and how many bytes it took; undefined when it is not all there. */
export function parseHead(bytes: Uint8Array): { head: HttpHead; consumed: number } | HttpError | undefined {
  const parser = new HeadParser();
  const consumed = parser.push(bytes);
  const result = parser.result;
  if (result === undefined || 'cause' in result) return result;
  return { head: result, consumed };
}

/** Without leading and trailing spaces and tabs, and only those: `trim` would also take Latin-1's no-break space. */
function blankTrimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start]!)) start += 1;
  while (end > start && isBlank(text[end - 1]!)) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}
