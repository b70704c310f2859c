/** The way to a server when the engine keeps the route there: addresses before packets. */
import { afterEach, expect, test } from 'vitest';
import type { Channel, ConnectOptions, HostError, Listener } from '../../engine/host.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadHost } from '../support/runtime.ts';
import { Peer, startServer } from './peers.ts';

const { network } = await loadHost();
const ca = makeCertificate({ ca: true });
const identity = makeCertificate({ issuer: ca });
const listeners: Listener[] = [];
const channels: Channel[] = [];

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.abort();
  for (const listener of listeners.splice(0)) await listener.close();
});

async function call(host: string, known: readonly string[], options: Partial<ConnectOptions> = {}, refuse?: HostError) {
  const { port, listener, peers } = await startServer(network, identity);
  listeners.push(listener);
  const found: string[] = [];
  const peer = new Peer(true);
  const way = {
    known,
    found(addresses: readonly string[]) {
      expect(peers).toHaveLength(0);
      found.push(addresses.join());
      if (refuse !== undefined) throw refuse;
    },
  };
  peer.channel = network.connect({ host, port, timeoutMs: 5_000, ca: ca.certificate, way, ...options }, peer);
  channels.push(peer.channel);
  await Promise.race([peer.whenOpened, peer.whenClosed]);
  return { peer, found, peers, port };
}

// What leaves TLS goes another way through both hosts.
test.each([false, true])('a name that nobody can look up is reached at its known address (bare: %s)', async (bare) => {
  const { peer, found, port } = await call('vpn.invalid', ['127.0.0.1'], { bare });
  expect(peer.error).toBeUndefined();
  expect(found).toEqual(['127.0.0.1']);
  expect(peer.channel.remote).toEqual({ address: '127.0.0.1', port });
  // It is the name that the certificate is judged by.
  expect(peer.channel.security?.distrust).toMatch(/vpn\.invalid/);
});

test.each([false, true])('the next address is tried when one refuses (bare: %s)', async (bare) => {
  const { peer, found } = await call('vpn.invalid', ['127.0.0.9', '127.0.0.8', '127.0.0.1'], { bare });
  expect(peer.error).toBeUndefined();
  expect(found).toEqual(['127.0.0.9,127.0.0.8,127.0.0.1']);
  expect(peer.channel.remote.address).toBe('127.0.0.1');
});

test('a name is looked up, and told before anything is sent', async () => {
  const { peer, found } = await call('localhost', []);
  expect(peer.error).toBeUndefined();
  expect(found).toHaveLength(1);
  expect(found[0]!.split(',')).toContain('127.0.0.1');
});

test('an address is its own', async () => {
  const { peer, found } = await call('127.0.0.1', []);
  expect(peer.error).toBeUndefined();
  expect(found).toEqual(['127.0.0.1']);
});

test('when none answers that is said, with the name', async () => {
  const { peer } = await call('vpn.invalid', ['127.0.0.9', '127.0.0.8']);
  expect(peer.error).toMatchObject({ code: 'ECONNREFUSED', message: expect.stringContaining('vpn.invalid') });
});

test('where the route cannot be kept nothing is sent', async () => {
  const refuse = { doing: 'settings', code: 'EIO', message: 'no route' } as const;
  const { peer, peers } = await call('127.0.0.1', [], {}, Object.assign(new Error('no route'), refuse));
  expect(peer.events).toEqual(['closed']);
  expect(peer.error?.message).toContain('no route');
  expect(peers).toHaveLength(0);
});

test('it is the way to the proxy when there is one', async () => {
  const { peer, found } = await call('vpn.invalid', ['127.0.0.9'], {
    proxy: { kind: 'http', host: 'proxy.invalid', port: 9 },
  });
  expect(found).toEqual(['127.0.0.9']);
  expect(peer.error).toMatchObject({ code: 'ECONNREFUSED', message: expect.stringContaining('proxy.invalid:9') });
});
