/** The server's certificate: read and checked, or created when neither it nor its key exists. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Failure } from './failure.ts';
import { exists, inWords, readBounded, writeNeighbour } from './files.ts';
import { fingerprintOf } from './fingerprint.ts';

export interface CertificateRequest {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Names and addresses that a new certificate is for; the first one becomes its common name. */
  readonly names: readonly string[];
}

export interface ServerCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** SHA-256 of the DER, in lower-case hex. */
  readonly fingerprint: string;
  readonly created: boolean;
  /** What is not wrong but should be seen. */
  readonly warnings: readonly string[];
}

export async function ensureCertificate(request: CertificateRequest): Promise<ServerCertificate> {
  const { certificateFile, keyFile, names } = request;
  const hasCertificate = await exists(certificateFile, 'the certificate');
  const hasKey = await exists(keyFile, 'the private key');
  if (hasCertificate !== hasKey) {
    const [present, absent] = hasCertificate ? [certificateFile, keyFile] : [keyFile, certificateFile];
    throw new Failure(
      'configuration',
      `cannot use the certificate: ${present} exists, but ${absent} does not`,
      'they belong together: bring back the missing file, or move the other one away and both are created anew',
    );
  }
  if (!hasCertificate) {
    // The X.509 code is large and needed once.
    const { createSelfSigned } = await import('./certificate-create.ts');
    const { certificate, key } = await createSelfSigned(names, new Date());
    await writePair(request, { certificate, key }, 'create its directory, or change `tls`');
    return {
      certificate,
      key,
      fingerprint: fingerprintOf(new X509Certificate(certificate).raw),
      created: true,
      warnings: [],
    };
  }
  const certificate = (await readBounded(certificateFile, MAX_PEM_BYTES, 'the certificate')).toString('utf8');
  const key = (await readBounded(keyFile, MAX_PEM_BYTES, 'the private key')).toString('utf8');
  const parsed = parseCertificate(certificate, certificateFile);
  if (!parsed.checkPrivateKey(parseKey(key, keyFile))) {
    throw new Failure(
      'configuration',
      `cannot use the certificate: the private key ${keyFile} does not belong to ${certificateFile}`,
    );
  }
  const warnings = [...expiryWarnings(parsed, certificateFile), ...(await modeWarnings(keyFile))];
  return { certificate, key, fingerprint: fingerprintOf(parsed.raw), created: false, warnings };
}

/** The certificate of a PEM text, or a failure that names the file. With a chain it is the first one. */
export function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Failure(
      'configuration',
      `cannot use the certificate ${file}: it holds no readable certificate`,
      'it has to be PEM, a text that begins with -----BEGIN CERTIFICATE-----',
    );
  }
}

const MAX_PEM_BYTES = 1 << 20;
const EXPIRY_WARNING_DAYS = 30;

function parseKey(pem: string, file: string): KeyObject {
  const fail = (cause: string, hint?: string) =>
    new Failure('configuration', `cannot use the private key ${file}: ${cause}`, hint);
  if (/ENCRYPTED/.test(pem)) {
    throw fail(
      'it is encrypted',
      'decrypt it first: openssl pkey -in ENCRYPTED -out DECRYPTED, and keep it at mode 0600',
    );
  }
  try {
    return createPrivateKey(pem);
  } catch {
    // The library's own message can quote what it read.
    throw fail(
      'it holds no readable private key',
      'it has to be PEM, a text that begins with -----BEGIN PRIVATE KEY-----',
    );
  }
}

function expiryWarnings(certificate: X509Certificate, file: string): string[] {
  const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / 86_400_000);
  if (Date.parse(certificate.validFrom) > Date.now())
    return [`the certificate ${file} is not valid before ${certificate.validFrom}`];
  if (days < 0)
    return [`the certificate ${file} has expired on ${certificate.validTo}; clients that check it will refuse it`];
  return days < EXPIRY_WARNING_DAYS
    ? [`the certificate ${file} expires in ${days} days, on ${certificate.validTo}`]
    : [];
}

async function modeWarnings(keyFile: string): Promise<string[]> {
  const { mode } = await fs.stat(keyFile);
  if ((mode & 0o004) === 0) return [];
  return [`every user of this machine can read the private key ${keyFile}; close it with: chmod 600 ${keyFile}`];
}

/**
 * Both files are complete on disk under other names before either gets its own; after a failure neither is there.
 *
 * @param hint What to do when they cannot be written.
 */
export async function writePair(
  { certificateFile, keyFile }: Pick<CertificateRequest, 'certificateFile' | 'keyFile'>,
  { certificate, key }: { readonly certificate: string; readonly key: string },
  hint: string,
): Promise<void> {
  if (path.resolve(certificateFile) === path.resolve(keyFile)) {
    throw new Failure(
      'configuration',
      `cannot create ${keyFile}: it is named for the certificate and for its key, and the one would take the other's place`,
      'name two files',
    );
  }
  const temporary: string[] = [];
  let target = keyFile;
  try {
    const newKey = await writeNeighbour(keyFile, key, 0o600);
    temporary.push(newKey);
    target = certificateFile;
    const newCertificate = await writeNeighbour(certificateFile, certificate, 0o644);
    temporary.push(newCertificate);
    await fs.rename(newKey, keyFile);
    temporary.push(keyFile);
    await fs.rename(newCertificate, certificateFile);
  } catch (thrown) {
    for (const file of temporary) await fs.rm(file, { force: true });
    throw new Failure('configuration', `cannot create ${target}: ${inWords(thrown)}`, hint);
  }
}
