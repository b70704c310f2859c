import { describe, expect, it } from 'vitest';
import type { ClientOutcome, ClientPreamble } from '../../engine/login/client-preamble.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import { ascii, drain, join, login, makeClient, packOf, seeded, text, utf8 } from './login-harness.ts';
import { toHex, vector } from './pack-vectors.ts';

const HELLO = vector('session-minimal.txt', /hello/);
const WELCOME = vector('session-minimal.txt', /welcome/);

function answer(body: Uint8Array | PackBuilder, change: Record<string, string> = {}): Uint8Array {
  const bytes = body instanceof Uint8Array ? body : encodePack(body.build());
  const { first = 'HTTP/1.1 200 OK', type = 'application/octet-stream', length = `${bytes.length}` } = change;
  const lengthLine = length === '' ? '' : `Content-Length: ${length}\r\n`;
  return join(ascii(`${first}\r\nContent-Type: ${type}\r\n${lengthLine}\r\n`), bytes);
}

/** A client that has the hello of the minimal session. */
function greeted(purpose?: Parameters<typeof makeClient>[0]): ClientPreamble {
  const client = makeClient(purpose);
  drain(client);
  client.handleBytes(answer(HELLO), 0);
  return client;
}

function afterAnswer(bytes: Uint8Array, purpose?: Parameters<typeof makeClient>[0]): ClientOutcome | undefined {
  const client = greeted(purpose);
  client.handleBytes(bytes, 0);
  return client.outcome;
}

describe('a client', () => {
  it('begins with the short signature', () => {
    const client = makeClient();
    expect(text(drain(client))).toBe(
      'POST /vpnsvc/connect.cgi HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Length: 10\r\nContent-Type: image/jpeg\r\n' +
        'Host: 198.51.100.1\r\n\r\nVPNCONNECT',
    );
    expect(client.pollOutput()).toBeUndefined();
  });

  it('sends the login of the minimal session for its challenge', () => {
    const sent = drain(greeted());
    expect(text(sent)).toMatch(
      /^POST \/vpnsvc\/vpn.cgi HTTP\/1.1\r\nConnection: Keep-Alive\r\nContent-Length: \d+\r\nContent-Type: application\/octet-stream\r\nDate: Sun, 22 Nov 2026 17:38:34 GMT\r\nHost: 198.51.100.1\r\nKeep-Alive: timeout=15; max=19\r\n\r\n/,
    );
    const pack = packOf(sent);
    expect(toHex(pack.data('secure_password'))).toBe('7702cafc851f8be483cf41f62ecb8807e83e6d35');
    expect([pack.str('method'), pack.int('authtype'), pack.int('max_connection'), pack.int('qos')]).toEqual([
      'login',
      1,
      8,
      1,
    ]);
    expect(pack.str('client_str')).not.toMatch(/server|bridge/i);
    expect(pack.int('client_build')).toBeGreaterThanOrEqual(9000);
  });

  it('sends what each kind of credential needs, and nothing else', () => {
    const names = ['authtype', 'secure_password', 'plain_password'] as const;
    const sent = (change: Parameters<typeof login>[0]) => packOf(drain(greeted(login(change))));
    const anonymous = sent({ credential: { kind: 'anonymous' } });
    expect([anonymous.int('authtype'), ...names.map((name) => anonymous.has(name))]).toEqual([0, true, false, false]);
    const plain = sent({ credential: { kind: 'plain', password: utf8('Pässwörd') } });
    expect([plain.int('authtype'), plain.has('secure_password'), plain.str('plain_password')]).toEqual([
      2,
      false,
      'Pässwörd',
    ]);
  });

  it('names an IPv6 host in brackets', () => {
    const client = makeClient(login(), 0, { address: '2001:db8::1', port: 443 });
    expect(text(drain(client))).toContain('\r\nHost: [2001:db8::1]\r\n');
    client.handleBytes(answer(HELLO), 0);
    expect(text(drain(client))).toContain('\r\nHost: [2001:db8::1]\r\n');
  });

  it('forgets the password when the login is written, or when it fails', () => {
    for (const kind of ['password', 'plain'] as const) {
      const sent = utf8('alicepw');
      greeted(login({ credential: { kind, password: sent } }));
      expect(sent, kind).toEqual(new Uint8Array(7));
      const failed = utf8('alicepw');
      makeClient(login({ credential: { kind, password: failed } })).handleEnd();
      expect(failed, kind).toEqual(new Uint8Array(7));
    }
  });

  it('takes the welcome of a real server', () => {
    expect(afterAnswer(answer(WELCOME))).toMatchObject({
      kind: 'welcome',
      welcome: { sessionName: 'SID-ALICE-1', timeoutMs: 20_000 },
      hello: { build: 9674 },
    });
  });

  it('takes the refusals of a real server', () => {
    expect(afterAnswer(answer(vector('errors.txt', /error 9/)))).toEqual({
      kind: 'refused',
      code: 9,
      message: 'The user name, the password or the certificate is wrong.',
      permanent: true,
    });
    const attach = { kind: 'attach', sessionKey: new Uint8Array(20) } as const;
    expect(afterAnswer(answer(vector('additional-connect.txt', /error 13/)), attach)).toMatchObject({ code: 13 });
    expect(afterAnswer(answer(vector('additional-connect.txt', /direction=1/)), attach)).toMatchObject({
      kind: 'attached',
      direction: 1,
    });
  });

  it('takes a refusal instead of a hello', () => {
    const client = makeClient();
    client.handleBytes(answer(new PackBuilder().int('error', 105)), 0);
    expect(client.outcome).toMatchObject({ kind: 'refused', code: 105, permanent: false });
  });

  it('recognises a redirect', () => {
    const redirect = new PackBuilder().int('Redirect', 1).int('Ip', 1).data('Ticket', new Uint8Array(20));
    expect(afterAnswer(answer(redirect))).toEqual({ kind: 'redirect' });
  });

  it('skips 30 noops and no more', () => {
    const noop = answer(new PackBuilder().int('error', 0).int('noop', 2));
    const client = greeted();
    for (let index = 0; index < 30; index += 1) client.handleBytes(noop, 0);
    client.handleBytes(answer(WELCOME), 0);
    expect(client.outcome?.kind).toBe('welcome');
    const patient = greeted();
    for (let index = 0; index < 31; index += 1) patient.handleBytes(noop, 0);
    expect(patient.outcome).toMatchObject({ kind: 'failed' });
  });
});

