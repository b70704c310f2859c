/** The certificates of a hub's users and of its CAs, which the configuration names as files. */

import { X509Certificate } from 'node:crypto';
import * as path from 'node:path';
import type { HubConfig, ServerConfig, UserCertificates, UserConfig } from '../engine/config/server-config.ts';
import { MAX_CERTIFICATE_BYTES, RSA_BITS } from '../engine/login/user-certificate.ts';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';

export interface UserCertificateFiles extends UserCertificates {
  /** What makes a configuration invalid, with the place of the file's name in it. */
  readonly problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
  /** What is not wrong but should be seen. */
  readonly warnings: readonly string[];
}

/** @param directory Where relative paths start. */
export async function readUserCertificates(config: ServerConfig, directory: string): Promise<UserCertificateFiles> {
  const users = new Map<UserConfig, Uint8Array>();
  const cas = new Map<HubConfig, readonly Uint8Array[]>();
  const problems: { path: readonly PropertyKey[]; message: string }[] = [];
  const warnings: string[] = [];

  const read = async (file: string, at: readonly PropertyKey[], what: string): Promise<X509Certificate | undefined> => {
    try {
      const certificate = await readCertificate(path.resolve(directory, file), what);
      warnings.push(...timeWarnings(certificate, `${what} ${file}`));
      return certificate;
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      problems.push({ path: at, message: thrown.message });
      return undefined;
    }
  };
  for (const hub of config.hubs) {
    const authorities: Uint8Array[] = [];
    for (const [index, file] of (hub.caFiles ?? []).entries()) {
      const at = ['hubs', hub.name, 'cas', index];
      const certificate = await read(file, at, 'the CA certificate');
      if (certificate === undefined) continue;
      if (!certificate.ca) {
        const message = `cannot use the CA certificate ${file}: it is not one of a CA, which may issue others (basicConstraints)`;
        problems.push({ path: at, message });
      }
      authorities.push(new Uint8Array(certificate.raw));
    }
    cas.set(hub, authorities);
    for (const user of hub.users) {
      if (user.certificateFile === undefined) continue;
      const at = ['hubs', hub.name, 'users', user.name, 'certificate'];
      const certificate = await read(user.certificateFile, at, 'the certificate');
      if (certificate === undefined) continue;
      const unfit = unfitForLogin(certificate);
      if (unfit !== undefined) {
        problems.push({ path: at, message: `cannot use the certificate ${user.certificateFile}: ${unfit}` });
      }
      users.set(user, new Uint8Array(certificate.raw));
    }
  }
  return { users, cas, problems, warnings };
}

/** PEM with one certificate, or DER. Throws a `Failure` that names the file. */
export async function readCertificate(file: string, what: string): Promise<X509Certificate> {
  const bytes = await readBounded(file, MAX_FILE_BYTES, what);
  const several = (bytes.toString('latin1').match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/g) ?? []).length > 1;
  if (several) {
    throw new Failure('configuration', `cannot use ${what} ${file}: it holds more than one, and one is needed`);
  }
  try {
    return new X509Certificate(bytes);
  } catch {
    throw new Failure(
      'configuration',
      `cannot use ${what} ${file}: it holds no readable certificate`,
      'it has to be PEM, a text that begins with -----BEGIN CERTIFICATE-----, or DER',
    );
  }
}

/** Why nobody can sign in with a certificate; undefined when somebody can (`protocol/control-plane.md` §4.5). */
export function unfitForLogin({ publicKey, raw }: X509Certificate): string | undefined {
  if (raw.length > MAX_CERTIFICATE_BYTES)
    return `it has ${raw.length} bytes, and ${MAX_CERTIFICATE_BYTES} are the most`;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  if (type === 'rsa' && RSA_BITS.includes(details!.modulusLength!)) return undefined;
  const bits = RSA_BITS.join(', ').replace(/, (?=[0-9]+$)/, ' or ');
  const found = type === 'rsa' ? `RSA of ${details!.modulusLength} bits` : String(type);
  return `its key is ${found}, and the protocol has only RSA of ${bits} bits`;
}

export function timeWarnings({ validFrom, validTo }: X509Certificate, what: string): string[] {
  const from = Date.parse(validFrom);
  const to = Date.parse(validTo);
  if (from > Date.now()) return [`${what} is not valid before ${validFrom}: until then nobody signs in with it`];
  return to < Date.now() ? [`${what} has expired on ${validTo}: nobody signs in with it`] : [];
}

const MAX_FILE_BYTES = 1 << 20;
