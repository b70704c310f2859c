/** Sessions that are resumed, those that must not be, and what is left of their secrets. */
import { describe, expect, test } from 'vitest';
import { RECORD_TYPES, RecordReader } from '../../../engine/crypto/records.ts';
import type { RsaKey } from '../../../engine/host.ts';
import { FATAL, WARNING } from '../../../engine/tls-legacy/alerts.ts';
import type { TlsClientOptions } from '../../../engine/tls-legacy/client.ts';
import { MESSAGES } from '../../../engine/tls-legacy/hello.ts';
import { keyBlock, masterSecret } from '../../../engine/tls-legacy/keys.ts';
import type { TlsServerOptions } from '../../../engine/tls-legacy/server.ts';
import { hex, SessionCache, type TlsSession } from '../../../engine/tls-legacy/sessions.ts';
import { SUITES, suiteOf, TLS1, TLS11, TLS12 } from '../../../engine/tls-legacy/suites.ts';
import { certificates } from '../../../hosts/shared/certificates.ts';
import { NOTHING, PROTOCOLS, type Protocol } from './hand.ts';
import { CERTIFICATE, End, send, settle, TlsLab } from './harness.ts';
import { KEY_PEM } from './identity.ts';
import { clientAt, type Stage, serverAt, startClient, startServer } from './stages.ts';

const HOUR_MS = 3_600_000;
const SESSIONS_MAX = 1_024;

interface Meeting {
  readonly client?: Partial<TlsClientOptions>;
  readonly server?: Partial<TlsServerOptions>;
}

/** A client and a server meet; whether they resumed a session. Data goes both ways. */
function meet(lab: TlsLab, { client: clientOptions, server: serverOptions }: Meeting = {}): boolean {
  const client = new End(lab.client(clientOptions));
  const server = new End(lab.server(serverOptions));
  settle(client, server);
  expect([client.tls.failure, server.tls.failure]).toEqual([undefined, undefined]);
  expect(client.tls.resumed).toBe(server.tls.resumed);
  expect(client.tls.security).toEqual(server.tls.security);
  expect(client.tls.chain).toEqual([CERTIFICATE]);
  send(client, server, Uint8Array.of(1));
  send(server, client, Uint8Array.of(2));
  expect([...server.data, ...client.data]).toEqual([1, 2]);
  client.tls.close();
  settle(client, server);
  client.tls.release();
  server.tls.release();
  return client.tls.resumed;
}

describe('a session is resumed', () => {
  test('again and again', () => {
    const lab = new TlsLab(1);
    expect([1, 2, 3, 4].map(() => meet(lab))).toEqual([false, true, true, true]);
    expect([lab.serverSessions.size, lab.clientSessions.size]).toEqual([1, 1]);
  });

  test('by several connections at a time', () => {
    const lab = new TlsLab(1);
    meet(lab);
    const pairs = Array.from({ length: 5 }, () => [new End(lab.client()), new End(lab.server())] as const);
    for (const [client, server] of pairs) settle(client, server, 20);
    for (const [client, server] of pairs) {
      expect([client.tls.resumed, client.tls.open, server.tls.open]).toEqual([true, true, true]);
      client.tls.release();
      server.tls.release();
    }
  });

  test('though the server would choose another suite by now', () => {
    const lab = new TlsLab(1);
    meet(lab, { server: { suites: SUITES } });
    expect(meet(lab, { server: { suites: SUITES.toReversed() } })).toBe(true);
  });

  test('by a client that has forgotten it in the meantime', () => {
    const lab = new TlsLab(1);
    meet(lab);
    const client = new End(lab.client());
    const server = new End(lab.server());
    lab.clientSessions.clear();
    settle(client, server);
    expect([client.tls.resumed, client.tls.open, server.tls.open]).toEqual([true, true, true]);
  });

  test('by a server that forgets it while it does', () => {
    const lab = new TlsLab(1);
    const server = serverAt(lab, 'resumed change');
    lab.serverSessions.clear();
    server.tell(server.hand.change(), server.hand.finished());
    expect(server.end.tls.open).toBe(true);
  });

  test('for an hour, which resuming does not make longer', () => {
    const lab = new TlsLab(1);
    lab.now = 5;
    meet(lab);
    lab.now += HOUR_MS - 1;
    expect(meet(lab)).toBe(true);
    lab.now += 1;
    expect(meet(lab)).toBe(false);
    expect(meet(lab)).toBe(true);
  });

  test('for an hour by each side', () => {
    for (const side of ['client', 'server'] as const) {
      const lab = new TlsLab(1);
      meet(lab);
      expect(meet(lab, { [side]: { now: HOUR_MS - 1 } })).toBe(true);
      expect(meet(lab, { [side]: { now: HOUR_MS } })).toBe(false);
    }
  });
});

