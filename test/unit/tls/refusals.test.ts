/** What messages must not contain: lengths, versions, algorithms, certificates. */
import { describe, expect, test } from 'vitest';
import { WARNING } from '../../../engine/tls-legacy/alerts.ts';
import { concat, number, vector } from '../../../engine/tls-legacy/bytes.ts';
import { MESSAGES } from '../../../engine/tls-legacy/hello.ts';
import {
  FALLBACK_SCSV,
  RENEGOTIATION_SCSV,
  SSL3,
  SUITES,
  suiteOf,
  TLS1,
  TLS11,
  TLS12,
  VERSION_NAMES,
  VERSIONS,
} from '../../../engine/tls-legacy/suites.ts';
import {
  clientHelloBody,
  extension,
  type HelloFields,
  NEWEST,
  NOTHING,
  PROTOCOLS,
  plainRecord,
  type ServerHelloFields,
  v2HelloBody,
  v2Record,
} from './hand.ts';
import { CERTIFICATE, TlsLab } from './harness.ts';
import { clientAt, serverAt, startClient, startServer } from './stages.ts';
import { derOf, EC_PEM, ED25519_PEM, PSS_PEM } from './strangers.ts';

const lab = new TlsLab(6);

/** RFC 5746 §3.2, RFC 8446 §4.2.1. */
const RENEGOTIATION_INFO = 0xff01;
const SUPPORTED_VERSIONS = 43;
const HANDSHAKE = 22;

/** Every beginning of `body` but those of the lengths in `whole`. */
function prefixes(body: Uint8Array, whole: readonly number[] = []): Uint8Array[] {
  return Array.from(body, (_, length) => body.subarray(0, length)).filter(({ length }) => !whole.includes(length));
}

describe('a server and a ClientHello', () => {
  test('that ends too early', () => {
    const plain = clientHelloBody();
    const extended = clientHelloBody({
      extensions: vector(2, extension(0, vector(2, number(0, 1), vector(2, NOTHING)))),
    });
    for (const body of [...prefixes(plain), ...prefixes(extended, [plain.length])]) {
      const server = startServer(lab);
      server.refuses('decode_error', server.hand.say(MESSAGES.clientHello, body));
    }
  });

  test.each<[string, Partial<HelloFields>, Parameters<ReturnType<typeof startServer>['refuses']>[0]]>([
    ['a session id of 33 bytes', { sessionId: new Uint8Array(33) }, 'decode_error'],
    ['no suites', { suites: [] }, 'handshake_failure'],
    ['suites that nobody knows', { suites: [0, 0x1301, 0xc02f, 0xffff] }, 'handshake_failure'],
    ['markers only', { suites: [RENEGOTIATION_SCSV] }, 'handshake_failure'],
    ['no way to compress', { compressions: NOTHING }, 'illegal_parameter'],
    ['only ways that compress', { compressions: Uint8Array.of(1, 64) }, 'illegal_parameter'],
    ['a byte behind it', { extensions: number(0, 1) }, 'decode_error'],
    ['bytes behind the extensions', { extensions: concat(vector(2), number(0, 1)) }, 'decode_error'],
    ['half an extension', { extensions: vector(2, number(0, 3)) }, 'decode_error'],
    [
      'an extension that is longer than all',
      { extensions: vector(2, number(5, 2), number(4, 2), number(0, 3)) },
      'decode_error',
    ],
    [
      'an extension twice',
      { extensions: vector(2, extension(5, NOTHING), extension(5, NOTHING)) },
      'illegal_parameter',
    ],
    [
      'half a version',
      { extensions: vector(2, extension(SUPPORTED_VERSIONS, vector(1, number(3, 1)))) },
      'decode_error',
    ],
    ['no versions at all', { extensions: vector(2, extension(SUPPORTED_VERSIONS, NOTHING)) }, 'decode_error'],
    [
      'a renegotiation',
      { extensions: vector(2, extension(RENEGOTIATION_INFO, vector(1, new Uint8Array(12)))) },
      'handshake_failure',
    ],
    [
      'renegotiation_info without a length',
      { extensions: vector(2, extension(RENEGOTIATION_INFO, NOTHING)) },
      'handshake_failure',
    ],
    [
      'renegotiation_info with more than a length',
      { extensions: vector(2, extension(RENEGOTIATION_INFO, number(0, 2))) },
      'handshake_failure',
    ],
    ['SSL 2.0', { version: 0x0002 }, 'protocol_version'],
    ['version 2.255', { version: 0x02ff }, 'protocol_version'],
  ])('with %s', (_name, fields, alert) => {
    const server = startServer(lab);
    server.refuses(alert, server.hand.hello(fields));
  });

  test('with an odd number of bytes of suites', () => {
    const body = concat(
      number(TLS12, 2),
      new Uint8Array(32),
      vector(1),
      vector(2, number(0x3500, 3)),
      vector(1, number(0, 1)),
    );
    const server = startServer(lab);
    server.refuses('decode_error', server.hand.say(MESSAGES.clientHello, body));
  });

  test('of a version below its minimum, and of one that is too high for the suite', () => {
    for (const minimum of VERSIONS) {
      for (const version of VERSIONS) {
        const server = startServer(lab, NEWEST, { minimum });
        const hello = server.hand.hello({ version });
        if (version < minimum) server.refuses('protocol_version', hello);
        else {
          server.end.receive(hello);
          expect(server.end.tls.failure).toBeUndefined();
          server.release();
        }
      }
    }
    const server = startServer(lab, NEWEST, { minimum: TLS12 });
    server.refuses('handshake_failure', server.hand.hello({ suites: [suiteOf('DES-CBC-SHA').id] }));
  });

  test('of a newer version is answered with the highest that there is', () => {
    for (const version of [0x0304, 0x0305, 0x0400, 0x7f1c, 0xffff]) {
      const server = startServer(lab);
      expect(server.tell(server.hand.hello({ version }))[0]).toMatchObject({ type: MESSAGES.serverHello });
      expect([...server.hand.messages[1]!.subarray(4, 6)]).toEqual([3, 3]);
      // The secret has to repeat what was offered.
      for (const say of [() => server.hand.exchange(), () => server.hand.change(), () => server.hand.finished()]) {
        server.tell(say());
      }
      expect(server.end.tls.security).toEqual({ protocol: 'TLSv1.2', cipher: 'AES256-SHA' });
      server.release();
    }
  });

  test('tells what it was offered', () => {
    const server = startServer(lab, NEWEST, { suites: [suiteOf('AES256-SHA')] });
    server.refuses('handshake_failure', server.hand.hello({ suites: [4, 10, 0xc02f] }));
    expect(server.end.tls.failure?.message).toBe(
      'it offers no algorithm that is allowed here: only RC4-MD5, DES-CBC3-SHA',
    );
  });
});

