import type { Core } from '../core.ts';
import type { Random, Runtime } from '../host.ts';
import type { ClientCredential, ClientLogin } from '../login/client-login.ts';
import { ownExtensions } from '../login/own-extensions.ts';
import { hashedPassword, type Sha0 } from '../login/password.ts';
import type { ClientOptions } from './options.ts';

/** What a login needs to know; a cascade's has a credential that it may hold as a hash. */
export type LoginSettings = Pick<
  ClientOptions,
  'host' | 'hub' | 'user' | 'qos' | 'bridge' | 'monitor' | 'connections' | 'halfDuplex' | 'encrypt' | 'compress'
> & {
  readonly credential: ClientOptions['credential'] | Extract<ClientCredential, { kind: 'hash' }>;
  /** A hub logs in and not a person; no when absent. */
  readonly cascade?: boolean;
};

/** Keeps what a client needs to log in again and again, and as little of its password as possible. */
export class LoginTemplate {
  readonly #options: LoginSettings;
  readonly #runtime: Runtime;
  readonly #credential: ClientCredential;
  readonly #uniqueId: Uint8Array;
  readonly #core: Pick<Core, 'windowsFree'>;

  /** Takes over the password: a hashed one is wiped at once, a plain one is kept for the next login. */
  constructor(options: LoginSettings, runtime: Runtime, random: Random, core: Pick<Core, 'windowsFree'>, sha0: Sha0) {
    this.#core = core;
    this.#options = options;
    this.#runtime = runtime;
    this.#uniqueId = random(20);
    this.#credential = keep(options, sha0);
  }

  make(): ClientLogin {
    const { hub, user, host, qos, bridge, monitor = false, connections, halfDuplex, encrypt, compress } = this.#options;
    const credential = this.#credential;
    return {
      kind: 'login',
      hubName: hub,
      userName: user,
      credential: credential.kind === 'plain' ? { kind: 'plain', password: credential.password.slice() } : credential,
      wishes: {
        maxConnection: connections,
        useEncrypt: encrypt,
        useCompress: compress,
        halfConnection: halfDuplex,
        qos,
        bridgeMode: bridge,
        monitorMode: monitor,
      },
      cascade: this.#options.cascade === true,
      uniqueId: this.#uniqueId,
      node: {
        hostName: this.#runtime.hostName,
        osName: this.#runtime.osName,
        osVersion: this.#runtime.osVersion,
        uniqueId: this.#uniqueId.slice(0, 16),
        serverHostName: host,
      },
      extensions: ownExtensions({ compress, connections, windowsFree: this.#core.windowsFree }),
    };
  }
}

function keep({ credential, user }: LoginSettings, sha0: Sha0): ClientCredential {
  if (credential.kind !== 'hashed') return credential;
  const hash = hashedPassword(sha0, credential.password, user);
  credential.password.fill(0);
  return { kind: 'hash', hash };
}
