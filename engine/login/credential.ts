import type { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';

/** How a client says who it is: `protocol/control-plane.md` §4.2. Sizes are as they came; authentication judges them. */
export type Credential =
  | { readonly kind: 'anonymous' }
  /** `secure_password`, 20 bytes unless the client is wrong. */
  | { readonly kind: 'hashed'; readonly securePassword: Uint8Array }
  /** The password in the client's charset, UTF-8 outside Windows, without outer spaces and tabs. */
  | { readonly kind: 'plain'; readonly password: Uint8Array }
  /** DER of an X.509 certificate, and a signature of the challenge (§4.5). */
  | { readonly kind: 'certificate'; readonly certificate: Uint8Array; readonly signature: Uint8Array }
  /** From a cluster redirect (§5.2). */
  | { readonly kind: 'ticket'; readonly ticket: Uint8Array }
  /** 96 to 98, which are internal to the original's server process, and everything that does not exist. */
  | { readonly kind: 'unsupported'; readonly authType: number };

export const AUTH_ANONYMOUS = 0;
export const AUTH_HASHED = 1;
export const AUTH_PLAIN = 2;
export const AUTH_CERTIFICATE = 3;
export const AUTH_TICKET = 99;

export function putCredential(builder: PackBuilder, credential: Credential): PackBuilder {
  switch (credential.kind) {
    case 'anonymous':
      return builder.int('authtype', AUTH_ANONYMOUS);
    case 'hashed':
      return builder.int('authtype', AUTH_HASHED).data('secure_password', credential.securePassword);
    case 'plain':
      return builder.int('authtype', AUTH_PLAIN).str('plain_password', credential.password);
    case 'certificate':
      return builder
        .int('authtype', AUTH_CERTIFICATE)
        .data('cert', credential.certificate)
        .data('sign', credential.signature);
    case 'ticket':
      return builder.int('authtype', AUTH_TICKET).data('ticket', credential.ticket);
    case 'unsupported':
      return builder.int('authtype', credential.authType);
  }
}

/** An absent `authtype` is anonymous. */
export function getCredential(pack: Pack): Credential {
  const authType = pack.int('authtype');
  switch (authType) {
    case AUTH_ANONYMOUS:
      return { kind: 'anonymous' };
    case AUTH_HASHED:
      return { kind: 'hashed', securePassword: pack.data('secure_password') };
    case AUTH_PLAIN:
      return { kind: 'plain', password: pack.strBytes('plain_password') };
    case AUTH_CERTIFICATE:
      return { kind: 'certificate', certificate: pack.data('cert'), signature: pack.data('sign') };
    case AUTH_TICKET:
      return { kind: 'ticket', ticket: pack.data('ticket') };
    default:
      return { kind: 'unsupported', authType };
  }
}