describe('TLS_FALLBACK_SCSV', () => {
  const suites = [...SUITES.map(({ id }) => id), FALLBACK_SCSV];

  test('with less than the highest version of the listener is refused', () => {
    for (const highest of [...VERSIONS, 0x304]) {
      for (const version of VERSIONS) {
        const server = startServer(lab, NEWEST, { highest });
        const hello = server.hand.hello({ version, suites });
        if (version < highest) server.refuses('inappropriate_fallback', hello);
        else {
          server.end.receive(hello);
          expect(server.end.tls.failure).toBeUndefined();
          server.release();
        }
      }
    }
  });

  test('comes before everything else that is wrong', () => {
    const server = startServer(lab, NEWEST, { minimum: TLS12 });
    server.refuses('inappropriate_fallback', server.hand.hello({ version: TLS1, suites: [FALLBACK_SCSV] }));
  });

  test('in a ClientHello of SSL 2.0', () => {
    const server = startServer(lab);
    server.refuses('inappropriate_fallback', v2Record(v2HelloBody({ version: SSL3, suites })));
  });
});

describe('ServerHello says secure renegotiation', () => {
  const info = vector(2, extension(RENEGOTIATION_INFO, vector(1)));

  test.each<[string, Partial<HelloFields>, boolean]>([
    ['to a client with the marker', { suites: [NEWEST.suite.id, RENEGOTIATION_SCSV] }, true],
    ['to a client with the extension', { extensions: info }, true],
    ['to no other', {}, false],
  ])('%s', (_name, fields, expected) => {
    const server = startServer(lab);
    server.tell(server.hand.hello(fields));
    const hello = server.hand.messages[1]!;
    expect(Buffer.from(hello).includes(Buffer.from(info))).toBe(expected);
    server.release();
  });
});

