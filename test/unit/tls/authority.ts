/** Chains of certificates as nobody should have them. */

import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
} from 'node:crypto';
import forge from 'node-forge';

export interface Identity {
  readonly certificate: forge.pki.Certificate;
  readonly pem: string;
  readonly der: Uint8Array;
  readonly key: Key;
}

export interface Key {
  readonly pem: string;
  readonly own: KeyObject;
}

export interface Wishes {
  readonly name: string;
  readonly key: Key;
  /** Itself when absent. */
  readonly issuer?: Identity;
  /** Who signs in truth; the issuer when absent. */
  readonly signer?: Key;
  /** Undefined: no word about it. */
  readonly ca?: boolean | undefined;
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  readonly extensions?: readonly object[];
}

const DAY_MS = 86_400_000;
let serial = 1;

export function makeKey(): Key {
  return keyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
}

export function keyOf(own: KeyObject | string): Key {
  const key = typeof own === 'string' ? createPrivateKey(own) : own;
  return { pem: key.export({ type: 'pkcs8', format: 'pem' }) as string, own: key };
}

/** RFC 8017 §9.2, note 1. */
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** What forge asks of a key, done by the runtime: forge takes its time for it. */
function signerOf({ own }: Key): forge.pki.rsa.PrivateKey {
  const sign = (digest: forge.md.MessageDigest): string => {
    const info = Buffer.concat([SHA256_INFO, Buffer.from(digest.digest().getBytes(), 'latin1')]);
    return privateEncrypt({ key: own, padding: constants.RSA_PKCS1_PADDING }, info).toString('latin1');
  };
  return { sign } as unknown as forge.pki.rsa.PrivateKey;
}

export function certify({ name, key, issuer, signer, ca, ...wishes }: Wishes): Identity {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(
    createPublicKey(key.own).export({ type: 'spki', format: 'pem' }) as string,
  );
  certificate.serialNumber = (0x10_0000 + serial++).toString(16).padStart(6, '0');
  certificate.validity.notBefore = new Date(Date.now() + (wishes.from ?? -1) * DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + (wishes.to ?? 10) * DAY_MS);
  const subject = [{ name: 'commonName', value: name }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer?.certificate.subject.attributes ?? subject);
  const altNames = [
    ...(wishes.names ?? []).map((value) => ({ type: 2, value })),
    ...(wishes.addresses ?? []).map((ip) => ({ type: 7, ip })),
  ];
  certificate.setExtensions([
    ...(ca === undefined ? [] : [{ name: 'basicConstraints', cA: ca, critical: true }]),
    ...(altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : []),
    ...(wishes.extensions ?? []),
  ]);
  certificate.sign(signerOf(signer ?? issuer?.key ?? key), forge.md.sha256.create());
  const pem = forge.pki.certificateToPem(certificate);
  const der = Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
  return { certificate, pem, der, key };
}
