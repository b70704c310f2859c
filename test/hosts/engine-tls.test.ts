import { type Socket, connect as tcpConnect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Crypto } from '../../engine/crypto/module.ts';
import type { Channel, Listener } from '../../engine/host.ts';
import { chooseTls, type TlsAlgorithm, type TlsChoice, type TlsVersionName } from '../../engine/tls-legacy/choice.ts';
import { LegacyDialer } from '../../engine/tls-legacy/dialer.ts';
import { LegacyListener } from '../../engine/tls-legacy/listener.ts';
import { LEGACY_ALGORITHMS } from '../../engine/tls-legacy/suites.ts';
import { MAX_HANDSHAKES } from '../../hosts/shared/handshakes.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadHost } from '../support/runtime.ts';
import { Peer, sleep, until } from './peers.ts';
import { checker, send, stretch } from './transfer.ts';

const host = await loadHost();
const { network, random, clock, certificates } = host;
const identity = makeCertificate();
const crypto = new Crypto(host.cryptoBinary, { slots: 256, random });
const listeners: Listener[] = [];
const channels: Channel[] = [];
const FREE = crypto.slotsFree;

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.abort();
  for (const listener of listeners.splice(0)) await listener.close();
  await until('all keys are forgotten', () => crypto.slotsFree === FREE);
});

function choice(role: 'server' | 'client', algorithms: TlsAlgorithm[], minimum?: TlsVersionName): TlsChoice {
  const chosen = chooseTls({ algorithms, minimum }, role);
  if (!chosen.ok) throw new Error(chosen.problem);
  return chosen.choice;
}

async function serve(
  algorithms: TlsAlgorithm[],
  makePeer: () => Peer = () => new Peer(true),
  minimum?: TlsVersionName,
  module = crypto,
) {
  const { legacy, modern } = choice('server', algorithms, minimum);
  const peers: Peer[] = [];
  const options = { crypto: module, random, clock, certificates, ...identity };
  const tls = legacy && new LegacyListener({ legacy, ...(modern ? { modern } : {}) }, options);
  const listener = await network.listen(
    { host: '127.0.0.1', port: 0, ...identity, ...(tls ? { tls } : {}), minimum: modern?.minimum ?? 'TLSv1.2' },
    (channel) => {
      const peer = makePeer();
      peer.channel = channel;
      peers.push(peer);
      channels.push(channel);
      return peer;
    },
  );
  listeners.push(listener);
  return { port: listener.local.port, peers };
}

interface CallOptions {
  readonly minimum?: TlsVersionName;
  readonly peer?: Peer;
  readonly bare?: boolean;
  readonly dialer?: LegacyDialer;
  readonly ca?: string;
}

function dialerOf(algorithms: TlsAlgorithm[], minimum?: TlsVersionName): LegacyDialer {
  const { legacy } = choice('client', algorithms, minimum);
  return new LegacyDialer(legacy!, { crypto, random, clock, certificates });
}

function call(port: number, algorithms: TlsAlgorithm[], options: CallOptions = {}): Peer {
  const { minimum, peer = new Peer(true), bare = false, ca } = options;
  const { legacy, modern } = choice('client', algorithms, minimum);
  const dialer = legacy && (options.dialer ?? dialerOf(algorithms, minimum));
  peer.channel = network.connect(
    {
      ...{ host: '127.0.0.1', port, timeoutMs: 5_000, bare },
      ...(dialer ? { tls: () => dialer.open('127.0.0.1', port) } : { minimum: modern!.minimum }),
      ...(ca === undefined ? {} : { ca }),
    },
    peer,
  );
  channels.push(peer.channel);
  return peer;
}

/** A peer that checks what comes against the pattern. */
function checking(): Peer {
  const peer = new Peer();
  peer.onData = checker();
  return peer;
}