describe('a ClientHello of SSL 2.0', () => {
  test.each(PROTOCOLS)('begins $name', (protocol) => {
    for (const cut of [1, 2, 3, 7, Number.POSITIVE_INFINITY]) {
      for (const challenge of [16, 24, 32]) {
        const server = startServer(lab, protocol);
        const { hand } = server;
        const body = v2HelloBody({
          version: protocol.version,
          suites: [0x0700c0, 0x010080, protocol.suite.id, RENEGOTIATION_SCSV],
          challenge: new Uint8Array(challenge).fill(6),
        });
        hand.messages.push(body);
        hand.clientRandom = concat(new Uint8Array(32 - challenge), new Uint8Array(challenge).fill(6));
        const hello = v2Record(body);
        for (let at = 0; at < hello.length; at += cut) server.end.receive(hello.subarray(at, at + cut));
        server.listen();
        for (const say of [() => hand.exchange(), () => hand.change(), () => hand.finished()]) server.tell(say());
        server.tell(hand.data(Uint8Array.of(1)));
        expect(server.end.tls.failure).toBeUndefined();
        expect(server.end.data.length).toBe(1);
        server.release();
      }
    }
  });

  test('with what follows in the same delivery', () => {
    const server = startServer(lab);
    server.refuses('unexpected_message', concat(v2Record(v2HelloBody()), server.hand.hello()));
  });

  test.each<[string, Parameters<typeof v2HelloBody>[0], Parameters<ReturnType<typeof startServer>['refuses']>[0]]>([
    ['another message', { type: 2 }, 'decode_error'],
    ['no type that is known', { type: 0 }, 'decode_error'],
    ['a third of a suite too few', { suiteBytes: 17 }, 'illegal_parameter'],
    ['more suites than there are bytes', { suiteBytes: 3_000 }, 'decode_error'],
    ['fewer suites than there are bytes', { suiteBytes: 3 }, 'decode_error'],
    ['a session of SSL 2.0', { sessionId: new Uint8Array(16) }, 'illegal_parameter'],
    ['a challenge that is too short', { challenge: new Uint8Array(15) }, 'illegal_parameter'],
    ['a challenge that is too long', { challenge: new Uint8Array(33) }, 'illegal_parameter'],
    ['a byte behind it', { behind: number(0, 1) }, 'decode_error'],
    ['SSL 2.0 and nothing else', { version: 2 }, 'protocol_version'],
    ['suites of SSL 2.0 only', { suites: [0x010080, 0x0700c0] }, 'handshake_failure'],
    ['no suites', { suites: [] }, 'handshake_failure'],
    ['more than it can need', { suites: new Array(1_400).fill(5) }, 'decode_error'],
  ])('with %s', (_name, fields, alert) => {
    const server = startServer(lab);
    server.refuses(alert, v2Record(v2HelloBody(fields)));
  });

  test('that ends too early', () => {
    for (const body of prefixes(v2HelloBody())) {
      // Without a type nothing can be said yet.
      if (body.length === 0) continue;
      const server = startServer(lab);
      server.refuses('decode_error', v2Record(body));
    }
  });

  test('is refused as soon as it shows', () => {
    for (const bytes of [
      [0x80, 46, 2],
      [0x90, 1, 1],
      [0xff, 0xff, 1],
      [0x80, 0, 0],
    ]) {
      const server = startServer(lab);
      for (const byte of bytes.slice(0, -1)) server.end.receive(Uint8Array.of(byte));
      expect(server.end.tls.failure).toBeUndefined();
      server.refuses('decode_error', Uint8Array.of(bytes.at(-1)!));
    }
  });

  test('is the first thing, or nothing', () => {
    const again = startServer(lab);
    again.tell(again.hand.hello());
    again.refuses('bad_record_mac', v2Record(v2HelloBody()));
    const client = startClient(lab);
    client.refuses('bad_record_mac', v2Record(v2HelloBody()));
    // After nothing it still is the first thing.
    const late = startServer(lab);
    late.tell(NOTHING, NOTHING);
    expect(late.tell(v2Record(v2HelloBody()))[0]).toMatchObject({ type: MESSAGES.serverHello });
    late.release();
  });
});

describe('what is no record', () => {
  test.each<[string, Uint8Array]>([
    ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['zeros', new Uint8Array(100)],
    ['a record of type 19', plainRecord(19, NOTHING)],
    ['a record of type 24', plainRecord(24, Uint8Array.of(1))],
    ['a record of SSL 2.0', plainRecord(HANDSHAKE, new Uint8Array(40), 0x0200)],
    ['a record of version 4.0', plainRecord(HANDSHAKE, new Uint8Array(40), 0x0400)],
    ['a record that is too long', plainRecord(HANDSHAKE, new Uint8Array(0x4001))],
    ['the header of one', Uint8Array.of(HANDSHAKE, 3, 1, 0x40, 1)],
    ['the header of the longest', Uint8Array.of(HANDSHAKE, 3, 3, 0xff, 0xff)],
  ])('%s', (_name, bytes) => {
    for (const stage of [startServer(lab), serverAt(lab, 'exchange'), startClient(lab), clientAt(lab, 'certificate')]) {
      stage.refuses('bad_record_mac', bytes);
    }
  });
});

