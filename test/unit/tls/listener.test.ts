import { describe, expect, test } from 'vitest';
import type { Certificates } from '../../../engine/host.ts';
import { concat, number, vector } from '../../../engine/tls-legacy/bytes.ts';
import type { TlsChoice } from '../../../engine/tls-legacy/choice.ts';
import type { LegacyTls } from '../../../engine/tls-legacy/connection.ts';
import { MESSAGES, message } from '../../../engine/tls-legacy/hello.ts';
import { LegacyListener } from '../../../engine/tls-legacy/listener.ts';
import {
  FALLBACK_SCSV,
  LEGACY_ALGORITHMS,
  type LegacyAlgorithm,
  RENEGOTIATION_SCSV,
  SSL3,
  suiteOf,
  TLS1,
  TLS11,
  TLS12,
  type Version,
} from '../../../engine/tls-legacy/suites.ts';
import { certificates } from '../../../hosts/shared/certificates.ts';
import { clientHelloBody, extension, type HelloFields, plainRecord, recut, v2HelloBody, v2Record } from './hand.ts';
import { CERTIFICATE, End, settle, TlsLab } from './harness.ts';
import { CERTIFICATE_PEM, KEY_PEM } from './identity.ts';
import { derOf, EC_KEY_PEM, EC_PEM, PSS_PEM } from './strangers.ts';

const lab = new TlsLab(11);
const MODERN = { minimum: 'TLSv1.2' } as const;
const MOST_LOOKED_AT = 16_384;

function listener(
  names: readonly LegacyAlgorithm[] = LEGACY_ALGORITHMS,
  minimum: Version = TLS1,
  modern: TlsChoice['modern'] | null = MODERN,
  pem: { certificate?: string; key?: string; certificates?: Certificates } = {},
): LegacyListener {
  return new LegacyListener(
    { legacy: { suites: names.map(suiteOf), minimum }, ...(modern ? { modern } : {}) },
    {
      ...{ crypto: lab.crypto, random: (count) => lab.world.bytes(count), clock: { now: () => lab.now, utc: () => 0 } },
      ...{ certificates, certificate: CERTIFICATE_PEM, key: KEY_PEM },
      ...pem,
    },
  );
}

function hello(fields: Partial<HelloFields> = {}): Uint8Array {
  return plainRecord(22, message(MESSAGES.clientHello, clientHelloBody(fields)));
}

function versions(...list: readonly number[]): Uint8Array {
  return vector(2, extension(43, vector(1, ...list.map((version) => number(version, 2)))));
}

const OPENSSL = {
  /** `openssl s_client` 3.0. */
  newest:
    '1603010136010001320303e13ce21da78cd996c631ead8898cef613b18bc0405971248af4005235fb40d4f20efe51bf5b29f83872be40d8542e1' +
    '80b67cd42e856fc199c37e499cb5b086b5f1003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00a' +
    'c0140039c009c0130033009d009c003d003c0035002f00ff010000ab0000000e000c0000096c6f63616c686f7374000b000403000102000a0016' +
    '0014001d0017001e0019001801000101010201030104002300000016000000170000000d002a0028040305030603080708080809080a080b0804' +
    '08050806040105010601030303010302040205020602002b0009080304030303020301002d00020101003300260024001d0020c5f2adf985d859' +
    '25f999cf0cb9be220ae657d5dae6429f2dd66bae3c037b7608',
  /** With -tls1_2. */
  tls12:
    '16030100c9010000c50303aa5c0014ea1951fb0bca9cf7e77c98842049c17528b0865942bf2805e6289d0e000038c02cc030009fcca9cca8ccaa' +
    'c02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff010000640000000e000c0000096c' +
    '6f63616c686f7374000b000403000102000a000c000a001d0017001e00190018002300000016000000170000000d002a00280403050306030807' +
    '08080809080a080b080408050806040105010601030303010302040205020602',
  /** With -tls1_1. */
  tls11:
    '16030100910100008d03023ad4cc1c308f7f268bcb407e02808ecaf1f8118bdc752cfb252f29e1a0a3b3ba00002ec00ac0140039003800880087' +
    'c019003a0089c009c0130033003200450044c0180034004600350084002f004100ff010000360000000e000c0000096c6f63616c686f7374000b' +
    '000403000102000a000c000a001d0017001e00190018002300000016000000170000',
  /** With -tls1_2 -cipher AES128-SHA:AES256-SHA. */
  aes:
    '1603010085010000810303d078abf014c735391ec7b619231c09624e78ace042d4097051140ebc02a63958000006002f003500ff010000520000' +
    '000e000c0000096c6f63616c686f7374002300000016000000170000000d0030002e040305030603080708080809080a080b0804080508060401' +
    '05010601030302030301020103020202040205020602',
};

