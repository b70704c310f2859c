import { HeadParser, parseHead } from '../../engine/http/head-parser.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS, MAX_LINE_BYTES } from '../../engine/http/limits.ts';
import { MessageReader } from '../../engine/http/message-reader.ts';
import { Rng } from './rng.ts';
import { check, corpus, pieces, type Target, words } from './target.ts';

const MAX_BODY = 0x1_0000;

export const HTTP_WORDS = words(
  'GET / HTTP/1.1\r\n',
  'POST /vpnsvc/vpn.cgi HTTP/1.1\r\n',
  'POST /vpnsvc/connect.cgi HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'Content-Length: 10\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 65536\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Content-Type: application/octet-stream\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'VPNCONNECT',
  'HEAD ',
  ': ',
  ' ',
  '\t',
  '\r\n',
  '\r\n\r\n',
  '\n',
);

/** What an owner of the reader sees, as text. */
function read(parts: readonly Uint8Array[], total: number): string {
  const reader = new MessageReader();
  const seen: string[] = [];
  // Each step takes a byte or tells something, and tells no more than there are bytes: more steps are a hang.
  let steps = 2 * total + parts.length + 2;
  for (const part of parts) {
    for (let rest = part; rest.length > 0; ) {
      check(steps-- > 0, 'the reader does not come to an end');
      const { consumed, event } = reader.read(rest);
      check(consumed >= 0 && consumed <= rest.length, `${consumed} bytes consumed of ${rest.length}`);
      rest = rest.subarray(consumed);
      if (event === undefined) {
        check(rest.length === 0, 'bytes are left and nothing is said');
        break;
      }
      if (event.kind === 'error') {
        const again = reader.read(rest);
        check(rest.length === 0 || (again.consumed === 0 && again.event?.kind === 'error'), 'an error is forgotten');
        return `${seen.join('\n')}\nerror ${event.cause}`;
      }
      if (event.kind === 'body') {
        seen.push(bodyText(event.bytes));
        continue;
      }
      const { first, headers, contentLength, framed } = event.head;
      check(first.length >= 3 && first.every((word) => word !== ''), 'a first line of fewer than three words');
      check(headers.size <= MAX_HEADERS, `${headers.size} headers`);
      for (const [name, value] of headers) {
        check(name !== '' && value !== '' && name.length + value.length <= MAX_LINE_BYTES, 'a header that is none');
      }
      check(contentLength === undefined || (framed && contentLength >= 0), 'a length without a frame');
      seen.push(headText(first, headers, contentLength));
      if (!framed) reader.skip(Number.POSITIVE_INFINITY);
      else if (isWanted(contentLength ?? 0)) reader.collect(contentLength!);
      else reader.skip(contentLength ?? 0);
    }
  }
  return seen.join('\n');
}

/** The plain twin of the reader: heads and bodies one behind the other in one array. */
function plainRead(input: Uint8Array): string {
  const seen: string[] = [];
  for (let at = 0; at < input.length; ) {
    const parsed = parseHead(input.subarray(at));
    if (parsed === undefined) break;
    if ('cause' in parsed) return `${seen.join('\n')}\nerror ${parsed.cause}`;
    at += parsed.consumed;
    const { first, headers, contentLength, framed } = parsed.head;
    seen.push(headText(first, headers, contentLength));
    if (!framed) break;
    const length = contentLength ?? 0;
    if (isWanted(length)) {
      if (at + length > input.length) break;
      seen.push(bodyText(input.subarray(at, at + length)));
    }
    at += length;
  }
  return seen.join('\n');
}

/** Bodies that the owner has collected; the others it has skipped, for no better reason than to try both. */
function isWanted(length: number): boolean {
  return length > 0 && length <= MAX_BODY && length % 3 !== 0;
}

function headText(first: readonly string[], headers: ReadonlyMap<string, string>, length: number | undefined): string {
  return `head ${first.join(' ')} ${JSON.stringify([...headers])} ${length}`;
}

function bodyText(bytes: Uint8Array): string {
  return `body ${Buffer.from(bytes).toString('latin1')}`;
}

export function httpTarget(): Target {
  return {
    name: 'http',
    seeds: corpus('http'),
    words: HTTP_WORDS,
    maxBytes: 0xa000,
    run(input) {
      const whole = read([input], input.length);
      const cut = read(pieces(Rng.from(input), input), input.length);
      if (whole !== cut) throw new Error(`cut in pieces it reads as\n${cut}\nand whole as\n${whole}`);
      const plain = plainRead(input);
      if (whole !== plain) throw new Error(`the twin reads\n${plain}\nand the reader\n${whole}`);
      const parser = new HeadParser();
      const consumed = parser.push(input);
      check(consumed <= input.length && consumed <= MAX_HEAD_BYTES + MAX_LINE_BYTES, `a head of ${consumed} bytes`);
      check((parseHead(input) === undefined) === (parser.result === undefined), 'parseHead says another thing');
    },
  };
}