describe('a server and a ClientKeyExchange', () => {
  test.each(PROTOCOLS.slice(1))('$name: with a length that is not its own', ({ version, suite }) => {
    for (const body of [
      concat(number(255, 2), new Uint8Array(256)),
      concat(number(257, 2), new Uint8Array(256)),
      concat(number(0, 2), new Uint8Array(256)),
      concat(number(0xffff, 2), new Uint8Array(256)),
      number(1, 1),
      number(1, 2),
    ]) {
      const server = serverAt(lab, 'exchange', { version, suite });
      server.refuses('decode_error', server.hand.say(MESSAGES.clientKeyExchange, body));
    }
  });
});

describe('a client and a ServerHello', () => {
  test('that ends too early', () => {
    const plain = startClient(lab);
    plain.hand.hello();
    const body = plain.hand.messages.at(-1)!.slice(4);
    plain.release();
    const extended = concat(body, vector(2, extension(5, NOTHING)));
    for (const part of [...prefixes(body), ...prefixes(extended, [body.length])]) {
      const client = startClient(lab);
      client.refuses('decode_error', client.hand.say(MESSAGES.serverHello, part));
    }
  });

  test.each<[string, Partial<ServerHelloFields>, Parameters<ReturnType<typeof startClient>['refuses']>[0]]>([
    ['a session id of 33 bytes', { sessionId: new Uint8Array(33) }, 'decode_error'],
    ['compression', { compression: 1 }, 'illegal_parameter'],
    ['compression that nobody knows', { compression: 255 }, 'illegal_parameter'],
    ['a suite that was not offered', { suite: suiteOf('AES128-SHA').id }, 'illegal_parameter'],
    ['a suite that nobody has', { suite: 0 }, 'illegal_parameter'],
    ['a marker for a suite', { suite: RENEGOTIATION_SCSV }, 'illegal_parameter'],
    ['TLS 1.3', { version: 0x0304 }, 'protocol_version'],
    ['version 4.0', { version: 0x0400 }, 'protocol_version'],
    ['SSL 2.0', { version: 0x0002 }, 'protocol_version'],
    ['a byte behind it', { behind: number(0, 1) }, 'decode_error'],
    ['bytes behind the extensions', { behind: concat(vector(2), number(0, 1)) }, 'decode_error'],
    ['an extension twice', { behind: vector(2, extension(5, NOTHING), extension(5, NOTHING)) }, 'illegal_parameter'],
    [
      'a renegotiation',
      { behind: vector(2, extension(RENEGOTIATION_INFO, vector(1, new Uint8Array(24)))) },
      'handshake_failure',
    ],
    [
      'renegotiation_info without a length',
      { behind: vector(2, extension(RENEGOTIATION_INFO, NOTHING)) },
      'handshake_failure',
    ],
  ])('with %s', (_name, fields, alert) => {
    const client = startClient(lab);
    client.refuses(alert, client.hand.hello(fields));
  });

  test('of a version that it did not offer', () => {
    for (const minimum of VERSIONS) {
      for (const maximum of VERSIONS.filter((version) => version >= minimum)) {
        for (const version of VERSIONS) {
          const client = startClient(lab, NEWEST, { minimum, maximum });
          const hello = client.hand.hello({ version });
          if (version < minimum || version > maximum) client.refuses('protocol_version', hello);
          else {
            client.end.receive(hello);
            expect(client.end.tls.failure).toBeUndefined();
            client.release();
          }
          if (version >= minimum) continue;
          // Both versions by name, for whoever has to change one of them.
          expect(client.end.tls.failure?.message).toBe(
            `it offers ${VERSION_NAMES[version]}, and the minimum here is ${VERSION_NAMES[minimum]}`,
          );
        }
      }
    }
    const client = startClient(lab);
    client.refuses('protocol_version', client.hand.hello({ version: 0x0200 }));
    expect(client.end.tls.failure?.message).toBe('it offers version 0x200, and the minimum here is TLSv1.2');
  });

  test('with a suite that its version does not have', () => {
    const suites = [suiteOf('DES-CBC-SHA'), suiteOf('AES256-SHA')];
    const client = startClient(lab, NEWEST, { suites });
    client.refuses('illegal_parameter', client.hand.hello({ suite: suites[0]!.id }));
    const older = startClient(lab, { version: TLS11, suite: suites[0]! }, { suites, minimum: TLS11, maximum: TLS12 });
    older.end.receive(older.hand.hello());
    expect(older.end.tls.failure).toBeUndefined();
    older.release();
  });

  test('that resumes what was not offered, or otherwise than it was', () => {
    const options = { suites: SUITES, minimum: SSL3, maximum: TLS12 } as const;
    const unknown = startClient(lab, NEWEST, { place: 'nowhere' });
    unknown.hand.master = new Uint8Array(48);
    unknown.refuses('unexpected_message', unknown.hand.hello(), unknown.hand.change());

    for (const fields of [{ version: TLS11 }, { version: SSL3 }, { suite: suiteOf('RC4-SHA').id }]) {
      const client = clientAt(lab, 'resumed change', NEWEST, options);
      client.release();
      const again = startClient(lab, NEWEST, options);
      again.refuses('illegal_parameter', again.hand.hello(fields));
    }
  });
});

