/** The keys of `tls`, of the server's configuration and of a client's profile. */
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseConnectProfile } from '../../engine/config/profile.ts';
import { parseServerConfig, serverOptions } from '../../engine/config/server-config.ts';
import type { TlsChoice } from '../../engine/tls-legacy/choice.ts';
import { LEGACY_ALGORITHMS, SSL3, suiteOf, TLS1, TLS11, TLS12 } from '../../engine/tls-legacy/suites.ts';

const ALGORITHMS = 'modern, RC4-MD5, RC4-SHA, AES128-SHA, AES256-SHA, DES-CBC-SHA or DES-CBC3-SHA';
const PROFILES = 'modern, packetix-2.0 or custom';
const VERSIONS = 'SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3';
const RC4 = [suiteOf('RC4-MD5')];

function server(tls: string) {
  return parseServerConfig(`listen: [{ port: 1 }]\nhubs: {}\n${tls}`);
}

function tlsOf(tls: string) {
  const result = server(tls);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.tls;
}

/** What is wrong, with the place from the line of `tls` on. */
function serverProblems(tls: string): string[] {
  const result = server(tls);
  return result.ok ? [] : result.problems.map((each) => formatProblem('', { ...each, line: each.line - 2 }).slice(1));
}

function profileProblems(text: string): string[] {
  const result = parseConnectProfile(text);
  return result.ok ? [] : result.problems.map((each) => formatProblem('', each).slice(1));
}

describe('a server', () => {
  test.each<[string, TlsChoice]>([
    ['', { modern: { minimum: 'TLSv1.2' } }],
    ['tls: {}', { modern: { minimum: 'TLSv1.2' } }],
    ['tls: { profile: modern }', { modern: { minimum: 'TLSv1.2' } }],
    ['tls: { minimum: TLSv1.3 }', { modern: { minimum: 'TLSv1.3' } }],
    ['tls: { minimum: 1.3 }', { modern: { minimum: 'TLSv1.3' } }],
    ['tls: { profile: packetix-2.0 }', { legacy: { suites: RC4, minimum: SSL3 } }],
    ['tls: { profile: packetix-2.0, minimum: 1.0 }', { legacy: { suites: RC4, minimum: TLS1 } }],
    ['tls: { algorithms: [RC4-MD5] }', { legacy: { suites: RC4, minimum: TLS1 } }],
    ['tls: { algorithms: [RC4-MD5], minimum: SSLv3 }', { legacy: { suites: RC4, minimum: SSL3 } }],
    ['tls: { algorithms: [RC4-MD5], minimum: "1.2" }', { legacy: { suites: RC4, minimum: TLS12 } }],
    [
      'tls: { profile: custom, algorithms: [modern, AES256-SHA, RC4-MD5] }',
      {
        modern: { minimum: 'TLSv1.2' },
        legacy: { suites: [suiteOf('AES256-SHA'), suiteOf('RC4-MD5')], minimum: TLS1 },
      },
    ],
    [
      `tls:\n  minimum: TLSv1.1\n  algorithms:\n${LEGACY_ALGORITHMS.map((name) => `    - ${name}\n`).join('')}`,
      { legacy: { suites: LEGACY_ALGORITHMS.map(suiteOf), minimum: TLS11 } },
    ],
  ])('%j', (text, choice) => {
    expect(tlsOf(text)).toEqual({ certificate: 'server.crt', key: 'server.key', choice });
  });

  test('its certificate and its key have names of their own when only one is named, or none', () => {
    expect(tlsOf('tls: { certificate: a.pem }')).toMatchObject({ certificate: 'a.pem', key: 'server.key' });
    expect(tlsOf('tls: { key: a.pem }')).toMatchObject({ certificate: 'server.crt', key: 'a.pem' });
    expect(tlsOf('tls: { certificate: a, key: b, profile: packetix-2.0 }')).toEqual({
      ...{ certificate: 'a', key: 'b' },
      choice: { legacy: { suites: RC4, minimum: SSL3 } },
    });
  });

  test('the choice arrives in the options of the engine', () => {
    const result = server('tls: { profile: packetix-2.0, minimum: TLSv1 }');
    if (!result.ok) throw new Error('it is right');
    expect(serverOptions(result.config, { certificate: 'C', key: 'K' })).toMatchObject({
      ...{ certificate: 'C', key: 'K' },
      tls: { legacy: { suites: RC4, minimum: TLS1 } },
    });
  });
});

