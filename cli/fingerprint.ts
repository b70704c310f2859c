import { createHash } from 'node:crypto';

/** The fingerprint of a certificate, as the rule in `engine/config/fingerprint.ts` writes it. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
