/**
 * Whoever sends the ciphertexts of others, changed again and again, must not learn from the server's answers what is inside
 * of them (Bleichenbacher 1998; RFC 5246 §7.4.7.1).
 */
import { constants, publicEncrypt } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RsaKey } from '../../../engine/host.ts';
import { concat, number } from '../../../engine/tls-legacy/bytes.ts';
import { PREMASTER_BYTES, premasterOf } from '../../../engine/tls-legacy/premaster.ts';
import { SSL3, suiteOf, TLS1, TLS11, TLS12, VERSION_NAMES } from '../../../engine/tls-legacy/suites.ts';
import { certificates } from '../../../hosts/shared/certificates.ts';
import { World } from '../../sim/world.ts';
import { NOTHING, type Protocol, PUBLIC_KEY } from './hand.ts';
import { TlsLab } from './harness.ts';
import { KEY_PEM } from './identity.ts';
import { serverAt } from './stages.ts';

const lab = new TlsLab(9);
const world = new World(10);
const MODULUS_BYTES = 256;
const MODULUS = Uint8Array.from(Buffer.from(PUBLIC_KEY.export({ format: 'jwk' }).n!, 'base64url'));
/** Where the secret begins in a block, one byte behind the zero. */
const START = MODULUS_BYTES - PREMASTER_BYTES;
const OFFERED = TLS12;

function secretOf(version: number = OFFERED, length = PREMASTER_BYTES): Uint8Array {
  return concat(number(version, 2), world.bytes(PREMASTER_BYTES)).slice(0, length);
}

/** RFC 8017 §7.2.1, with a padding that has no zero. */
function blockOf(secret: Uint8Array, bytes = MODULUS_BYTES): Uint8Array {
  const padding = world.bytes(bytes - 3 - secret.length).map((byte) => byte || 1);
  return concat(Uint8Array.of(0, 2), padding, Uint8Array.of(0), secret);
}

function with_(block: Uint8Array, at: number, byte: number): Uint8Array {
  const changed = block.slice();
  changed[at] = byte;
  return changed;
}

/** RSAEP and nothing around it. */
function raw(block: Uint8Array): Uint8Array {
  return new Uint8Array(publicEncrypt({ key: PUBLIC_KEY, padding: constants.RSA_NO_PADDING }, block));
}

interface Case {
  readonly name: string;
  readonly encrypted: Uint8Array;
  /** The secret that the client goes on with. */
  readonly secret: Uint8Array;
}

/** What is no secret of this client. */
const WRONG: readonly Case[] = [
  ...[1, 2, 0x7f].map((byte) => of(`first byte ${byte}`, (block) => with_(block, 0, byte))),
  ...[0, 1, 3, 0x82, 0xff].map((byte) => of(`second byte ${byte}`, (block) => with_(block, 1, byte))),
  of('both first bytes', (block) => with_(with_(block, 0, 2), 1, 0)),
  ...[2, 3, 8, 9, 10, 100, START - 2].map((at) => of(`a zero at ${at}`, (block) => with_(block, at, 0))),
  ...[1, 0xff].map((byte) => of(`no zero: ${byte}`, (block) => with_(block, START - 1, byte))),
  of('nothing but zeros', (block) => block.fill(0)),
  of('nothing but ones', (block) => with_(block.fill(1), 0, 0)),
  ...[0, 1, 2, 46, 47, 49, 50, 100].map((length): Case => {
    const secret = concat(secretOf(), world.bytes(100)).slice(0, length);
    return { name: `a secret of ${length} bytes`, encrypted: raw(blockOf(secret)), secret };
  }),
  ...[SSL3, TLS1, TLS11, 0x0304, 0x0203, 0x0403, 0x0003, 0, 0xffff].map((version): Case => {
    const secret = secretOf(version);
    return { name: `version 0x${version.toString(16)} in it`, encrypted: raw(blockOf(secret)), secret };
  }),
  // Not what RSA makes.
  ...[
    ['the modulus', MODULUS],
    ['the modulus and one', MODULUS.map((byte, i) => (i === MODULUS_BYTES - 1 ? byte + 1 : byte))],
    ['only ones', new Uint8Array(MODULUS_BYTES).fill(0xff)],
    ['zero', new Uint8Array(MODULUS_BYTES)],
    ['one', with_(new Uint8Array(MODULUS_BYTES), MODULUS_BYTES - 1, 1)],
    ['nothing', NOTHING],
    ['one byte', number(7, 1)],
    ['half of it', raw(blockOf(secretOf())).slice(0, 128)],
    ['a byte too few at its end', raw(blockOf(secretOf())).slice(0, -1)],
    ['a byte too few at its front', raw(blockOf(secretOf())).slice(1)],
    ['a byte too many at its end', concat(raw(blockOf(secretOf())), number(0, 1))],
    ['a byte too many at its front', concat(number(0, 1), raw(blockOf(secretOf())))],
    ['twice as much', concat(new Uint8Array(256), raw(blockOf(secretOf())))],
    ['much too much', new Uint8Array(16_000).fill(1)],
  ].map(([name, encrypted]) => ({ name: name as string, encrypted: encrypted as Uint8Array, secret: secretOf() })),
];