describe('a session is not resumed', () => {
  test.each<[string, Meeting]>([
    ['with another version of the client', { client: { maximum: TLS11 } }],
    ['with another version of the server', { server: { maximum: TLS1 } }],
    ['with a minimum of the client that is above it', { client: { minimum: TLS12 } }],
    ['without its suite on the client', { client: { suites: [suiteOf('AES128-SHA')] } }],
    ['without its suite on the server', { server: { suites: [suiteOf('AES128-SHA')] } }],
    ['at another place', { client: { place: 'localhost:444' } }],
    ['by a server that does not know it', { server: { sessions: new SessionCache() } }],
  ])('%s', (name, meeting) => {
    const lab = new TlsLab(1);
    const before: Meeting = name.includes('minimum') ? { client: { maximum: TLS11 } } : {};
    expect([meet(lab, before), meet(lab, before)]).toEqual([false, true]);
    expect(meet(lab, meeting)).toBe(false);
  });

  test('by a server whose id is empty', () => {
    const lab = new TlsLab(1);
    const client = startClient(lab);
    client.hand.sessionId = NOTHING;
    client.tell(client.hand.hello(), client.hand.certificate(), client.hand.done());
    client.tell(client.hand.change(), client.hand.finished());
    expect([client.end.tls.open, lab.clientSessions.size]).toEqual([true, 0]);
  });

  test('by an id that nobody gave, of any length', () => {
    const lab = new TlsLab(1);
    meet(lab);
    for (const length of [1, 16, 31, 32]) {
      const server = startServer(lab);
      const heard = server.tell(server.hand.hello({ sessionId: new Uint8Array(length).fill(3) }));
      expect(heard.map((each) => each.kind === 'message' && each.type)).toEqual([2, 11, 14]);
      // It is another one, and not the client's.
      expect(server.hand.sessionId).toHaveLength(32);
      server.release();
    }
  });

  test('by a client that does not offer its suite any more', () => {
    const lab = new TlsLab(1);
    const first = serverAt(lab, 'open');
    const { sessionId } = first.hand;
    first.release();
    const server = startServer(lab, { version: TLS12, suite: suiteOf('AES128-SHA') });
    server.tell(server.hand.hello({ sessionId }));
    expect([server.end.tls.failure, server.end.tls.resumed]).toEqual([undefined, false]);
    server.release();
  });

  test('below the minimum of the server', () => {
    const lab = new TlsLab(1);
    const old: Protocol = { version: TLS1, suite: suiteOf('AES128-SHA') };
    const first = serverAt(lab, 'open', old);
    const { sessionId } = first.hand;
    first.release();
    const server = startServer(lab, old, { minimum: TLS12 });
    server.refuses('protocol_version', server.hand.hello({ sessionId }));
  });
});

