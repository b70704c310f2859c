import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseConnectProfile } from '../../engine/config/profile.ts';

function problems(text: string): string[] {
  const result = parseConnectProfile(text);
  return result.ok ? [] : result.problems.map((problem) => formatProblem('p.yaml', problem));
}

test('an empty mapping leaves everything open', () => {
  const result = parseConnectProfile('{}');
  expect(result).toMatchObject({ ok: true });
  expect(result.ok && result.profile).toEqual({ tls: {}, tap: {}, reconnect: {}, log: {} });
});

test('words for what has no end', () => {
  const result = parseConnectProfile('connectionLifetime: off\nreconnect: { attempts: unlimited }');
  expect(result.ok && result.profile).toMatchObject({
    connectionLifetime: Number.POSITIVE_INFINITY,
    reconnect: { attempts: Number.POSITIVE_INFINITY },
  });
});

test('an address alone, and switches that are off exclude nothing', () => {
  const result = parseConnectProfile(
    `tap: { address: 10.0.0.1/24 }\npin: ${'A1:'.repeat(31)}a1\ninsecure: false\npasswordFile: p\nanonymous: false`,
  );
  expect(result.ok && result.profile).toMatchObject({ tap: { address: ['10.0.0.1/24'] }, pin: 'a1'.repeat(32) });
});

describe('problems have a place, a path, what was found and what is allowed', () => {
  test.each([
    [
      'server: https://x',
      '1:9: server: found "https://x"; allowed is HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port',
    ],
    ['hub: ""', '1:6: hub: there is no value; allowed is 1 to 255 characters'],
    ['user: [a]', '1:7: user: found a list; allowed is 1 to 255 characters'],
    ['passwordFile: ""', '1:15: passwordFile: there is no value; allowed is the path of a file, on one line'],
    ['plainPassword: yes', '1:16: plainPassword: found "yes"; allowed is true or false'],
    ['anonymous: 1', '1:12: anonymous: found "1"; allowed is true or false'],
    ['tap: vpn0', '1:6: tap: found "vpn0"; allowed is a mapping with the keys name, address, mtu'],
    ['tap: { name: a/b }', '1:14: tap.name: found "a/b"; allowed is 1 to 15 letters'],
    ['tap: { address: 10.0.0.1 }', '1:17: tap.address[0]: found "10.0.0.1"; allowed is an address with its prefix'],
    ['tap: { mtu: 575 }', '1:13: tap.mtu: found "575"; allowed is a whole number from 576 to 65521 (bytes)'],
    ['pin: abc', '1:6: pin: found "abc"; allowed is the SHA-256 fingerprint of a certificate'],
    ['ca: [x]', '1:5: ca: found a list; allowed is the path of a file'],
    ['insecure: x', '1:11: insecure: found "x"; allowed is true or false'],
    ['bridge: x', '1:9: bridge: found "x"; allowed is true or false'],
    ['qos: x', '1:6: qos: found "x"; allowed is true or false'],
    ['connections: 0', '1:14: connections: found "0"; allowed is a whole number from 1 to 32'],
    ['connections: 33', '1:14: connections: found "33"; allowed is a whole number from 1 to 32'],
    [
      'connectionInterval: 0',
      '1:21: connectionInterval: found "0"; allowed is a whole number from 1 to 3600 (seconds)',
    ],
    [
      'connectionLifetime: 0',
      '1:21: connectionLifetime: found "0"; allowed is a whole number from 1 to 604800 (seconds), or off',
    ],
    ['halfDuplex: x', '1:13: halfDuplex: found "x"; allowed is true or false'],
    ['compress: 1', '1:11: compress: found "1"; allowed is true or false'],
    ['encrypt: x', '1:10: encrypt: found "x"; allowed is true or false'],
    [
      'reconnect:\n  interval: 4',
      '2:13: reconnect.interval: found "4"; allowed is a whole number from 5 to 86400 (seconds)',
    ],
    [
      'reconnect:\n  attempts: never',
      '2:13: reconnect.attempts: found "never"; allowed is a whole number from 0 to 1000000, or unlimited',
    ],
    ['reconnect: { tries: 1 }', '1:14: reconnect.tries: unknown key; known here: interval, attempts'],
    ['proxy: none', '1:8: proxy: found "none"; allowed is a mapping with the keys url, credentialsFile'],
    ['proxy: {}', '1:8: proxy.url: missing; it is not of the form KIND://HOST'],
    [
      'proxy: { url: ftp://p }',
      '1:15: proxy.url: found "ftp://p"; its kind must be one of http, socks4, socks4a and socks5',
    ],
    ['proxy: { url: http://p:0 }', '1:15: proxy.url: found "http://p:0"; its port is not a number from 1 to 65535'],
    ['log: { level: loud }', '1:15: log.level: found "loud"; allowed is error, warn, info, debug or trace'],
    ['log: { format: xml }', '1:16: log.format: found "xml"; allowed is text or json'],
    ['connection-interval: 1', '1:1: connection-interval: unknown key; did you mean "connectionInterval"?'],
    ['hub: a\nhub: b', '2:1: not valid YAML: this key stands here a second time'],
    ['', '1:1: there is no value; allowed is a mapping with the keys server, hub, user, '],
  ])('%j', (text, expected) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`p.yaml:${expected}`);
  });

  test('keys that exclude each other, in the order of the file', () => {
    const text = `insecure: true\npin: ${'ab'.repeat(32)}\nanonymous: true\nplainPassword: true\npasswordFile: x`;
    expect(problems(text)).toEqual([
      'p.yaml:2:1: pin: allowed is only one of pin and insecure; insecure stands in line 1',
      'p.yaml:4:1: plainPassword: allowed is only one of anonymous and plainPassword; anonymous stands in line 3',
      'p.yaml:5:1: passwordFile: allowed is only one of anonymous and passwordFile; anonymous stands in line 3',
    ]);
  });
});

describe('secrets', () => {
  test.each([
    'password: hunter2',
    'passwordHash: hunter2',
    'secret: [hunter2]',
    'proxy: { url: "http://bob:hunter2@p" }',
    'proxy: "http://bob:hunter2@p"',
    'proxy: { url: http://p, credentialsFile: ["bob:hunter2@"] }',
    'proxy: { url: http://p, user: bob, password: hunter2 }',
    'proxy: { url: http://p, credentials: "bob:hunter2" }',
    'server: alice:hunter2@vpn.example',
    'hunter2',
    'passwordFile: |\n  hunter2\n  more',
    'passwordFile: "hunter2',
  ])('%j is refused and not repeated', (text) => {
    const found = problems(text);
    expect(found).not.toEqual([]);
    expect(found.join('\n')).not.toContain('hunter2');
  });

  test('what to write instead', () => {
    expect(problems('password: x')).toEqual([
      'p.yaml:1:1: password: unknown key; passwords are not written here; use passwordFile, with the path of a file that holds it',
    ]);
    expect(problems('proxy: { url: http://p, user: x }')).toEqual([
      'p.yaml:1:25: proxy.user: unknown key; credentials are not written here; use credentialsFile, with the path of a file that holds user:password',
    ]);
    expect(problems('proxy: { url: "http://x:y@p" }')[0]).toMatch(
      /^p\.yaml:1:15: proxy\.url: the value \(not shown here\) does not fit; a user and a password do not belong into the URL/,
    );
  });
});
