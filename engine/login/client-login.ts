import type { Address, RsaKey } from '../host.ts';
import { NO_ADDRESS } from '../pack/address.ts';
import type { ProductInfo } from '../product.ts';
import type { Credential } from './credential.ts';
import type { Extensions } from './extensions.ts';
import type { Hello } from './hello.ts';
import { asksForBridge, type LoginRequest, MAX_CONNECTIONS, MAX_NAME, type SessionWishes } from './login-request.ts';
import type { NodeInfo } from './node-info.ts';
import { otherOs } from './os-info.ts';
import { HASH_BYTES, hashedPassword, MAX_PASSWORD_BYTES, type Sha0, securePassword } from './password.ts';

/** Signs the challenge of a server. */
export type Signer = Pick<RsaKey, 'sign'>;

/** With what a user signs in: `protocol/control-plane.md` §4.2. Types 0, 1, 1, 2 and 3 on the wire. */
export type ClientCredential =
  | { readonly kind: 'anonymous' }
  /** UTF-8. It is wiped once the login is written or the preamble is over: hand over a copy. */
  | { readonly kind: 'password'; readonly password: Uint8Array }
  /** The 20 bytes of `hashedPassword`, as a configuration keeps them. They are not wiped. */
  | { readonly kind: 'hash'; readonly hash: Uint8Array }
  /** UTF-8, for servers that ask RADIUS or a domain. It is wiped like `password`. */
  | { readonly kind: 'plain'; readonly password: Uint8Array }
  /** DER, and the key that belongs to it (§4.5). */
  | { readonly kind: 'certificate'; readonly certificate: Uint8Array; readonly key: Signer };

/** What the client says about its machine; informational (`protocol/control-plane.md` §4.7). */
export interface ClientNode {
  readonly hostName: string;
  readonly osName: string;
  readonly osVersion: string;
  /** 16 bytes, the same for all sessions of this installation. */
  readonly uniqueId: Uint8Array;
  /** The server as the user named it. */
  readonly serverHostName: string;
  readonly proxy?: { readonly hostName: string; readonly address: string; readonly port: number } | undefined;
}

export interface ClientLogin {
  readonly kind: 'login';
  readonly hubName: string;
  readonly userName: string;
  readonly credential: ClientCredential;
  readonly wishes: SessionWishes;
  /** Whether this is a hub and not a person: another name, which asks for bridge mode by itself (§9). */
  readonly cascade: boolean;
  /** 20 bytes that stay the same for this machine. */
  readonly uniqueId: Uint8Array;
  readonly node?: ClientNode | undefined;
  readonly extensions: Extensions;
}

/** What is known when the hello has come. */
export interface LoginContext {
  readonly sha0: Sha0;
  readonly product: ProductInfo;
  readonly hello: Hello;
  readonly remote: Address;
  readonly local: Address;
}

/** Bytes of a certificate in DER. A server takes more, but a login has 64 KiB for everything (§1.5). */
export const MAX_SENT_CERTIFICATE_BYTES = 48_000;

/** Lowest build that no server refuses: `protocol/control-plane.md` §4.6. */
export const MIN_BUILD = 9000;

/** Throws a `RangeError` for what a server would misunderstand or has no room for. Passwords are not in its text. */
export function checkLogin(login: ClientLogin, product: ProductInfo): void {
  const { maxConnection } = login.wishes;
  if (!login.cascade && asksForBridge(product.clientName)) {
    throw new RangeError(`clientName: expected a name without "server" and "bridge", got ${product.clientName}`);
  }
  if (product.build < MIN_BUILD) throw new RangeError(`build: expected at least ${MIN_BUILD}, got ${product.build}`);
  checkName('hubName', login.hubName);
  checkName('userName', login.userName);
  checkCredential(login.credential);
  if (login.uniqueId.length !== 20) throw new RangeError(`uniqueId: expected 20 bytes, got ${login.uniqueId.length}`);
  if (!Number.isInteger(maxConnection) || maxConnection < 1 || maxConnection > MAX_CONNECTIONS) {
    throw new RangeError(`maxConnection: expected an integer from 1 to ${MAX_CONNECTIONS}, got ${maxConnection}`);
  }
}

