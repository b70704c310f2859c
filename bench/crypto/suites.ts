/** Records of each suite, sealed and opened, and handshakes: both ends in one process, without a network. */

import { createHash, randomBytes } from 'node:crypto';
import forge from 'node-forge';
import { Crypto } from '../../engine/crypto/module.ts';
import { RECORD_TYPES, RecordReader, RecordWriter } from '../../engine/crypto/records.ts';
import { LegacyTlsClient } from '../../engine/tls-legacy/client.ts';
import type { LegacyTls } from '../../engine/tls-legacy/connection.ts';
import { LegacyTlsServer } from '../../engine/tls-legacy/server.ts';
import { SessionCache } from '../../engine/tls-legacy/sessions.ts';
import { SUITES, suiteOf, TLS1, TLS11, TLS12 } from '../../engine/tls-legacy/suites.ts';
import { certificates } from '../../hosts/shared/certificates.ts';
import { cryptoBinary } from '../../hosts/shared/core-binary.ts';
import { median } from '../tunnel/statistics.ts';

export const RECORD_SIZES = [64, 1_400, 16_384] as const;

export interface RecordFigure {
  readonly suite: string;
  readonly bytes: number;
  /** 10^6 bytes of data in a second. */
  readonly seal: number;
  readonly open: number;
}

export interface HandshakeFigure {
  readonly who: string;
  /** In a second, both ends together. */
  readonly full: number;
  /** With the session of an earlier one; absent where it was not measured. */
  readonly resumed?: number;
}

const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));

/** TLS 1.2, DES 1.1. Medians of the rounds, in each of which every suite has its turn. */
export function benchRecords(rounds: number, milliseconds: number): RecordFigure[] {
  const crypto = new Crypto(cryptoBinary, { slots: 8, random });
  const rows = SUITES.flatMap((suite) => RECORD_SIZES.map((bytes) => ({ suite, bytes, seal: [0], open: [0] })));
  for (const row of rows) [row.seal, row.open] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const { suite, bytes, seal, open } of rows) {
      const writer = new RecordWriter(crypto);
      const reader = new RecordReader(crypto);
      const keys = random(suite.macBytes + suite.keyBytes + suite.ivBytes);
      const version = suite.last === TLS12 ? TLS12 : TLS11;
      writer.protect(suite.id, version, keys);
      reader.protect(suite.id, version, keys);
      const data = random(bytes);
      const records: Uint8Array[] = [];
      // What is sealed has to be opened in the same order, so the two take turns.
      let [sealMs, openMs, moved] = [0, 0, 0];
      while (sealMs + openMs < milliseconds) {
        const batch = Math.max(1, Math.floor(200_000 / bytes));
        let start = performance.now();
        for (let i = 0; i < batch; i++) records.push(new Uint8Array(writer.seal(RECORD_TYPES.data, data)));
        sealMs += performance.now() - start;
        start = performance.now();
        for (const record of records.splice(0)) {
          const took = reader.read(record, always, always);
          if (took !== 'read') throw new Error(`${suite.name}: a record was ${took}`);
        }
        openMs += performance.now() - start;
        moved += batch * bytes;
      }
      seal.push(moved / sealMs / 1_000);
      open.push(moved / openMs / 1_000);
      writer.release();
      reader.release();
    }
  }
  return rows.map(({ suite, bytes, seal, open }) => ({
    ...{ suite: suite.name, bytes },
    ...{ seal: median(seal), open: median(open) },
  }));
}

const always = (): boolean => true;

/** RSA of 2048 bits. node-forge's own TLS (1.1) beside ours. */
export function benchHandshakes(milliseconds: number): HandshakeFigure[] {
  const identity = createIdentity();
  const crypto = new Crypto(cryptoBinary, { slots: 16, random });
  const key = certificates.rsaKey(identity.key)!;
  const der = Buffer.from(identity.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const suites = [suiteOf('AES128-SHA')];
  const ours = (resume: boolean): number => {
    const serverSessions = new SessionCache();
    const clientSessions = new SessionCache();
    let at = 0;
    return perSecond(milliseconds, () => {
      const place = resume ? 'one place' : `place ${at++}`;
      const common = { crypto, random, now: 0, suites, minimum: TLS1 } as const;
      const server = new LegacyTlsServer({
        ...{ ...common, key, certificates: [der], highest: TLS12 },
        sessions: serverSessions,
      });
      const client = new LegacyTlsClient({ ...common, certificates, host: 'peer', place, sessions: clientSessions });
      shake(client, server);
      if (client.security === undefined || server.security === undefined) throw new Error('no handshake came about');
      client.release();
      server.release();
    });
  };
  return [
    { who: 'Etherloom, TLS 1.2, AES128-SHA', full: ours(false), resumed: ours(true) },
    { who: 'node-forge, TLS 1.1, AES128-SHA', full: perSecond(milliseconds, () => shakeForge(identity)) },
  ];
}

function shake(a: LegacyTls, b: LegacyTls): void {
  for (let quiet = 0; quiet < 2; [a, b] = [b, a]) {
    const output = a.takeOutput();
    if (output === undefined) quiet++;
    else {
      quiet = 0;
      b.receive(output, always);
    }
  }
}

interface Identity {
  readonly certificate: string;
  readonly key: string;
}

function createIdentity(): Identity {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = `0${createHash('sha1').update(randomBytes(8)).digest('hex').slice(0, 14)}`;
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  const name = [{ name: 'commonName', value: 'peer' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  return {
    certificate: forge.pki.certificateToPem(certificate),
    key: forge.pki.privateKeyToPem(keys.privateKey),
  };
}

function shakeForge({ certificate, key }: Identity): void {
  const cipherSuites = [
    (forge.tls.CipherSuites as Record<string, forge.tls.CipherSuite>).TLS_RSA_WITH_AES_128_CBC_SHA!,
  ];
  let connected = 0;
  const nothing = {
    closed: () => {},
    dataReady: () => {},
    error: (_: unknown, error: { message: string }) => fail(error.message),
  };
  const common = { ...nothing, cipherSuites, connected: () => connected++, sessionCache: null as never };
  const client: forge.tls.Connection = forge.tls.createConnection({
    ...{ ...common, server: false, verify: () => true },
    tlsDataReady: (from) => server.process(from.tlsData.getBytes()),
  });
  const server: forge.tls.Connection = forge.tls.createConnection({
    ...{ ...common, server: true, getCertificate: () => certificate, getPrivateKey: () => key },
    tlsDataReady: (from) => client.process(from.tlsData.getBytes()),
  });
  client.handshake();
  if (connected !== 2) fail('no handshake came about');
}

function fail(message: string): never {
  throw new Error(`node-forge: ${message}`);
}

/** @param once Is called for a third of the time before it counts. */
function perSecond(milliseconds: number, once: () => void): number {
  for (const start = performance.now(); performance.now() - start < milliseconds / 3; ) once();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < milliseconds) {
    once();
    count++;
  }
  return (count * 1_000) / (performance.now() - start);
}
