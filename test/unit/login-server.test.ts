import { describe, expect, it } from 'vitest';
import { PROBE_TAG } from '../../engine/http/pages.ts';
import { hashedPassword, securePassword } from '../../engine/login/password.ts';
import type { ServerPreamble } from '../../engine/login/server-preamble.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import { sha0 } from '../support/sha0.ts';
import { ascii, drain, join, makeServer, OneHub, packOf, response, seeded, text, utf8 } from './login-harness.ts';
import { vector } from './pack-vectors.ts';

type Server = ServerPreamble<string, string>;

const SIGNATURE = ascii('POST /vpnsvc/connect.cgi HTTP/1.1\r\nContent-Length: 10\r\n\r\nVPNCONNECT');

/** Sends bytes and returns the answers. */
function ask(server: Server, bytes: Uint8Array | string, now = 0): Uint8Array {
  server.handleBytes(typeof bytes === 'string' ? ascii(bytes) : bytes, now);
  return drain(server);
}

function post(body: Uint8Array, target = '/vpnsvc/connect.cgi', extra = ''): Uint8Array {
  return join(ascii(`POST ${target} HTTP/1.0\r\nContent-Length: ${body.length}\r\n${extra}\r\n`), body);
}

function packRequest(builder: PackBuilder | Uint8Array, change: Record<string, string> = {}): Uint8Array {
  const body = builder instanceof Uint8Array ? builder : encodePack(builder.build());
  const {
    first = 'POST /vpnsvc/vpn.cgi HTTP/1.1',
    type = 'application/octet-stream',
    length = `${body.length}`,
  } = change;
  const head = `${first}\r\nContent-Type: ${type}\r\n${length === '' ? '' : `Content-Length: ${length}\r\n`}\r\n`;
  return join(ascii(head), body);
}

/** A server that has seen the signature. */
function greeted(hub = new OneHub(), now = 0): { server: Server; challenge: Uint8Array; hub: OneHub } {
  const server = makeServer(hub, now);
  const hello = packOf(ask(server, SIGNATURE, now));
  return { server, challenge: hello.data('random'), hub };
}

function image(length: number): Uint8Array {
  const body = seeded(3)(length);
  body.set(ascii('GIF89a\xc8\0\x33\0\xf2\0\0'));
  return body;
}

