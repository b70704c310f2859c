/** GnuTLS's programs as peers. */
import { existsSync, readFileSync } from 'node:fs';
import type { LabChild, SpawnOptions } from '../child.ts';
import { type TlsWorkshop, waitForPort } from './workshop.ts';

/** Named as the runtimes do. GnuTLS has no SSL 3.0 since 3.7, unless it is built with it, which Debian's is not. */
export const GNUTLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const;
/** Named as OpenSSL does. It never had DES. */
export const GNUTLS_SUITES = ['RC4-MD5', 'RC4-SHA', 'AES128-SHA', 'AES256-SHA', 'DES-CBC3-SHA'] as const;
export type GnutlsVersion = (typeof GNUTLS_VERSIONS)[number];
export type GnutlsSuite = (typeof GNUTLS_SUITES)[number];

const VERSIONS: Readonly<Record<GnutlsVersion, string>> = { TLSv1: 'TLS1.0', 'TLSv1.1': 'TLS1.1', 'TLSv1.2': 'TLS1.2' };
const SUITES: Readonly<Record<GnutlsSuite, { readonly cipher: string; readonly mac: string }>> = {
  'RC4-MD5': { cipher: 'ARCFOUR-128', mac: 'MD5' },
  'RC4-SHA': { cipher: 'ARCFOUR-128', mac: 'SHA1' },
  'AES128-SHA': { cipher: 'AES-128-CBC', mac: 'SHA1' },
  'AES256-SHA': { cipher: 'AES-256-CBC', mac: 'SHA1' },
  'DES-CBC3-SHA': { cipher: '3DES-CBC', mac: 'SHA1' },
};

/** What the programs say, by the line. */
export const GNUTLS_SAYS = {
  resumed: '*** This is a resumed session',
  closed: 'Alert[1|0] - Close notify - was received',
  refused: 'Alert[1|100] - No renegotiation is allowed - was received',
  cutOff: 'Alert[2|10] - Unexpected message - was received',
};

/** What they say of every handshake. */
export function gnutlsDescription(version: GnutlsVersion, suite: GnutlsSuite): string {
  const { cipher, mac } = SUITES[suite];
  return `- Description: (${VERSIONS[version]}-X.509)-(RSA)-(${cipher})-(${mac})`;
}

function optionsFor(version: GnutlsVersion, suite: GnutlsSuite): string[] {
  const { cipher, mac } = SUITES[suite];
  const priority = `NONE:+VERS-${VERSIONS[version]}:+RSA:+${cipher}:+${mac}:+COMP-NULL:+CTYPE-X509:+SIGN-ALL`;
  // With that, they tell of alerts too.
  return [`--priority=${priority}`, '--debug=5'];
}

/** A program of GnuTLS that runs. */
export class GnutlsProgram {
  readonly child: LabChild;
  readonly #lines: readonly string[];
  readonly #log: string | undefined;

  private constructor(child: LabChild, lines: readonly string[], log: string | undefined) {
    this.child = child;
    this.#lines = lines;
    this.#log = log;
  }

  /** @param files Where data go, and what else it says on standard output; without them both are there. */
  static async start(
    workshop: TlsWorkshop,
    command: readonly string[],
    options: SpawnOptions,
    files?: { readonly output: string; readonly log: string },
  ): Promise<GnutlsProgram> {
    const lines: string[] = [];
    const onLine = (line: string): void => {
      // Data are among them too.
      if (/^- Description|^\*\*\* This|Alert\[/.test(line)) lines.push(line);
    };
    // gnutls-serv ends by a signal only, and what is in a buffer by then is lost.
    const child = await workshop.start(['stdbuf', '-oL', ...command], { ...options, onLine }, files?.output);
    return new GnutlsProgram(child, lines, files?.log);
  }

  /** How many lines with this in them it has said. */
  count(what: string): number {
    const logged = this.#log !== undefined && existsSync(this.#log) ? readFileSync(this.#log, 'utf8').split('\n') : [];
    return [...this.#lines, ...logged].filter((line) => line.includes(what)).length;
  }
}

/**
 * `gnutls-serv --echo`, which sends back what it gets, by the line. It runs until it is stopped, closes a connection that
 * is older than 30 seconds, and listens on all addresses: it has no options for these.
 */
export async function startGnutlsServer(
  workshop: TlsWorkshop,
  version: GnutlsVersion,
  suite: GnutlsSuite,
): Promise<{ readonly server: GnutlsProgram; readonly port: number }> {
  const { certificate, key } = workshop;
  const command = ['gnutls-serv', '--echo', '--port=0', '--disable-client-cert', ...optionsFor(version, suite)];
  command.push(`--x509certfile=${certificate}`, `--x509keyfile=${key}`);
  const server = await GnutlsProgram.start(workshop, command, {});
  return { server, port: await waitForPort(server.child) };
}

export interface GnutlsClientOptions {
  readonly port: number;
  readonly version: GnutlsVersion;
  readonly suite: GnutlsSuite;
  /** Makes a connection, closes it, and goes on with another one with the same session. */
  readonly resume?: boolean;
  /** `^renegotiate^` on a line of its own is no data. */
  readonly commands?: boolean;
  /** Sent, and then it closes; without it, what is written to the child is sent. */
  readonly input?: string;
}

/** `gnutls-cli`. What it receives is in the file `output`. */
export async function startGnutlsClient(
  workshop: TlsWorkshop,
  { port, version, suite, resume = false, commands = false, input }: GnutlsClientOptions,
): Promise<{ readonly client: GnutlsProgram; readonly output: string }> {
  const files = { output: workshop.newPath('received'), log: workshop.newPath('log') };
  const command = ['gnutls-cli', '--insecure', `--port=${port}`, `--logfile=${files.log}`];
  command.push(...optionsFor(version, suite));
  if (resume) command.push('--resume');
  if (commands) command.push('--inline-commands');
  command.push('127.0.0.1');
  const options = input === undefined ? { interactive: true } : { input };
  return { client: await GnutlsProgram.start(workshop, command, options, files), output: files.output };
}
