import { describe, expect, it } from 'vitest';
import type { ClientCredential } from '../../engine/login/client-login.ts';
import { hashedPassword } from '../../engine/login/password.ts';
import { sha0 } from '../support/sha0.ts';
import {
  ascii,
  CLIENT_ADDRESS,
  drain,
  join,
  login,
  makeClient,
  makeServer,
  OneHub,
  SERVER_ADDRESS,
  talk,
  text,
  utf8,
  welcome,
} from './login-harness.ts';

const SIZES = [1, 2, 7, 100, Number.POSITIVE_INFINITY];

describe('two of our ends', () => {
  it.each(SIZES)('log in, in pieces of %d', (size) => {
    const hub = new OneHub();
    const server = makeServer(hub);
    const client = makeClient();
    talk(client, server, size);
    const wishes = login().wishes;
    expect(client.outcome).toEqual({
      kind: 'welcome',
      welcome: { ...welcome(), ...wishesOf(wishes) },
      hello: expect.objectContaining({ version: 501, build: 9674 }),
      remainder: new Uint8Array(0),
    });
    expect(server.outcome).toMatchObject({
      kind: 'login',
      request: { hubName: 'TESTHUB', userName: 'alice', ...wishes },
      grant: { token: 'session token', sessionName: 'SID-ALICE-1' },
      remainder: new Uint8Array(0),
    });
    expect(hub.logins[0]!.peer).toEqual({ remote: CLIENT_ADDRESS, local: SERVER_ADDRESS });
    expect([server.pollTimeout(), client.pollTimeout()]).toEqual([Infinity, Infinity]);
  });

  it.each(SIZES)('attach, in pieces of %d', (size) => {
    const hub = new OneHub();
    const server = makeServer(hub);
    const client = makeClient({ kind: 'attach', sessionKey: hub.sessionKey.slice() });
    talk(client, server, size);
    expect(client.outcome).toMatchObject({ kind: 'attached', direction: 1, remainder: new Uint8Array(0) });
    expect(server.outcome).toMatchObject({
      kind: 'attach',
      direction: 1,
      token: 'connection token',
      request: { sessionKey: hub.sessionKey, clientBuild: 9674 },
    });
  });

  const alice = hashedPassword(sha0, utf8('alicepw'), 'alice');
  const forms: [string, string, ClientCredential][] = [
    ['a password', 'alice', { kind: 'password', password: utf8('alicepw') }],
    ['a password and the name in another case', 'ALICE', { kind: 'password', password: utf8('alicepw') }],
    ['a hash', 'alice', { kind: 'hash', hash: alice }],
    ['a plain password', 'Alice', { kind: 'plain', password: utf8('alicepw') }],
    ['nothing', 'guest', { kind: 'anonymous' }],
    ['a password that nobody asked for', 'guest', { kind: 'password', password: utf8('x') }],
  ];
  it.each(forms)('log in with %s', (_what, userName, credential) => {
    const client = makeClient(login({ userName, credential }));
    talk(client, makeServer());
    expect(client.outcome).toMatchObject({ kind: 'welcome' });
  });

  const refused: [string, number, Parameters<typeof login>[0]][] = [
    ['a wrong password', 9, { credential: { kind: 'password', password: utf8('wrong') } }],
    ['a wrong plain password', 9, { credential: { kind: 'plain', password: utf8('wrong') } }],
    ['a wrong hash', 9, { credential: { kind: 'hash', hash: new Uint8Array(20) } }],
    ['no password', 9, { credential: { kind: 'anonymous' } }],
    ['an unknown user', 9, { userName: 'bob' }],
    ['an unknown hub', 8, { hubName: 'NOHUB' }],
  ];
  it.each(refused)('do not log in with %s', (_what, code, change) => {
    const server = makeServer();
    const client = makeClient(login(change));
    talk(client, server);
    expect(client.outcome).toMatchObject({ kind: 'refused', code, permanent: true, message: expect.any(String) });
    // The server waits for the client to close: §1.7.
    expect(server.outcome).toBeUndefined();
    server.handleEnd();
    expect(server.outcome).toMatchObject({ kind: 'closed', code });
  });

  it('do not attach to what is not there, or is full', () => {
    const hub = new OneHub();
    const stranger = makeClient({ kind: 'attach', sessionKey: new Uint8Array(20) });
    talk(stranger, makeServer(hub));
    expect(stranger.outcome).toMatchObject({ kind: 'refused', code: 13, permanent: false });
    hub.full = true;
    const late = makeClient({ kind: 'attach', sessionKey: hub.sessionKey });
    talk(late, makeServer(hub));
    expect(late.outcome).toMatchObject({ kind: 'refused', code: 15 });
  });

  it('agree on extensions', () => {
    const hub = new OneHub();
    const client = makeClient(login({ extensions: new Map([['offload', 1]]) }));
    talk(client, makeServer(hub));
    expect(hub.logins[0]!.request.extensions).toEqual(new Map([['offload', 1]]));
    expect(client.outcome).toMatchObject({ welcome: { extensions: new Map([['offload', 1]]) } });
  });

  it('tell each other where they are', () => {
    const hub = new OneHub();
    const node = {
      hostName: 'laptop',
      osName: 'Linux',
      osVersion: '6.1',
      uniqueId: new Uint8Array(16).fill(4),
      serverHostName: 'vpn.example',
    };
    talk(makeClient(login({ node })), makeServer(hub));
    expect(hub.logins[0]!.request).toMatchObject({
      nodeInfo: {
        clientHostName: 'laptop',
        clientAddress: '192.0.2.10',
        clientPort: 50_000,
        serverHostName: 'vpn.example',
        serverAddress: '198.51.100.1',
        serverPort: 443,
        serverProductBuild: 9674,
        proxyAddress: '0.0.0.0',
      },
      osInfo: { isWindows: false, title: 'Linux' },
    });
  });

  it('a cascade asks for bridge mode by its name', () => {
    const hub = new OneHub();
    talk(makeClient(login({ cascade: true })), makeServer(hub));
    expect(hub.logins[0]!.request).toMatchObject({ bridgeMode: true, clientName: expect.stringContaining('Cascade') });
  });
});

