import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** OpenSSL's and BoringSSL's verdicts on a chain, in words; the names are the same on both runtimes. */
const VERDICTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the chain ends in a CA that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'the issuer of a certificate in the chain is missing',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the issuer of the certificate is not a trusted CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the issuer of the certificate is not a trusted CA',
  CERT_HAS_EXPIRED: 'the certificate, or one above it, has expired',
  CERT_NOT_YET_VALID: 'the certificate, or one above it, is not valid yet',
  CERT_SIGNATURE_FAILURE: 'a signature in the chain is wrong',
  CERT_REVOKED: 'the certificate was revoked',
  CERT_UNTRUSTED: 'the certificate is marked as not trusted',
  INVALID_CA: 'an issuer in the chain is not allowed to issue certificates',
  INVALID_PURPOSE: 'the certificate is not meant for a server',
  EE_KEY_TOO_SMALL: 'the key of the certificate is too short',
  PATH_LENGTH_EXCEEDED: 'there are more intermediate certificates than a CA in the chain allows',
  CA_MD_TOO_WEAK: 'a certificate in the chain is signed with a broken hash',
};

/** What both runtimes say when the chain is good and only the name is not. */
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/**
 * Why a server's certificate is not to be trusted, or undefined when it is. The runtimes check the name only after the
 * chain was found good; a person who is to decide about a self-signed certificate wants to know both.
 * @param verdict The runtime's error code for the chain, or undefined when the chain is good.
 */
export function describeDistrust(host: string, verdict: string | undefined, peer: PeerCertificate): string | undefined {
  const reasons: string[] = [];
  if (verdict !== undefined && verdict !== WRONG_NAME) reasons.push(VERDICTS[verdict] ?? verdict);
  if (checkServerIdentity(host, peer) !== undefined) {
    const names = peer.subjectaltname ?? [peer.subject?.CN ?? []].flat().join(', ');
    reasons.push(`it does not name ${host}${names ? ` (it names ${names})` : ''}`);
  }
  return reasons.length > 0 ? reasons.join('; ') : undefined;
}
