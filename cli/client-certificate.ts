/** The certificate with which a client signs in, and its key. */

import { createPrivateKey, type KeyObject } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { MAX_SENT_CERTIFICATE_BYTES } from '../engine/login/client-login.ts';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';
import type { Io } from './io.ts';
import type { Terminal } from './terminal.ts';
import { readCertificate, timeWarnings, unfitForLogin } from './user-certificates.ts';

/** Holds the passphrase of a client's key. */
export const KEY_PASSPHRASE_VARIABLE = 'ETHERLOOM_KEY_PASSPHRASE';

export interface ClientCertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface ClientCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** PEM, without a passphrase. */
  readonly keyPem: string;
}

export async function readClientCertificate(
  { certificateFile, keyFile }: ClientCertificateFiles,
  source: {
    readonly io: Pick<Io, 'env'>;
    readonly terminal: Terminal;
    readonly warn: (message: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<ClientCertificate> {
  const certificate = await readCertificate(certificateFile, 'the certificate');
  const unfit =
    unfitForLogin(certificate) ??
    (certificate.raw.length > MAX_SENT_CERTIFICATE_BYTES
      ? `it has ${certificate.raw.length} bytes, and a login has room for ${MAX_SENT_CERTIFICATE_BYTES}`
      : undefined);
  if (unfit !== undefined) {
    throw new Failure('configuration', `cannot sign in with the certificate ${certificateFile}: ${unfit}`);
  }
  for (const warning of timeWarnings(certificate, `the certificate ${certificateFile}`)) source.warn(warning);
  const key = await readKey(keyFile, source);
  if (!certificate.checkPrivateKey(key)) {
    throw new Failure(
      'configuration',
      `cannot sign in: the private key ${keyFile} does not belong to the certificate ${certificateFile}`,
    );
  }
  return {
    certificate: new Uint8Array(certificate.raw),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const MAX_KEY_BYTES = 1 << 20;

async function readKey(
  file: string,
  { io, terminal, warn, signal }: Parameters<typeof readClientCertificate>[1],
): Promise<KeyObject> {
  const bytes = await readBounded(file, MAX_KEY_BYTES, 'the private key');
  const stat = await fs.stat(file).catch(() => undefined);
  if (stat?.isFile() && (stat.mode & 0o044) !== 0) {
    warn(`other users of this machine can read the private key ${file}; close it with: chmod 600 ${file}`);
  }
  const pem = bytes.toString('latin1');
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
  try {
    if (!encrypted) return createPrivateKey(pem);
    const variable = io.env[KEY_PASSPHRASE_VARIABLE];
    const ask = async () => terminal.askHidden(`Passphrase of the key ${file}: `, signal);
    const typed = variable === undefined && terminal.interactive ? await ask() : undefined;
    const passphrase = variable === undefined ? typed : new TextEncoder().encode(variable);
    if (passphrase === undefined) {
      throw new Failure(
        'configuration',
        `cannot use the private key ${file}: it has a passphrase, and there is nobody to ask for it`,
        `put it into the variable ${KEY_PASSPHRASE_VARIABLE}, or decrypt the key: openssl pkey -in ENCRYPTED -out DECRYPTED, and keep that at mode 0600`,
      );
    }
    return decrypted(pem, passphrase, file);
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    // The library's own message can quote what it read.
    throw new Failure(
      'configuration',
      `cannot use the private key ${file}: it holds no readable private key`,
      'it has to be PEM, a text that begins with -----BEGIN PRIVATE KEY-----',
    );
  }
}

function decrypted(pem: string, passphrase: Uint8Array, file: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase: Buffer.from(passphrase) });
  } catch {
    throw new Failure('configuration', `cannot use the private key ${file}: the passphrase is wrong`);
  }
}
