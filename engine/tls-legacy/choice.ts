/** Which TLS a side speaks: what an administrator writes, and what it comes to. */

import { oneOf, type Rule } from '../config/rules.ts';
import type { Log } from '../host.ts';
import {
  LEGACY_ALGORITHMS,
  type LegacyAlgorithm,
  SSL3,
  type Suite,
  suiteOf,
  TLS1,
  VERSION_NAMES,
  VERSIONS,
  type Version,
} from './suites.ts';

/** `modern`: the runtime's TLS; `packetix-2.0`: RC4-MD5, the first PacketiX's default; `custom`: the algorithms that are named. */
export const tlsProfile = oneOf('modern', 'packetix-2.0', 'custom');
export type TlsProfile = NonNullable<ReturnType<typeof tlsProfile.parse>>;

/** `modern` among the algorithms stands for all that the runtime's TLS has. */
export const tlsAlgorithm = oneOf('modern', ...LEGACY_ALGORITHMS);
export type TlsAlgorithm = 'modern' | LegacyAlgorithm;

const MINIMA = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersionName = (typeof MINIMA)[number];

/** What may be written for short. */
const SHORT: Partial<Record<TlsVersionName, string>> = {
  TLSv1: '1.0',
  'TLSv1.1': '1.1',
  'TLSv1.2': '1.2',
  'TLSv1.3': '1.3',
};

/** As `status` names them; TLS 1.2 may be written 1.2 too. */
export const tlsMinimum: Rule<TlsVersionName> = {
  allowed: 'SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3',
  parse: (text) => MINIMA.find((name) => name === text || SHORT[name] === text),
};

/** A list of algorithms, as the command line has it. */
export const tlsAlgorithms: Rule<readonly TlsAlgorithm[]> = {
  allowed: `a list with commas of ${tlsAlgorithm.allowed}`,
  parse: (text) => {
    const found = text.split(',').map((word) => tlsAlgorithm.parse(word.trim()));
    return found.includes(undefined) ? undefined : (found as TlsAlgorithm[]);
  },
};

export interface TlsSettings {
  readonly profile?: TlsProfile | undefined;
  readonly algorithms?: readonly TlsAlgorithm[] | undefined;
  readonly minimum?: TlsVersionName | undefined;
}

/** What is possible, and nothing else is. At least one of the two is there. */
export interface TlsChoice {
  /** The runtime's TLS, from this version on. */
  readonly modern?: { readonly minimum: 'TLSv1.2' | 'TLSv1.3' };
  /** This program's own TLS; the suites in the order of preference. */
  readonly legacy?: { readonly suites: readonly Suite[]; readonly minimum: Version };
}

export const MODERN_TLS: TlsChoice = { modern: { minimum: 'TLSv1.2' } };

/** A choice, or which key is wrong and why. */
export type TlsChoiceResult =
  | { readonly ok: true; readonly choice: TlsChoice }
  | { readonly ok: false; readonly key: keyof TlsSettings; readonly problem: string };

/** @param role A client makes one handshake, with one of the two engines. */
export function chooseTls(settings: TlsSettings, role: 'server' | 'client'): TlsChoiceResult {
  const { algorithms, minimum } = settings;
  const profile = settings.profile ?? (algorithms === undefined ? 'modern' : 'custom');
  const wrong = (key: keyof TlsSettings, problem: string): TlsChoiceResult => ({ ok: false, key, problem });
  if (profile === 'custom' && (algorithms === undefined || algorithms.length === 0)) {
    return wrong('profile', `custom needs algorithms: ${tlsAlgorithm.allowed}`);
  }
  if (profile !== 'custom' && algorithms !== undefined) {
    return wrong('algorithms', `allowed with the profile custom only; ${profile} has its own`);
  }
  const wanted = algorithms ?? (profile === 'modern' ? ['modern'] : ['RC4-MD5']);
  if (new Set(wanted).size < wanted.length) return wrong('algorithms', 'an algorithm is named twice');
  const suites = wanted.filter((name) => name !== 'modern').map(suiteOf);
  const modern = wanted.includes('modern');
  if (role === 'client' && modern && suites.length > 0) {
    return wrong('algorithms', 'a client makes one handshake: allowed is modern, or some of the others');
  }
  if (suites.length === 0 && minimum !== undefined && minimum !== 'TLSv1.2' && minimum !== 'TLSv1.3') {
    return wrong('minimum', "allowed with the runtime's TLS is TLSv1.2 or TLSv1.3");
  }
  if (suites.length > 0 && minimum === 'TLSv1.3') {
    return wrong('minimum', 'TLSv1.3 has none of the algorithms that are named');
  }
  const low = minimum ?? (profile === 'packetix-2.0' ? 'SSLv3' : 'TLSv1');
  const least = VERSIONS.find((version) => VERSION_NAMES[version] === low) ?? TLS1;
  const last = Math.max(...suites.map((suite) => suite.last));
  if (suites.length > 0 && least > last) {
    return wrong('minimum', `${low} has none of the algorithms that are named`);
  }
  return {
    ok: true,
    choice: {
      ...(modern ? { modern: { minimum: minimum === 'TLSv1.3' ? minimum : 'TLSv1.2' } } : {}),
      ...(suites.length > 0 ? { legacy: { suites, minimum: least } } : {}),
    },
  };
}

/** Says once, at the start, what a choice means. */
export function warnOfWeakness(log: Log, choice: TlsChoice): void {
  const { legacy } = choice;
  if (legacy === undefined) return;
  log('warn', 'weak TLS is allowed by the configuration', {
    algorithms: legacy.suites.map(({ name }) => name).join(', '),
    minimum: VERSION_NAMES[legacy.minimum],
    meaning: weaknesses(choice).join('; '),
  });
}

/** What a choice means for whoever relies on it, one sentence each; nothing for the runtime's TLS. */
export function weaknesses({ legacy }: TlsChoice): string[] {
  if (legacy === undefined) return [];
  const names = legacy.suites.map(({ name }) => name);
  const some = (pattern: RegExp): string => names.filter((name) => pattern.test(name)).join(', ');
  const found = ['no forward secrecy: who gets the private key later reads all that was recorded'];
  if (some(/^RC4/)) found.push(`${some(/^RC4/)}: what is sent again and again can be recovered (RFC 7465)`);
  if (some(/^DES-CBC-/)) found.push(`${some(/^DES-CBC-/)}: its 56-bit keys can be searched through within a day`);
  if (some(/^DES-CBC3/))
    found.push(`${some(/^DES-CBC3/)}: some gigabytes under one key give away parts of them (RFC 8429)`);
  if (legacy.minimum === SSL3)
    found.push('SSLv3: with a block cipher, an attacker in between can decrypt (POODLE, RFC 7568)');
  return found;
}