const RC4 = [0x0004];
const ALL = LEGACY_ALGORITHMS.map((name) => suiteOf(name).id);

/** What a listener for both engines says, with all algorithms from TLS 1.0 on where nothing else is said. */
const CASES: readonly [string, Uint8Array, 'runtime' | 'engine', LegacyListener?][] = [
  ['OpenSSL of today', Buffer.from(OPENSSL.newest, 'hex'), 'runtime'],
  ['OpenSSL with TLS 1.2', Buffer.from(OPENSSL.tls12, 'hex'), 'runtime'],
  ['OpenSSL with TLS 1.1', Buffer.from(OPENSSL.tls11, 'hex'), 'engine'],
  [
    'OpenSSL with TLS 1.1, and nothing for it here',
    Buffer.from(OPENSSL.tls11, 'hex'),
    'runtime',
    listener(['RC4-MD5']),
  ],
  ['OpenSSL with old suites only', Buffer.from(OPENSSL.aes, 'hex'), 'engine'],
  ['old suites in TLS 1.2', hello({ suites: ALL }), 'engine'],
  ['old suites in TLS 1.0', hello({ version: TLS1, suites: ALL }), 'engine'],
  ['old suites and what the runtime has, in TLS 1.2', hello({ suites: [...ALL, 0xc02f] }), 'runtime'],
  ['old suites and what the runtime has, in TLS 1.1', hello({ version: TLS11, suites: [0xc014, ...ALL] }), 'engine'],
  ['old suites and TLS 1.3', hello({ suites: ALL, extensions: versions(0x0304, TLS12) }), 'runtime'],
  ['nothing but TLS 1.3', hello({ suites: [0x1301], extensions: versions(0x0304) }), 'runtime'],
  ['old suites and versions without TLS 1.3', hello({ suites: ALL, extensions: versions(TLS12, TLS11) }), 'engine'],
  ['a version that is not known', hello({ version: 0x0304, suites: ALL }), 'engine'],
  ['markers', hello({ suites: [...RC4, RENEGOTIATION_SCSV, FALLBACK_SCSV] }), 'engine'],
  ['a fallback', hello({ version: TLS1, suites: [...RC4, FALLBACK_SCSV] }), 'engine'],
  ['nothing but markers', hello({ suites: [RENEGOTIATION_SCSV] }), 'runtime'],
  ['no suites', hello({ suites: [] }), 'runtime'],
  ['GREASE', hello({ suites: [0x0a0a, 0x1a1a, 0xfafa, ...RC4] }), 'engine'],
  ['GREASE among versions', hello({ suites: RC4, extensions: versions(0x2a2a, TLS12) }), 'engine'],
  ['what only looks like GREASE', hello({ suites: [0x0a1a, ...RC4] }), 'runtime'],
  ['SSL 3.0', hello({ version: SSL3, suites: ALL }), 'runtime'],
  ['SSL 3.0 where it is allowed', hello({ version: SSL3, suites: ALL }), 'engine', listener(['RC4-MD5'], SSL3)],
  ['another suite than is allowed', hello({ suites: [0x0005] }), 'runtime', listener(['RC4-MD5'])],
  ['DES in TLS 1.2', hello({ suites: [0x0009] }), 'engine', listener(['DES-CBC-SHA'])],
  ['DES where TLS 1.2 is wanted', hello({ suites: [0x0009] }), 'runtime', listener(['DES-CBC-SHA', 'RC4-SHA'], TLS12)],
  ['a hello of SSL 2.0', v2Record(v2HelloBody({ suites: [0x010080, ...RC4] })), 'engine'],
  [
    'a hello of SSL 2.0 with what the runtime has',
    v2Record(v2HelloBody({ suites: [0x010080, 0xc02f, ...RC4] })),
    'runtime',
  ],
  ['a hello of SSL 2.0 for TLS 1.0', v2Record(v2HelloBody({ version: TLS1 })), 'engine'],
  ['a hello of SSL 2.0 for SSL 2.0', v2Record(v2HelloBody({ version: 2 })), 'runtime'],
  ['a hello of SSL 2.0 with suites of it only', v2Record(v2HelloBody({ suites: [0x010080] })), 'runtime'],
  ['a hello of SSL 2.0 that is none', v2Record(v2HelloBody({ suiteBytes: 4 })), 'runtime'],
  ['compression only', hello({ suites: RC4, compressions: Uint8Array.of(1) }), 'runtime'],
  ['a session id that is too long', hello({ suites: RC4, sessionId: new Uint8Array(33) }), 'runtime'],
  ['extensions that are none', hello({ suites: RC4, extensions: number(7, 2) }), 'runtime'],
  ['a ServerHello', plainRecord(22, message(MESSAGES.serverHello, new Uint8Array(38))), 'runtime'],
  ['an alert', plainRecord(21, Uint8Array.of(2, 40)), 'runtime'],
  ['data', plainRecord(23, new Uint8Array(20)), 'runtime'],
  ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'), 'runtime'],
  ['zeros', new Uint8Array(64), 'runtime'],
  ['a record of version 2', plainRecord(22, message(1, clientHelloBody()), 0x0200), 'runtime'],
];

