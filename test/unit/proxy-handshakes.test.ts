import { describe, expect, it } from 'vitest';
import type { ProxyOptions } from '../../engine/host.ts';
import { createProxyHandshake, needsLookup, proxyProblem } from '../../engine/proxy/create.ts';
import type { ProxyHandshake, ProxyStep } from '../../engine/proxy/handshake.ts';

const TARGET = { host: 'vpn.example', port: 443 };
const GREETING = 'hello from the target';

function proxy(kind: ProxyOptions['kind'], more: Partial<ProxyOptions> = {}): ProxyOptions {
  return { kind, host: '10.0.0.1', port: 1, ...more };
}

function bytes(...parts: (string | number[])[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
}

function latin(part: Uint8Array): string {
  return Buffer.from(part).toString('latin1');
}

interface Talk {
  sent: string[];
  last: ProxyStep | undefined;
}

/** Hands each answer over, in pieces of `size` bytes, until it is over; what is sent meanwhile is kept. */
function talk(handshake: ProxyHandshake, answers: readonly Uint8Array[], size: number): Talk {
  const result: Talk = { sent: [latin(handshake.start())], last: undefined };
  for (const answer of answers) {
    let sent = '';
    for (let offset = 0; offset < answer.length; offset += size) {
      const step = handshake.handleBytes(answer.subarray(offset, offset + size));
      result.last = step;
      if (step.state === 'open') {
        // What the last piece did not hold follows it on the connection.
        const rest = answer.subarray(Math.min(answer.length, offset + size));
        result.last = { state: 'open', remainder: bytes(latin(step.remainder), latin(rest)) };
      }
      if (step.state !== 'going') return result;
      sent += latin(step.send);
    }
    if (sent !== '') result.sent.push(sent);
  }
  return result;
}

const SIZES = [1, 2, 3, 7, 100_000];

function expectOpen(options: ProxyOptions, answers: Uint8Array[], sent: string[], target = TARGET): void {
  for (const size of SIZES) {
    const { last, sent: heard } = talk(createProxyHandshake(options, target), answers, size);
    expect(heard).toEqual(sent);
    expect(last?.state).toBe('open');
    expect(last?.state === 'open' ? latin(last.remainder) : undefined).toBe(GREETING);
  }
}

function expectFailed(options: ProxyOptions, answers: Uint8Array[], code: string, message: string | RegExp): void {
  for (const size of SIZES) {
    const { last } = talk(createProxyHandshake(options, TARGET), answers, size);
    expect(last).toMatchObject({ state: 'failed', failure: { code } });
    const said = last?.state === 'failed' ? last.failure.message : '';
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  }
}

describe('HTTP CONNECT', () => {
  const OK = bytes('HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\nEmpty:\r\n\r\n', GREETING);

  it('asks for name and port', () => {
    expectOpen(proxy('http'), [OK], ['CONNECT vpn.example:443 HTTP/1.1\r\nHost: vpn.example:443\r\n\r\n']);
  });

  it('puts brackets around an IPv6 address', () => {
    const target = { host: 'fd00::1', port: 5555 };
    expectOpen(proxy('http'), [OK], ['CONNECT [fd00::1]:5555 HTTP/1.1\r\nHost: [fd00::1]:5555\r\n\r\n'], target);
  });

  it.each([
    ['Aladdin', 'open sesame', 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ['test', '123£', 'dGVzdDoxMjPCow=='],
    ['a', undefined, 'YTo='],
    ['', 'b', 'OmI='],
  ])('says who %s is (RFC 7617)', (user, password, encoded) => {
    const options = proxy('http', { user, ...(password === undefined ? {} : { password }) });
    const [request] = talk(createProxyHandshake(options, TARGET), [], 1).sent;
    expect(request).toContain(`\r\nProxy-Authorization: Basic ${encoded}\r\n`);
  });

  it.each([
    ['HTTP/1.0 200 \r\n\r\n'],
    ['HTTP/1.1 200\n\n'],
    ['HTTP/1.1 204 No\r\nContent-Length: 99\r\n\r\n'],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ])('goes on after %j', (head) => {
    for (const size of SIZES) {
      const { last } = talk(createProxyHandshake(proxy('http'), TARGET), [bytes(head, GREETING)], size);
      expect(last?.state === 'open' && latin(last.remainder)).toBe(GREETING);
    }
  });

  it.each([
    ['407 Proxy Authentication Required', 'ERR_PROXY_CREDENTIALS', 'the proxy wants a user name and a password'],
    ['401 Unauthorized', 'ERR_PROXY_CREDENTIALS', 'the proxy wants a user name and a password'],
    ['403 Filtered', 'ERR_PROXY_CREDENTIALS', 'the proxy does not allow this'],
    ['502 Bad Gateway', 'ERR_PROXY_TARGET', 'the proxy did not get through to vpn.example:443'],
    ['504 Gateway Timeout', 'ERR_PROXY_TARGET', 'the proxy did not get through to vpn.example:443'],
    ['405 Method Not Allowed', 'ERR_PROXY_REFUSED', 'the proxy refused'],
    ['302 Found', 'ERR_PROXY_REFUSED', 'the proxy refused'],
  ])('%s', (status, code, message) => {
    const answer = bytes(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nhello`);
    expectFailed(proxy('http'), [answer], code, `${message}: it said "HTTP/1.1 ${status}"`);
  });

  it('says that credentials were wrong, or of the wrong kind', () => {
    const options = proxy('http', { user: 'u', password: 'p' });
    const answer = (scheme: string): Uint8Array =>
      bytes(`HTTP/1.1 407 No\r\nProxy-Authenticate: ${scheme} realm="x"\r\n\r\n`);
    const said = 'it said "HTTP/1.1 407 No"';
    expectFailed(
      options,
      [answer('basic')],
      'ERR_PROXY_CREDENTIALS',
      `the proxy refused the user or the password: ${said}`,
    );
    expectFailed(
      options,
      [answer('Negotiate')],
      'ERR_PROXY_CREDENTIALS',
      `the proxy wants authentication of another kind than Basic ("negotiate"): ${said}`,
    );
  });

  it('knows what is no HTTP at once, and repeats little of it', () => {
    expectFailed(
      proxy('http'),
      [bytes('SSH-2.0-x')],
      'ERR_PROXY_PROTOCOL',
      /^what answers is no HTTP proxy: it said "S"$/,
    );
    expectFailed(proxy('http'), [bytes([5, 0xff])], 'ERR_PROXY_PROTOCOL', /it said "\?"$/);
    expectFailed(proxy('http'), [bytes('HTTP/1.1 2000 x\r\n')], 'ERR_PROXY_PROTOCOL', /it said "HTTP\/1.1 2000 x"$/);
    expectFailed(proxy('http'), [bytes('HTTP/2 200 OK\r\n\r\n')], 'ERR_PROXY_PROTOCOL', /it said "HTTP\/2"$/);
    const long = bytes(`HTTP/1.1 500 ${'x\x1b'.repeat(1_000)}\r\n\r\n`);
    expectFailed(proxy('http'), [long], 'ERR_PROXY_REFUSED', /^.{40,80}[x?]+…"$/);
  });

  it.each([
    ['a line without an end', bytes('HTTP/1.1 ', 'x'.repeat(40_000))],
    ['headers without an end', bytes('HTTP/1.1 200 OK\r\n', 'a: b\r\n'.repeat(10_000))],
    ['interim answers without an end', bytes('HTTP/1.1 100 Continue\r\n\r\n'.repeat(3_000))],
  ])('%s', (_name, answer) => {
    expectFailed(
      proxy('http'),
      [answer],
      'ERR_PROXY_PROTOCOL',
      'the proxy answered with more than 32768 bytes of headers',
    );
  });
});

describe('SOCKS4', () => {
  const OK = bytes([0, 90, 1, 2, 3, 4, 5, 6], GREETING);
  const ADDRESS = { host: '192.0.2.7', port: 0x1234 };

  it('asks for an address', () => {
    expectOpen(proxy('socks4'), [OK], ['\x04\x01\x12\x34\xc0\x00\x02\x07\x00'], ADDRESS);
    expectOpen(proxy('socks4a', { user: 'me' }), [OK], ['\x04\x01\x12\x34\xc0\x00\x02\x07me\x00'], ADDRESS);
  });

  it('4a asks for a name', () => {
    expectOpen(proxy('socks4a', { user: 'me' }), [OK], ['\x04\x01\x01\xbb\x00\x00\x00\x01me\x00vpn.example\x00']);
  });

  it('wants names looked up', () => {
    expect(needsLookup(proxy('socks4'), TARGET)).toBe(true);
    expect(needsLookup(proxy('socks4'), ADDRESS)).toBe(false);
    expect(needsLookup(proxy('socks4a'), TARGET)).toBe(false);
    expect(() => createProxyHandshake(proxy('socks4'), TARGET)).toThrow('not a name');
  });

  it.each([
    [91, 'ERR_PROXY_TARGET', /^the proxy refused, or did not get through: it said 91, "rejected or failed"$/],
    [92, 'ERR_PROXY_CREDENTIALS', /it said 92, "no identd"/],
    [93, 'ERR_PROXY_CREDENTIALS', /^the proxy refused the user: it said 93/],
    [200, 'ERR_PROXY_REFUSED', /it said 200, which SOCKS4 does not know/],
  ])('%i', (code, name, message) => {
    expectFailed(proxy('socks4a'), [bytes([0, code, 0, 0, 0, 0, 0, 0])], name, message);
  });

  it('knows what is no SOCKS4 by its first byte', () => {
    for (const garbage of ['HTTP/1.1 400 Bad Request', '\x05\xff', '\x04\x5a']) {
      expectFailed(proxy('socks4a'), [bytes(garbage)], 'ERR_PROXY_PROTOCOL', 'what answers is no SOCKS4 proxy');
    }
  });
});

describe('SOCKS5', () => {
  const ME = { user: 'me', password: 'secret' };
  const REQUEST = '\x05\x01\x00\x03\x0bvpn.example\x01\xbb';
  const OK = bytes([5, 0, 0, 1, 1, 2, 3, 4, 5, 6], GREETING);

  it('asks for a name', () => {
    expectOpen(proxy('socks5'), [bytes([5, 0]), OK], ['\x05\x01\x00', REQUEST]);
  });

  it('asks for addresses', () => {
    const v4 = { host: '192.0.2.7', port: 80 };
    const v6 = { host: '2001:db8::1', port: 80 };
    expectOpen(proxy('socks5'), [bytes([5, 0]), OK], ['\x05\x01\x00', '\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50'], v4);
    const address = '\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01';
    expectOpen(proxy('socks5'), [bytes([5, 0]), OK], ['\x05\x01\x00', `\x05\x01\x00\x04${address}\x00\x50`], v6);
  });

  it('takes every kind of address in the reply', () => {
    const named = bytes([5, 0, 0, 3, 3], 'abc', [0, 1], GREETING);
    const empty = bytes([5, 0, 0, 3, 0, 0, 1], GREETING);
    const v6 = bytes([5, 0, 0, 4, ...new Array<number>(16).fill(9), 0, 1], GREETING);
    for (const reply of [named, empty, v6]) {
      expectOpen(proxy('socks5'), [bytes([5, 0]), reply], ['\x05\x01\x00', REQUEST]);
    }
  });

  it('says who we are when asked (RFC 1929)', () => {
    const sent = ['\x05\x02\x00\x02', '\x01\x02me\x06secret', REQUEST];
    expectOpen(proxy('socks5', ME), [bytes([5, 2]), bytes([1, 0]), OK], sent);
    expectOpen(proxy('socks5', ME), [bytes([5, 2]), bytes([5, 0]), OK], sent);
    expectOpen(proxy('socks5', ME), [bytes([5, 0]), OK], [sent[0]!, REQUEST]);
  });

  it('refused credentials', () => {
    const code = 'ERR_PROXY_CREDENTIALS';
    const message = 'the proxy refused the user or the password: it said 1';
    expectFailed(proxy('socks5', ME), [bytes([5, 2]), bytes([1, 1])], code, message);
    expectFailed(proxy('socks5', ME), [bytes([5, 0xff])], code, /accepts neither/);
    expectFailed(proxy('socks5'), [bytes([5, 0xff])], code, /^the proxy wants a user name and a password/);
  });

  it.each([
    [1, 'ERR_PROXY_TARGET', 'general SOCKS server failure'],
    [2, 'ERR_PROXY_REFUSED', 'connection not allowed by ruleset'],
    [3, 'ERR_PROXY_TARGET', 'network unreachable'],
    [4, 'ERR_PROXY_TARGET', 'host unreachable'],
    [5, 'ERR_PROXY_TARGET', 'connection refused'],
    [6, 'ERR_PROXY_TARGET', 'TTL expired'],
    [7, 'ERR_PROXY_REFUSED', 'command not supported'],
    [8, 'ERR_PROXY_REFUSED', 'address type not supported'],
    [99, 'ERR_PROXY_REFUSED', 'SOCKS5 does not know'],
  ])('reply %i', (reply, code, words) => {
    const answers = [bytes([5, 0]), bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])];
    expectFailed(proxy('socks5'), answers, code, new RegExp(`it said ${reply}, .*${words}`));
    expectFailed(proxy('socks5'), [bytes([5, 0]), bytes([5, reply])], code, new RegExp(words));
  });

  it.each([
    ['another version', [bytes('HTTP/1.1 400')], 'what answers is no SOCKS5 proxy'],
    ['a version of SOCKS4', [bytes([0, 91])], 'what answers is no SOCKS5 proxy'],
    ['an unknown type of address', [bytes([5, 0]), bytes([5, 0, 0, 2, 0, 0])], 'what answers is no SOCKS5 proxy'],
    ['garbage in place of the reply', [bytes([5, 0]), bytes('garbage')], 'what answers is no SOCKS5 proxy'],
    ['a method not offered', [bytes([5, 2])], /chose a way to authenticate that was not offered: 2/],
    ['GSSAPI', [bytes([5, 1])], /not offered: 1/],
  ])('%s', (_name, answers, message) => {
    expectFailed(proxy('socks5'), answers, 'ERR_PROXY_PROTOCOL', message);
  });

  it('does not take a reply for a request it has not sent', () => {
    const { last } = talk(createProxyHandshake(proxy('socks5'), TARGET), [bytes([5, 0], latin(OK))], 1_000);
    expect(last).toMatchObject({ state: 'failed', failure: { code: 'ERR_PROXY_PROTOCOL' } });
  });
});

describe('options that do not fit', () => {
  it.each([
    [proxy('http', { user: 'a:b' }), undefined, /colon/],
    [proxy('http', { password: 'b' }), undefined, /password without a user/],
    [proxy('http', { user: 'a\r\nb' }), undefined, /user holds a control character/],
    [proxy('socks5', { user: 'x'.repeat(256), password: 'b' }), undefined, /user has more than 255 bytes/],
    [proxy('socks5', { user: 'x', password: 'é'.repeat(128) }), undefined, /password has more than 255 bytes/],
    [proxy('socks5', { user: 'x' }), undefined, /no empty password/],
    [proxy('socks4', { user: 'x', password: 'y' }), undefined, /SOCKS4 knows a user and no password/],
    [proxy('socks4a'), 'fd00::1', /SOCKS4a knows no IPv6/],
    [proxy('socks4'), 'fd00::1', /SOCKS4 knows no IPv6/],
    [proxy('http'), 'a b', /no name/],
    [proxy('http'), 'a\r\nX: y', /no name/],
    [proxy('socks5'), 'x'.repeat(256), /no name/],
    [proxy('socks4a'), '', /no name/],
  ])('%j to %s', (options, host, message) => {
    const target = host === undefined ? undefined : { host, port: 443 };
    expect(proxyProblem(options, target)).toMatch(message);
    expect(() => createProxyHandshake(options, target ?? TARGET)).toThrow(message);
    expect(proxyProblem(options, target)).not.toContain('secret');
  });

  it('and such that do', () => {
    for (const kind of ['http', 'socks4', 'socks4a', 'socks5'] as const)
      expect(proxyProblem(proxy(kind))).toBeUndefined();
  });
});

describe('random answers', () => {
  it('never throw, and end', () => {
    let seed = 1;
    const next = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed >> 16;
    };
    const starts = [
      '',
      'HTTP/1.1 2',
      'HTTP/1.1 200 OK\r\n',
      '\x00\x5a',
      '\x05\x00',
      '\x05\x02\x01\x00',
      '\x05\x00\x05\x00\x00\x03',
    ];
    for (let round = 0; round < 4_000; round++) {
      const kind = (['http', 'socks4a', 'socks5'] as const)[round % 3]!;
      const handshake = createProxyHandshake(
        proxy(kind, { user: 'u', ...(kind === 'socks4a' ? {} : { password: 'p' }) }),
        TARGET,
      );
      handshake.start();
      let step: ProxyStep = { state: 'going', send: new Uint8Array(0) };
      const start = bytes(starts[next() % starts.length]!);
      for (let piece = 0; piece < 40 && step.state === 'going'; piece++) {
        const noise = Uint8Array.from({ length: 1 + (next() % 9) }, () => next() & 255);
        step = handshake.handleBytes(piece === 0 && start.length > 0 ? start : noise);
      }
      // SOCKS answers have an end; HTTP goes on up to its bound.
      if (kind !== 'http') expect(step.state).not.toBe('going');
    }
  });
});
