import { describe, expect, test } from 'vitest';
import type { Rule } from '../../../engine/config/rules.ts';
import {
  chooseTls,
  MODERN_TLS,
  type TlsAlgorithm,
  type TlsSettings,
  tlsAlgorithm,
  tlsAlgorithms,
  tlsMinimum,
  tlsProfile,
  warnOfWeakness,
  weaknesses,
} from '../../../engine/tls-legacy/choice.ts';
import { LEGACY_ALGORITHMS, SSL3, suiteOf, TLS1, TLS11, TLS12, VERSIONS } from '../../../engine/tls-legacy/suites.ts';

const ROLES = ['server', 'client'] as const;
const MODERN = { minimum: 'TLSv1.2' };
const RC4 = [suiteOf('RC4-MD5')];

describe('what may be written', () => {
  test.each<[string, Rule<unknown>, string, readonly string[], readonly string[]]>([
    [
      'a profile',
      tlsProfile,
      'modern, packetix-2.0 or custom',
      ['modern', 'packetix-2.0', 'custom'],
      ['', 'Modern', 'packetix', 'modern '],
    ],
    [
      'an algorithm',
      tlsAlgorithm,
      'modern, RC4-MD5, RC4-SHA, AES128-SHA, AES256-SHA, DES-CBC-SHA or DES-CBC3-SHA',
      ['modern', ...LEGACY_ALGORITHMS],
      ['', 'rc4-md5', 'AES-128', 'NULL-MD5', 'EXP-RC4-MD5'],
    ],
  ])('%s', (_name, rule, allowed, right, wrong) => {
    expect(rule.allowed).toBe(allowed);
    expect(right.map((text) => rule.parse(text))).toEqual(right);
    expect(wrong.map((text) => rule.parse(text))).toEqual(wrong.map(() => undefined));
  });

  test('a minimum, in two ways', () => {
    expect(tlsMinimum.allowed).toBe('SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3');
    const names = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
    expect(names.map((name) => tlsMinimum.parse(name))).toEqual(names);
    expect(['1.0', '1.1', '1.2', '1.3'].map((text) => tlsMinimum.parse(text))).toEqual(names.slice(1));
    for (const text of ['', '1', '3', '3.0', '1.4', 'v3', 'SSLv2', 'TLSv1.0', 'tlsv1.2', 'TLS1.2', ' 1.2']) {
      expect([text, tlsMinimum.parse(text)]).toEqual([text, undefined]);
    }
  });

  test('a list of algorithms', () => {
    expect(tlsAlgorithms.allowed).toBe(`a list with commas of ${tlsAlgorithm.allowed}`);
    expect(tlsAlgorithms.parse('RC4-MD5')).toEqual(['RC4-MD5']);
    expect(tlsAlgorithms.parse('AES256-SHA, modern ,RC4-SHA')).toEqual(['AES256-SHA', 'modern', 'RC4-SHA']);
    for (const text of ['', ',', 'RC4-MD5,', 'RC4-MD5 RC4-SHA', 'RC4-MD5,x']) {
      expect([text, tlsAlgorithms.parse(text)]).toEqual([text, undefined]);
    }
  });
});

