import { ERROR_AUTH_FAILED, ERROR_AUTH_TYPE, ERROR_NONE } from './errors.ts';
import type { LoginRequest } from './login-request.ts';
import { equalBytes, HASH_BYTES, hashedPassword, MAX_PASSWORD_BYTES, type Sha0, securePassword } from './password.ts';
import { type CertificateJudge, type CertificateUser, provesUser } from './user-certificate.ts';

/** A user as far as signing in goes. */
export type UserRecord =
  | { readonly kind: 'anonymous' }
  /** 20 bytes of `hashedPassword`. */
  | { readonly kind: 'password'; readonly hash: Uint8Array }
  | CertificateUser;

/**
 * Decides a login by the rules of `protocol/control-plane.md` §4.2, in their order: an anonymous user gets in whatever
 * was sent, then the kind of credential must be one that exists (7), then it must be right (9).
 *
 * Nobody learns from the answer or from its time whether a user exists: an unknown one costs the same hashes.
 *
 * @param user Undefined when there is none of that name.
 * @param challenge The 20 bytes of the hello on this connection.
 * @param judge Undefined where nobody signs in with a certificate.
 * @returns 0, 7 or 9. A ticket is 7: there is no cluster here. What is not the user's kind of credential is 9.
 */
export function authenticate(
  sha0: Sha0,
  user: UserRecord | undefined,
  request: Pick<LoginRequest, 'credential' | 'userName'>,
  challenge: Uint8Array,
  judge?: CertificateJudge,
): 0 | 7 | 9 {
  if (user?.kind === 'anonymous') return ERROR_NONE;
  const { credential } = request;
  const stored = user?.kind === 'password' ? user.hash : NOBODY;
  let right = false;
  switch (credential.kind) {
    case 'hashed':
      right = equalBytes(securePassword(sha0, stored, challenge), credential.securePassword);
      break;
    case 'plain':
      right =
        credential.password.length <= MAX_PASSWORD_BYTES &&
        equalBytes(stored, hashedPassword(sha0, credential.password, request.userName));
      break;
    case 'certificate':
      return judge !== undefined && provesUser(judge, certified(user), credential, challenge)
        ? ERROR_NONE
        : ERROR_AUTH_FAILED;
    case 'anonymous':
      break;
    case 'ticket':
    case 'unsupported':
      return ERROR_AUTH_TYPE;
  }
  // `right` alone would let in whoever guesses what stands for nobody.
  return right && user?.kind === 'password' ? ERROR_NONE : ERROR_AUTH_FAILED;
}

function certified(user: UserRecord | undefined): CertificateUser | undefined {
  return user?.kind === 'certificate' || user?.kind === 'ca' ? user : undefined;
}

/** In place of the hash of a user who does not exist. */
const NOBODY = new Uint8Array(HASH_BYTES);
