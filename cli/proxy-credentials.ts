/** Who we are to a proxy: from a file or the environment, never from an argument. */

import type { ProxyOptions } from '../engine/host.ts';
import { proxyProblem } from '../engine/proxy/create.ts';
import type { ProxyPlace } from '../engine/proxy/url.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';
import { readSecretFile } from './secret-file.ts';

export const PROXY_CREDENTIALS_VARIABLE = 'ETHERLOOM_PROXY_CREDENTIALS';

export interface ProxyRequest {
  readonly place: ProxyPlace;
  /** One line, `user:password`; it comes before the environment. */
  readonly credentialsFile?: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly io: Io;
  readonly warn: (message: string) => void;
}

/** The proxy with its credentials; fails when they cannot be used with it, or it cannot lead to the server. */
export async function completeProxy({ place, credentialsFile, server, io, warn }: ProxyRequest): Promise<ProxyOptions> {
  const source = credentialsFile ?? PROXY_CREDENTIALS_VARIABLE;
  const text =
    credentialsFile === undefined
      ? // One that is set to nothing is how a shell takes a variable away.
        io.env[PROXY_CREDENTIALS_VARIABLE] || undefined
      : decode(
          await readSecretFile({ file: credentialsFile, what: 'the proxy credentials file', as: WHAT, warn }),
          credentialsFile,
        );
  const proxy: ProxyOptions = text === undefined ? place : { ...place, ...split(text, place, source) };
  const credentials = proxyProblem(proxy);
  if (credentials !== undefined) throw unusable(source, credentials);
  const way = proxyProblem(proxy, server);
  if (way !== undefined) {
    throw new Failure('configuration', `cannot reach ${server.host} through the ${place.kind} proxy: ${way}`);
  }
  return proxy;
}

const WHAT = 'credentials of the proxy';

function split(
  text: string,
  { kind }: ProxyPlace,
  source: string,
): { readonly user: string; readonly password?: string } {
  const colon = text.indexOf(':');
  // SOCKS4 has no place for a password.
  const userOnly = kind === 'socks4' || kind === 'socks4a';
  if (colon < 0 && userOnly && text !== '') return { user: text };
  if (colon < 1) throw unusable(source, `it is not of the form ${userOnly ? 'user' : 'user:password'}`);
  const [user, password] = [text.slice(0, colon), text.slice(colon + 1)];
  return userOnly && password === '' ? { user } : { user, password };
}

function decode(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unusable(source, 'it is not UTF-8');
  }
}

function unusable(source: string, problem: string): Failure {
  return new Failure('configuration', `cannot use ${source} as ${WHAT}: ${problem}`);
}
