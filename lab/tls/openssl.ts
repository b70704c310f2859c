/** `openssl s_client` and `openssl s_server` as peers. */
import type { LabChild } from '../child.ts';
import { type TlsWorkshop, waitForPort } from './workshop.ts';

/** What OpenSSL 3 still has of the old versions and suites, in Debian's build as in its own default one. */
export const OPENSSL_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const;
export const OPENSSL_SUITES = ['AES128-SHA', 'AES256-SHA'] as const;
export type OpensslVersion = (typeof OPENSSL_VERSIONS)[number];
export type OpensslSuite = (typeof OPENSSL_SUITES)[number];

const VERSIONS: Readonly<Record<OpensslVersion, string>> = {
  TLSv1: '-tls1',
  'TLSv1.1': '-tls1_1',
  'TLSv1.2': '-tls1_2',
};

/** What the programs say, by the line. */
export const OPENSSL_SAYS = {
  /** A server; a resumed session does without. */
  certificate: 'write certificate',
  /** Likewise a client. */
  verified: 'read server certificate',
  closed: 'SSL3 alert read:warning:close notify',
  refused: 'SSL3 alert read:warning:no renegotiation',
  gaveUp: 'SSL3 alert write:fatal:handshake failure',
};

export interface OpensslOptions {
  readonly version: OpensslVersion;
  readonly suite: OpensslSuite;
  /** Further options of the program. */
  readonly more?: readonly string[];
  /** All that it receives, and nothing else, goes to this file; what is written to it is data, and no command. */
  readonly output?: string;
}

/** What is written to the child is sent, or a command; without end of input. */
export async function startOpensslClient(
  workshop: TlsWorkshop,
  port: number,
  { version, suite, more = [], output }: OpensslOptions,
): Promise<LabChild> {
  const command = [
    'openssl',
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    ...optionsFor(version, suite, output),
    ...more,
  ];
  return await workshop.start(command, { interactive: true }, output);
}

/** @param connections After so many it ends. */
export async function startOpensslServer(
  workshop: TlsWorkshop,
  connections: number,
  { version, suite, more = [], output }: OpensslOptions,
): Promise<{ readonly child: LabChild; readonly port: number }> {
  const { certificate, key } = workshop;
  const command = ['openssl', 's_server', '-accept', '127.0.0.1:0', '-naccept', `${connections}`];
  command.push('-cert', certificate, '-key', key, ...optionsFor(version, suite, output), ...more);
  const child = await workshop.start(command, { interactive: true }, output);
  return { child, port: await waitForPort(child) };
}

function optionsFor(version: OpensslVersion, suite: OpensslSuite, output: string | undefined): string[] {
  // Debian's configuration wants TLS 1.2 and better keys; the state tells of alerts.
  const options = [VERSIONS[version], '-cipher', `${suite}:@SECLEVEL=0`, '-state'];
  return output === undefined ? options : [...options, '-quiet'];
}

/** How many lines with this in them it has said, so far. */
export function countSaid(child: LabChild, what: string): number {
  return `${child.stdout}\n${child.stderr}`.split('\n').filter((line) => line.includes(what)).length;
}
