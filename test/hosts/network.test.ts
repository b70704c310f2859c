import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { Channel, Listener } from '../../engine/host.ts';
import { MAX_HANDSHAKES } from '../../hosts/shared/handshakes.ts';
import { makeCertificate } from '../support/certificate.ts';
import { isBun, loadHost } from '../support/runtime.ts';
import { dial, Peer, sleep, startServer, until } from './peers.ts';

const { network } = await loadHost();
const identity = makeCertificate();
const listeners: Listener[] = [];
const channels: Channel[] = [];

async function serve(makePeer?: () => Peer, certificate = identity) {
  const server = await startServer(network, certificate, makePeer);
  listeners.push(server.listener);
  return server;
}

function call(port: number, options?: Parameters<typeof dial>[2]): Peer {
  const peer = dial(network, port, options);
  channels.push(peer.channel);
  return peer;
}

async function pair(serverPeer?: () => Peer, clientPeer?: Peer) {
  const server = await serve(serverPeer);
  const client = call(server.port, clientPeer === undefined ? {} : { peer: clientPeer });
  await client.whenOpened;
  await until('the server has accepted', () => server.peers.length === 1);
  return { ...server, client, remote: server.peers[0]! };
}

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.abort();
  for (const listener of listeners.splice(0)) await listener.close();
});

/** Fills bytes so that any that is lost, doubled or overwritten shows: each depends on its place in the stream. */
function pattern(bytes: Uint8Array, position: number): void {
  for (let index = 0; index < bytes.length; index++) bytes[index] = ((position + index) * 2_654_435_761) >>> 21;
}

function checker(): (bytes: Uint8Array) => void {
  let position = 0;
  return (bytes) => {
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] !== ((((position + index) * 2_654_435_761) >>> 21) & 255)) {
        throw new Error(`the byte at ${position + index} is wrong`);
      }
    }
    position += bytes.length;
  };
}

/** Sends `total` bytes from one piece of memory that is spoilt after every write, as the engine's is. */
function send(peer: Peer, total: number, done: () => void = () => undefined): void {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 8, maximum: 8 }).buffer);
  let position = 0;
  let turn = 0;
  const pump = (): void => {
    while (position < total) {
      // Sizes vary, so that what is offered after a partial write is never what was offered before.
      const size = Math.min(total - position, 1 + ((turn++ * 70_001) % 400_000));
      const offered = memory.subarray((turn * 16) % 1024, ((turn * 16) % 1024) + size);
      pattern(offered, position);
      const taken = peer.channel.write(offered);
      offered.fill(0xee);
      position += taken;
      if (taken < size) return;
    }
    peer.onWritable = () => undefined;
    done();
  };
  peer.onWritable = pump;
  pump();
}

