// A peer that finishes the handshake and resets the connection in the same moment: its address is gone by then.

import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Listener } from '../../engine/host.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadHost } from '../support/runtime.ts';
import { dial, sleep, startServer } from './peers.ts';

const { network } = await loadHost();
const identity = makeCertificate();
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A relay that resets one of its two sides together with the flight that ends the handshake for that side. */
async function relay(port: number, victim: 'client' | 'server'): Promise<number> {
  const server: Server = createServer((near) => {
    const far = tcpConnect(port, '127.0.0.1');
    let flights = 0;
    const forward = (from: Socket, to: Socket, ends: (flight: number) => boolean): void => {
      from.on('error', () => undefined);
      from.on('data', (bytes) => {
        to.write(bytes);
        if (ends(++flights)) to.resetAndDestroy();
      });
      from.on('close', () => to.destroy());
    };
    // TLS 1.3: ClientHello, the server's flight, the client's Finished.
    forward(near, far, (flight) => victim === 'server' && flight === 3);
    forward(far, near, (flight) => victim === 'client' && flight === 2);
    closing.push(() => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as { port: number }).port;
}

async function victims(victim: 'client' | 'server') {
  const { listener, port, peers } = await startServer(network, identity);
  closing.push(() => (listener satisfies Listener).close());
  const relayPort = await relay(port, victim);
  const clients = [];
  for (let i = 0; i < 5; i++) {
    const client = dial(network, relayPort);
    clients.push(client);
    await client.whenClosed;
  }
  await sleep(100);
  return { clients, peers };
}

test('a server goes on', async () => {
  const { peers } = await victims('server');
  for (const peer of peers) {
    expect(peer.channel.remote.address).toBe('127.0.0.1');
    expect(peer.events.at(-1)).toBe('closed');
  }
});

test('a client reports it, and never has an address of no characters', async () => {
  const { clients } = await victims('client');
  for (const client of clients) {
    expect(client.channel.remote.address).toBe('127.0.0.1');
    expect(client.error?.code).toBe('ECONNRESET');
  }
});
