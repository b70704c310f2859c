/** The fingerprint of a certificate: SHA-256 of its DER, 64 hexadecimal digits in lower case. */

import type { Rule } from './rules.ts';

/** Also as other programs print it: with colons, in upper case, with `SHA256:` in front. */
export const fingerprint: Rule<string> = {
  allowed: 'the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons',
  parse(text) {
    const digits = text.replace(/^sha-?256[:= ]/i, '').toLowerCase();
    if (/^[0-9a-f]{2}(:[0-9a-f]{2}){31}$/.test(digits)) return digits.replaceAll(':', '');
    return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
  },
};
