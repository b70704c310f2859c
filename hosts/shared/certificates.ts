import {
  constants,
  createHash,
  createPrivateKey,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  X509Certificate,
} from 'node:crypto';
import tls, { type PeerCertificate } from 'node:tls';
import type { CertificateFacts, Certificates } from '../../engine/host.ts';
import { certificatesOf } from './authorities.ts';
import { describeDistrust } from './distrust.ts';
import { pathLength } from './path-length.ts';

/** Certificates of a chain that are looked at; a real one has three or four. */
const CHAIN_MAX = 10;

/** RSA and X.509 by `node:crypto`, which both runtimes have. */
export const certificates: Certificates = {
  rsaKey(pem) {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    const bytes = Math.ceil(key.asymmetricKeyDetails!.modulusLength! / 8);
    return {
      decrypt(encrypted) {
        // OpenSSL would take a shorter one for a number with zeros in front.
        if (encrypted.length !== bytes) return new Uint8Array(0);
        try {
          // With the padding left to us: the runtimes refuse, since they cannot hide which one is wrong.
          return new Uint8Array(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted));
        } catch {
          return new Uint8Array(0);
        }
      },
      sign: (message) =>
        new Uint8Array(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(message))),
    };
  },
  encrypt(certificate, secret) {
    const key = new X509Certificate(certificate).publicKey;
    if (key.asymmetricKeyType !== 'rsa') throw new Error(`its key is for ${key.asymmetricKeyType}, and not for RSA`);
    return new Uint8Array(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, secret));
  },
  facts(certificate) {
    try {
      return factsOf(new X509Certificate(certificate));
    } catch {
      return undefined;
    }
  },
  verify(certificate, message, signature) {
    try {
      const key = new X509Certificate(certificate).publicKey;
      // Systems that have put SHA-1 out of use refuse `verify`; the block under the signature they still show.
      const block = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
      return block.equals(digestInfo(message));
    } catch {
      return false;
    }
  },
  issued(issuer, certificate) {
    try {
      const ca = new X509Certificate(issuer);
      const each = new X509Certificate(certificate);
      return each.checkIssued(ca) && each.verify(ca.publicKey);
    } catch {
      return false;
    }
  },
};

/** Extended key usages (RFC 5280 §4.2.1.12): clients, and all. */
const CLIENT_USAGES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { publicKey, validFrom, validTo, serialNumber, ca } = certificate;
  // As it is, where `subject` is one text in which a name could look like two.
  const { CN = [] } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return {
    rsaBits: publicKey.asymmetricKeyType === 'rsa' ? publicKey.asymmetricKeyDetails!.modulusLength! : 0,
    notBefore: Date.parse(validFrom),
    notAfter: Date.parse(validTo),
    commonNames: [CN].flat(),
    serial: serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
    forClients: usages === undefined || usages.some((usage) => CLIENT_USAGES.includes(usage)),
    ca,
  };
}

/** DigestInfo of SHA-1 (RFC 8017 §9.2, note 1), without the digest. */
const SHA1_PREFIX = Buffer.from('3021300906052b0e03021a05000414', 'hex');

function digestInfo(message: Uint8Array): Buffer {
  return Buffer.concat([SHA1_PREFIX, createHash('sha1').update(message).digest()]);
}

/** Why a server's chain, in DER and its own certificate first, is not to be trusted; undefined when it is. */
export function distrustOf(host: string, chain: readonly Uint8Array[], ca: string | undefined): string | undefined {
  try {
    const certificates = chain.slice(0, CHAIN_MAX).map((der) => new X509Certificate(der));
    const verdict = judge(
      certificates,
      ca === undefined ? defaultRoots() : certificatesOf(ca).map((each) => new X509Certificate(each)),
    );
    return describeDistrust(host, verdict, certificates[0]!.toLegacyObject() as unknown as PeerCertificate);
  } catch (error) {
    return `the certificate cannot be read: ${(error as Error).message}`;
  }
}

/** Extended key usages (RFC 5280 §4.2.1.12): servers, and all. */
const SERVER_USAGES = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];

/** OpenSSL's word for what is wrong with a chain, or undefined. */
function judge(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): string | undefined {
  let current = chain[0]!;
  let trusted = false;
  const rest = chain.slice(1);
  const usages = current.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && !usages.some((usage) => SERVER_USAGES.includes(usage))) return 'INVALID_PURPOSE';
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    const time = judgeTime(current);
    if (time !== undefined) return time;
    const selfSigned = signs(current, current);
    // One that others have issued is not trusted without them, whoever names it among the CAs.
    if (selfSigned && roots.some((root) => root.raw.equals(current.raw))) return undefined;
    const named = roots.filter((root) => current.checkIssued(root));
    const root = named.find((each) => current.verify(each.publicKey));
    if (root !== undefined && !selfSigned) {
      if (!root.ca) return 'INVALID_CA';
      if (pathLength(root.raw) < depth) return 'PATH_LENGTH_EXCEEDED';
      if (signs(root, root)) return judgeTime(root);
      // A CA that others have issued is not enough: one of them has to be trusted.
      trusted = true;
      current = root;
      continue;
    }
    if (selfSigned) return depth === 0 ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
    const issuer = rest.findIndex((each) => current.checkIssued(each));
    if (issuer === -1) {
      if (named.length > 0) return 'CERT_SIGNATURE_FAILURE';
      return trusted ? 'UNABLE_TO_GET_ISSUER_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
    }
    const [next] = rest.splice(issuer, 1);
    if (!next!.ca) return 'INVALID_CA';
    if (pathLength(next!.raw) < depth) return 'PATH_LENGTH_EXCEEDED';
    if (!current.verify(next!.publicKey)) return 'CERT_SIGNATURE_FAILURE';
    current = next!;
  }
  return 'UNABLE_TO_GET_ISSUER_CERT';
}

function judgeTime({ validFrom, validTo }: X509Certificate): string | undefined {
  if (Date.parse(validFrom) > Date.now()) return 'CERT_NOT_YET_VALID';
  return Date.parse(validTo) < Date.now() ? 'CERT_HAS_EXPIRED' : undefined;
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