/** What is wrong by itself, in both files: from the column of the mapping on. */
const SINGLE: readonly [string, string][] = [
  ['{ profile: PacketiX }', `1:17: tls.profile: found "PacketiX"; allowed is ${PROFILES}`],
  ['{ profile: }', `1:8: tls.profile: there is no value; allowed is ${PROFILES}`],
  ['{ profile: [modern] }', `1:17: tls.profile: found a list; allowed is ${PROFILES}`],
  [
    '{ algorithms: RC4-MD5 }',
    '1:20: tls.algorithms: found "RC4-MD5"; allowed is a list of at least 1 of the algorithms',
  ],
  [
    '{ algorithms: [] }',
    '1:20: tls.algorithms: found an empty list; allowed is a list of at least 1 of the algorithms',
  ],
  [
    '{ algorithms: { RC4-MD5: } }',
    '1:20: tls.algorithms: found a mapping; allowed is a list of at least 1 of the algorithms',
  ],
  ['{ algorithms: [RC4-MD5, rc4-sha] }', `1:30: tls.algorithms[1]: found "rc4-sha"; allowed is ${ALGORITHMS}`],
  ['{ algorithms: [NULL-MD5] }', `1:21: tls.algorithms[0]: found "NULL-MD5"; allowed is ${ALGORITHMS}`],
  ['{ algorithms: [[RC4-MD5]] }', `1:21: tls.algorithms[0]: found a list; allowed is ${ALGORITHMS}`],
  ['{ minimum: SSLv2 }', `1:17: tls.minimum: found "SSLv2"; allowed is ${VERSIONS}`],
  ['{ minimum: TLSv1.0 }', `1:17: tls.minimum: found "TLSv1.0"; allowed is ${VERSIONS}`],
  ['{ minimum: 3 }', `1:17: tls.minimum: found "3"; allowed is ${VERSIONS}`],
  ['{ minimum: 1 }', `1:17: tls.minimum: found "1"; allowed is ${VERSIONS}`],
  ['{ minimum: 1.4 }', `1:17: tls.minimum: found "1.4"; allowed is ${VERSIONS}`],
  ['{ minimum: [TLSv1] }', `1:17: tls.minimum: found a list; allowed is ${VERSIONS}`],
  ['{ algorithm: [RC4-MD5] }', '1:8: tls.algorithm: unknown key; did you mean "algorithms"?'],
  ['{ minimun: TLSv1 }', '1:8: tls.minimun: unknown key; did you mean "minimum"?'],
  ['{ Profile: modern }', '1:8: tls.Profile: unknown key; did you mean "profile"?'],
];

describe('what is wrong by itself has a place, a path, what was found and what is allowed', () => {
  test.each(SINGLE)('%j', (mapping, expected) => {
    expect(serverProblems(`tls: ${mapping}`)).toEqual([expected]);
    expect(profileProblems(`tls: ${mapping}`)).toEqual([expected]);
  });

  test.each([
    ['tls: modern', 'found "modern"'],
    ['tls:', 'there is no value'],
    ['tls: [modern]', 'found a list'],
  ])('%j', (text, found) => {
    const column = text === 'tls:' ? 1 : 6;
    expect(serverProblems(text)).toEqual([
      `1:${column}: tls: ${found}; allowed is a mapping with the keys certificate, key, profile, algorithms, minimum`,
    ]);
    expect(profileProblems(text)).toEqual([
      `1:${column}: tls: ${found}; allowed is a mapping with the keys profile, algorithms, minimum`,
    ]);
  });

  test('a list without a value is told once', () => {
    const expected = '1:8: tls.algorithms: there is no value; allowed is a list of at least 1 of the algorithms';
    expect(serverProblems('tls: { algorithms: }')).toEqual([expected]);
  });

  test('keys that nobody has', () => {
    expect(serverProblems('tls: { ciphers: x }')).toEqual([
      '1:8: tls.ciphers: unknown key; known here: certificate, key, profile, algorithms, minimum',
    ]);
    expect(profileProblems('tls: { ciphers: x }')).toEqual([
      '1:8: tls.ciphers: unknown key; known here: profile, algorithms, minimum',
    ]);
    // A client shows no certificate.
    expect(profileProblems('tls: { certificate: x }')).toEqual([
      '1:8: tls.certificate: unknown key; known here: profile, algorithms, minimum',
    ]);
  });

  test('all of it at once, in the order of the file', () => {
    expect(serverProblems('tls:\n  minimum: 2\n  profile: x\n  algorithms: [y, modern, z]\n  key: ""')).toEqual([
      `2:12: tls.minimum: found "2"; allowed is ${VERSIONS}`,
      `3:12: tls.profile: found "x"; allowed is ${PROFILES}`,
      `4:16: tls.algorithms[0]: found "y"; allowed is ${ALGORITHMS}`,
      `4:27: tls.algorithms[2]: found "z"; allowed is ${ALGORITHMS}`,
      '5:8: tls.key: there is no value; allowed is the path of a file, on one line',
    ]);
  });

  test('a key that stands there by mistake is not repeated', () => {
    const text = 'tls: { key: "-----BEGIN PRIVATE KEY-----\\nhunter2" }';
    expect(serverProblems(text)).toEqual([
      '1:13: tls.key: the value (not shown here) does not fit; allowed is the path of a file, on one line',
    ]);
  });
});

