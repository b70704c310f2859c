/** The cipher suites and versions that this program's own TLS has: those of the first PacketiX. */

import type { HashName } from '../crypto/module.ts';

/** As an administrator writes them, OpenSSL's names. */
export const LEGACY_ALGORITHMS = [
  'RC4-MD5',
  'RC4-SHA',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC-SHA',
  'DES-CBC3-SHA',
] as const;
export type LegacyAlgorithm = (typeof LEGACY_ALGORITHMS)[number];

/** All with RSA key exchange (RFC 5246 §A.5, RFC 5469 for DES). Sizes in bytes. */
export interface Suite {
  readonly id: number;
  readonly name: LegacyAlgorithm;
  readonly mac: HashName;
  readonly macBytes: number;
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** The last version that has it. */
  readonly last: Version;
}

export const SSL3 = 0x300;
export const TLS1 = 0x301;
export const TLS11 = 0x302;
export const TLS12 = 0x303;
/** Versions of the record layer and the handshake, as they are on the wire. */
export type Version = typeof SSL3 | typeof TLS1 | typeof TLS11 | typeof TLS12;

export const VERSIONS: readonly Version[] = [SSL3, TLS1, TLS11, TLS12];

/** As the runtimes name them. */
export const VERSION_NAMES: Readonly<Record<Version, string>> = {
  [SSL3]: 'SSLv3',
  [TLS1]: 'TLSv1',
  [TLS11]: 'TLSv1.1',
  [TLS12]: 'TLSv1.2',
};

export const SUITES: readonly Suite[] = [
  { id: 0x0004, name: 'RC4-MD5', mac: 'md5', macBytes: 16, keyBytes: 16, ivBytes: 0, last: TLS12 },
  { id: 0x0005, name: 'RC4-SHA', mac: 'sha1', macBytes: 20, keyBytes: 16, ivBytes: 0, last: TLS12 },
  { id: 0x002f, name: 'AES128-SHA', mac: 'sha1', macBytes: 20, keyBytes: 16, ivBytes: 16, last: TLS12 },
  { id: 0x0035, name: 'AES256-SHA', mac: 'sha1', macBytes: 20, keyBytes: 32, ivBytes: 16, last: TLS12 },
  // RFC 5469 §4: TLS 1.2 must not use it.
  { id: 0x0009, name: 'DES-CBC-SHA', mac: 'sha1', macBytes: 20, keyBytes: 8, ivBytes: 8, last: TLS11 },
  { id: 0x000a, name: 'DES-CBC3-SHA', mac: 'sha1', macBytes: 20, keyBytes: 24, ivBytes: 8, last: TLS12 },
];

export function suiteOf(name: LegacyAlgorithm): Suite {
  return SUITES.find((suite) => suite.name === name)!;
}

/** RFC 5746 §3.3. */
export const RENEGOTIATION_SCSV = 0x00ff;
/** RFC 7507 §4. */
export const FALLBACK_SCSV = 0x5600;