describe('a client and certificates', () => {
  test.each<[string, readonly Uint8Array[], RegExp]>([
    ['for elliptic curves', [derOf(EC_PEM), CERTIFICATE], /its key is for ec, and not for RSA/],
    ['for Ed25519', [derOf(ED25519_PEM)], /its key is for ed25519, and not for RSA/],
    ['for RSA signatures only', [derOf(PSS_PEM)], /its certificate cannot be used/],
    ['that is empty', [NOTHING], /its certificate cannot be used/],
    ['that is garbage', [new Uint8Array(500).fill(0x30)], /its certificate cannot be used/],
    ['that ends too early', [CERTIFICATE.subarray(0, -1)], /its certificate cannot be used/],
  ])('one %s', (_name, list, words) => {
    const client = clientAt(lab, 'certificate');
    client.refuses('bad_certificate', client.hand.certificate(list), client.hand.done());
    expect(client.end.tls.failure?.message).toMatch(words);
  });

  test('none', () => {
    const client = clientAt(lab, 'certificate');
    client.refuses('bad_certificate', client.hand.certificate([]));
    expect(client.end.tls.failure?.message).toBe('it has no certificate');
  });

  test.each<[string, Uint8Array]>([
    ['nothing', NOTHING],
    ['half a length', number(0, 2)],
    ['a list that is longer than the message', concat(number(1_000, 3), vector(3, CERTIFICATE))],
    ['a list that is shorter than the message', concat(vector(3, vector(3, CERTIFICATE)), number(0, 1))],
    ['a certificate that is longer than the list', vector(3, number(CERTIFICATE.length + 1, 3), CERTIFICATE)],
    ['half a length of a second one', vector(3, vector(3, CERTIFICATE), number(0, 2))],
  ])('%s', (_name, body) => {
    const client = clientAt(lab, 'certificate');
    client.refuses('decode_error', client.hand.say(MESSAGES.certificate, body));
  });

  test('only the first one has to be read for the handshake', () => {
    const client = clientAt(lab, 'certificate');
    const list = [CERTIFICATE, new Uint8Array(10), NOTHING];
    client.tell(client.hand.certificate(list), client.hand.done());
    expect([client.end.tls.failure, client.end.tls.chain]).toEqual([undefined, list]);
    client.release();
  });
});

test('a client and a ServerHelloDone that is not empty', () => {
  const client = clientAt(lab, 'done');
  client.refuses('decode_error', client.hand.say(MESSAGES.serverHelloDone, number(0, 1)));
});

test.each(PROTOCOLS)('$name: a client that is asked for a certificate has none, and goes on', (protocol) => {
  const client = clientAt(lab, 'done, asked for a certificate', protocol);
  const { hand } = client;
  const heard = client.tell(hand.done());
  const types = heard.flatMap((each) => (each.kind === 'message' ? [each.type] : []));
  const { certificate, clientKeyExchange, finished } = MESSAGES;
  expect(types).toEqual([...(protocol.version === SSL3 ? [] : [certificate]), clientKeyExchange, finished]);
  // SSL 3.0 has a word for it.
  const none = { kind: 'alert', level: WARNING, name: 'no_certificate' };
  expect(heard.filter(({ kind }) => kind === 'alert')).toEqual(protocol.version === SSL3 ? [none] : []);
  client.tell(hand.change(), hand.finished());
  expect(client.end.tls.open).toBe(true);
  client.release();
});