describe('a session that failed is not resumed', () => {
  const ways: readonly [string, (stage: Stage) => void][] = [
    ['a damaged record', (stage) => stage.refuses('bad_record_mac', new Uint8Array(50))],
    ['a message out of order', (stage) => stage.refuses('unexpected_message', stage.hand.say(99, NOTHING))],
    ['a fatal alert', (stage) => stage.endsSilently('handshake_failure', stage.hand.alert(FATAL, 'bad_record_mac'))],
  ];

  test.each(ways)('on the server: %s', (_name, fail) => {
    for (const at of ['open', 'resumed change', 'resumed finished', 'resumed open'] as const) {
      const lab = new TlsLab(1);
      const server = serverAt(lab, at);
      expect(lab.serverSessions.size).toBe(1);
      fail(server);
      expect(lab.serverSessions.size).toBe(0);
      const again = startServer(lab);
      again.tell(again.hand.hello({ sessionId: server.hand.sessionId }));
      expect(again.end.tls.resumed).toBe(false);
    }
  });

  test.each(ways)('on the client: %s', (_name, fail) => {
    for (const at of ['open', 'resumed change', 'resumed finished', 'resumed open'] as const) {
      const lab = new TlsLab(1);
      const client = clientAt(lab, at);
      expect(lab.clientSessions.size).toBe(1);
      fail(client);
      expect(lab.clientSessions.size).toBe(0);
      const hello = startClient(lab).hand.messages[0]!;
      // No id.
      expect(hello[4 + 2 + 32]).toBe(0);
    }
  });

  test('nor is one of a handshake that never came to its end', () => {
    const lab = new TlsLab(1);
    for (const at of ['exchange', 'change', 'finished'] as const) serverAt(lab, at).release();
    for (const at of ['certificate', 'done', 'change', 'finished'] as const) clientAt(lab, at).release();
    expect([lab.serverSessions.size, lab.clientSessions.size]).toEqual([0, 0]);
  });

  test('one whose connection was closed is', () => {
    const lab = new TlsLab(1);
    const server = serverAt(lab, 'resumed open');
    server.tell(server.hand.alert(WARNING, 'close_notify'));
    server.end.tls.close();
    server.release();
    const cut = serverAt(lab, 'resumed open');
    cut.end.tls.handleEnd();
    cut.release();
    expect(lab.serverSessions.size).toBe(2);
  });

  test('whoever knows the id and not the secret is found out', () => {
    const lab = new TlsLab(1);
    const { sessionId } = serverAt(lab, 'open').hand;
    const server = startServer(lab);
    const { hand } = server;
    hand.sessionId = sessionId;
    hand.master = new Uint8Array(48);
    server.end.receive(hand.hello());
    expect(server.end.tls.resumed).toBe(true);
    // Its Finished cannot be read, nor can its alert.
    expect(() => hand.hear(server.end.tls.takeOutput())).toThrow();
    server.end.receive(hand.change());
    server.end.receive(hand.say(MESSAGES.finished, new Uint8Array(12)));
    expect(server.end.tls.failure?.code).toBe('bad_record_mac');
    expect(server.end.tls.takeOutput()![0]).toBe(RECORD_TYPES.alert);
    server.isOver();
    expect(lab.serverSessions.get(hex(sessionId), 0)).toBeUndefined();
  });
});

describe('the cache', () => {
  const session = (byte: number): TlsSession => ({
    ...{ id: new Uint8Array(32).fill(byte), master: new Uint8Array(48).fill(byte || 1), chain: [] },
    ...{ version: TLS12, suite: suiteOf('RC4-SHA') },
  });
  const isWiped = ({ master }: TlsSession): boolean => master.every((byte) => byte === 0);

  test('keeps 1024 sessions, and wipes the oldest', () => {
    const cache = new SessionCache();
    const all = Array.from({ length: SESSIONS_MAX + 3 }, (_, i) => session(i & 255));
    for (const [i, each] of all.entries()) {
      cache.set(`${i}`, each, i);
      expect(cache.size).toBe(Math.min(i + 1, SESSIONS_MAX));
    }
    expect(all.map(isWiped)).toEqual(all.map((_, i) => i < 3));
    expect([cache.get('2', 0), cache.get('3', 0)]).toEqual([undefined, all[3]]);
    // One that is set anew is the newest.
    const anew = session(7);
    cache.set('3', anew, 0);
    expect([isWiped(all[3]!), cache.size]).toEqual([true, SESSIONS_MAX]);
    cache.set('one more', session(8), 0);
    expect([isWiped(all[4]!), cache.get('3', 0)]).toEqual([true, anew]);
  });

  test('wipes what is deleted, replaced, too old, and all', () => {
    const cache = new SessionCache();
    const [deleted, replaced, old, last, other] = [1, 2, 3, 4, 5].map(session) as TlsSession[];
    cache.set('a', deleted!, 0);
    cache.delete('a');
    cache.delete('a');
    cache.set('b', replaced!, 0);
    cache.set('b', last!, 0);
    cache.set('c', old!, 0);
    expect(cache.get('c', HOUR_MS - 1)).toBe(old);
    expect(cache.get('c', HOUR_MS)).toBeUndefined();
    expect([deleted, replaced, old, last].map((each) => isWiped(each!))).toEqual([true, true, true, false]);
    cache.set('d', other!, 0);
    cache.clear();
    expect([isWiped(last!), isWiped(other!), cache.size]).toEqual([true, true, 0]);
    expect(cache.get('b', 0)).toBeUndefined();
  });

  test('of a server drops the session that is oldest', () => {
    const lab = new TlsLab(1);
    const server = serverAt(lab, 'open');
    const { sessionId, master } = server.hand;
    server.release();
    for (let i = 0; i < SESSIONS_MAX; i++) lab.serverSessions.set(`${i}`, session(i & 255), 0);
    const again = startServer(lab);
    again.hand.master = master;
    again.tell(again.hand.hello({ sessionId }));
    expect([again.end.tls.resumed, lab.serverSessions.size]).toEqual([false, SESSIONS_MAX]);
  });
});