describe('the signature', () => {
  it('is answered with a hello', () => {
    const answer = ask(makeServer(), SIGNATURE);
    expect(response(answer).head).toMatch(
      /^HTTP\/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: \d+\r\nContent-Type: application\/octet-stream\r\nDate: Sun, 22 Nov 2026 17:38:34 GMT\r\nKeep-Alive: timeout=15; max=19\r\n\r\n$/,
    );
    const hello = packOf(answer);
    expect([hello.str('hello'), hello.int('version'), hello.int('build'), hello.data('random').length]).toEqual([
      'Etherloom VPN Server 0.1.0',
      501,
      9674,
      20,
    ]);
    expect(hello.elements.at(-1)!.name).toBe('pencore');
    expect(response(answer).rest).toHaveLength(0);
  });

  it.each([
    ['the short one', ascii('VPNCONNECT')],
    ['the image alone', image(1411)],
    ['the image with 2000 random bytes', image(3411)],
    ['the image of the captured length', image(3172)],
  ])('may be %s', (_what, body) => expect(packOf(ask(makeServer(), post(body))).has('random')).toBe(true));

  it('may have its target in any case', () => {
    expect(packOf(ask(makeServer(), post(ascii('VPNCONNECT'), '/VPNSVC/Connect.CGI'))).has('random')).toBe(true);
  });

  it.each([
    ['10 wrong bytes', ascii('VPNCONNECt')],
    ['1411 bytes that are no GIF', new Uint8Array(1411)],
  ])('is asked for again after %s', (_what, body) => {
    const server = makeServer();
    expect(response(ask(server, post(body))).status).toBe('403');
    expect(server.outcome).toBeUndefined();
    expect(packOf(ask(server, SIGNATURE)).has('random')).toBe(true);
  });

  it.each([0, 1, 9, 11, 1410, 3412, 65_536, 1e20])('of %d bytes ends the connection, unread', (length) => {
    const server = makeServer();
    const head = `POST /vpnsvc/connect.cgi HTTP/1.1\r\nContent-Length: ${BigInt(length)}\r\n\r\n`;
    const answer = response(ask(server, head));
    expect([answer.status, /Connection: (.*)\r/.exec(answer.head)![1]]).toEqual(['403', 'close']);
    expect(server.outcome).toMatchObject({ kind: 'closed' });
    expect(ask(server, SIGNATURE)).toHaveLength(0);
  });

  it('without a length ends the connection', () => {
    for (const extra of ['', 'Transfer-Encoding: chunked\r\nContent-Length: 10\r\n']) {
      const server = makeServer();
      const answer = ask(server, `POST /vpnsvc/connect.cgi HTTP/1.1\r\n${extra}\r\nVPNCONNECT`);
      expect(response(answer).status).toBe('403');
      expect(response(answer).rest).toHaveLength(0);
      expect(server.outcome?.kind).toBe('closed');
    }
  });

  it('to another target is not found, and the connection goes on behind its body', () => {
    const server = makeServer();
    const answers = ask(server, join(post(ascii('VPNCONNECT'), '/other'), SIGNATURE));
    expect(response(answers).status).toBe('404');
    expect(packOf(response(answers).rest).has('random')).toBe(true);
  });

  it('comes within 19 requests', () => {
    for (const [wrong, ok] of [
      [18, true],
      [19, false],
    ] as const) {
      const server = makeServer();
      for (let index = 0; index < wrong; index += 1) {
        expect(response(ask(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).status).toBe('200');
      }
      expect(server.outcome).toBeUndefined();
      expect(ask(server, SIGNATURE).length > 0).toBe(ok);
      expect(server.outcome === undefined).toBe(ok);
    }
  });

  it('has another challenge on every connection', () => {
    const random = seeded(9);
    const challenges = [1, 2].map(() => packOf(ask(makeServer(new OneHub(), 0, random), SIGNATURE)).data('random'));
    expect(challenges[0]).not.toEqual(challenges[1]);
  });
});

describe('a browser', () => {
  it('gets a page with the tag of the probe in its first 1023 bytes', () => {
    const server = makeServer();
    const probe = [
      'GET / HTTP/1.1',
      'X-VPN: 1',
      'Host: 10.99.0.200',
      'Keep-Alive: timeout=15; max=19',
      'Connection: Keep-Alive',
      'Accept-Language: ja',
      'User-Agent: Mozilla/5.0 (Windows NT 6.3; WOW64; rv:29.0) Gecko/20100101 Firefox/29.0',
      'Pragma: no-cache',
      'Cache-Control: no-cache',
      '\r\n',
    ].join('\r\n');
    const answer = response(ask(server, probe));
    expect(answer.status).toBe('200');
    expect(text(answer.body.subarray(0, 1023))).toContain('9C37197CA7C2428388C2E6E59B829B30');
    expect(answer.body.length).toBeGreaterThan(0);
    expect(PROBE_TAG).toBe('9C37197CA7C2428388C2E6E59B829B30');
    expect(answer.rest).toHaveLength(0);
    // The same connection carries the signature.
    expect(packOf(ask(server, SIGNATURE)).has('random')).toBe(true);
  });

  it.each([
    ['GET /favicon.ico', '404'],
    ['GET /?a=b', '404'],
    ['PUT /', '501'],
    ['OPTIONS *', '501'],
    ['SSTP_DUPLEX_POST /sra_', '501'],
    ['get /', '501'],
  ])('that sends %s gets %s and may go on', (request, status) => {
    const server = makeServer();
    const answer = response(ask(server, `${request} HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc`));
    expect(answer.status).toBe(status);
    expect(answer.body.length).toBeGreaterThan(0);
    expect(packOf(ask(server, SIGNATURE)).has('random')).toBe(true);
  });

  it('that sends HEAD gets a head', () => {
    for (const target of ['/', '/x']) {
      const server = makeServer();
      const get = ask(server, `GET ${target} HTTP/1.1\r\n\r\n`);
      const head = ask(server, `HEAD ${target} HTTP/1.1\r\n\r\n`);
      expect(text(get).startsWith(text(head))).toBe(true);
      expect(text(head).endsWith('\r\n\r\n')).toBe(true);
    }
  });

  it('that wants to close, or sends what has no end, is let go', () => {
    for (const extra of ['Connection: close', 'Transfer-Encoding: chunked', 'Content-Length: 65537']) {
      const server = makeServer();
      expect(ask(server, `GET / HTTP/1.1\r\n${extra}\r\n\r\n`).length).toBeGreaterThan(0);
      expect(server.outcome, extra).toMatchObject({ kind: 'closed' });
    }
  });

  it.each(['X-A:', 'X-A: ', 'X-A'])('that sends the header %j is cut off', (header) => {
    const server = makeServer();
    expect(ask(server, `GET / HTTP/1.1\r\n${header}\r\n\r\n`)).toHaveLength(0);
    expect(server.outcome).toMatchObject({ kind: 'closed' });
  });
});

describe('garbage', () => {
  const noise = seeded(4)(100_000);

  it('ends the connection before the signature and after the hello', () => {
    for (const server of [makeServer(), greeted().server]) {
      server.handleBytes(noise, 0);
      expect(server.outcome).toMatchObject({ kind: 'closed' });
      expect(server.outcome).not.toHaveProperty('code');
      server.handleBytes(noise, 0);
    }
  });

  it('instead of a Pack is answered with 3', () => {
    const { server } = greeted();
    expect(packOf(ask(server, packRequest(noise.subarray(0, 500)))).int('error')).toBe(3);
  });

  it('after an answer ends the connection', () => {
    const { server } = greeted();
    ask(server, packRequest(new PackBuilder().str('method', 'none')));
    server.handleBytes(noise, 0);
    expect(server.outcome).toMatchObject({ kind: 'closed', code: 4 });
  });

  it('of any kind never throws', () => {
    const random = seeded(5);
    const start = join(SIGNATURE, packRequest(vector('session-minimal.txt', /login Pack/)));
    for (let round = 0; round < 300; round += 1) {
      const bytes = start.slice();
      const [at, many, value] = [random(2), random(1)[0]! % 4, random(4)];
      for (let index = 0; index <= many; index += 1)
        bytes[((at[0]! << 8) + at[1]! + index) % bytes.length] = value[index]!;
      const server = makeServer();
      const size = 1 + random(1)[0]!;
      for (let offset = 0; offset < bytes.length && !settled(server); offset += size) {
        server.handleBytes(bytes.subarray(offset, offset + size), 0);
      }
      drain(server);
    }
  });

  function settled(server: Server): boolean {
    return server.outcome !== undefined;
  }
});

describe('a request for a Pack', () => {
  const builder = () => new PackBuilder().str('method', 'enum_hub');

  it.each([
    ['another method', { first: 'PUT /vpnsvc/vpn.cgi HTTP/1.1' }],
    ['another target', { first: 'POST /vpnsvc/connect.cgi HTTP/1.1' }],
    ['another version', { first: 'POST /vpnsvc/vpn.cgi HTTP/1.0' }],
    ['a version in another case', { first: 'POST /vpnsvc/vpn.cgi http/1.1' }],
    ['another type', { type: 'text/html' }],
    ['a charset', { type: 'application/octet-stream; charset=utf-8' }],
    ['a length of 0', { length: '0' }],
    ['no length', { length: '' }],
    ['a length of 64 KiB and 1', { length: '65537' }],
    ['a length beyond all numbers', { length: '9'.repeat(500) }],
    ['a length that cuts the Pack', { length: '10' }],
  ])('with %s is answered with 3', (_what, change) => {
    const { server } = greeted();
    const answer = ask(server, packRequest(builder(), change));
    expect(packOf(answer).int('error')).toBe(3);
    expect(packOf(answer).has('no_save_password')).toBe(true);
    expect(response(answer).rest).toHaveLength(0);
  });

  it('may have its target and its type in any case, and bytes after the Pack', () => {
    const { server } = greeted();
    const body = join(encodePack(builder().build()), new Uint8Array(9));
    const answer = ask(
      server,
      packRequest(body, { first: 'POST /VPNSVC/VPN.CGI HTTP/1.1', type: 'Application/Octet-Stream' }),
    );
    expect(packOf(answer).count('HubName')).toBe(2);
  });

  it('may have 64 KiB', () => {
    const { server } = greeted();
    const body = new Uint8Array(65_536);
    body.set(encodePack(builder().build()));
    expect(packOf(ask(server, packRequest(body))).count('HubName')).toBe(2);
  });

  it('with an oversize body is answered before the body, which is dropped', () => {
    const { server } = greeted();
    const answer = ask(server, packRequest(new Uint8Array(100_000)));
    expect(packOf(answer).int('error')).toBe(3);
    expect(server.outcome).toBeUndefined();
    ask(server, SIGNATURE);
    expect(server.outcome).toMatchObject({ kind: 'closed', code: 3 });
  });

  it('after an answer ends the connection', () => {
    const { server } = greeted();
    ask(server, packRequest(new PackBuilder().str('method', 'login')));
    expect(server.outcome).toBeUndefined();
    expect(ask(server, packRequest(builder()))).toHaveLength(0);
    expect(server.outcome).toMatchObject({ kind: 'closed', code: 4 });
  });
});

describe('a method', () => {
  it.each([
    ['login without hub and user', new PackBuilder().str('method', 'login'), 4],
    ['login with an error', new PackBuilder().str('method', 'login').int('error', 6), 6],
    ['none', new PackBuilder().str('hubname', 'x'), 4],
    ['unknown', new PackBuilder().str('method', 'farm_connect'), 4],
    ['of the wrong type', new PackBuilder().uni('method', 'login'), 4],
    ['password', new PackBuilder().str('method', 'password'), 33],
    ['admin', new PackBuilder().str('method', 'admin'), 33],
    ['additional_connect without key', new PackBuilder().str('method', 'additional_connect'), 4],
    [
      'additional_connect with an unknown key',
      new PackBuilder().str('method', 'additional_connect').data('session_key', new Uint8Array(20)),
      13,
    ],
  ])('%s is refused', (_what, builder, code) => {
    const { server, hub } = greeted();
    const answer = packOf(ask(server, packRequest(builder)));
    expect([answer.int('error'), answer.int('no_save_password')]).toEqual([code, 0]);
    expect(hub.logins).toHaveLength(0);
  });

  it('login is refused with what its authority says about saving passwords', () => {
    const { server, hub } = greeted();
    hub.login = () => ({ ok: false, code: 12, noSavePassword: true }) as never;
    const builder = new PackBuilder().str('method', 'login').str('hubname', 'testhub').str('username', 'alice');
    const answer = packOf(ask(server, packRequest(builder)));
    expect([answer.int('error'), answer.int('no_save_password')]).toEqual([12, 1]);
  });

  it('enum_hub lists the hubs', () => {
    const answer = packOf(ask(greeted().server, packRequest(new PackBuilder().str('method', 'ENUM_HUB'))));
    expect([answer.str('HubName', 0), answer.str('HubName', 1), answer.int('NumHub')]).toEqual(['TESTHUB', 'OTHER', 2]);
    expect(answer.has('error')).toBe(false);
  });

  it('login takes the captured login of a real client, but for its challenge', () => {
    const { server, hub } = greeted();
    const bytes = vector('session-real-client.txt', /^body \(3165 bytes\)/);
    expect(packOf(ask(server, packRequest(bytes))).int('error')).toBe(9);
    expect(hub.logins[0]!.request.nodeInfo?.clientHostName).toBe('vm');
  });

  it('login gets the challenge of its own connection', () => {
    const { server, challenge } = greeted();
    const secure = securePassword(sha0, hashedPassword(sha0, utf8('alicepw'), 'alice'), challenge);
    const builder = new PackBuilder().str('method', 'LOGIN').str('hubname', 'testhub').str('username', 'alice');
    const answer = packOf(ask(server, packRequest(builder.int('authtype', 1).data('secure_password', secure))));
    expect(answer.has('error')).toBe(false);
    expect(answer.data('session_key')).toHaveLength(20);
    // Nothing was asked for, so nothing is granted: the tunnel leaves TLS.
    expect([answer.int('use_encrypt'), answer.int('max_connection')]).toEqual([0, 1]);
    expect(server.outcome).toMatchObject({ kind: 'login', request: { useEncrypt: false } });
  });
});

describe('noop', () => {
  const noop = (value: number) => packRequest(new PackBuilder().int('error', 0).int('noop', value));

  it('is answered and the server keeps waiting', () => {
    const { server } = greeted();
    const answer = packOf(ask(server, noop(1)));
    expect([answer.int('error'), answer.int('noop')]).toEqual([0, 2]);
    expect(packOf(ask(server, packRequest(new PackBuilder().str('method', 'enum_hub')))).count('HubName')).toBe(2);
  });

  it('is answered to an old client as by an old server', () => {
    const server = makeServer();
    ask(server, 'GET / HTTP/1.1\r\nX-VPN: 1\r\n\r\n');
    ask(server, SIGNATURE);
    expect(packOf(ask(server, noop(1))).int('noop')).toBe(1);
  });

  it('of 2 is ignored', () => {
    const { server } = greeted();
    expect(ask(server, noop(2))).toHaveLength(0);
    expect(server.outcome).toBeUndefined();
  });

  it('comes at most 30 times', () => {
    const { server } = greeted();
    for (let index = 0; index < 30; index += 1) expect(ask(server, noop(1)).length).toBeGreaterThan(0);
    expect(ask(server, noop(1))).toHaveLength(0);
    expect(server.outcome).toMatchObject({ kind: 'closed' });
  });

  it('makes the server wait again', () => {
    const { server } = greeted();
    let now = 0;
    for (let index = 0; index < 30; index += 1) {
      now += 14_000;
      ask(server, noop(1), now);
      expect(server.pollTimeout()).toBe(now + 15_000);
    }
  });
});

describe('time', () => {
  /** Sends bytes one at a time and returns when the server gave up. */
  function drip(server: Server, bytes: Uint8Array, everyMs: number, from: number): number | undefined {
    let now = from;
    for (const byte of bytes) {
      now += everyMs;
      server.handleTimeout(now);
      if (server.outcome !== undefined) return now;
      server.handleBytes(Uint8Array.of(byte), now);
    }
    return undefined;
  }

  it('runs out 15 s after the last byte, in every state', () => {
    const refused = greeted(new OneHub(), 1000).server;
    ask(refused, packRequest(new PackBuilder().str('method', 'x')), 1000);
    const half = makeServer(new OneHub(), 1000);
    ask(half, 'POST /vpnsvc/connect.cgi HTTP/1.1\r\nContent-Length: 10\r\n\r\nVPN', 1000);
    for (const server of [makeServer(new OneHub(), 1000), greeted(new OneHub(), 1000).server, refused, half]) {
      expect(server.pollTimeout()).toBe(16_000);
      server.handleTimeout(15_999);
      expect(server.outcome).toBeUndefined();
      server.handleTimeout(16_000);
      expect(server.outcome).toMatchObject({ kind: 'closed', cause: expect.stringContaining('too long') });
      expect(server.pollTimeout()).toBe(Infinity);
    }
    expect(refused.outcome).toMatchObject({ code: 4 });
  });

  it('runs out after 60 s for a peer that sends byte after byte', () => {
    const server = makeServer();
    expect(drip(server, SIGNATURE, 10_000, 0)).toBe(60_000);
    const slow = makeServer();
    expect(drip(slow, new Uint8Array(1000).fill(0x41), 100, 0)).toBe(60_000);
  });

  it('is enough for a slow line', () => {
    const server = makeServer();
    expect(drip(server, SIGNATURE, 500, 0)).toBeUndefined();
    expect(packOf(drain(server)).has('random')).toBe(true);
  });

  it('does not matter after the login', () => {
    const { server } = greeted();
    const guest = new PackBuilder().str('method', 'login').str('hubname', 'testhub').str('username', 'guest');
    ask(server, packRequest(guest));
    server.handleTimeout(1e9);
    server.handleEnd();
    expect(server.outcome?.kind).toBe('login');
  });
});

describe('a peer that goes away', () => {
  it('is noticed in every state', () => {
    for (const server of [makeServer(), greeted().server]) {
      server.handleEnd();
      expect(server.outcome).toMatchObject({ kind: 'closed', cause: 'the peer closed the connection' });
    }
  });
});

describe('a peer that does not read', () => {
  it('gets no more than the bound', () => {
    class ManyHubs extends OneHub {
      override hubNames() {
        return Array.from({ length: 5000 }, (_, index) => `${'h'.repeat(250)}${index}`);
      }
    }
    const { server } = greeted(new ManyHubs());
    expect(ask(server, packRequest(new PackBuilder().str('method', 'enum_hub')))).toHaveLength(0);
    expect(server.outcome).toMatchObject({ kind: 'closed', cause: expect.stringContaining('does not read') });
  });
});