/** The login message of a client. */
export function loginRequest(login: ClientLogin, context: LoginContext): LoginRequest {
  const { product, hello, sha0 } = context;
  const name = login.cascade ? product.cascadeName : product.clientName;
  return {
    ...login.wishes,
    hubName: login.hubName,
    userName: login.userName,
    credential: wireCredential(login, sha0, hello.challenge),
    clientName: name,
    clientVersion: product.version,
    clientBuild: product.build,
    displayName: name,
    clientId: 0,
    uniqueId: login.uniqueId,
    nodeInfo: login.node === undefined ? undefined : nodeInfo(login.node, name, context),
    osInfo: login.node === undefined ? undefined : otherOs(login.node.osName),
    extensions: login.extensions,
  };
}

function checkName(what: string, name: string): void {
  if (name.trim() === '' || name.length > MAX_NAME || name.includes('\0')) {
    throw new RangeError(`${what}: expected 1 to ${MAX_NAME} characters, got ${JSON.stringify(name)}`);
  }
}

function checkCredential(credential: ClientCredential): void {
  if (credential.kind === 'anonymous') return;
  if (credential.kind === 'hash') {
    const { length } = credential.hash;
    if (length !== HASH_BYTES) throw new RangeError(`hash: expected ${HASH_BYTES} bytes, got ${length}`);
  } else if (credential.kind === 'certificate') {
    const { length } = credential.certificate;
    if (length === 0 || length > MAX_SENT_CERTIFICATE_BYTES) {
      throw new RangeError(`certificate: expected 1 to ${MAX_SENT_CERTIFICATE_BYTES} bytes, got ${length}`);
    }
  } else if (credential.password.length > MAX_PASSWORD_BYTES) {
    throw new RangeError(`password: expected at most ${MAX_PASSWORD_BYTES} bytes, got ${credential.password.length}`);
  } else if (credential.kind === 'plain' && credential.password.includes(0)) {
    throw new RangeError('password: expected no NUL, got one');
  }
}

/** Overwrites a password in memory. */
export function wipeCredential(credential: ClientCredential): void {
  if (credential.kind === 'password' || credential.kind === 'plain') credential.password.fill(0);
}

function wireCredential(login: ClientLogin, sha0: Sha0, challenge: Uint8Array): Credential {
  const { credential, userName } = login;
  switch (credential.kind) {
    case 'anonymous':
      return credential;
    case 'plain':
      return credential;
    case 'certificate': {
      const { certificate, key } = credential;
      return { kind: 'certificate', certificate, signature: key.sign(challenge) };
    }
    case 'hash':
      return { kind: 'hashed', securePassword: securePassword(sha0, credential.hash, challenge) };
    case 'password': {
      const hash = hashedPassword(sha0, credential.password, userName);
      const secure = securePassword(sha0, hash, challenge);
      hash.fill(0);
      return { kind: 'hashed', securePassword: secure };
    }
  }
}

function nodeInfo(node: ClientNode, productName: string, context: LoginContext): NodeInfo {
  const { product, hello, remote, local } = context;
  return {
    clientProductName: productName,
    clientProductVersion: product.version,
    clientProductBuild: product.build,
    clientOsName: node.osName,
    clientOsVersion: node.osVersion,
    clientOsProductId: '--',
    clientHostName: node.hostName,
    clientAddress: local.address,
    clientPort: local.port,
    // The server's text goes back to it, and a login has a bound that a hello has not.
    serverProductName: hello.server.slice(0, MAX_NAME),
    serverProductVersion: hello.version,
    serverProductBuild: hello.build,
    serverHostName: node.serverHostName,
    serverAddress: remote.address,
    serverPort: remote.port,
    proxyHostName: node.proxy?.hostName ?? '',
    proxyAddress: node.proxy?.address ?? NO_ADDRESS,
    proxyPort: node.proxy?.port ?? 0,
    uniqueId: node.uniqueId,
  };
}
