/** Certificates against the vectors of a real login, on the runtime that runs this. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Certificates } from '../../engine/host.ts';
import { authenticate, type UserRecord } from '../../engine/login/authenticate.ts';
import { checkLogin, MAX_SENT_CERTIFICATE_BYTES } from '../../engine/login/client-login.ts';
import { refusalOf, userPolicy } from '../../engine/login/effective-policy.ts';
import { type CertificateJudge, provesUser } from '../../engine/login/user-certificate.ts';
import { PRODUCT } from '../../engine/product.ts';
import { certificates } from '../../hosts/shared/certificates.ts';
import { makeCertificate } from '../support/certificate.ts';
import { sha0 } from '../support/sha0.ts';
import { login } from './login-harness.ts';
import { fromHex, value, vector } from './pack-vectors.ts';

const FILE = 'cert-auth.txt';
const CHALLENGE = fromHex(value(FILE, 'random from hello'));
const CERTIFICATE = vector(FILE, /^cert element/);
const SIGNATURE = vector(FILE, /^sign element/);
/** Within the validity of that certificate. */
const UTC = Date.UTC(2026, 10, 25);

const judge: CertificateJudge = { certificates, cas: [], utc: UTC };
const user = { kind: 'certificate', certificate: CERTIFICATE } as const;
const proof = { certificate: CERTIFICATE, signature: SIGNATURE };
const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

describe('the certificate of a real login', () => {
  test('says what openssl says of it', () => {
    expect(certificates.facts(CERTIFICATE)).toEqual({
      rsaBits: 2048,
      notBefore: Date.UTC(2026, 10, 22, 17, 45, 33),
      notAfter: Date.UTC(2026, 11, 22, 17, 45, 33),
      commonNames: ['certuser'],
      serial: '282fd6177f88d8b6c64ac55ff3aedec0c4050f1f',
      forClients: true,
      ca: true,
    });
  });

  test('proves its user, while it is valid', () => {
    expect(provesUser(judge, user, proof, CHALLENGE)).toBe(true);
    for (const [utc, valid] of [
      [Date.UTC(2026, 10, 22, 17, 45, 32), false],
      [Date.UTC(2026, 10, 22, 17, 45, 33), true],
      [Date.UTC(2026, 11, 22, 17, 45, 33), true],
      [Date.UTC(2026, 11, 22, 17, 45, 34), false],
    ] as const) {
      expect(provesUser({ ...judge, utc }, user, proof, CHALLENGE)).toBe(valid);
    }
  });

  test('does not with another challenge, signature or certificate', () => {
    expect(provesUser(judge, user, proof, changed(CHALLENGE, 0))).toBe(false);
    for (const signature of [changed(SIGNATURE, 9), SIGNATURE.subarray(1), new Uint8Array(256), new Uint8Array(0)]) {
      expect(provesUser(judge, user, { ...proof, signature }, CHALLENGE)).toBe(false);
    }
    const joined = new Uint8Array([...CERTIFICATE, 0]);
    const pem = new TextEncoder().encode(new X509Certificate(CERTIFICATE).toString());
    const big = new Uint8Array(100_001).fill(0x30);
    for (const certificate of [joined, pem, big, new Uint8Array(0), CERTIFICATE.subarray(0, 400)]) {
      expect(provesUser(judge, user, { ...proof, certificate }, CHALLENGE)).toBe(false);
    }
    expect(provesUser(judge, undefined, proof, CHALLENGE)).toBe(false);
  });

  test('is signed for in the same way by our client', () => {
    const made = makeCertificate();
    const der = new Uint8Array(new X509Certificate(made.certificate).raw);
    const signature = certificates.rsaKey(made.key)!.sign(CHALLENGE);
    expect(signature).toHaveLength(256);
    expect(certificates.verify(der, CHALLENGE, signature)).toBe(true);
    expect(certificates.verify(CERTIFICATE, CHALLENGE, signature)).toBe(false);
    expect(certificates.issued(der, der)).toBe(true);
    expect(certificates.issued(CERTIFICATE, der)).toBe(false);
    expect(certificates.issued(new Uint8Array(3), der)).toBe(false);
  });
});

test('an unknown user costs the same work as one with a certificate, and as one of a CA', () => {
  const users: (UserRecord | undefined)[] = [
    undefined,
    user,
    { kind: 'ca' },
    { kind: 'password', hash: new Uint8Array(20) },
  ];
  const works = users.map((record) => {
    const calls: string[] = [];
    const counting = new Proxy(certificates, {
      get: (target, name: keyof Certificates) => {
        calls.push(name);
        return target[name];
      },
    });
    const credential = { kind: 'certificate', ...proof } as const;
    const counted = { certificates: counting, cas: [CERTIFICATE, CERTIFICATE], utc: UTC };
    authenticate(sha0, record, { credential, userName: 'x' }, CHALLENGE, counted);
    return calls;
  });
  expect(works[0]).toContain('verify');
  for (const calls of works) expect(calls).toEqual(works[0]);
});

test('a client does not try with a certificate that no login has room for', () => {
  const key = { sign: () => new Uint8Array(256) };
  for (const length of [0, MAX_SENT_CERTIFICATE_BYTES + 1]) {
    const credential = { kind: 'certificate', certificate: new Uint8Array(length), key } as const;
    expect(() => checkLogin(login({ credential }), PRODUCT)).toThrow(RangeError);
  }
});

describe('a client that does not know the newer policies', () => {
  const request = { displayName: 'SoftEther VPN Client', clientBuild: 5180, monitorMode: false, bridgeMode: false };
  const defaults = { timeoutMs: 20_000, maxConnections: 32 };

  test.each([
    [{}, request, 0],
    [{ NoSavePassword: true }, request, 87],
    [{ AutoDisconnect: 60 }, request, 87],
    [{ AutoDisconnect: 60 }, { ...request, clientBuild: 6559 }, 87],
    [{ AutoDisconnect: 60 }, { ...request, clientBuild: 6560 }, 0],
    [{ AutoDisconnect: 60 }, { ...request, displayName: 'Something else' }, 0],
    [{ AutoDisconnect: 60, Access: false }, request, 87],
    [{ Access: false }, request, 12],
  ])('with %o', (own, asked, code) => {
    expect(refusalOf(userPolicy(own, defaults), asked, false)).toBe(code);
  });
});