describe('handshake', () => {
  test('says what was negotiated and with whom', async () => {
    const { client, remote, port } = await pair();
    expect(client.events).toEqual(['opened']);
    expect(client.channel.security).toMatchObject({ protocol: 'TLSv1.3' });
    expect(client.channel.security?.cipher).toMatch(/^TLS_(AES|CHACHA20)_/);
    expect(remote.channel.security?.cipher).toBe(client.channel.security?.cipher);
    expect(remote.channel.security?.certificate).toBeUndefined();
    expect(Buffer.from(client.channel.security!.certificate!)).toEqual(new X509Certificate(identity.certificate).raw);
    expect(client.channel.remote).toEqual({ address: '127.0.0.1', port });
    expect(remote.channel.remote).toEqual(client.channel.local);
    expect(client.channel.writable).toBe(true);
  });

  test('the kernel tells of the connection', async () => {
    const { client } = await pair();
    const state = client.channel.tcp?.();
    expect(state).toMatchObject({ unsentBytes: 0, retransmissions: 0 });
    // RFC 6928 §2, and what the segments of the handshake may have added.
    expect(state?.congestionWindow).toBeGreaterThanOrEqual(10);
    expect(state?.congestionWindow).toBeLessThan(20);
    expect(state?.deliveredBytes).toBeGreaterThan(300);
    expect(state?.deliveredBytes).toBeLessThan(10_000);
    expect(state?.leastRoundTripMs).toBeLessThan(100);
  });

  test('distrusts a self-signed certificate and connects all the same', async () => {
    const { client } = await pair();
    expect(client.channel.security?.distrust).toBe('the certificate is self-signed');
  });

  test('trusts a certificate of the CA it was given', async () => {
    const ca = makeCertificate({ ca: true });
    const { port } = await serve(undefined, makeCertificate({ issuer: ca }));
    const client = call(port, { ca: ca.certificate });
    await client.whenOpened;
    expect(client.channel.security?.distrust).toBeUndefined();
    const stranger = call(port);
    await stranger.whenOpened;
    expect(stranger.channel.security?.distrust).toBe('the issuer of the certificate is not a trusted CA');
  });

  test('distrusts a wrong name, and says so beside a wrong issuer', async () => {
    const ca = makeCertificate({ ca: true });
    const wrong = makeCertificate({ issuer: ca, names: ['vpn.example'], addresses: [] });
    const { port } = await serve(undefined, wrong);
    const client = call(port, { ca: ca.certificate });
    await client.whenOpened;
    expect(client.channel.security?.distrust).toBe('it does not name 127.0.0.1 (it names DNS:vpn.example)');
    const stranger = call(port, { host: 'localhost' });
    await stranger.whenOpened;
    expect(stranger.channel.security?.distrust).toBe(
      'the issuer of the certificate is not a trusted CA; it does not name localhost (it names DNS:vpn.example)',
    );
  });

  test('distrusts an expired certificate', async () => {
    const ca = makeCertificate({ ca: true });
    const { port } = await serve(undefined, makeCertificate({ issuer: ca, expired: true }));
    const client = call(port, { ca: ca.certificate });
    await client.whenOpened;
    expect(client.channel.security?.distrust).toBe('the certificate, or one above it, has expired');
  });

  test.each(['127.0.0.1', 'localhost'])('sends %s as SNI', async (host) => {
    const names: unknown[] = [];
    const server = tls.createServer({ cert: identity.certificate, key: identity.key }, (socket) => {
      names.push((socket as tls.TLSSocket & { servername: unknown }).servername);
      socket.on('error', () => undefined).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = call((server.address() as { port: number }).port, { host });
    await client.whenOpened;
    await until('the server saw it', () => names.length > 0);
    server.close();
    expect(names).toEqual([host]);
  });

  test.each([
    ['TLSv1.2', true],
    ['TLSv1.1', false],
  ] as const)('%s accepted: %s', async (version, accepted) => {
    const { port, peers } = await serve();
    // Not by the runtime's own client, which may have no TLS 1.1 at all.
    const option = version.toLowerCase().replace('v', '').replace('.', '_');
    const client = spawn('openssl', [
      's_client',
      `-${option}`,
      '-cipher',
      'ALL:@SECLEVEL=0',
      '-connect',
      `127.0.0.1:${port}`,
    ]);
    let output = '';
    for (const stream of [client.stdout, client.stderr]) stream.on('data', (text) => (output += text));
    await until('s_client has said how it went', () => /Cipher is/.test(output));
    client.kill();
    const result = !output.includes('(NONE)');
    expect(result).toBe(accepted);
    if (accepted) await until('the server has accepted', () => peers.length === 1);
    expect(peers.map((peer) => peer.channel.security?.protocol)).toEqual(accepted ? [version] : []);
  });
});

describe('transfer', () => {
  const TOTAL = 24 * 1024 * 1024;

  test('many bytes both ways at once, from memory that is reused after every write', async () => {
    const { client, remote } = await pair(() => new Peer(), new Peer());
    client.onData = checker();
    remote.onData = checker();
    send(client, TOTAL);
    send(remote, TOTAL);
    await until('all has arrived', () => client.received === TOTAL && remote.received === TOTAL, 20_000);
  });

  test('of Node: what is read lands in the same memory, on both sides', async () => {
    if (isBun) return;
    const { client, remote } = await pair(() => new Peer(), new Peer());
    const memory = new Set<ArrayBufferLike>();
    for (const peer of [client, remote]) peer.onData = (bytes) => memory.add(bytes.buffer);
    send(client, 1 << 20);
    send(remote, 1 << 20);
    await until('all has arrived', () => client.received + remote.received === 2 << 20);
    expect(memory.size).toBe(1);
  });

  test('a slow reader holds the sender back and gets every byte', async () => {
    const { client, remote } = await pair(() => new Peer(), new Peer());
    const check = checker();
    let pauses = 0;
    client.onData = (bytes) => {
      check(bytes);
      client.channel.pause();
      setTimeout(() => client.channel.resume(), pauses++ % 4);
    };
    let sent = false;
    client.channel.pause();
    send(remote, TOTAL, () => {
      sent = true;
    });
    await sleep(200);
    expect(sent).toBe(false);
    expect(remote.channel.writable).toBe(false);
    expect(remote.channel.write(new Uint8Array(10))).toBe(0);
    client.channel.resume();
    await until('all has arrived', () => client.received === TOTAL, 20_000);
  });

  test('pause stops the data', async () => {
    const { client, remote } = await pair();
    client.channel.pause();
    remote.channel.write(Buffer.from('hello'));
    await sleep(100);
    expect(client.received).toBe(0);
    client.channel.resume();
    await until('it has arrived', () => client.received === 5);
  });
});

describe('close', () => {
  test('delivers everything, then ends in order on both sides', async () => {
    const total = 3 * 1024 * 1024;
    const { client, remote } = await pair(() => new Peer(), new Peer());
    const check = checker();
    remote.onData = (bytes) => {
      check(bytes);
      remote.channel.pause();
      setTimeout(() => remote.channel.resume(), 1);
    };
    send(client, total, () => client.channel.close());
    expect(await remote.whenClosed).toBeUndefined();
    expect(remote.received).toBe(total);
    expect(await client.whenClosed).toBeUndefined();
    expect(client.events).toEqual(['opened', 'closed']);
    expect(remote.events).toEqual(['opened', 'closed']);
    expect(client.channel.writable).toBe(false);
    expect(client.channel.write(new Uint8Array(1))).toBe(0);
  });

  test('delivers everything to a peer that keeps sending', async () => {
    const total = 300_000;
    const { client, remote } = await pair(() => new Peer(), new Peer());
    client.onData = checker();
    const flood = setInterval(() => client.channel.write(new Uint8Array(60_000)), 1);
    await until('the flood runs', () => remote.received > 0);
    let heard = 0;
    send(remote, total, () => {
      heard = remote.received;
      remote.channel.close();
    });
    expect(await client.whenClosed).toBeUndefined();
    clearInterval(flood);
    expect(client.received).toBe(total);
    expect(await remote.whenClosed).toBeUndefined();
    expect(remote.received).toBe(heard);
  });

  test('sends close_notify', async () => {
    const { port, peers } = await serve(() => {
      const peer = new Peer();
      peer.onData = () => {
        peer.channel.write(Buffer.from('goodbye\n'));
        peer.channel.close();
      };
      return peer;
    });
    const client = spawn('openssl', ['s_client', '-msg', '-connect', `127.0.0.1:${port}`]);
    let output = '';
    client.stdout.on('data', (text) => {
      output += text;
    });
    client.stdin.on('error', () => undefined).write('hello\n');
    await until('the server has closed', () => peers[0]?.events.includes('closed') === true);
    await until('s_client has said so', () => /<<<.*Alert[^\n]*close_notify/.test(output));
    expect(output).toContain('goodbye');
    client.stdin.end();
    client.kill();
  });

  test('of a peer that sends FIN without close_notify is in order', async () => {
    const { port, peers } = await serve();
    const raw = tcpConnect(port, '127.0.0.1');
    const socket = tls.connect({ socket: raw, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    await new Promise((resolve) => socket.write('last words', resolve));
    await until('the words came', () => peers[0]?.text === 'last words');
    raw.end();
    expect(await peers[0]!.whenClosed).toBeUndefined();
    raw.destroy();
  });

  test('before the handshake is over ends it', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
    const { port } = silent.address() as { port: number };
    const peers = [call(port), call(port)];
    peers[0]!.channel.abort();
    await until('it is connected', () => sockets.length >= 1);
    peers[1]!.channel.close();
    for (const peer of peers) {
      expect(await peer.whenClosed).toBeUndefined();
      expect(peer.events).toEqual(['closed']);
    }
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  test('from inside a callback does not call back at once', async () => {
    const { client, remote } = await pair();
    let inside = false;
    client.onData = () => {
      inside = true;
      client.channel.abort();
      client.channel.abort();
      client.channel.close();
      expect(client.events).toEqual(['opened']);
    };
    remote.channel.write(Buffer.from('x'));
    expect(await client.whenClosed).toBeUndefined();
    expect(inside).toBe(true);
    await remote.whenClosed;
    expect(remote.events).toEqual(['opened', 'closed']);
  });
});

describe('failure', () => {
  test('a peer that resets the connection', async () => {
    const { port, peers } = await serve();
    const raw = tcpConnect(port, '127.0.0.1');
    const socket = tls.connect({ socket: raw, rejectUnauthorized: false }).on('error', () => undefined);
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    await until('the server has accepted', () => peers.length === 1);
    raw.resetAndDestroy();
    const error = await peers[0]!.whenClosed;
    expect(error?.code).toBe('ECONNRESET');
    expect(error?.message).toMatch(/^The connection with 127\.0\.0\.1:\d+ was lost: .*reset.* \(ECONNRESET\)\.$/);
  });

  test('a refused connection', async () => {
    const { port, listener } = await serve();
    await listener.close();
    const client = call(port);
    expect(client.events).toEqual([]);
    const error = await client.whenClosed;
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      message: `Cannot connect to 127.0.0.1:${port}: the connection was refused; is the server running, and is the port right? (ECONNREFUSED).`,
    });
    expect(client.channel.write(new Uint8Array(5))).toBe(0);
    expect(client.events).toEqual(['closed']);
  });

  test('a name that does not exist, or nobody to ask', async () => {
    const error = await call(443, { host: 'no-such-host.invalid' }).whenClosed;
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(error?.code);
  });

  test('a CA that is no certificate', async () => {
    const { port } = await serve();
    const error = await call(port, { ca: 'nonsense' }).whenClosed;
    expect(error?.message).toBe(
      `Cannot connect to 127.0.0.1:${port}: what was given as trusted CAs holds no certificate in PEM (ERR_BAD_CA).`,
    );
  });

  test('a server that says nothing', async () => {
    const silent = createServer((socket) => sockets.push(socket));
    const sockets: Socket[] = [];
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const peer = new Peer();
    const begin = performance.now();
    peer.channel = network.connect({ host: '127.0.0.1', port, timeoutMs: 300 }, peer);
    const error = await peer.whenClosed;
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - begin).toBeLessThan(2_000);
    silent.close();
    for (const socket of sockets) socket.destroy();
  });

  test('a server that does not speak TLS', async () => {
    const plain = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const error = await call((plain.address() as { port: number }).port).whenClosed;
    expect(error?.message).toMatch(/does not speak TLS 1\.2 or 1\.3/);
    plain.close();
  });

  test('a port that is taken', async () => {
    const { port } = await serve();
    await expect(network.listen({ host: '127.0.0.1', port, ...identity }, () => new Peer())).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `Cannot listen on 127.0.0.1:${port}: another program listens there; stop it, or choose another port (EADDRINUSE).`,
    });
  });

  test('an address that is not ours, and a key that is none', async () => {
    const listen = (host: string, key: string) =>
      network.listen({ host, port: 0, certificate: identity.certificate, key }, () => new Peer());
    await expect(listen('192.0.2.1', identity.key)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await expect(listen('127.0.0.1', 'no key')).rejects.toThrow(/the certificate or the key cannot be used/);
  });
});

describe('strangers', () => {
  /** And nobody but the one that asks now has been let in. */
  async function stillServes(port: number, peers: Peer[]): Promise<void> {
    await call(port).whenOpened;
    await until('the server has accepted', () => peers.length > 0);
    expect(peers.length).toBe(1);
  }

  test('garbage instead of TLS reaches nobody', async () => {
    const { port, peers } = await serve();
    const socket = tcpConnect(port, '127.0.0.1').on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume().write('GET / HTTP/1.0\r\n\r\n');
    await closed;
    await stillServes(port, peers);
  });

  test('connections that are dropped in the handshake reach nobody', async () => {
    const { port, peers } = await serve();
    for (let index = 0; index < 20; index++) {
      const socket = tcpConnect(port, '127.0.0.1').on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      if (index % 2 === 0) socket.write(Buffer.from('160301020001000', 'hex'));
      if (index % 3 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await stillServes(port, peers);
  });

  test('a flood of half-open connections pushes itself out', async () => {
    const { port, peers } = await serve();
    const flood: Socket[] = [];
    let closed = 0;
    for (let index = 0; index < MAX_HANDSHAKES + 40; index++) {
      const socket = tcpConnect(port, '127.0.0.1').on('error', () => undefined);
      socket.on('close', () => closed++).resume();
      await new Promise((resolve) => socket.once('connect', resolve));
      flood.push(socket);
    }
    await until('the oldest are gone', () => closed >= 40);
    expect(closed).toBe(40);
    expect(flood[0]!.destroyed).toBe(true);
    await stillServes(port, peers);
    for (const socket of flood) socket.destroy();
  });

  test('a listener that is closed frees its port and keeps its connections', async () => {
    const { port, client, remote, listener } = await pair();
    await listener.close();
    const again = await network.listen({ host: '127.0.0.1', port, ...identity }, () => new Peer());
    listeners.push(again);
    client.channel.write(Buffer.from('still here'));
    await until('it came', () => remote.text === 'still here');
  });
});