describe('what does not fit together on a server', () => {
  test.each([
    ['tls: { profile: custom }', `1:17: tls.profile: custom needs algorithms: ${ALGORITHMS}`],
    [
      'tls: { profile: modern, algorithms: [modern] }',
      '1:37: tls.algorithms: allowed with the profile custom only; modern has its own',
    ],
    [
      'tls:\n  profile: packetix-2.0\n  algorithms:\n    - RC4-MD5',
      '4:5: tls.algorithms: allowed with the profile custom only; packetix-2.0 has its own',
    ],
    ['tls: { algorithms: [RC4-MD5, modern, RC4-MD5] }', '1:20: tls.algorithms: an algorithm is named twice'],
    ['tls: { minimum: TLSv1 }', "1:17: tls.minimum: allowed with the runtime's TLS is TLSv1.2 or TLSv1.3"],
    [
      'tls:\n  profile: modern\n  minimum: 1.1',
      "3:12: tls.minimum: allowed with the runtime's TLS is TLSv1.2 or TLSv1.3",
    ],
    [
      'tls: { profile: packetix-2.0, minimum: TLSv1.3 }',
      '1:40: tls.minimum: TLSv1.3 has none of the algorithms that are named',
    ],
    [
      'tls: { algorithms: [modern, AES256-SHA], minimum: 1.3 }',
      '1:51: tls.minimum: TLSv1.3 has none of the algorithms that are named',
    ],
    [
      'tls: { algorithms: [DES-CBC-SHA], minimum: 1.2 }',
      '1:44: tls.minimum: TLSv1.2 has none of the algorithms that are named',
    ],
  ])('%j', (text, expected) => {
    expect(serverProblems(text)).toEqual([expected]);
  });
});

describe('a profile', () => {
  test('leaves open what it does not say', () => {
    const tlsOfProfile = (text: string) => {
      const result = parseConnectProfile(text);
      return result.ok ? result.profile.tls : result.problems;
    };
    expect(tlsOfProfile('{}')).toEqual({});
    expect(tlsOfProfile('tls: {}')).toEqual({});
    expect(tlsOfProfile('tls: { minimum: 1.0 }')).toEqual({ minimum: 'TLSv1' });
    expect(tlsOfProfile('tls: { profile: custom, algorithms: [RC4-SHA, AES128-SHA], minimum: SSLv3 }')).toEqual({
      ...{ profile: 'custom', algorithms: ['RC4-SHA', 'AES128-SHA'], minimum: 'SSLv3' },
    });
  });

  test('may say what only fits together with the command line', () => {
    expect(profileProblems('tls: { profile: custom }')).toEqual([]);
    expect(profileProblems('tls: { minimum: SSLv3 }')).toEqual([]);
  });

  test('finds the place of what does not', () => {
    const result = parseConnectProfile('hub: lab\ntls:\n  minimum: SSLv3\n');
    if (!result.ok) throw new Error('it is right by itself');
    const at = (key: string) => formatProblem('p', result.problem(['tls', key], 'no'));
    expect(at('minimum')).toBe('p:3:12: tls.minimum: no');
    // What is absent is missed where the others stand.
    expect(at('profile')).toBe('p:3:3: tls.profile: no');
  });
});