describe('what it comes to', () => {
  const both = (settings: TlsSettings) => ROLES.map((role) => chooseTls(settings, role));
  const twice = (choice: object) => ROLES.map(() => ({ ok: true, choice }));

  test.each<[string, TlsSettings, object]>([
    ['nothing', {}, MODERN_TLS],
    ['nothing, in every word', { profile: undefined, algorithms: undefined, minimum: undefined }, MODERN_TLS],
    ['modern', { profile: 'modern' }, { modern: MODERN }],
    ['modern from 1.2', { profile: 'modern', minimum: 'TLSv1.2' }, { modern: MODERN }],
    ['modern from 1.3', { profile: 'modern', minimum: 'TLSv1.3' }, { modern: { minimum: 'TLSv1.3' } }],
    ['a minimum alone', { minimum: 'TLSv1.3' }, { modern: { minimum: 'TLSv1.3' } }],
    ['PacketiX', { profile: 'packetix-2.0' }, { legacy: { suites: RC4, minimum: SSL3 } }],
    ['PacketiX from 1.1', { profile: 'packetix-2.0', minimum: 'TLSv1.1' }, { legacy: { suites: RC4, minimum: TLS11 } }],
    ['modern by its name', { algorithms: ['modern'] }, { modern: MODERN }],
    [
      'modern as custom',
      { profile: 'custom', algorithms: ['modern'], minimum: 'TLSv1.3' },
      { modern: { minimum: 'TLSv1.3' } },
    ],
    ['one algorithm', { algorithms: ['RC4-MD5'] }, { legacy: { suites: RC4, minimum: TLS1 } }],
    ['one as custom', { profile: 'custom', algorithms: ['RC4-MD5'] }, { legacy: { suites: RC4, minimum: TLS1 } }],
    [
      'several, in their order',
      { algorithms: ['DES-CBC3-SHA', 'AES128-SHA', 'RC4-MD5'], minimum: 'SSLv3' },
      { legacy: { suites: [suiteOf('DES-CBC3-SHA'), suiteOf('AES128-SHA'), suiteOf('RC4-MD5')], minimum: SSL3 } },
    ],
    [
      'DES with one that TLS 1.2 has',
      { algorithms: ['DES-CBC-SHA', 'RC4-MD5'], minimum: 'TLSv1.2' },
      { legacy: { suites: [suiteOf('DES-CBC-SHA'), suiteOf('RC4-MD5')], minimum: TLS12 } },
    ],
  ])('%s', (_name, settings, choice) => {
    expect(both(settings)).toEqual(twice(choice));
  });

  test.each(VERSIONS)('a minimum of 0x%x', (version) => {
    const minimum = (['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2'] as const)[version & 3]!;
    expect(both({ algorithms: ['AES256-SHA'], minimum })).toEqual(
      twice({ legacy: { suites: [suiteOf('AES256-SHA')], minimum: version } }),
    );
  });

  test('a server can have both engines, each with its own minimum', () => {
    const algorithms: TlsAlgorithm[] = ['modern', 'RC4-MD5'];
    expect(chooseTls({ algorithms }, 'server')).toEqual({
      ok: true,
      choice: { modern: MODERN, legacy: { suites: RC4, minimum: TLS1 } },
    });
    expect(chooseTls({ algorithms, minimum: 'SSLv3' }, 'server')).toMatchObject({
      choice: { modern: MODERN, legacy: { minimum: SSL3 } },
    });
    expect(chooseTls({ algorithms, minimum: 'TLSv1.2' }, 'server')).toMatchObject({
      choice: { modern: MODERN, legacy: { minimum: TLS12 } },
    });
  });
});

describe('what is wrong, and where', () => {
  const CUSTOM = `custom needs algorithms: ${tlsAlgorithm.allowed}`;

  test.each<[TlsSettings, keyof TlsSettings, string]>([
    [{ profile: 'custom' }, 'profile', CUSTOM],
    [{ profile: 'custom', algorithms: [] }, 'profile', CUSTOM],
    [{ algorithms: [] }, 'profile', CUSTOM],
    [
      { profile: 'modern', algorithms: ['modern'] },
      'algorithms',
      'allowed with the profile custom only; modern has its own',
    ],
    [
      { profile: 'packetix-2.0', algorithms: ['RC4-MD5'] },
      'algorithms',
      'allowed with the profile custom only; packetix-2.0 has its own',
    ],
    [{ algorithms: ['RC4-MD5', 'RC4-MD5'] }, 'algorithms', 'an algorithm is named twice'],
    [{ algorithms: ['modern', 'modern'] }, 'algorithms', 'an algorithm is named twice'],
    [{ minimum: 'SSLv3' }, 'minimum', "allowed with the runtime's TLS is TLSv1.2 or TLSv1.3"],
    [{ profile: 'modern', minimum: 'TLSv1' }, 'minimum', "allowed with the runtime's TLS is TLSv1.2 or TLSv1.3"],
    [{ algorithms: ['modern'], minimum: 'TLSv1.1' }, 'minimum', "allowed with the runtime's TLS is TLSv1.2 or TLSv1.3"],
    [{ profile: 'packetix-2.0', minimum: 'TLSv1.3' }, 'minimum', 'TLSv1.3 has none of the algorithms that are named'],
    [
      { algorithms: ['AES256-SHA'], minimum: 'TLSv1.3' },
      'minimum',
      'TLSv1.3 has none of the algorithms that are named',
    ],
    [
      { algorithms: ['DES-CBC-SHA'], minimum: 'TLSv1.2' },
      'minimum',
      'TLSv1.2 has none of the algorithms that are named',
    ],
  ])('%j', (settings, key, problem) => {
    for (const role of ROLES) expect(chooseTls(settings, role)).toEqual({ ok: false, key, problem });
  });

  test('a client has one engine', () => {
    expect(chooseTls({ algorithms: ['modern', 'RC4-MD5'] }, 'client')).toEqual({
      ok: false,
      key: 'algorithms',
      problem: 'a client makes one handshake: allowed is modern, or some of the others',
    });
  });

  test('TLS 1.3 is nothing for old algorithms beside the runtime’s either', () => {
    expect(chooseTls({ algorithms: ['modern', 'RC4-MD5'], minimum: 'TLSv1.3' }, 'server')).toEqual({
      ok: false,
      key: 'minimum',
      problem: 'TLSv1.3 has none of the algorithms that are named',
    });
  });

  test('the default minimum never is', () => {
    for (const name of LEGACY_ALGORITHMS) expect(chooseTls({ algorithms: [name] }, 'client').ok).toBe(true);
  });
});