test.each(LEGACY_ALGORITHMS)('%s: megabytes both ways at once, then an orderly end', async (algorithm) => {
  const total = 3_000_000;
  const { port, peers } = await serve([algorithm], checking);
  const client = call(port, [algorithm], { peer: checking() });
  await client.whenOpened;
  await until('the server has accepted', () => peers.length === 1);
  const [server] = peers;
  expect(client.channel.security).toMatchObject({
    protocol: algorithm === 'DES-CBC-SHA' ? 'TLSv1.1' : 'TLSv1.2',
    cipher: algorithm,
  });
  expect(server!.channel.security?.cipher).toBe(algorithm);
  let sent = 0;
  send(client, total, () => sent++);
  send(server!, total, () => sent++);
  await until('all has come', () => client.received === total && server!.received === total, 30_000);
  expect(sent).toBe(2);
  client.channel.close();
  expect(await server!.whenClosed).toBeUndefined();
  expect(await client.whenClosed).toBeUndefined();
});

describe('one port for both', () => {
  test('the ClientHello decides, whoever comes first', async () => {
    const { port, peers } = await serve(['modern', 'RC4-MD5', 'AES256-SHA']);
    const calls = [
      call(port, ['modern']),
      call(port, ['RC4-MD5']),
      call(port, ['AES256-SHA']),
      call(port, ['modern'], { minimum: 'TLSv1.3' }),
    ];
    for (const [i, client] of calls.entries()) {
      await client.whenOpened;
      expect(client.channel.write(Buffer.from(`hello ${i}`))).toBe(7);
    }
    await until('all have spoken', () => peers.length === 4 && peers.every(({ received }) => received === 7));
    const ciphers = calls.map(({ channel }) => channel.security?.cipher);
    expect(ciphers[0]).toMatch(/GCM|CHACHA/);
    expect(ciphers.slice(1, 3)).toEqual(['RC4-MD5', 'AES256-SHA']);
    expect(calls[3]!.channel.security?.protocol).toBe('TLSv1.3');
    // What they said arrived where it belongs.
    for (const peer of peers) peer.channel.write(Buffer.from(`${peer.text} and ${peer.channel.security?.cipher}`));
    await until('all were answered', () => calls.every(({ received }) => received > 12));
    for (const [i, client] of calls.entries()) {
      expect(client.text).toBe(`hello ${i} and ${client.channel.security?.cipher}`);
    }
  });

  test('a ClientHello that comes byte by byte is waited for', async () => {
    const { port } = await serve(['modern', 'RC4-MD5']);
    const endpoint = dialerOf(['RC4-MD5']).open('localhost', port);
    const socket = tcpConnect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let answer = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
    });
    for (const byte of endpoint.takeOutput()!) {
      socket.write(Buffer.of(byte));
      await sleep(1);
    }
    await until('a ServerHello', () => answer.length > 100);
    expect([...answer.subarray(0, 3), answer[5]]).toEqual([22, 3, 3, 2]);
    endpoint.release();
    socket.destroy();
  });

  test.each([
    ['nothing, and the end', ''],
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['a record of the wrong kind', '\x17\x03\x01\x00\x05hello'],
    ['a ClientHello that lies about its length', '\x16\x03\x01\x00\x06\x01\xff\xff\xff\x03\x03'],
  ])('%s is nobody’s, and the port goes on', async (_name, text) => {
    const { port, peers } = await serve(['modern', 'RC4-MD5']);
    const socket = tcpConnect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(Buffer.from(text, 'latin1'));
    await sleep(100);
    const client = call(port, ['RC4-MD5']);
    await client.whenOpened;
    await until('accepted', () => peers.length === 1);
    socket.destroy();
  });

  test('megabytes over the runtime’s TLS on such a port, with a close at the end', async () => {
    const total = 5_000_000;
    const { port, peers } = await serve(['modern', 'RC4-MD5'], checking);
    const client = call(port, ['modern'], { peer: checking() });
    await client.whenOpened;
    await until('the server has accepted', () => peers.length === 1);
    send(client, total);
    send(peers[0]!, total);
    await until('all has come', () => client.received === total && peers[0]!.received === total, 30_000);
    peers[0]!.channel.close();
    expect(await client.whenClosed).toBeUndefined();
    expect(await peers[0]!.whenClosed).toBeUndefined();
  });
});

