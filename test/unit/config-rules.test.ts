import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isIpAddress, parseIpv4, parseIpv6 } from '../../engine/config/address.ts';
import { formatPasswordHash, passwordHash } from '../../engine/config/password-hash.ts';
import { whole } from '../../engine/config/rules.ts';
import { suggest } from '../../engine/config/suggest.ts';

describe('addresses', () => {
  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['2001:db8:0:1:2:3:4:5', '20010db8000000010002000300040005'],
    ['2001:DB8::ff', '20010db80000000000000000000000ff'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ])('%s', (text, hex) => {
    expect(Buffer.from(parseIpv6(text)!).toString('hex')).toBe(hex);
  });

  test.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3',
    '1.2.3.4::',
    ':1::',
    '::1:',
  ])('%j is none', (text) => {
    expect(isIpAddress(text)).toBe(false);
  });

  test('IPv4', () => {
    expect([...parseIpv4('192.0.2.255')!]).toEqual([192, 0, 2, 255]);
    for (const text of ['1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.-4', ' 1.2.3.4'])
      expect(parseIpv4(text)).toBeUndefined();
  });
});

test('whole numbers', () => {
  const rule = whole(5, 60);
  expect(
    ['5', '60', '4', '61', '05', '5.0', '5e0', '', ' 5', '+5', '999999999999999999999'].map((text) => rule.parse(text)),
  ).toEqual([5, 60, ...new Array(9).fill(undefined)]);
});

describe('password hashes', () => {
  const vectors = [
    ...readFileSync(new URL('../vectors/password-hash.txt', import.meta.url), 'utf8').matchAll(
      /hashed = ([0-9a-f]{40})/g,
    ),
  ];

  test.each(vectors.map((match) => match[1]!))('%s in both forms', (hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    expect(passwordHash.parse(hex)).toEqual(bytes);
    expect(passwordHash.parse(hex.toUpperCase())).toEqual(bytes);
    expect(passwordHash.parse(Buffer.from(bytes).toString('base64'))).toEqual(bytes);
    expect(formatPasswordHash(bytes)).toBe(hex);
  });

  test.each([
    '',
    'abc',
    '1'.repeat(39),
    'g'.repeat(40),
    'A'.repeat(28),
    `${'A'.repeat(26)}B=`,
    `${'A'.repeat(26)}==`,
  ])('%j is none', (text) => {
    expect(passwordHash.parse(text)).toBeUndefined();
  });
});

test('suggestions', () => {
  const words = ['listen', 'key', 'passwordHash', 'stormLimit'];
  expect(['lisen', 'kye', 'passwordhash', 'storm_limit', 'x', 'zebra'].map((word) => suggest(word, words))).toEqual([
    'listen',
    'key',
    'passwordHash',
    'stormLimit',
    undefined,
    undefined,
  ]);
});
