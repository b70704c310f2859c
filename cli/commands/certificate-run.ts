/** `etherloom certificate`. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { parseCertificate, writePair } from '../certificate.ts';
import { createUserCertificate } from '../certificate-create.ts';
import type { Context } from '../context.ts';
import { Failure } from '../failure.ts';
import { exists, readBounded } from '../files.ts';
import { fingerprintOf } from '../fingerprint.ts';
import { printLine } from '../io.ts';
import { printable } from '../text.ts';
import type { CertificateFlags } from './certificate.ts';

export async function runCertificate(name: string, flags: CertificateFlags, { io }: Context): Promise<void> {
  const { ca = false, days } = flags;
  const certificateFile = flags.certificate ?? fileFor(name, 'crt');
  const keyFile = flags.key ?? fileFor(name, 'key');
  for (const file of [certificateFile, keyFile]) {
    if (!(await exists(file, 'the file'))) continue;
    throw new Failure(
      'configuration',
      `cannot create ${file}: it exists already`,
      'move it away, or choose other names with --certificate FILE and --key FILE',
    );
  }
  const issuer = await readIssuer(flags);
  const made = await createUserCertificate({ commonName: name, ca, days, issuer }, new Date());
  const certificate = new X509Certificate(made.certificate);
  checkIssuer(certificate, issuer, flags.issuer);
  await writePair({ certificateFile, keyFile }, made, 'create its directory, or choose another one');

  const fingerprint = fingerprintOf(certificate.raw);
  const serial = certificate.serialNumber.toLowerCase();
  const notAfter = new Date(Date.parse(certificate.validTo)).toISOString();
  if (flags.json) {
    printLine(
      io.stdout,
      JSON.stringify({
        commonName: name,
        ca,
        certificate: certificateFile,
        key: keyFile,
        fingerprint,
        serial,
        notAfter,
      }),
    );
    return;
  }
  printLine(
    io.stdout,
    `created ${printable(certificateFile)} and its key ${printable(keyFile)}, valid until ${notAfter}`,
  );
  printLine(io.stdout, `certificate SHA-256 ${fingerprint}`);
  printLine(io.stdout, `serial number ${serial}`);
}

const MAX_PEM_BYTES = 1 << 20;

/** A name is not a path: what means something there is replaced. */
function fileFor(name: string, ending: string): string {
  return `${name.replace(/[^\p{L}\p{N}@_-]+/gu, '-').replace(/^-+(?=.)/, '')}.${ending}`;
}

async function readIssuer({
  issuer,
  issuerKey,
}: CertificateFlags): Promise<{ certificate: string; key: string } | undefined> {
  if (issuer === undefined && issuerKey === undefined) return undefined;
  if (issuer === undefined || issuerKey === undefined) {
    const [given, missing] = issuer === undefined ? ['--issuer-key', '--issuer'] : ['--issuer', '--issuer-key'];
    throw new Failure('usage', `${given} needs ${missing} FILE as well`);
  }
  const certificate = (await readBounded(issuer, MAX_PEM_BYTES, 'the certificate')).toString('utf8');
  const pem = (await readBounded(issuerKey, MAX_PEM_BYTES, 'the private key')).toString('utf8');
  const authority = parseCertificate(certificate, issuer);
  const refuse = (cause: string, hint?: string) =>
    new Failure('configuration', `cannot issue with ${issuer}: ${cause}`, hint);
  if (!authority.ca) throw refuse('it is not a certificate of a CA', 'make one with --ca');
  if (authority.publicKey.asymmetricKeyType !== 'rsa') throw refuse('its key is not for RSA');
  if (/ENCRYPTED/.test(pem)) {
    throw refuse(
      `its private key ${issuerKey} is encrypted`,
      'decrypt it first: openssl pkey -in ENCRYPTED -out DECRYPTED, and keep it at mode 0600',
    );
  }
  const key = keyOf(pem);
  if (key === undefined) throw refuse(`${issuerKey} holds no readable private key`);
  if (!authority.checkPrivateKey(key)) throw refuse(`the private key ${issuerKey} does not belong to it`);
  return { certificate, key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function keyOf(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** What the runtimes see, which check it at a login. */
function checkIssuer(certificate: X509Certificate, issuer: { certificate: string } | undefined, file?: string): void {
  if (issuer === undefined) return;
  const authority = new X509Certificate(issuer.certificate);
  if (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)) return;
  throw new Failure(
    'configuration',
    `cannot issue with ${file}: its key may not sign certificates (keyUsage), or its name cannot be repeated exactly`,
  );
}
