import { Crypto } from '../../../engine/crypto/module.ts';
import { LegacyTlsClient, type TlsClientOptions } from '../../../engine/tls-legacy/client.ts';
import type { LegacyTls } from '../../../engine/tls-legacy/connection.ts';
import { LegacyTlsServer, type TlsServerOptions } from '../../../engine/tls-legacy/server.ts';
import { SessionCache } from '../../../engine/tls-legacy/sessions.ts';
import { SSL3, SUITES, TLS12 } from '../../../engine/tls-legacy/suites.ts';
import { certificates } from '../../../hosts/shared/certificates.ts';
import { cryptoBinary } from '../../sim/host.ts';
import { World } from '../../sim/world.ts';
import { CERTIFICATE_PEM, KEY_PEM } from './identity.ts';

export const CERTIFICATE = Uint8Array.from(Buffer.from(CERTIFICATE_PEM.replace(/-----[^-]+-----|\s/g, ''), 'base64'));

/** One module for all connections of a test file, as in a server. */
export class TlsLab {
  readonly world: World;
  readonly crypto: Crypto;
  readonly serverSessions = new SessionCache();
  readonly clientSessions = new SessionCache();
  now = 0;
  readonly #key = certificates.rsaKey(KEY_PEM)!;

  constructor(seed = 1, scalar = false) {
    this.world = new World(seed);
    this.crypto = new Crypto(cryptoBinary, { slots: 256, random: (count) => this.world.bytes(count), scalar });
  }

  client(options: Partial<TlsClientOptions> = {}): LegacyTlsClient {
    return new LegacyTlsClient({
      ...{ crypto: this.crypto, random: (count) => this.world.bytes(count), now: this.now, certificates },
      ...{ suites: SUITES, minimum: SSL3, host: 'localhost', sessions: this.clientSessions, place: 'localhost:443' },
      ...options,
    });
  }

  server(options: Partial<TlsServerOptions> = {}): LegacyTlsServer {
    return new LegacyTlsServer({
      ...{ crypto: this.crypto, random: (count) => this.world.bytes(count), now: this.now },
      ...{ key: this.#key, certificates: [CERTIFICATE], suites: SUITES, minimum: SSL3, highest: TLS12 },
      sessions: this.serverSessions,
      ...options,
    });
  }
}

/** What `end` has received. */
export class End {
  readonly tls: LegacyTls;
  readonly received: Uint8Array[] = [];

  constructor(tls: LegacyTls) {
    this.tls = tls;
  }

  receive(bytes: Uint8Array): void {
    this.tls.receive(bytes, (data) => {
      this.received.push(data.slice());
      return true;
    });
  }

  get data(): Buffer {
    return Buffer.concat(this.received);
  }
}

/** Carries handshake and alerts between the two until neither has anything to say. @param cut Bytes of one delivery. */
export function settle(a: End, b: End, cut = Number.POSITIVE_INFINITY): void {
  for (let quiet = 0; quiet < 2; ) {
    const output = a.tls.takeOutput();
    if (output === undefined) quiet++;
    else {
      quiet = 0;
      for (let at = 0; at < output.length; at += cut) b.receive(output.subarray(at, at + cut));
    }
    [a, b] = [b, a];
  }
}

/** Sends all of `data`. */
export function send(from: End, to: End, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    const { records, taken } = from.tls.seal(data.subarray(at));
    to.receive(records.slice());
    at += taken;
  }
}
