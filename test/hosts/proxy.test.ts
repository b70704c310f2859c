import { createServer } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { Channel, ConnectOptions, Listener, ProxyKind, ProxyOptions } from '../../engine/host.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadHost } from '../support/runtime.ts';
import { Peer, sleep, startServer, until } from './peers.ts';
import { startProxy, type TestProxy, type TestProxyOptions } from './proxies.ts';
import { checker, send } from './transfer.ts';

const { network } = await loadHost();
const ca = makeCertificate({ ca: true });
const identity = makeCertificate({ issuer: ca });
const listeners: Listener[] = [];
const channels: Channel[] = [];
const proxies: TestProxy[] = [];
const cleanups: (() => void)[] = [];

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.abort();
  for (const proxy of proxies.splice(0)) proxy.close();
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const listener of listeners.splice(0)) await listener.close();
});

async function serve(): Promise<{ port: number; peers: Peer[] }> {
  const { listener, port, peers } = await startServer(network, identity);
  listeners.push(listener);
  return { port, peers };
}

async function proxy(kind: ProxyKind, options?: TestProxyOptions): Promise<TestProxy & { options: ProxyOptions }> {
  const started = await startProxy(kind, options);
  proxies.push(started);
  return { ...started, options: { kind, host: '127.0.0.1', port: started.port } };
}

function call(port: number, way: ProxyOptions, more: Partial<ConnectOptions> = {}): Peer {
  const peer = new Peer(true);
  const options = { host: 'localhost', port, ca: ca.certificate, timeoutMs: 5_000, proxy: way, ...more };
  peer.channel = network.connect(options, peer);
  channels.push(peer.channel);
  return peer;
}

const ME = { user: 'alice', password: 'open sesame' };

/** Kind of proxy, what it is told of the target, and who we are to it. */
const WAYS = [
  ['http', 'localhost', undefined],
  ['http', 'localhost', ME],
  ['socks4', '127.0.0.1', undefined],
  ['socks4', '127.0.0.1', { user: 'alice' }],
  ['socks4a', 'localhost', undefined],
  ['socks4a', 'localhost', { user: 'alice' }],
  ['socks5', 'localhost', undefined],
  ['socks5', 'localhost', ME],
] as const;

const AS: Readonly<Record<string, string>> = {
  http: ' as alice:open sesame',
  socks5: ' as alice',
  socks4: ' as alice',
};

describe.each(WAYS)('through %s, which is told %s, as %j', (kind, told, who) => {
  test.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('to a target with TLS (bare %s, answers byte by byte %s)', async (bare, slow) => {
    const { port, peers } = await serve();
    const way = await proxy(kind, { ...who, slow });
    const client = call(port, { ...way.options, ...who }, { bare });
    await client.whenOpened;
    expect(way.asked).toEqual([`${told}:${port}${who === undefined ? '' : AS[kind.replace('4a', '4')]}`]);
    expect(client.channel.security?.protocol).toBe('TLSv1.3');
    expect(client.channel.security?.certificate?.length).toBeGreaterThan(100);
    // The certificate is checked for the target's name, not for the proxy's.
    expect(client.channel.security?.distrust).toBeUndefined();
    expect(client.channel.remote).toEqual({ address: '127.0.0.1', port: way.port });
    await until('the server has accepted', () => peers.length === 1);
    const server = peers[0]!;
    const total = 3 * 1024 * 1024;
    client.onData = checker();
    server.onData = checker();
    send(client, total);
    send(server, total);
    await until('all has arrived', () => client.received === total && server.received === total);
    if (bare) {
      const left = new Set<Peer>();
      server.onData = () => undefined;
      client.onData = () => {
        client.onData = () => undefined;
        client.channel.leaveTls();
      };
      for (const peer of [client, server]) peer.onWritable = () => left.add(peer);
      server.channel.pause();
      server.channel.write(Buffer.from('answer'));
      server.channel.leaveTls();
      server.channel.resume();
      await until('both have left', () => left.size === 2);
      client.channel.write(Buffer.from([0, 1, 2]));
      server.channel.write(Buffer.from([0, 3, 4]));
      await until('it came', () => server.received === total + 3 && client.received === total + 6 + 3);
    }
    client.channel.close();
    expect(await server.whenClosed).toBeUndefined();
    expect(await client.whenClosed).toBeUndefined();
  });
});