describe('what is not allowed is not possible', () => {
  test.each<[string, TlsAlgorithm[], TlsVersionName | undefined, TlsAlgorithm[], TlsVersionName | undefined, RegExp]>([
    ['an old client, a modern port', ['modern'], undefined, ['RC4-MD5'], undefined, /TLS/],
    ['a modern client, an old port', ['RC4-MD5'], undefined, ['modern'], undefined, /TLS|handshake|HANDSHAKE/],
    ['another algorithm', ['AES256-SHA'], undefined, ['RC4-MD5'], undefined, /it refuses: handshake_failure/],
    ['less than the server wants', ['AES256-SHA'], 'TLSv1.2', ['DES-CBC-SHA'], 'TLSv1', /it refuses/],
    ['less than the client wants', ['DES-CBC-SHA', 'AES256-SHA'], undefined, ['DES-CBC3-SHA'], 'TLSv1.2', /it refuses/],
    ['TLS 1.2 where 1.3 is the minimum', ['AES256-SHA'], undefined, ['modern'], 'TLSv1.3', /./],
  ])('%s', async (_name, offered, serverMinimum, wanted, clientMinimum, message) => {
    const { port, peers } = await serve(offered, undefined, serverMinimum);
    const client = call(port, wanted, clientMinimum === undefined ? {} : { minimum: clientMinimum });
    const error = await client.whenClosed;
    expect(error?.message).toMatch(message);
    expect(error?.message).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+: /);
    expect(client.events).toEqual(['closed']);
    // Bun finds out only when the handshake is over.
    if (clientMinimum !== 'TLSv1.3') expect(peers).toHaveLength(0);
  });

  test('a key for another algorithm is refused with words', () => {
    const { legacy } = choice('server', ['RC4-MD5']);
    const none = { ...certificates, rsaKey: () => undefined };
    const make = () =>
      new LegacyListener({ legacy: legacy! }, { crypto, random, clock, certificates: none, ...identity });
    expect(make).toThrow(/RC4-MD5 need a private key for RSA/);
  });
});

describe('strangers', () => {
  /** A connection that says a ClientHello and nothing more. */
  async function dawdle(port: number): Promise<{ closed: () => boolean; socket: Socket }> {
    const endpoint = dialerOf(['RC4-MD5']).open('localhost', port);
    const socket = tcpConnect(port, '127.0.0.1');
    let closed = false;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        closed = true;
      });
    const answered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    socket.resume().write(endpoint.takeOutput()!);
    endpoint.release();
    await answered;
    return { closed: () => closed, socket };
  }

  test('more handshakes than there may be push out those that take longest', async () => {
    const many = new Crypto(host.cryptoBinary, { slots: 1_024, random });
    const { port } = await serve(['modern', 'RC4-MD5'], undefined, undefined, many);
    const first = await dawdle(port);
    const others: Awaited<ReturnType<typeof dawdle>>[] = [];
    for (let i = 0; i < MAX_HANDSHAKES; i++) others.push(await dawdle(port));
    await until('the first was closed', first.closed);
    expect(others.filter(({ closed }) => !closed()).length).toBeGreaterThan(MAX_HANDSHAKES - 5);
    const client = call(port, ['RC4-MD5']);
    await client.whenOpened;
    for (const { socket } of others) socket.destroy();
    client.channel.abort();
    await until('all keys are forgotten', () => many.slotsFree === 1_024);
  });

  test('without room for keys a connection is closed, and the port goes on', async () => {
    const few = new Crypto(host.cryptoBinary, { slots: 7, random });
    const { port, peers } = await serve(['RC4-MD5'], undefined, undefined, few);
    const calls = Array.from({ length: 8 }, () => call(port, ['RC4-MD5']));
    await Promise.all(calls.map((each) => Promise.race([each.whenOpened, each.whenClosed])));
    expect(calls.filter(({ error }) => error !== undefined).length).toBeGreaterThan(4);
    for (const each of calls) each.channel.abort();
    await until('all keys are forgotten', () => few.slotsFree === 7);
    const before = peers.length;
    await call(port, ['RC4-MD5']).whenOpened;
    await until('accepted', () => peers.length === before + 1);
  });
});