describe('a client checks', () => {
  const wrong: [string, Uint8Array][] = [
    ['the version', answer(HELLO, { first: 'HTTP/1.0 200 OK' })],
    ['the status', answer(HELLO, { first: 'HTTP/1.1 403 Forbidden' })],
    ['the first line', answer(HELLO, { first: 'HTTP/1.1 200' })],
    ['the type', answer(HELLO, { type: 'text/html' })],
    ['the parameters of the type', answer(HELLO, { type: 'application/octet-stream; charset=x' })],
    ['that there is a length', answer(HELLO, { length: '' })],
    ['that the length is not 0', answer(HELLO, { length: '0' })],
    ['that the length is at most 1 MiB', answer(HELLO, { length: '1048577' })],
    ['that the length is a number', answer(HELLO, { length: '5x' })],
    ['that the body is a Pack', answer(seeded(1)(400))],
    ['that it is not a web server', ascii('HTTP/1.1 400 Bad Request\r\nX-Empty:\r\n\r\n')],
    ['that it speaks HTTP', ascii('SSH-2.0-OpenSSH\r\n')],
  ];
  it.each(wrong)('%s of the hello (2) and of the answer (3)', (_what, bytes) => {
    const client = makeClient();
    client.handleBytes(bytes, 0);
    expect(client.outcome).toMatchObject({ kind: 'failed', code: 2, cause: expect.any(String) });
    client.handleBytes(bytes, 0);
    expect(afterAnswer(bytes)).toMatchObject({ kind: 'failed', code: 3 });
  });

  it('that the type is right in any case, and takes 1 MiB', () => {
    const body = join(WELCOME, new Uint8Array(0x100000 - WELCOME.length));
    expect(afterAnswer(answer(body, { type: 'Application/OCTET-Stream' }))).toMatchObject({ kind: 'welcome' });
  });

  it('what must be in hello, welcome and reply', () => {
    const client = makeClient();
    client.handleBytes(answer(new PackBuilder().str('hello', 'x').data('random', new Uint8Array(16))), 0);
    expect(client.outcome).toMatchObject({ kind: 'failed', code: 2 });
    expect(afterAnswer(answer(new PackBuilder().int('error', 0)))).toMatchObject({ kind: 'failed', code: 4 });
    const attach = { kind: 'attach', sessionKey: new Uint8Array(20) } as const;
    expect(afterAnswer(answer(new PackBuilder().int('direction', 9)), attach)).toMatchObject({ kind: 'failed' });
  });
});