function of(name: string, change: (block: Uint8Array) => Uint8Array): Case {
  const secret = secretOf();
  return { name, encrypted: raw(change(blockOf(secret))), secret };
}

const RIGHT: Case = (() => {
  const secret = secretOf();
  return { name: 'right', encrypted: raw(blockOf(secret)), secret };
})();

/** All that can be seen of the server, step by step, and what it did for it. */
interface Trace {
  readonly outputs: readonly string[];
  readonly failures: readonly unknown[];
  readonly randomBytes: readonly number[];
  readonly decryptions: number;
}

/** @param finished Makes the record that stands for Finished; the client's own when absent. */
function traceOf(protocol: Protocol, { encrypted, secret }: Case, finished?: Uint8Array): Trace {
  const randomBytes: number[] = [];
  let decryptions = 0;
  const inner = certificates.rsaKey(KEY_PEM)!;
  const key: RsaKey = {
    decrypt(bytes) {
      decryptions++;
      return inner.decrypt(bytes);
    },
    sign: inner.sign,
  };
  const random = (count: number): Uint8Array => {
    randomBytes.push(count);
    return world.bytes(count);
  };
  const stage = serverAt(lab, 'hello', protocol, { key, random, maximum: protocol.version });
  const { end, hand } = stage;
  stage.tell(hand.hello({ version: OFFERED }));
  const outputs: string[] = [];
  const failures: unknown[] = [];
  const tell = (record: Uint8Array): void => {
    end.receive(record);
    outputs.push(Buffer.from(end.tls.takeOutput() ?? NOTHING).toString('hex'));
    failures.push(end.tls.failure);
  };
  tell(hand.exchangeOf(encrypted, secret));
  tell(hand.change());
  const own = hand.finished();
  tell(finished ?? own);
  expect(end.data).toHaveLength(0);
  end.tls.release();
  hand.release();
  return { outputs, failures, randomBytes, decryptions };
}

const PROTOCOLS: readonly (Protocol & { name: string })[] = [
  { version: SSL3, suite: suiteOf('RC4-MD5'), name: 'SSLv3 RC4-MD5' },
  { version: SSL3, suite: suiteOf('AES128-SHA'), name: 'SSLv3 AES128-SHA' },
  { version: TLS1, suite: suiteOf('DES-CBC-SHA'), name: 'TLSv1 DES-CBC-SHA' },
  { version: TLS12, suite: suiteOf('RC4-SHA'), name: 'TLSv1.2 RC4-SHA' },
  { version: TLS12, suite: suiteOf('AES256-SHA'), name: 'TLSv1.2 AES256-SHA' },
];

describe.each(PROTOCOLS)('$name', (protocol) => {
  /** In clear: the server has not changed its keys. */
  const refusal = `15${protocol.version.toString(16).padStart(4, '0')}00020214`;
  const expected: Trace = {
    outputs: ['', '', refusal],
    failures: [undefined, undefined, { code: 'bad_record_mac', message: expect.any(String) }],
    // For its random, the session id, and what stands for a secret that is wrong.
    randomBytes: [32, 32, PREMASTER_BYTES],
    decryptions: 1,
  };

  test('the right secret opens the connection', () => {
    const { outputs, failures, randomBytes } = traceOf(protocol, RIGHT);
    expect(failures).toEqual([undefined, undefined, undefined]);
    expect([outputs[0], outputs[1]]).toEqual(['', '']);
    expect(outputs[2]!.startsWith('14')).toBe(true);
    expect(randomBytes).toEqual(expected.randomBytes);
  });

  test.each(WRONG)('$name: is refused at Finished', (each) => {
    expect(traceOf(protocol, each)).toEqual(expected);
  });

  test('whoever does not know the secret sees no difference between right and wrong', () => {
    for (const length of [0, 1, 16, 20, 36, 37, 40, 48, 56, 64, 80, 100, 1_000]) {
      const record = concat(number(22, 1), number(protocol.version, 2), number(length, 2), world.bytes(length));
      for (const each of [RIGHT, ...WRONG.filter((_, i) => i % 6 === 0)]) {
        expect(traceOf(protocol, each, record), `${each.name}, ${length} bytes`).toEqual(expected);
      }
    }
  });
});

