/** Plain TCP of the host that the test runs in. */
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Channel, Listener } from '../../engine/host.ts';
import { loadHost } from '../support/runtime.ts';
import { Peer, sleep, until } from './peers.ts';

const { tcp } = await loadHost();
const listeners: Listener[] = [];
const peers: Peer[] = [];

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.channel.abort();
  for (const listener of listeners.splice(0)) await listener.close();
});

async function serve(makePeer: () => Peer = () => new Peer()) {
  const accepted: Peer[] = [];
  const listener = await tcp.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    const peer = makePeer();
    peer.channel = stream as Channel;
    accepted.push(peer);
    peers.push(peer);
    return peer;
  });
  listeners.push(listener);
  return { port: listener.local.port, accepted };
}

function dial(port: number, peer = new Peer(), host = '127.0.0.1', timeoutMs = 5_000): Peer {
  peer.channel = tcp.connect({ host, port, timeoutMs }, peer) as Channel;
  peers.push(peer);
  return peer;
}

/** The byte at a place of the stream, so that what is lost, doubled or overwritten shows. */
const at = (position: number): number => ((position * 2_654_435_761) >>> 21) & 0xff;

test('bytes arrive as they were sent, from memory that is used again, and the end after them', async () => {
  const total = 20_000_000;
  let position = 0;
  const receiver = new Peer();
  receiver.onData = (bytes) => {
    for (let i = 0; i < bytes.length; i++)
      if (bytes[i] !== at(position + i)) throw new Error(`wrong at ${position + i}`);
    position += bytes.length;
  };
  const { port, accepted } = await serve(() => receiver);
  const sender = new Peer();
  const memory = new Uint8Array(200_000);
  let sent = 0;
  const pump = (): void => {
    while (sent < total) {
      const offered = memory.subarray(0, Math.min(memory.length, total - sent));
      for (let i = 0; i < offered.length; i++) offered[i] = at(sent + i);
      const taken = sender.channel.write(offered);
      offered.fill(0xee);
      sent += taken;
      if (taken < offered.length) return;
    }
    sender.channel.close();
  };
  sender.onWritable = pump;
  dial(port, sender);
  await sender.whenOpened;
  expect(sender.channel.remote).toEqual({ address: '127.0.0.1', port });
  await until('the server has accepted', () => accepted.length === 1);
  expect(receiver.channel.remote).toEqual(sender.channel.local);
  // Held back, the receiver lets nothing through but what is in the kernel's buffers.
  receiver.channel.pause();
  pump();
  await sleep(200);
  expect(sent).toBeLessThan(total);
  receiver.channel.resume();
  expect(await receiver.whenClosed).toBe(undefined);
  expect(position).toBe(total);
  expect(await sender.whenClosed).toBe(undefined);
});

test('an abort is a reset for the other side, and its own owner hears no error', async () => {
  const { port, accepted } = await serve();
  const client = dial(port);
  await client.whenOpened;
  await until('the server has accepted', () => accepted.length === 1);
  accepted[0]!.channel.abort();
  expect(await accepted[0]!.whenClosed).toBe(undefined);
  await client.whenClosed;
  expect(client.channel.write(new Uint8Array(10))).toBe(0);
});

test('what cannot be reached is said', async () => {
  const { port } = await serve();
  await listeners.pop()!.close();
  const refused = await dial(port).whenClosed;
  expect(refused).toMatchObject({ doing: 'connect', code: 'ECONNREFUSED' });
  expect(refused?.message).toMatch(/^Cannot connect to 127\.0\.0\.1:\d+: the connection was refused/);
  const unknown = await dial(1, new Peer(), 'nowhere.invalid').whenClosed;
  expect(unknown?.message).toMatch(/^Cannot connect to nowhere\.invalid:1: /);
});

test('a connection given up before it is there tells no more than its end', async () => {
  const { port } = await serve();
  const client = dial(port);
  client.channel.abort();
  expect(await client.whenClosed).toBe(undefined);
  await sleep(100);
  expect(client.events).not.toContain('opened');
});

test('a port that is taken is refused, and free again when its listener is closed', async () => {
  const { port } = await serve();
  const options = { host: '127.0.0.1', port };
  const taken = await tcp.listen(options, () => new Peer()).catch((error: unknown) => error);
  expect(taken).toMatchObject({ doing: 'listen', code: 'EADDRINUSE' });
  await listeners.pop()!.close();
  listeners.push(await tcp.listen(options, () => new Peer()));
});

test('peers that come and go at once do not harm the listener', async () => {
  const { port, accepted } = await serve();
  for (let i = 0; i < 50; i++) {
    const socket = tcpConnect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.once('connect', () => socket.resetAndDestroy());
  }
  await sleep(300);
  const client = dial(port);
  await client.whenOpened;
  client.channel.write(Uint8Array.of(1, 2, 3));
  await until('the server has it', () => accepted.some(({ received }) => received === 3));
});

test('a foreign peer is heard and answered', async () => {
  const got: number[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      got.push(...bytes);
      socket.end('bye');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = dial((server.address() as { port: number }).port, new Peer(true));
  await client.whenOpened;
  client.channel.write(Uint8Array.of(7, 8));
  expect(await client.whenClosed).toBe(undefined);
  expect([got, client.text]).toEqual([[7, 8], 'bye']);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
