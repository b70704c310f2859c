/** What the cascades of a configuration need beside it: secrets and CAs from files, and how a server is trusted. */

import * as path from 'node:path';
import type { CascadeOptions, RemoteCascadeOptions } from '../engine/cascade/options.ts';
import type { CascadeConfig, RemoteCascadeConfig } from '../engine/config/cascade-config.ts';
import { formatServer } from '../engine/config/server-address.ts';
import type { ServerConfig } from '../engine/config/server-config.ts';
import type { Certificates, ChannelSecurity } from '../engine/host.ts';
import { MAX_PASSWORD_BYTES } from '../engine/login/password.ts';
import { parseCertificate } from './certificate.ts';
import { readClientCertificate } from './client-certificate.ts';
import { Failure } from './failure.ts';
import { readBounded } from './files.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Io } from './io.ts';
import { completeProxy } from './proxy-credentials.ts';
import { readSecretFile } from './secret-file.ts';
import { createTerminal } from './terminal.ts';
import { printable } from './text.ts';
import { judgePin } from './trust.ts';

export interface CascadeSource {
  /** The configuration's own directory. */
  readonly directory: string;
  readonly io: Io;
  readonly certificates: Certificates;
  readonly warn: (message: string) => void;
}

/** By the names of their hubs. Fails with what is wrong with a file that one of them names. */
export async function readCascades(
  hubs: ServerConfig['hubs'],
  source: CascadeSource,
): Promise<ReadonlyMap<string, readonly CascadeOptions[]>> {
  const all = new Map<string, readonly CascadeOptions[]>();
  for (const { name, cascades } of hubs) {
    const read: CascadeOptions[] = [];
    for (const cascade of cascades) read.push(await complete(cascade, name, source));
    all.set(name, read);
  }
  return all;
}

const MAX_CA_BYTES = 4 << 20;

async function complete(config: CascadeConfig, hub: string, source: CascadeSource): Promise<CascadeOptions> {
  if (config.kind === 'link') return config;
  const { directory, io, warn } = source;
  const about = `cascade ${config.name} of hub ${hub}`;
  const server = formatServer(config);
  const inFile = (file: string) => path.resolve(directory, file);
  const ca = config.trust.kind === 'ca' ? await readCa(inFile(config.trust.file)) : undefined;
  const proxy =
    config.proxy === undefined
      ? undefined
      : await completeProxy({
          place: config.proxy.url,
          credentialsFile: config.proxy.credentialsFile && inFile(config.proxy.credentialsFile),
          server: config,
          io,
          warn,
        });
  if (!config.encrypt) warn(`${about}: encryption is off; only the login at ${server} is encrypted`);
  if (config.trust.kind === 'insecure') {
    warn(
      `${about}: insecure; the certificate of ${server} is not checked, and whoever is in between can change everything`,
    );
  }
  return {
    ...config,
    credential: await readCredential(config.credential, about, source),
    trust: async (security) => judge(config.trust, server, security),
    ...(ca === undefined ? {} : { ca }),
    ...(proxy === undefined ? {} : { proxy }),
  } as RemoteCascadeOptions;
}

async function readCa(file: string): Promise<string> {
  const pem = (await readBounded(file, MAX_CA_BYTES, 'the CA file')).toString('utf8');
  parseCertificate(pem, file);
  return pem;
}

async function readCredential(
  credential: RemoteCascadeConfig['credential'],
  about: string,
  { directory, io, certificates, warn }: CascadeSource,
): Promise<RemoteCascadeOptions['credential']> {
  if (credential.kind === 'certificate') {
    const certificateFile = path.resolve(directory, credential.certificateFile);
    const keyFile = path.resolve(directory, credential.keyFile);
    const files = { certificateFile, keyFile };
    const { certificate, keyPem } = await readClientCertificate(files, { io, terminal: createTerminal(io), warn });
    // That it is one for RSA was found when it fitted the certificate.
    return { kind: 'certificate', certificate, key: certificates.rsaKey(keyPem)! };
  }
  if (credential.kind !== 'file') return credential;
  const file = path.resolve(directory, credential.file);
  const password = await readSecretFile({ file, what: `the password file of ${about}`, as: 'password', warn });
  if (password.length === 0) throw new Failure('configuration', `the password of ${about} is empty`, `see ${file}`);
  if (password.length > MAX_PASSWORD_BYTES) {
    const bytes = `it has ${password.length} bytes, and ${MAX_PASSWORD_BYTES} are the most`;
    throw new Failure('configuration', `cannot use ${file} as password of ${about}: ${bytes}`);
  }
  if (credential.plain && password.includes(0)) {
    throw new Failure('configuration', `the password of ${about} has a NUL byte, which cannot be sent`, `see ${file}`);
  }
  return { kind: credential.plain ? 'plain' : 'hashed', password };
}

/** There is nobody to ask: by pin, by CA, or not at all. */
function judge(
  trust: RemoteCascadeConfig['trust'],
  server: string,
  { certificate, distrust }: ChannelSecurity,
): string | undefined {
  if (trust.kind === 'insecure') return undefined;
  if (certificate === undefined) return `${server} showed no certificate`;
  const seen = fingerprintOf(certificate);
  if (trust.kind === 'pin') return judgePin(server, trust.fingerprint, seen);
  if (distrust === undefined) return undefined;
  const whose =
    trust.kind === 'ca'
      ? `does not pass the CA file ${trust.file}`
      : 'is signed by no trusted CA or names another host';
  const advice = trust.kind === 'ca' ? '' : `; if that is the right one, write pin: ${seen}`;
  return `the certificate of ${server} ${whose} (${printable(distrust)}); its SHA-256 fingerprint is ${seen}${advice}`;
}