describe('a listener for both engines', () => {
  test.each(CASES)('%s', (_name, bytes, expected, from = listener()) => {
    expect(from.only).toBe(false);
    expect(from.choose(bytes)).toBe(expected);
    // What comes behind it makes no difference.
    expect(from.choose(concat(bytes, new Uint8Array(100).fill(0x16)))).toBe(expected);
  });

  test.each(CASES)('%s, as it comes in', (_name, bytes, expected, from = listener()) => {
    // It waits for the rest, or knows already, and does not change its mind.
    let known: string | undefined;
    for (let length = 0; length <= bytes.length; length++) {
      const found = from.choose(bytes.subarray(0, length));
      if (known === undefined) known = found;
      expect([length, found]).toEqual([length, known]);
      if (length === 0) expect(found).toBeUndefined();
    }
    expect(known).toBe(expected);
  });

  test.each([1, 2, 3, 4, 5, 20, 100])('a hello in records of %d bytes', (size) => {
    for (const [bytes, expected] of [
      [hello({ suites: ALL }), 'engine'],
      [hello({ suites: [...ALL, 0xc02f] }), 'runtime'],
      [Buffer.from(OPENSSL.newest, 'hex'), 'runtime'],
    ] as const) {
      const cut = recut(bytes, size);
      expect(listener().choose(cut.subarray(0, -1))).toBeUndefined();
      expect(listener().choose(cut)).toBe(expected);
    }
  });

  test('a hello behind empty records', () => {
    const empty = plainRecord(22, new Uint8Array(0));
    expect(listener().choose(concat(empty, empty, hello({ suites: RC4 })))).toBe('engine');
  });

  test('another record in the middle of a hello', () => {
    const bytes = hello({ suites: RC4 });
    const cut = recut(bytes, 20);
    expect(listener().choose(concat(cut.subarray(0, 25), plainRecord(21, Uint8Array.of(1, 0))))).toBe('runtime');
  });

  test('what does not come to an end is the runtime’s', () => {
    const long = message(MESSAGES.clientHello, new Uint8Array(60_000));
    for (const bytes of [
      recut(concat(...[0, 1, 2].map((i) => plainRecord(22, long.subarray(i * 16_000, (i + 1) * 16_000)))), 16_000),
      concat(...new Array<Uint8Array>(5_000).fill(plainRecord(22, new Uint8Array(0)))),
      concat(Uint8Array.of(0xff, 0xff, 1), new Uint8Array(20_000)),
    ]) {
      expect(listener().choose(bytes.subarray(0, MOST_LOOKED_AT - 1))).toBeUndefined();
      expect(listener().choose(bytes.subarray(0, MOST_LOOKED_AT))).toBe('runtime');
    }
  });

  test.each([100, 8_000])('looking at what comes byte by byte costs little, in records of %d bytes', (size) => {
    const bytes = recut(plainRecord(22, message(MESSAGES.clientHello, new Uint8Array(16_000))), size);
    const from = listener();
    const before = performance.now();
    for (let length = 1; length < MOST_LOOKED_AT; length++) from.choose(bytes.subarray(0, length));
    // Copied anew each time it took some seconds.
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

test('a listener for the engine alone gives it everything', () => {
  const from = listener(['RC4-MD5'], SSL3, null);
  expect(from.only).toBe(true);
  for (const [, bytes] of CASES) expect(from.choose(bytes)).toBe('engine');
  expect(from.choose(new Uint8Array(0))).toBe('engine');
});

describe('the engine that a listener opens', () => {
  function meet(from: LegacyListener, options: Parameters<TlsLab['client']>[0] = {}) {
    const client = new End(lab.client(options));
    const server = new End(from.open() as LegacyTls);
    settle(client, server);
    for (const { tls } of [client, server]) tls.release();
    return { client: client.tls, server: server.tls };
  }

  test('has the algorithms in the administrator’s order, and its minimum', () => {
    const from = listener(['DES-CBC3-SHA', 'AES128-SHA'], TLS11);
    expect(meet(from).client.security).toEqual({ protocol: 'TLSv1.2', cipher: 'DES-CBC3-SHA' });
    lab.clientSessions.clear();
    expect(meet(from, { maximum: TLS1 }).client.failure?.message).toBe('it refuses: protocol_version');
    expect(meet(from, { suites: [suiteOf('RC4-MD5')] }).client.failure?.message).toBe('it refuses: handshake_failure');
  });

  test('keeps sessions for all connections of the listener, and of no other', () => {
    const [from, other] = [listener(), listener()];
    lab.clientSessions.clear();
    expect([meet(from), meet(from), meet(other)].map(({ server }) => server.resumed)).toEqual([false, true, false]);
  });

  test('forgets them by the clock of the host', () => {
    const from = listener();
    lab.clientSessions.clear();
    meet(from);
    lab.now += 3_600_000;
    // The client's clock stands still.
    expect(meet(from, { now: 0 }).server.resumed).toBe(false);
    lab.now = 0;
  });

  test('lets nobody be led below the highest version of the listener', () => {
    const refusal = (from: LegacyListener, version: number): string | undefined => {
      const server = new End(from.open() as LegacyTls);
      server.receive(hello({ version, suites: [...ALL, FALLBACK_SCSV] }));
      server.tls.release();
      return server.tls.failure?.code;
    };
    const alone = (names: readonly LegacyAlgorithm[]) => listener(names, SSL3, null);
    expect([SSL3, TLS1, TLS11, TLS12].map((version) => refusal(alone(['RC4-MD5']), version))).toEqual([
      'inappropriate_fallback',
      'inappropriate_fallback',
      'inappropriate_fallback',
      undefined,
    ]);
    expect([TLS1, TLS11].map((version) => refusal(alone(['DES-CBC-SHA']), version))).toEqual([
      'inappropriate_fallback',
      undefined,
    ]);
    // The runtime's is TLS 1.3.
    for (const version of [TLS11, TLS12]) expect(refusal(listener(), version)).toBe('inappropriate_fallback');
  });
});

describe('the certificate', () => {
  const chainOf = (certificate: string): readonly Uint8Array[] => {
    const client = new End(lab.client({ place: 'chains' }));
    lab.clientSessions.clear();
    settle(client, new End(listener(['RC4-MD5'], SSL3, MODERN, { certificate }).open() as LegacyTls));
    return client.tls.chain;
  };

  test('alone, with others behind it, and with words around it', () => {
    const [ec, pss] = [derOf(EC_PEM), derOf(PSS_PEM)];
    expect(chainOf(CERTIFICATE_PEM)).toEqual([CERTIFICATE]);
    expect(chainOf(`${CERTIFICATE_PEM}\n${EC_PEM}\n${PSS_PEM}\n`)).toEqual([CERTIFICATE, ec, pss]);
    const wordy = `subject=CN = localhost\n${CERTIFICATE_PEM}\n\nissuer=...\r\n${EC_PEM.replaceAll('\n', '\r\n')}`;
    expect(chainOf(wordy)).toEqual([CERTIFICATE, ec]);
    expect(chainOf(`${KEY_PEM}\n${CERTIFICATE_PEM}`)).toEqual([CERTIFICATE]);
  });

  test('needs a key for RSA', () => {
    expect(() => listener(['RC4-MD5', 'AES128-SHA'], TLS1, MODERN, { key: EC_KEY_PEM, certificate: EC_PEM })).toThrow(
      'RC4-MD5, AES128-SHA need a private key for RSA, and the one of tls.key is for another algorithm',
    );
    expect(() => listener(['RC4-MD5'], TLS1, MODERN, { key: 'no key' })).toThrow();
  });
});
