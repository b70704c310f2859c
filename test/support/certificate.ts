import forge from 'node-forge';

/** A certificate with its key, both in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** What to put into a certificate; everything has a default. */
export interface CertificateOptions {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly ca?: boolean;
  /** Who signs; the certificate itself when absent. */
  readonly issuer?: TestCertificate;
  readonly expired?: boolean;
  /** Around when it is valid, milliseconds since 1970; now when absent. */
  readonly now?: number;
  /** Of its key; 2048 when absent. */
  readonly bits?: number;
  /** Extended key usages; none when absent. */
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
}

const DAY_MS = 86_400_000;
let serial = 1;

/** Makes a certificate for tests: RSA-2048, SHA-256, for localhost and 127.0.0.1 unless told otherwise. */
export function makeCertificate(options: CertificateOptions = {}): TestCertificate {
  const { names = ['localhost'], addresses = ['127.0.0.1'], ca = false, issuer, expired = false } = options;
  const { now = Date.now(), bits = 2048, usages = [] } = options;
  const keys = forge.pki.rsa.generateKeyPair(bits);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = `0${serial++}`;
  certificate.validity.notBefore = new Date(now - 10 * DAY_MS);
  certificate.validity.notAfter = new Date(now + (expired ? -DAY_MS : 10 * DAY_MS));
  const subject = [{ name: 'commonName', value: ca ? 'Etherloom test CA' : (names[0] ?? 'nobody') }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer ? forge.pki.certificateFromPem(issuer.certificate).subject.attributes : subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: ca },
    ...(usages.length === 0
      ? []
      : [{ name: 'extKeyUsage', ...Object.fromEntries(usages.map((usage) => [usage, true])) }]),
    {
      name: 'subjectAltName',
      altNames: [...names.map((value) => ({ type: 2, value })), ...addresses.map((ip) => ({ type: 7, ip }))],
    },
  ]);
  const signer = issuer ? forge.pki.privateKeyFromPem(issuer.key) : keys.privateKey;
  certificate.sign(signer, forge.md.sha256.create());
  return {
    certificate: forge.pki.certificateToPem(certificate),
    key: forge.pki.privateKeyToPem(keys.privateKey),
  };
}