test('the version has to be the one that was offered, and not the one that is spoken', () => {
  for (const version of [SSL3, TLS1, TLS11] as const) {
    const protocol = { version, suite: suiteOf('RC4-SHA') };
    const secret = secretOf(version);
    const encrypted = raw(blockOf(secret));
    const { outputs } = traceOf(protocol, { name: VERSION_NAMES[version], encrypted, secret });
    expect(outputs[2]).toMatch(/^15.*0214$/);
  }
});

describe('premasterOf', () => {
  const random = new Uint8Array(PREMASTER_BYTES).map((_, i) => 0xe0 ^ i);
  const secret = secretOf();
  const block = blockOf(secret);
  const of = (bytes: Uint8Array, version: number = OFFERED): Uint8Array => premasterOf(bytes, version, random);

  test('the secret of a right block', () => {
    expect(of(block)).toEqual(secret);
    // All are copies.
    expect(of(block).buffer).not.toBe(block.buffer);
  });

  test('every byte with every value', () => {
    for (let at = 0; at < MODULUS_BYTES; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = with_(block, at, byte);
        const right =
          at < 2
            ? byte === at * 2
            : at < START - 1
              ? byte !== 0
              : at === START - 1
                ? byte === 0
                : at < START + 2
                  ? byte === secret[at - START]
                  : true;
        const found = of(changed);
        const wanted = right ? changed.subarray(START) : random;
        if (Buffer.compare(found, wanted) !== 0) throw new Error(`byte ${at} is ${byte}: expected ${right}`);
      }
    }
  });

  test('any two bytes wrong', () => {
    // One mistake must not make up for the other.
    const places = [0, 1, 2, 3, 9, 100, START - 2, START - 1, START, START + 1];
    for (const a of places) {
      for (const b of places.filter((place) => place > a)) {
        for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
          const wrong = (at: number): number => (at > 1 && at < START - 1 ? 0 : block[at]! ^ bit);
          expect(of(with_(with_(block, a, wrong(a)), b, wrong(b)))).toEqual(random);
        }
      }
    }
  });

  test('any version', () => {
    for (const version of [0, 1, 2, 0x300, 0x301, 0x302, 0x303, 0x304, 0x7f1c, 0x8000, 0xffff]) {
      const offered = concat(number(version, 2), secret.subarray(2));
      expect(of(blockOf(offered), version)).toEqual(offered);
      for (let bit = 0; bit < 16; bit++) expect(of(blockOf(offered), version ^ (1 << bit))).toEqual(random);
    }
  });

  test('blocks of any length, of which the shortest has eight bytes of padding', () => {
    for (const bytes of [59, 60, 64, 96, 128, 255, 257, 512, 1_024]) expect(of(blockOf(secret, bytes))).toEqual(secret);
    for (let bytes = 0; bytes < 59; bytes++) {
      // As if the secret came right behind a padding that is too short.
      expect(of(blockOf(secret, 59).slice(59 - bytes))).toEqual(random);
      expect(of(new Uint8Array(bytes))).toEqual(random);
    }
    const short = concat(Uint8Array.of(0, 2), new Uint8Array(7).fill(1), Uint8Array.of(0), secret);
    expect(of(short)).toEqual(random);
  });

  test('what it answers is the caller’s alone', () => {
    for (const each of [of(block), of(NOTHING), of(with_(block, 0, 1))]) each.fill(0);
    expect([of(block), of(NOTHING)]).toEqual([secret, random]);
  });
});

describe('the key of the host', () => {
  const key = certificates.rsaKey(KEY_PEM)!;

  test('gives the whole block', () => {
    const block = blockOf(secretOf());
    expect(key.decrypt(raw(block))).toEqual(block);
    const zeros = with_(new Uint8Array(MODULUS_BYTES), MODULUS_BYTES - 1, 1);
    expect(key.decrypt(raw(zeros))).toEqual(zeros);
  });

  test('gives nothing for what is longer than the modulus, or not below it', () => {
    const ciphertext = raw(blockOf(secretOf()));
    const wrong = [concat(number(0, 1), ciphertext), concat(ciphertext, number(0, 1)), MODULUS];
    expect(wrong.map((each) => key.decrypt(each).length)).toEqual(wrong.map(() => 0));
    // One whose first byte is zero is as long as any other.
    let short = ciphertext;
    while (short[0] !== 0) short = raw(blockOf(secretOf()));
    expect(key.decrypt(short)).toHaveLength(MODULUS_BYTES);
  });

  test('gives nothing for what is shorter', () => {
    const ciphertext = raw(blockOf(secretOf()));
    const wrong = [NOTHING, ciphertext.slice(1), ciphertext.slice(0, -1)];
    expect(wrong.map((each) => key.decrypt(each).length)).toEqual([0, 0, 0]);
  });
});
