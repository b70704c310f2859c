import type { CertificateFacts, Certificates } from '../host.ts';
import { equalBytes } from './password.ts';

/** Signing in with a certificate: `protocol/control-plane.md` §4.5. */

/** Bytes of a certificate in DER. */
export const MAX_CERTIFICATE_BYTES = 100_000;

/** Bits that the modulus of a user's key may have. */
export const RSA_BITS: readonly number[] = [1024, 1536, 2048, 3072, 4096];

/** Who may sign in with a certificate: one that has exactly this one, or any that a CA of the hub has issued. */
export type CertificateUser =
  /** DER. */
  | { readonly kind: 'certificate'; readonly certificate: Uint8Array }
  /** Where a name or a number is given, it has to be the certificate's. The number is as in `CertificateFacts`. */
  | { readonly kind: 'ca'; readonly commonName?: string | undefined; readonly serial?: string | undefined };

/** What a server needs for it. */
export interface CertificateJudge {
  readonly certificates: Pick<Certificates, 'facts' | 'verify' | 'issued'>;
  /** DER of the hub's CAs. */
  readonly cas: readonly Uint8Array[];
  /** Milliseconds since 1970 UTC. */
  readonly utc: number;
}

/**
 * Whether a certificate is the user's, and the challenge was signed with its key. An unknown user costs the same: the
 * signatures are checked before anybody asks whose certificate it is.
 */
export function provesUser(
  judge: CertificateJudge,
  user: CertificateUser | undefined,
  credential: { readonly certificate: Uint8Array; readonly signature: Uint8Array },
  challenge: Uint8Array,
): boolean {
  const { certificates, cas, utc } = judge;
  const { certificate, signature } = credential;
  const facts = readable(certificate) ? certificates.facts(certificate) : undefined;
  if (facts === undefined || !RSA_BITS.includes(facts.rsaBits)) return false;
  if (signature.length !== facts.rsaBits / 8 || !certificates.verify(certificate, challenge, signature)) return false;
  const issued = cas.filter((ca) => isValid(certificates.facts(ca), utc) && certificates.issued(ca, certificate));
  if (!isValid(facts, utc)) return false;
  switch (user?.kind) {
    case 'certificate':
      return equalBytes(user.certificate, certificate);
    case 'ca':
      return issued.length > 0 && facts.forClients && fits(user, facts);
    case undefined:
      return false;
  }
}

/** PEM is refused (§4.5), though a host could read it. */
function readable(certificate: Uint8Array): boolean {
  return certificate.length <= MAX_CERTIFICATE_BYTES && certificate[0] === DER_SEQUENCE;
}

const DER_SEQUENCE = 0x30;

function isValid(facts: CertificateFacts | undefined, utc: number): boolean {
  return facts !== undefined && facts.notBefore <= utc && utc <= facts.notAfter;
}

function fits({ commonName, serial }: Extract<CertificateUser, { kind: 'ca' }>, facts: CertificateFacts): boolean {
  // Of several names none is the one.
  const named = commonName === undefined || (facts.commonNames.length === 1 && facts.commonNames[0] === commonName);
  return named && (serial === undefined || facts.serial === serial);
}
