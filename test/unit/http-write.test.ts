import { describe, expect, it } from 'vitest';
import { httpDate } from '../../engine/http/date.ts';
import { escapeHtml } from '../../engine/http/escape.ts';
import {
  forbiddenPage,
  indexPage,
  notFoundPage,
  notImplementedPage,
  PROBE_TAG,
  writePage,
} from '../../engine/http/pages.ts';
import { writeMessage } from '../../engine/http/write.ts';
import { text } from './login-harness.ts';

const NONE = new Uint8Array(0);

describe('dates', () => {
  it('are those of the captured messages', () => {
    expect(httpDate(Date.UTC(2026, 10, 22, 17, 38, 34))).toBe('Sun, 22 Nov 2026 17:38:34 GMT');
  });

  it('are right on every day of 400 years', () => {
    const day = 86_400_000;
    for (let utc = 0; utc < 146_097 * day; utc += day) {
      const time = utc + (utc / day) * 590;
      if (httpDate(time) !== new Date(time).toUTCString()) expect(httpDate(time)).toBe(new Date(time).toUTCString());
    }
    const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    expect(httpDate(last)).toBe(new Date(last).toUTCString());
  });

  it('refuse what is no date', () => {
    for (const utc of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => httpDate(utc)).toThrow(RangeError);
  });
});

describe('a message', () => {
  it('is written line by line', () => {
    const bytes = writeMessage({ firstLine: 'GET / HTTP/1.1', headers: [['A', 'b c']], body: Uint8Array.of(0, 0xff) });
    expect(text(bytes)).toBe('GET / HTTP/1.1\r\nA: b c\r\n\r\n\0\u00ff');
  });

  it('takes no second line and no empty value from its caller', () => {
    for (const value of ['', ' ', 'a\r\nB: c', 'a\n', '\u00e9']) {
      expect(() => writeMessage({ firstLine: 'A b c', headers: [['A', value]], body: NONE })).toThrow(RangeError);
    }
    expect(() => writeMessage({ firstLine: 'A b\nc', headers: [], body: NONE })).toThrow(RangeError);
    expect(() => writeMessage({ firstLine: 'A b c', headers: [['', 'x']], body: NONE })).toThrow(RangeError);
  });
});

describe('pages', () => {
  const options = { utc: 0, headOnly: false, last: false };

  it('have the headers of real servers', () => {
    const page = text(writePage(notFoundPage('/x'), options));
    const body = page.slice(page.indexOf('\r\n\r\n') + 4);
    expect(page.slice(0, page.indexOf('\r\n\r\n'))).toBe(
      [
        'HTTP/1.1 404 Not Found',
        'Connection: Keep-Alive',
        `Content-Length: ${body.length}`,
        'Content-Type: text/html; charset=iso-8859-1',
        'Date: Thu, 01 Jan 1970 00:00:00 GMT',
        'Keep-Alive: timeout=15; max=19',
      ].join('\r\n'),
    );
  });

  it('have a head only for HEAD, with the length of the page', () => {
    const full = text(writePage(indexPage(), options));
    const head = text(writePage(indexPage(), { ...options, headOnly: true }));
    expect(full.startsWith(head)).toBe(true);
    expect(head.endsWith('\r\n\r\n')).toBe(true);
    expect(head).toContain(`Content-Length: ${full.length - head.length}\r\n`);
  });

  it('say when they are the last', () => {
    const page = text(writePage(indexPage(), { ...options, last: true }));
    expect(page).toContain('\r\nConnection: close\r\n');
    expect(page).not.toContain('Keep-Alive');
  });

  it('have the tag in the index only, in its first 1023 bytes', () => {
    expect(indexPage().html.slice(0, 1023)).toContain(PROBE_TAG);
    expect(indexPage().html.indexOf('<!DOCTYPE html>')).toBe(0);
    for (const page of [forbiddenPage('/'), notFoundPage('/'), notImplementedPage('X')]) {
      expect(page.html).not.toContain(PROBE_TAG);
    }
  });

  it('escape what was asked for', () => {
    const html = notFoundPage('/<script>alert("1\'&2")</script>').html;
    expect(html).toContain('/&#60;script&#62;alert(&#34;1&#39;&#38;2&#34;)&#60;/script&#62;');
    expect(html).not.toContain('<script');
    expect(notImplementedPage('<b>').html).not.toContain('<b>');
  });

  it('are ASCII and do not grow with the request', () => {
    const page = forbiddenPage('/\u00e9\u0007<'.repeat(1000));
    expect(page.html).toMatch(/^[\n\x20-\x7e]*$/);
    expect(page.html.length).toBeLessThan(2000);
  });
});

describe('text for HTML', () => {
  it('has nothing left that HTML would read', () => {
    expect(escapeHtml('a<b>&"\'\u00e9\n')).toBe('a&#60;b&#62;&#38;&#34;&#39;&#233; ');
  });
});