describe.each(PROTOCOLS)('$name: secrets', (protocol) => {
  /** Both ends of one connection, with what they were given to hold. */
  function watched(lab: TlsLab): {
    client: End;
    server: End;
    premaster: () => Uint8Array;
    blocks: Uint8Array[];
    secrets: Uint8Array[];
  } {
    const key = certificates.rsaKey(KEY_PEM)!;
    const blocks: Uint8Array[] = [];
    const secrets: Uint8Array[] = [];
    let premaster = NOTHING;
    const watchedKey: RsaKey = {
      decrypt(encrypted) {
        const block = key.decrypt(encrypted);
        blocks.push(block);
        return block;
      },
      sign: key.sign,
    };
    const client = new End(
      lab.client({
        ...{ suites: [protocol.suite], minimum: protocol.version, maximum: protocol.version },
        certificates: {
          ...certificates,
          encrypt(certificate, secret) {
            premaster = secret.slice();
            secrets.push(secret);
            return certificates.encrypt(certificate, secret);
          },
        },
      }),
    );
    const server = new End(lab.server({ key: watchedKey }));
    return { client, server, premaster: () => premaster, blocks, secrets };
  }

  test('what RSA gave and took is wiped', () => {
    const { client, server, blocks, secrets } = watched(new TlsLab(1));
    settle(client, server);
    expect([client.tls.open, blocks.length, secrets.length]).toEqual([true, 1, 1]);
    for (const each of [...blocks, ...secrets]) expect(each.every((byte) => byte === 0)).toBe(true);
  });

  test.each(['closed', 'failed'])('nothing of them is in the module’s memory once a connection has %s', (end) => {
    const lab = new TlsLab(1);
    const { client, server, premaster } = watched(lab);
    const hello = client.tls.takeOutput()!;
    const clientRandom = hello.slice(11, 43);
    server.receive(hello);
    const answer = server.tls.takeOutput()!;
    const serverRandom = answer.slice(11, 43);
    client.receive(answer);
    const flight = client.tls.takeOutput()!;
    server.receive(flight);
    client.receive(server.tls.takeOutput()!);
    expect(client.tls.open).toBe(true);
    send(client, server, new Uint8Array(100));
    send(server, client, new Uint8Array(100));
    const needles = secretsOf(protocol, premaster(), clientRandom, serverRandom);
    expect(typesOf(flight, protocol, needles.client!)).toEqual([22, 20, 22]);
    if (end === 'failed') {
      server.receive(new Uint8Array(50));
      client.receive(new Uint8Array(50));
    } else {
      client.tls.close();
      settle(client, server);
    }
    client.tls.release();
    server.tls.release();
    const memory = Buffer.from(lab.crypto.bytes.buffer, 0, lab.crypto.bytes.length);
    expect(Object.keys(needles).filter((name) => memory.includes(Buffer.from(needles[name]!)))).toEqual([]);
    expect(memory.subarray(lab.crypto.wasm.SLOTS.value).every((byte) => byte === 0)).toBe(true);
    for (const sessions of [lab.clientSessions, lab.serverSessions])
      expect(sessions.size).toBe(end === 'failed' ? 0 : 1);
  });
});

/** By a module of its own. `client` and `server` are the keys of that side together. */
function secretsOf(
  { version, suite }: Protocol,
  premaster: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Record<string, Uint8Array> {
  const { crypto } = new TlsLab(2);
  const master = masterSecret(crypto, version, premaster, clientRandom, serverRandom);
  const keys = keyBlock(crypto, { version, master, clientRandom, serverRandom }, suite);
  const { macBytes, keyBytes } = suite;
  const parts = (['client', 'server'] as const).flatMap((side): [string, Uint8Array][] => [
    [side, keys[side]],
    [`MAC key of the ${side}`, keys[side].subarray(0, macBytes)],
    [`cipher key of the ${side}`, keys[side].subarray(macBytes, macBytes + keyBytes)],
  ]);
  return { premaster, master, ...Object.fromEntries(parts) };
}

/** The types of the records of a flight that changes to these keys; it throws when they are not the right ones. */
function typesOf(flight: Uint8Array, { version, suite }: Protocol, keys: Uint8Array): number[] {
  const reader = new RecordReader(new TlsLab(2).crypto);
  const types: number[] = [];
  const result = reader.read(
    flight,
    () => false,
    (type) => {
      types.push(type);
      if (type === RECORD_TYPES.changeCipherSpec) reader.protect(suite.id, version, keys);
      return true;
    },
  );
  if (result !== 'read') throw new Error('these keys do not open it');
  return types;
}
