import { describe, expect, it } from 'vitest';
import { authenticate, type UserRecord } from '../../engine/login/authenticate.ts';
import type { Credential } from '../../engine/login/credential.ts';
import { equalBytes, hashedPassword, securePassword } from '../../engine/login/password.ts';
import { sha0 } from '../support/sha0.ts';
import { utf8 } from './login-harness.ts';
import { fromHex, lines, toHex, value, vector } from './pack-vectors.ts';

const FILE = 'password-hash.txt';
const COUNTING = Uint8Array.from({ length: 20 }, (_, index) => index);

describe('SHA-0 of the tests', () => {
  it.each([
    ["SHA0('')", ''],
    ["SHA0('abc')", 'abc'],
    [
      "SHA0('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')",
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    ],
    ["SHA0('a' x 64)", 'a'.repeat(64)],
    ["SHA0('a' x 1000)", 'a'.repeat(1000)],
    ["server/hub admin password 'hubpass' -> SHA0", 'hubpass'],
  ])('%s', (name, input) => expect(toHex(sha0(utf8(input)))).toBe(value(FILE, name)));
});

describe('password hashes', () => {
  const rows = lines(FILE).flatMap((line, index, all) => {
    const match = /^user '(.*)' password '(.*)' -> hashed = (\w+)$/.exec(line);
    const secure = /= (\w+)$/.exec(all[index + 1] ?? '')?.[1];
    return match === null ? [] : [{ user: match[1]!, password: match[2]!, hashed: match[3]!, secure: secure! }];
  });

  it('are all found in the vector file', () => expect(rows).toHaveLength(6));

  it.each(rows)('of $user with $password', ({ user, password, hashed, secure }) => {
    const hash = hashedPassword(sha0, utf8(password), user);
    expect(toHex(hash)).toBe(hashed);
    expect(toHex(securePassword(sha0, hash, COUNTING))).toBe(secure);
  });

  it('are those of the captured session', () => {
    const secure = securePassword(
      sha0,
      hashedPassword(sha0, utf8('alicepw'), 'Alice'),
      fromHex('96d1e26612950047c6eac3e435e520481517d833'),
    );
    expect(toHex(secure)).toBe('872830c0b7d32720ef7da77455725f8994b5c90d');
  });

  it('upper-case a to z only, and keep outer spaces', () => {
    expect(hashedPassword(sha0, utf8('x'), 'ä')).toEqual(sha0(utf8('xä')));
    expect(hashedPassword(sha0, utf8('x'), ' a')).toEqual(sha0(utf8('x A')));
  });

  it('leave the password alone', () => {
    const password = utf8('alicepw');
    hashedPassword(sha0, password, 'alice');
    expect(password).toEqual(utf8('alicepw'));
  });

  it('need 20 bytes of each', () => {
    expect(() => securePassword(sha0, new Uint8Array(19), COUNTING)).toThrow(RangeError);
    expect(() => securePassword(sha0, COUNTING, new Uint8Array(21))).toThrow(RangeError);
  });
});

describe('equal bytes', () => {
  it('are the same length and the same everywhere', () => {
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    for (const other of [[1], [1, 2, 0], [0, 2], [1, 3]]) {
      expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.from(other))).toBe(false);
    }
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });
});

describe('authentication', () => {
  const alice: UserRecord = { kind: 'password', hash: hashedPassword(sha0, utf8('alicepw'), 'alice') };
  const right = securePassword(sha0, alice.hash, COUNTING);
  const plain = (password: string): Credential => ({ kind: 'plain', password: utf8(password) });
  const hashed = (securePassword: Uint8Array): Credential => ({ kind: 'hashed', securePassword });
  const certificate: Credential = {
    kind: 'certificate',
    certificate: vector('cert-auth.txt', /DER|cert/i),
    signature: COUNTING,
  };
  const every: [string, Credential][] = [
    ['anonymous', { kind: 'anonymous' }],
    ['right hash', hashed(right)],
    ['wrong hash', hashed(COUNTING)],
    ['short hash', hashed(right.subarray(0, 19))],
    ['long hash', hashed(new Uint8Array(21))],
    ['no hash', hashed(new Uint8Array(0))],
    ['the stored hash itself', hashed(alice.hash)],
    ['right password', plain('alicepw')],
    ['wrong password', plain('alicepW')],
    ['no password', plain('')],
    ['certificate', certificate],
    ['ticket', { kind: 'ticket', ticket: COUNTING }],
    ...[96, 97, 98, 5, 1000].map((authType): [string, Credential] => [
      `${authType}`,
      { kind: 'unsupported', authType },
    ]),
  ];
  const decide = (user: UserRecord | undefined, credential: Credential) =>
    authenticate(sha0, user, { credential, userName: 'ALICE' }, COUNTING);

  it.each(every)('lets an anonymous user in with %s', (_what, credential) => {
    expect(decide({ kind: 'anonymous' }, credential)).toBe(0);
  });

  it('lets a password user in with the right hash or password only', () => {
    const codes = Object.fromEntries(every.map(([what, credential]) => [what, decide(alice, credential)]));
    expect(codes).toEqual({
      anonymous: 9,
      'right hash': 0,
      'wrong hash': 9,
      'short hash': 9,
      'long hash': 9,
      'no hash': 9,
      'the stored hash itself': 9,
      'right password': 0,
      'wrong password': 9,
      'no password': 9,
      certificate: 9,
      ticket: 7,
      5: 7,
      96: 7,
      97: 7,
      98: 7,
      1000: 7,
    });
  });

  it('lets nobody in who does not exist, not even with what stands for nobody', () => {
    for (const [what, credential] of every) expect(decide(undefined, credential), what).not.toBe(0);
    expect(decide(undefined, hashed(securePassword(sha0, new Uint8Array(20), COUNTING)))).toBe(9);
  });

  it('does the same work for an unknown user', () => {
    for (const [what, credential] of every) {
      const inputs = (user: UserRecord | undefined) => {
        const sizes: number[] = [];
        const counting = (bytes: Uint8Array) => {
          sizes.push(bytes.length);
          return sha0(bytes);
        };
        authenticate(counting, user, { credential, userName: 'alice' }, COUNTING);
        return sizes;
      };
      expect(inputs(undefined), what).toEqual(inputs(alice));
    }
  });
});