describe('bytes of the tunnel', () => {
  const tunnel = ascii('\xff\xff\xff\xff\0\0\0\x01x');

  it.each(SIZES)('that follow the login stay whole, in pieces of %d', (size) => {
    const server = makeServer();
    const client = makeClient();
    server.handleBytes(drain(client), 0);
    client.handleBytes(drain(server), 0);
    const bytes = join(drain(client), tunnel);
    const seen: Uint8Array[] = [];
    for (let start = 0; start < bytes.length; start += size) {
      const chunk = bytes.slice(start, start + size);
      if (server.outcome !== undefined) {
        seen.push(chunk);
        continue;
      }
      server.handleBytes(chunk, 0);
      // The host's memory is its own again.
      chunk.fill(0);
      if (server.outcome !== undefined) seen.push(remainder(server.outcome));
    }
    expect(text(join(...seen))).toBe(text(tunnel));
    expect(() => server.handleBytes(tunnel, 0)).toThrow('belong to the tunnel');
  });

  it('that follow the welcome stay whole, and are copied', () => {
    const server = makeServer();
    const client = makeClient();
    server.handleBytes(drain(client), 0);
    client.handleBytes(drain(server), 0);
    server.handleBytes(drain(client), 0);
    const bytes = join(drain(server), tunnel);
    client.handleBytes(bytes, 0);
    bytes.fill(0);
    expect(remainder(client.outcome)).toEqual(tunnel);
    expect(() => client.handleBytes(tunnel, 0)).toThrow('belong to the tunnel');
  });
});

function remainder(outcome: object | undefined): Uint8Array {
  return (outcome as { remainder: Uint8Array }).remainder;
}

/** What the test's server grants of the wishes: everything. */
function wishesOf(wishes: ReturnType<typeof login>['wishes']) {
  const { maxConnection, useEncrypt, useCompress, halfConnection, qos } = wishes;
  return { maxConnection, useEncrypt, useCompress, halfConnection, qos };
}
