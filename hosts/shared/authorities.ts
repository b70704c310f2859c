import { X509Certificate } from 'node:crypto';
import { HostFailure } from './error.ts';

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The single certificates of a file. */
export function certificatesOf(pem: string): readonly string[] {
  return pem.match(PEM) ?? [];
}

/**
 * Looks at the CAs that are to be trusted, because Node passes over what it cannot read: a mistake would show as a
 * server that is not trusted. Throws a `HostError` whose message is the reason alone.
 */
export function checkAuthorities(pem: string): void {
  const certificates = certificatesOf(pem);
  if (certificates.length === 0) {
    throw new HostFailure('connect', 'ERR_BAD_CA', 'what was given as trusted CAs holds no certificate in PEM');
  }
  certificates.forEach((certificate, index) => {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new HostFailure('connect', 'ERR_BAD_CA', `of the trusted CAs number ${index + 1} is not a certificate`);
    }
  });
}
