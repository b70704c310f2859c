/** Makes this program's own TLS for the connections that a client opens. */

import type { Crypto } from '../crypto/module.ts';
import type { Certificates, Clock, Random, TlsEndpoint } from '../host.ts';
import type { TlsChoice } from './choice.ts';
import { LegacyTlsClient } from './client.ts';
import { SessionCache } from './sessions.ts';

export interface LegacyDialerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly certificates: Certificates;
}

export class LegacyDialer {
  readonly #legacy: NonNullable<TlsChoice['legacy']>;
  readonly #options: LegacyDialerOptions;
  /** Further connections of a session, and the next session, are spared the server's RSA. */
  readonly #sessions = new SessionCache();

  constructor(legacy: NonNullable<TlsChoice['legacy']>, options: LegacyDialerOptions) {
    this.#legacy = legacy;
    this.#options = options;
  }

  open(host: string, port: number): TlsEndpoint {
    const { crypto, random, clock, certificates } = this.#options;
    const { suites, minimum } = this.#legacy;
    return new LegacyTlsClient({
      ...{ crypto, random, now: clock.now(), certificates, suites, minimum, host },
      ...{ sessions: this.#sessions, place: `${host} ${port}` },
    });
  }
}
