import { describe, expect, it } from 'vitest';
import type { HttpHead } from '../../engine/http/head.ts';
import { HeadParser, parseHead } from '../../engine/http/head-parser.ts';
import { MessageReader } from '../../engine/http/message-reader.ts';
import { ascii } from './login-harness.ts';

function head(text: string): HttpHead {
  const result = parseHead(ascii(text));
  if (result === undefined || 'cause' in result) throw new Error(result?.cause ?? 'incomplete');
  return result.head;
}

function cause(text: string): string {
  const result = parseHead(ascii(text));
  if (result === undefined) return 'incomplete';
  return 'cause' in result ? result.cause : 'ok';
}

describe('an HTTP head', () => {
  it('is read with CR LF and with LF', () => {
    for (const end of ['\r\n', '\n']) {
      const { first, headers, contentLength, framed } = head(
        ['POST /a HTTP/1.1', 'Host: x', 'CONTENT-LENGTH:5', 'A:  b : c\t', '', ''].join(end),
      );
      expect(first).toEqual(['POST', '/a', 'HTTP/1.1']);
      expect([...headers]).toEqual([
        ['host', 'x'],
        ['a', 'b : c'],
      ]);
      expect([contentLength, framed]).toEqual([5, true]);
    }
  });

  it('has a first line of three words or more, whatever the number of spaces', () => {
    expect(head('HTTP/1.1  404 Not  Found\r\n\r\n').first).toEqual(['HTTP/1.1', '404', 'Not', 'Found']);
    expect(cause('GET /\r\n\r\n')).toMatch('three words');
    expect(cause('\r\nGET / HTTP/1.1\r\n\r\n')).toMatch('three words');
  });

  it.each([
    ['no colon', 'X-A', 'no colon'],
    ['no value', 'X-A:', 'no value'],
    ['blanks for a value', 'X-A: \t', 'no value'],
    ['no name', ': x', 'no name'],
    ['two lengths', 'Content-Length: 1\r\nContent-Length: 2', 'not one'],
    ['a negative length', 'Content-Length: -1', 'not a number'],
    ['a hexadecimal length', 'Content-Length: 0x10', 'not a number'],
    ['a list of lengths', 'Content-Length: 1, 1', 'not a number'],
  ])('is refused with %s', (_what, line, words) => expect(cause(`GET / HTTP/1.1\r\n${line}\r\n\r\n`)).toMatch(words));

  it('says how long the body is, or not', () => {
    expect(head('GET / HTTP/1.1\r\n\r\n').contentLength).toBeUndefined();
    expect(head(`GET / HTTP/1.1\r\nContent-Length: ${'9'.repeat(400)}\r\n\r\n`).contentLength).toBe(Infinity);
    const chunked = head('GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n');
    expect([chunked.contentLength, chunked.framed]).toEqual([undefined, false]);
  });

  it('has lines of at most 4096 bytes', () => {
    const line = (bytes: number) => `GET / HTTP/1.1\r\nA: ${'x'.repeat(bytes - 3)}\r\n\r\n`;
    expect(cause(line(4096))).toBe('ok');
    expect(cause(line(4096).replaceAll('\r', ''))).toBe('ok');
    expect(cause(line(4097))).toMatch('4096');
    expect(cause(line(4097).replaceAll('\r', ''))).toMatch('4096');
    // Long before its end comes.
    expect(cause('x'.repeat(4098))).toMatch('4096');
  });

  it('has at most 128 headers', () => {
    const lines = (count: number) => `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(count)}\r\n`;
    expect(cause(lines(128))).toBe('ok');
    expect(cause(lines(129))).toMatch('128');
  });

  it('has at most 32 KiB', () => {
    expect(cause(`GET / HTTP/1.1\r\n${`A: ${'x'.repeat(4000)}\r\n`.repeat(9)}\r\n`)).toMatch('32768');
  });

  it('leaves alone what follows it', () => {
    const text = 'GET / HTTP/1.1\r\nA: b\r\n\r\n';
    expect(parseHead(ascii(`${text}rest\r\n`))).toMatchObject({ consumed: text.length });
    const parser = new HeadParser();
    expect(parser.push(ascii(`${text}rest`))).toBe(text.length);
    expect(parser.push(ascii('rest'))).toBe(0);
  });

  it('is the same in every partition', () => {
    const text = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parser = new HeadParser();
      const taken = parser.push(ascii(text.slice(0, cut))) + parser.push(ascii(`${text.slice(cut)}body`));
      expect([taken, parser.result], `cut at ${cut}`).toEqual([text.length, head(text)]);
    }
  });
});

describe('a reader of messages', () => {
  const input = ascii('A b c\r\nContent-Length: 5\r\n\r\nhelloA b c\r\nContent-Length: 3\r\n\r\nxyzA b c\r\n\r\nrest');

  /** Collects the first body, skips the second. */
  function readAll(sizes: number): string[] {
    const reader = new MessageReader();
    const seen: string[] = [];
    for (let start = 0; start < input.length; start += sizes) {
      let rest = input.subarray(start, start + sizes);
      while (rest.length > 0) {
        const { consumed, event } = reader.read(rest);
        rest = rest.subarray(consumed);
        if (event === undefined) continue;
        if (event.kind === 'body') seen.push(new TextDecoder().decode(event.bytes));
        else seen.push(event.kind);
        if (event.kind === 'head' && seen.length === 1) reader.collect(5);
        else if (event.kind === 'head' && seen.length === 3) reader.skip(3);
      }
    }
    return seen;
  }

  it('keeps its place whatever the pieces', () => {
    for (const size of [1, 2, 3, 7, 1000]) expect(readAll(size), `${size}`).toEqual(['head', 'hello', 'head', 'head']);
  });

  it('collects a long body', () => {
    const reader = new MessageReader();
    reader.read(ascii('A b c\r\n\r\n'));
    reader.collect(20_000);
    const body = Uint8Array.from({ length: 20_001 }, (_, index) => index);
    expect(reader.read(body.subarray(0, 4097))).toEqual({ consumed: 4097, event: undefined });
    const { consumed, event } = reader.read(body.subarray(4097));
    expect(consumed).toBe(20_000 - 4097);
    expect(event).toEqual({ kind: 'body', bytes: body.subarray(0, 20_000) });
  });

  it('drops without end when it is told to', () => {
    const reader = new MessageReader();
    reader.skip(Number.POSITIVE_INFINITY);
    expect(reader.read(input)).toEqual({ consumed: input.length, event: undefined });
    expect(reader.read(input)).toEqual({ consumed: input.length, event: undefined });
  });

  it('refuses to collect nothing', () => {
    for (const length of [0, -1, 0.5, Number.NaN])
      expect(() => new MessageReader().collect(length)).toThrow(RangeError);
  });
});
