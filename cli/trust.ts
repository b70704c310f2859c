/** Whether a server is the one that is meant: by fingerprint, by CA, or by a person's word that is remembered. */

import { X509Certificate } from 'node:crypto';
import type { ChannelSecurity } from '../engine/host.ts';
import { Failure } from './failure.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { KnownServers } from './known-servers.ts';
import type { Terminal } from './terminal.ts';
import { printable } from './text.ts';

export type TrustMode =
  | { readonly kind: 'pin'; readonly fingerprint: string }
  | { readonly kind: 'ca'; readonly file: string }
  | { readonly kind: 'insecure' }
  /** Remembered, or signed by a CA that the runtime trusts, or confirmed now. */
  | { readonly kind: 'known' };

export interface TrustRequest {
  readonly mode: TrustMode;
  /** `host:port`, the name under which a server is remembered. */
  readonly server: string;
  readonly known: KnownServers;
  readonly terminal: Terminal;
  readonly warn: (message: string) => void;
  /** Ends a question that is open. */
  readonly signal: AbortSignal;
}

/** `trust` of ClientOptions: resolves to undefined, or to why the server is not trusted. */
export type Trust = (security: ChannelSecurity) => Promise<string | undefined>;

export function createTrust(request: TrustRequest): Trust {
  const { mode, server } = request;
  const open = new Map<string, Promise<string | undefined>>();
  return async (security) => {
    if (mode.kind === 'insecure') {
      request.warn(
        `--insecure: the certificate of ${server} is not checked; whoever is in between can read and change everything`,
      );
      return undefined;
    }
    const { certificate } = security;
    if (certificate === undefined) return `${server} showed no certificate`;
    const seen = fingerprintOf(certificate);
    if (mode.kind === 'pin') return judgePin(server, mode.fingerprint, seen);
    if (mode.kind === 'ca') {
      if (security.distrust === undefined) return undefined;
      return `the certificate of ${server} does not pass the CA file ${mode.file}: ${printable(security.distrust)} (its SHA-256 fingerprint is ${seen})`;
    }
    // A server that does not wait for the answer is dialled again; the question is still the same one.
    const running = open.get(seen) ?? judgeKnown(request, security, certificate, seen).finally(() => open.delete(seen));
    open.set(seen, running);
    return running;
  };
}

/** Whether the certificate is the one that was named beforehand. */
export function judgePin(server: string, pinned: string, seen: string): string | undefined {
  if (seen === pinned) return undefined;
  return (
    `the certificate of ${server} is not the pinned one: pinned is ${pinned}, shown was ${seen}. ` +
    'The server has a new certificate, or it is another server, or someone is in between; ' +
    'ask its administrator for the fingerprint before you change the pin'
  );
}

async function judgeKnown(
  { server, known, terminal, signal }: TrustRequest,
  security: ChannelSecurity,
  certificate: Uint8Array,
  seen: string,
): Promise<string | undefined> {
  try {
    const remembered = await known.find(server);
    if (remembered === seen) return undefined;
    if (remembered !== undefined) {
      return (
        `the certificate of ${server} has changed: remembered is ${remembered}, shown was ${seen}. ` +
        'The server has a new certificate, or it is another server, or someone is in between; ask its administrator ' +
        `for the fingerprint. To accept the new one, remove the entry "${server}" from ${known.file}, or use --pin ${seen}`
      );
    }
    if (security.distrust === undefined) return undefined;
    const problem = `the certificate of ${server} is signed by no trusted CA or names another host (${printable(security.distrust)})`;
    if (!terminal.interactive) {
      return `${problem}, and there is no terminal to ask. If its SHA-256 fingerprint ${seen} is right, use --pin ${seen}`;
    }
    const question =
      `The server ${server} is not known yet, and ${problem}.\n${describe(certificate)}` +
      `  SHA-256:  ${seen}\nIs this the fingerprint that the server printed when it started? Trust it from now on (yes/no): `;
    if (!(await terminal.askYesNo(question, signal))) return `the certificate of ${server} was not accepted`;
    await known.remember(server, seen);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    return thrown.hint === undefined ? thrown.message : `${thrown.message}; ${thrown.hint}`;
  }
}

/** What a person may recognize. The certificate is the server's text: it must not steer the terminal. */
function describe(certificate: Uint8Array): string {
  try {
    const { subject, issuer, validTo } = new X509Certificate(certificate);
    const line = (text: string) => printable(text.trim().replaceAll('\n', ', ')).slice(0, 200);
    return `  subject:  ${line(subject)}\n  issuer:   ${line(issuer)}\n  valid to: ${line(validTo)}\n`;
  } catch {
    return '  (the certificate cannot be read)\n';
  }
}
