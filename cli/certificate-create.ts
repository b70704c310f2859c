/** A new self-signed certificate. */

import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { isIpAddress } from '../engine/config/address.ts';

/** RSA-2048 with SHA-256, as SoftEther's own (`protocol/control-plane.md` §1.2), because every peer can check that. */
export async function createSelfSigned(
  names: readonly string[],
  now: Date,
): Promise<{ certificate: string; key: string }> {
  // The runtime's generator: forge's is plain JavaScript and takes seconds.
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const signer = forge.pki.privateKeyFromPem(key);

  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(signer.n, signer.e);
  certificate.serialNumber = serialNumber();
  // A day back, for peers whose clock is behind.
  certificate.validity.notBefore = new Date(now.getTime() - 86_400_000);
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
  return { certificate: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'), key };
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