describe('weaknesses', () => {
  const of = (settings: TlsSettings): string[] => {
    const chosen = chooseTls(settings, 'server');
    if (!chosen.ok) throw new Error(chosen.problem);
    return weaknesses(chosen.choice);
  };
  const SECRECY = 'no forward secrecy: who gets the private key later reads all that was recorded';
  const POODLE = 'SSLv3: with a block cipher, an attacker in between can decrypt (POODLE, RFC 7568)';
  const DES = 'DES-CBC-SHA: its 56-bit keys can be searched through within a day';
  const TRIPLE = 'DES-CBC3-SHA: some gigabytes under one key give away parts of them (RFC 8429)';
  const rc4 = (names: string) => `${names}: what is sent again and again can be recovered (RFC 7465)`;

  test.each<[TlsSettings, string[]]>([
    [{}, []],
    [{ minimum: 'TLSv1.3' }, []],
    [{ algorithms: ['AES128-SHA', 'AES256-SHA'] }, [SECRECY]],
    [{ algorithms: ['modern', 'AES128-SHA'] }, [SECRECY]],
    [{ algorithms: ['RC4-SHA'] }, [SECRECY, rc4('RC4-SHA')]],
    [{ algorithms: ['RC4-SHA', 'AES128-SHA', 'RC4-MD5'] }, [SECRECY, rc4('RC4-SHA, RC4-MD5')]],
    [{ algorithms: ['DES-CBC-SHA'] }, [SECRECY, DES]],
    [{ algorithms: ['DES-CBC3-SHA'] }, [SECRECY, TRIPLE]],
    [{ algorithms: ['AES128-SHA'], minimum: 'SSLv3' }, [SECRECY, POODLE]],
    [{ algorithms: [...LEGACY_ALGORITHMS], minimum: 'SSLv3' }, [SECRECY, rc4('RC4-MD5, RC4-SHA'), DES, TRIPLE, POODLE]],
  ])('%j', (settings, expected) => {
    expect(of(settings)).toEqual(expected);
  });

  test('are said once, in one warning, and not for the runtime’s TLS', () => {
    const lines: unknown[][] = [];
    const log = (...line: unknown[]) => void lines.push(line);
    warnOfWeakness(log, MODERN_TLS);
    expect(lines).toEqual([]);
    warnOfWeakness(log, {
      modern: { minimum: 'TLSv1.2' },
      legacy: { suites: [...RC4, suiteOf('AES128-SHA')], minimum: TLS1 },
    });
    expect(lines).toEqual([
      [
        'warn',
        'weak TLS is allowed by the configuration',
        { algorithms: 'RC4-MD5, AES128-SHA', minimum: 'TLSv1', meaning: `${SECRECY}; ${rc4('RC4-MD5')}` },
      ],
    ]);
  });
});