test('further connections resume the session of the first, and show the same certificate', async () => {
  const { port, peers } = await serve(['AES128-SHA']);
  const dialer = dialerOf(['AES128-SHA']);
  let resumed = 0;
  const open = dialer.open.bind(dialer);
  dialer.open = (name, to) => {
    const endpoint = open(name, to);
    const { takeOutput } = endpoint;
    endpoint.takeOutput = function take() {
      if (endpoint.security !== undefined && (endpoint as { resumed?: boolean }).resumed) resumed++;
      return takeOutput.call(endpoint);
    };
    return endpoint;
  };
  const found: (Uint8Array | undefined)[] = [];
  for (let i = 0; i < 3; i++) {
    const client = call(port, ['AES128-SHA'], { dialer });
    await client.whenOpened;
    found.push(client.channel.security?.certificate);
    await until('accepted', () => peers.length === i + 1);
  }
  expect(resumed).toBeGreaterThan(0);
  expect(found[1]).toEqual(found[0]);
  expect(found[2]).toEqual(found[0]);
});

test('whom to trust is said as with the runtime’s TLS', async () => {
  const { port } = await serve(['modern', 'AES128-SHA']);
  const ca = makeCertificate({ ca: true });
  for (const options of [{}, { ca: ca.certificate }, { ca: identity.certificate }]) {
    const [modern, own] = [call(port, ['modern'], options), call(port, ['AES128-SHA'], options)];
    await modern.whenOpened;
    await own.whenOpened;
    expect(own.channel.security?.distrust).toBe(modern.channel.security?.distrust);
    expect(own.channel.security?.certificate).toEqual(modern.channel.security?.certificate);
  }
});

test('a peer that does not read is waited for, and holds no more than one write', async () => {
  const { port, peers } = await serve(['RC4-SHA'], checking);
  const client = call(port, ['RC4-SHA'], { peer: checking() });
  await client.whenOpened;
  await until('accepted', () => peers.length === 1);
  peers[0]!.channel.pause();
  const total = 30_000_000;
  let done = false;
  send(client, total, () => {
    done = true;
  });
  await sleep(300);
  expect(done).toBe(false);
  expect(client.channel.writable).toBe(false);
  peers[0]!.channel.resume();
  await until('all has come', () => peers[0]!.received === total, 30_000);
});

describe('leaving TLS', () => {
  const REQUEST = Buffer.from('the last request');
  const ANSWER = stretch(7, 40_000);

  test.each([
    'RC4-MD5',
    'AES256-SHA',
  ] as const)('%s: what is behind the last record is bare, both ways', async (algorithm) => {
    const down = stretch(2, 5_000);
    const up = stretch(3, 5_000);
    const { port, peers } = await serve([algorithm], () => {
      const peer = new Peer(true);
      peer.onData = () => {
        if (peer.received !== REQUEST.length) return;
        peer.channel.pause();
        expect(peer.channel.write(ANSWER)).toBe(ANSWER.length);
        peer.channel.leaveTls();
        peer.onWritable = () => {
          peer.onWritable = () => undefined;
          expect(peer.channel.write(down)).toBe(down.length);
        };
        peer.channel.resume();
      };
      return peer;
    });
    const client = new Peer(true);
    client.onData = () => {
      if (client.received < ANSWER.length) return;
      expect(client.received).toBe(ANSWER.length);
      client.onData = () => undefined;
      client.onWritable = () => {
        client.onWritable = () => undefined;
        expect(client.channel.write(up)).toBe(up.length);
      };
      client.channel.leaveTls();
    };
    call(port, [algorithm], { peer: client, bare: true });
    await client.whenOpened;
    client.channel.write(REQUEST);
    await until('all came down', () => client.received === ANSWER.length + down.length);
    await until('all came up', () => peers[0]!.received === REQUEST.length + up.length);
    expect(Buffer.concat(client.chunks!).equals(Buffer.concat([ANSWER, down]))).toBe(true);
    expect(Buffer.concat(peers[0]!.chunks!).equals(Buffer.concat([REQUEST, up]))).toBe(true);
    client.channel.close();
    expect(await peers[0]!.whenClosed).toBeUndefined();
  });
});
