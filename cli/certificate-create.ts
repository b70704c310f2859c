/** New certificates: that of a server, those of users and of CAs. */

import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { isIpAddress } from '../engine/config/address.ts';

export interface UserCertificateRequest {
  readonly commonName: string;
  /** It may issue others, and is then valid for nothing else. */
  readonly ca: boolean;
  /** From `now` on. */
  readonly days: number;
  /** The CA that issues it, PEM with an RSA key; the certificate itself when absent. */
  readonly issuer?: { readonly certificate: string; readonly key: string };
}

/** A certificate to sign in with, or a CA for such. */
export async function createUserCertificate(
  { commonName, ca, days, issuer }: UserCertificateRequest,
  now: Date,
): Promise<{ certificate: string; key: string }> {
  const { certificate, signer, key } = await unsigned(now);
  certificate.validity.notAfter = new Date(now.getTime() + days * 86_400_000);
  // UTF-8, because the default is a character set that has no more than Latin letters.
  const utf8 = forge.asn1.Type.UTF8 as unknown as forge.asn1.Class;
  const subject = [{ name: 'commonName', value: commonName, valueTagClass: utf8 }];
  const authority = issuer === undefined ? undefined : forge.pki.certificateFromPem(issuer.certificate);
  certificate.setSubject(subject);
  certificate.setIssuer(authority?.subject.attributes ?? subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: ca, critical: true },
    ...(ca
      ? [{ name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }]
      : [{ name: 'extKeyUsage', clientAuth: true }]),
    { name: 'subjectKeyIdentifier' },
  ]);
  const by = issuer === undefined ? signer : forge.pki.privateKeyFromPem(issuer.key);
  certificate.sign(by, forge.md.sha256.create());
  return { certificate: pemOf(certificate), key };
}

/** RSA-2048 with SHA-256, as SoftEther's own (`protocol/control-plane.md` §1.2), because every peer can check that. */
export async function createSelfSigned(
  names: readonly string[],
  now: Date,
): Promise<{ certificate: string; key: string }> {
  const { certificate, signer, key } = await unsigned(now);
  certificate.validity.notAfter = new Date(now.getTime());
  certificate.validity.notAfter.setUTCFullYear(now.getUTCFullYear() + VALID_YEARS);
  const subject = [{ name: 'commonName', value: (names[0] ?? 'etherloom').slice(0, MAX_COMMON_NAME) }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    // No CA: who adds it to a trust store must not trust whatever this server's key may sign.
    { name: 'basicConstraints', cA: false, critical: true },
    // And no keyUsage: without keyCertSign in it, BoringSSL does not see that such a certificate is self-signed.
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: alternativeNames(names) },
    { name: 'subjectKeyIdentifier' },
  ]);
  certificate.sign(signer, forge.md.sha256.create());
  return { certificate: pemOf(certificate), key };
}

/** A certificate with a key, a number and a beginning, and nothing else yet. */
async function unsigned(
  now: Date,
): Promise<{ certificate: forge.pki.Certificate; signer: forge.pki.rsa.PrivateKey; key: string }> {
  // The runtime's generator: forge's is plain JavaScript and takes seconds.
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const signer = forge.pki.privateKeyFromPem(key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(signer.n, signer.e);
  certificate.serialNumber = serialNumber();
  // A day back, for peers whose clock is behind.
  certificate.validity.notBefore = new Date(now.getTime() - 86_400_000);
  return { certificate, signer, key };
}

function pemOf(certificate: forge.pki.Certificate): string {
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

const VALID_YEARS = 10;
/** RFC 5280, ub-common-name. */
const MAX_COMMON_NAME = 64;

/** GeneralName of RFC 5280 §4.2.1.6: 2 is a DNS name, 7 an address. */
function alternativeNames(names: readonly string[]): object[] {
  const unique = [...new Set(names.length > 0 ? names : ['etherloom'])];
  return unique.map((name) => (isIpAddress(name) ? { type: 7, ip: name } : { type: 2, value: name }));
}

/** RFC 5280 §4.1.2.2: positive, unique, at most 20 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