describe('the target', () => {
  test.each([
    ['localhost', false],
    ['127.0.0.1', false],
    ['localhost', true],
    ['127.0.0.1', true],
  ])('gets its own name in SNI: %s, bare %s', async (host, bare) => {
    const names: unknown[] = [];
    const server = tls.createServer({ cert: identity.certificate, key: identity.key }, (socket) => {
      names.push((socket as tls.TLSSocket & { servername: unknown }).servername);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const way = await proxy('http');
    const client = call((server.address() as { port: number }).port, way.options, { host, bare });
    await client.whenOpened;
    await until('the server saw it', () => names.length > 0);
    expect(names).toEqual([host]);
    expect(client.channel.security?.distrust).toBeUndefined();
  });

  test('with another name is distrusted', async () => {
    const { listener, port } = await startServer(
      network,
      makeCertificate({ issuer: ca, names: ['vpn.example'], addresses: [] }),
    );
    listeners.push(listener);
    const way = await proxy('socks5');
    for (const bare of [false, true]) {
      const client = call(port, way.options, { bare });
      await client.whenOpened;
      expect(client.channel.security?.distrust).toBe('it does not name localhost (it names DNS:vpn.example)');
    }
  });

  test.each([false, true])('that does not speak TLS, bare %s', async (bare) => {
    const plain = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => plain.close());
    const { port } = plain.address() as { port: number };
    const way = await proxy('socks5');
    const error = await call(port, way.options, { bare }).whenClosed;
    expect(error?.message).toMatch(
      /^Cannot connect to localhost:\d+ through the SOCKS5 proxy 127\.0\.0\.1:\d+: .*does not speak TLS 1\.2 or 1\.3/,
    );
  });

  test.each([false, true])('whose first bytes come with the answer of the proxy, bare %s', async (bare) => {
    const { port } = await serve();
    // A fatal alert, handshake_failure (RFC 8446 §6): it belongs to TLS.
    const way = await proxy('http', { behind: Buffer.from('15030300020228', 'hex') });
    const error = await call(port, way.options, { bare }).whenClosed;
    expect(error?.message).toMatch(/^Cannot connect to localhost:\d+ through the HTTP proxy .*/);
    expect(error?.code).toMatch(/ALERT|EPROTO/);
  });

  test('that vanishes later', async () => {
    const { port } = await serve();
    for (const bare of [false, true]) {
      const way = await proxy('socks5');
      const client = call(port, way.options, { bare });
      await client.whenOpened;
      await sleep(50);
      way.sockets[0]!.resetAndDestroy();
      expect((await client.whenClosed)?.message).toBe(
        `The connection with localhost:${port} through the SOCKS5 proxy 127.0.0.1:${way.port} was lost: ` +
          'the other side reset the connection (ECONNRESET).',
      );
    }
  });
});

describe('no way', () => {
  test.each(['http', 'socks4', 'socks4a', 'socks5'] as const)('no %s proxy there', async (kind) => {
    const way = await proxy(kind);
    way.close();
    const client = call(443, way.options);
    expect(client.events).toEqual([]);
    const name = { http: 'HTTP', socks4: 'SOCKS4', socks4a: 'SOCKS4a', socks5: 'SOCKS5' }[kind];
    expect(await client.whenClosed).toMatchObject({
      doing: 'connect',
      code: 'ECONNREFUSED',
      message:
        `Cannot connect to the ${name} proxy 127.0.0.1:${way.port}: ` +
        'the connection was refused; is the server running, and is the port right? (ECONNREFUSED).',
    });
    expect(client.events).toEqual(['closed']);
  });

  test('the name of the proxy is unknown', async () => {
    const error = await call(443, { kind: 'http', host: 'no-such-proxy.invalid', port: 1 }).whenClosed;
    expect(error?.message).toMatch(/^Cannot connect to the HTTP proxy no-such-proxy\.invalid:1: /);
  });

  test('the name of the target is unknown, where this machine has to know it', async () => {
    const way = await proxy('socks4');
    const error = await call(443, way.options, { host: 'no-such-host.invalid' }).whenClosed;
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(error?.code);
    expect(error?.message).toMatch(/^Cannot connect to no-such-host\.invalid:443 through the SOCKS4 proxy /);
    expect(way.asked).toEqual([]);
  });

  test.each([
    [
      'http',
      {},
      'ERR_PROXY_CREDENTIALS',
      'the proxy wants a user name and a password: it said "HTTP/1.1 407 Who Are You"',
    ],
    [
      'http',
      { user: 'alice', password: 'wrong' },
      'ERR_PROXY_CREDENTIALS',
      'the proxy refused the user or the password: it said "HTTP/1.1 407 Who Are You"',
    ],
    [
      'socks4',
      { user: 'bob' },
      'ERR_PROXY_CREDENTIALS',
      'the proxy refused the user: it said 93, "identd says another user"',
    ],
    [
      'socks5',
      {},
      'ERR_PROXY_CREDENTIALS',
      'the proxy wants a user name and a password, or a way to authenticate that is not known here',
    ],
    [
      'socks5',
      { user: 'alice', password: 'wrong' },
      'ERR_PROXY_CREDENTIALS',
      'the proxy refused the user or the password: it said 1',
    ],
  ] as const)('%s refuses %j', async (kind, who, code, said) => {
    const way = await proxy(kind, ME);
    const error = await call(443, { ...way.options, ...who }).whenClosed;
    expect(error?.code).toBe(code);
    const name = { http: 'HTTP', socks4: 'SOCKS4', socks5: 'SOCKS5' }[kind];
    expect(error?.message).toBe(
      `Cannot connect to localhost:443 through the ${name} proxy 127.0.0.1:${way.port}: ${said} (${code}).`,
    );
    expect(error?.message).not.toContain('wrong');
  });

  test.each([
    ['http', /did not get through to 127\.0\.0\.1:1: it said "HTTP\/1\.1 502 No Way There"/],
    ['socks4', /refused, or did not get through: it said 91, "rejected or failed"/],
    ['socks4a', /refused, or did not get through: it said 91, "rejected or failed"/],
    ['socks5', /the host refused the connection of the proxy: it said 5, "connection refused"/],
  ] as const)('%s does not reach the target', async (kind, said) => {
    const way = await proxy(kind);
    const error = await call(1, way.options, { host: '127.0.0.1' }).whenClosed;
    expect(error?.code).toBe('ERR_PROXY_TARGET');
    expect(error?.message).toMatch(said);
  });

  test.each([
    ['http', '', /the proxy closed the connection in the middle/],
    ['http', 'SSH-2.0-x\r\n', /what answers is no HTTP proxy: it said "S"/],
    ['http', 'HTTP/1.1 403 Not For You\r\n\r\n', /does not allow this: it said "HTTP\/1\.1 403 Not For You"/],
    ['socks4', '', /the proxy closed the connection in the middle/],
    ['socks4a', 'HTTP/1.1 400 Bad Request\r\n\r\n', /what answers is no SOCKS4 proxy/],
    ['socks5', '\x05', /the proxy closed the connection in the middle/],
    ['socks5', 'HTTP/1.1 400 Bad Request\r\n\r\n', /what answers is no SOCKS5 proxy/],
  ] as const)('%s says %j', async (kind, refuse, said) => {
    const way = await proxy(kind, { refuse: Buffer.from(refuse, 'latin1') });
    const error = await call(443, way.options).whenClosed;
    expect(error?.message).toMatch(said);
  });

  test('a proxy that says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const begin = performance.now();
    const client = call(443, { kind: 'socks5', host: '127.0.0.1', port }, { timeoutMs: 300 });
    expect(await client.whenClosed).toMatchObject({
      code: 'ETIMEDOUT',
      message: `Cannot connect to localhost:443 through the SOCKS5 proxy 127.0.0.1:${port}: the proxy did not answer in time (ETIMEDOUT).`,
    });
    expect(performance.now() - begin).toBeLessThan(2_000);
  });

  test('options that do not fit, before anything is sent', async () => {
    const way = await proxy('socks4');
    const error = await call(443, { ...way.options, ...ME }).whenClosed;
    expect(error).toMatchObject({ code: 'ERR_PROXY_OPTIONS' });
    expect(error?.message).toMatch(/SOCKS4 knows a user and no password/);
    expect(way.sockets.length).toBe(0);
  });

  test.each([false, true])('close and abort before it is open, bare %s', async (bare) => {
    const { port } = await serve();
    const way = await proxy('http', { slow: true });
    const peers = [call(port, way.options, { bare }), call(port, way.options, { bare })];
    peers[0]!.channel.abort();
    await until('the other has asked', () => way.asked.length >= 1);
    peers[1]!.channel.close();
    for (const peer of peers) {
      expect(await peer.whenClosed).toBeUndefined();
      expect(peer.events).toEqual(['closed']);
    }
    await until('its sockets are closed', () => way.sockets.every((socket) => socket.destroyed));
  });

  test.each([false, true])('a server that says nothing in TLS, bare %s', async (bare) => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const way = await proxy('socks5');
    const { port } = silent.address() as { port: number };
    const client = call(port, way.options, { bare, timeoutMs: 300 });
    expect(await client.whenClosed).toMatchObject({ code: 'ETIMEDOUT' });
    await until('its socket is closed', () => way.sockets.every((socket) => socket.destroyed));
    const other = call(port, way.options, { bare });
    await until('TLS has begun', () => way.asked.length === 2);
    other.channel.abort();
    expect(await other.whenClosed).toBeUndefined();
    await until('its socket is closed', () => way.sockets.every((socket) => socket.destroyed));
  });
});