describe('the caller of a client', () => {
  const cases: [string, Parameters<typeof login>[0]][] = [
    ['no hub', { hubName: ' ' }],
    ['no user', { userName: '' }],
    ['a long name', { hubName: 'h'.repeat(256) }],
    ['a NUL in a name', { userName: 'a\0b' }],
    ['a short id', { uniqueId: new Uint8Array(16) }],
    ['a short hash', { credential: { kind: 'hash', hash: new Uint8Array(19) } }],
    ['a NUL in a plain password', { credential: { kind: 'plain', password: ascii('a\0b') } }],
    ['an endless password', { credential: { kind: 'password', password: new Uint8Array(1025) } }],
    ['no connections', { wishes: { ...login().wishes, maxConnection: 0 } }],
    ['33 connections', { wishes: { ...login().wishes, maxConnection: 33 } }],
  ];
  it.each(cases)('must not give %s', (_what, change) => expect(() => makeClient(login(change))).toThrow(RangeError));

  it('must not give a short key', () => {
    expect(() => makeClient({ kind: 'attach', sessionKey: new Uint8Array(19) })).toThrow(RangeError);
  });
});

describe('a server that is slow or gone', () => {
  it('is given up after 15 s without a byte', () => {
    const client = makeClient(login(), 500);
    expect(client.pollTimeout()).toBe(15_500);
    client.handleBytes(answer(HELLO), 10_000);
    expect(client.pollTimeout()).toBe(25_000);
    client.handleTimeout(24_999);
    expect(client.outcome).toBeUndefined();
    client.handleTimeout(25_000);
    expect(client.outcome).toMatchObject({ kind: 'failed', code: 3 });
    expect(client.pollTimeout()).toBe(Infinity);
  });

  it('is given up after 60 s of single bytes', () => {
    const client = makeClient();
    for (let now = 0; now < 60_000; now += 1000) client.handleBytes(Uint8Array.of(0x41), now);
    expect(client.pollTimeout()).toBe(60_000);
    client.handleTimeout(60_000);
    expect(client.outcome).toMatchObject({ kind: 'failed' });
  });

  it('that closes is a failure, but not after the welcome', () => {
    const client = makeClient();
    client.handleEnd();
    expect(client.outcome).toMatchObject({ kind: 'failed', code: 3, cause: 'the server closed the connection' });
    const done = greeted();
    done.handleBytes(answer(WELCOME), 0);
    done.handleEnd();
    done.handleTimeout(1e9);
    expect(done.outcome?.kind).toBe('welcome');
  });

  it('never makes the client throw, whatever it sends', () => {
    const random = seeded(6);
    const start = join(answer(HELLO), answer(WELCOME));
    for (let round = 0; round < 300; round += 1) {
      const bytes = start.slice();
      const [at, many, value] = [random(2), random(1)[0]! % 4, random(4)];
      for (let index = 0; index <= many; index += 1)
        bytes[((at[0]! << 8) + at[1]! + index) % bytes.length] = value[index]!;
      const client = makeClient();
      const size = 1 + random(1)[0]!;
      for (let offset = 0; offset < bytes.length && client.outcome === undefined; offset += size) {
        client.handleBytes(bytes.subarray(offset, offset + size), 0);
      }
    }
  });
});
