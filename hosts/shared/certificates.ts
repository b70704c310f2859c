import { constants, createPrivateKey, privateDecrypt, publicEncrypt, X509Certificate } from 'node:crypto';
import tls, { type PeerCertificate } from 'node:tls';
import type { Certificates } from '../../engine/host.ts';
import { describeDistrust } from './distrust.ts';

/** Certificates of a chain that are looked at; a real one has three or four. */
const CHAIN_MAX = 10;

/** RSA and X.509 by `node:crypto`, which both runtimes have. */
export const certificates: Certificates = {
  rsaKey(pem) {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return {
      decrypt(encrypted) {
        try {
          // With the padding left to us: the runtimes refuse, since they cannot hide which one is wrong.
          return new Uint8Array(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted));
        } catch {
          return new Uint8Array(0);
        }
      },
    };
  },
  encrypt(certificate, secret) {
    const key = new X509Certificate(certificate).publicKey;
    if (key.asymmetricKeyType !== 'rsa') throw new Error(`its key is for ${key.asymmetricKeyType}, and not for RSA`);
    return new Uint8Array(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, secret));
  },
};

/** Why a server's chain, in DER and its own certificate first, is not to be trusted; undefined when it is. */
export function distrustOf(host: string, chain: readonly Uint8Array[], ca: string | undefined): string | undefined {
  try {
    const certificates = chain.slice(0, CHAIN_MAX).map((der) => new X509Certificate(der));
    const verdict = judge(certificates, ca === undefined ? defaultRoots() : readRoots(ca));
    return describeDistrust(host, verdict, certificates[0]!.toLegacyObject() as unknown as PeerCertificate);
  } catch (error) {
    return `the certificate cannot be read: ${(error as Error).message}`;
  }
}

/** OpenSSL's word for what is wrong with a chain, or undefined. */
function judge(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): string | undefined {
  const now = Date.now();
  let current = chain[0]!;
  const rest = chain.slice(1);
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    if (Date.parse(current.validFrom) > now) return 'CERT_NOT_YET_VALID';
    if (Date.parse(current.validTo) < now) return 'CERT_HAS_EXPIRED';
    if (roots.some((root) => root.raw.equals(current.raw))) return undefined;
    const root = roots.find((each) => signs(each, current));
    if (root !== undefined) {
      if (Date.parse(root.validTo) < now) return 'CERT_HAS_EXPIRED';
      return undefined;
    }
    if (signs(current, current)) return depth === 0 ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
    const issuer = rest.findIndex((each) => current.checkIssued(each));
    if (issuer === -1) return 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
    const [next] = rest.splice(issuer, 1);
    if (!next!.ca) return 'INVALID_CA';
    if (!current.verify(next!.publicKey)) return 'CERT_SIGNATURE_FAILURE';
    current = next!;
  }
  return 'UNABLE_TO_GET_ISSUER_CERT';
}

function signs(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

let roots: X509Certificate[] | undefined;

/** Those of the runtime. */
function defaultRoots(): readonly X509Certificate[] {
  roots ??= tls.rootCertificates.map((pem) => new X509Certificate(pem));
  return roots;
}

function readRoots(pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.map((each) => new X509Certificate(each));
}
