/** Headers are written in the order given; Content-Length is the caller's, because a HEAD answer has no body. */
export interface HttpMessage {
  /** Without CR LF. */
  readonly firstLine: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/**
 * Head and body of a request or a response in one array.
 *
 * Throws a `RangeError` for a line that is not printable ASCII, and so for every CR or LF, and for an empty value,
 * which a receiver takes for the end of the world (`protocol/control-plane.md` §1.3).
 */
export function writeMessage(message: HttpMessage): Uint8Array {
  let head = `${checked('firstLine', message.firstLine)}\r\n`;
  for (const [name, value] of message.headers) head += `${checked('name', name)}: ${checked(name, value)}\r\n`;
  head += '\r\n';
  const bytes = new Uint8Array(head.length + message.body.length);
  for (let index = 0; index < head.length; index += 1) bytes[index] = head.charCodeAt(index);
  bytes.set(message.body, head.length);
  return bytes;
}

/** Real peers send it in every message, and nobody reads it: `protocol/control-plane.md` §1.3. */
export const KEEP_ALIVE = 'timeout=15; max=19';

function checked(what: string, text: string): string {
  if (!/^[\x20-\x7e]*[\x21-\x7e]$/.test(text)) {
    throw new RangeError(`${what}: expected printable ASCII, got ${JSON.stringify(text)}`);
  }
  return text;
}
