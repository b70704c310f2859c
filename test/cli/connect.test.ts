import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { formatServer, type ServerAddress, serverAddress } from '../../cli/server-address.ts';
import type { ClientEnd } from '../../engine/client/options.ts';
import { environmentOf, type FakeIo, fakeEngine, fakeIo, runCommand, temporaryFolder, until } from './support.ts';

const ARGS = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];

/** Starts a client and hands over its options once the engine has them. */
async function start(argv: readonly string[], io: FakeIo) {
  const engine = fakeEngine();
  const done = main(argv, environmentOf(engine), io);
  await Promise.race([until(() => engine.clients.length > 0, 'the start of the client'), done]);
  return { engine, done, client: engine.clients[0]!, options: engine.clients[0]?.options };
}

describe('options reach the engine', () => {
  test('the least', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { options, done } = await start(ARGS, io);
    expect(options).toMatchObject({
      host: 'vpn.example',
      port: 443,
      hub: 'lab',
      user: 'alice',
      credential: { kind: 'anonymous' },
      tap: { name: 'vpn0', addresses: [] },
      bridge: false,
      qos: true,
      reconnectMs: 15_000,
    });
    io.signal('SIGINT');
    expect(await done).toBe(0);
  });

  test('everything', async () => {
    const folder = await temporaryFolder();
    const io = fakeIo({ folder, env: { ETHERLOOM_PASSWORD: 'pä' } });
    const argv = [
      'connect',
      '[2001:db8::1]:5555',
      ...ARGS.slice(2),
      '--plain-password',
      '--mtu',
      '9000',
      '--bridge',
      '--no-qos',
    ];
    const { options, done } = await start(
      [...argv, '--address', '10.0.0.2/24', '--address', 'fd00::2/64', '--insecure'],
      io,
    );
    expect(options).toMatchObject({
      host: '2001:db8::1',
      port: 5555,
      credential: { kind: 'plain', password: new TextEncoder().encode('pä') },
      tap: { name: 'vpn0', addresses: ['10.0.0.2/24', 'fd00::2/64'], mtu: 9000 },
      bridge: true,
      qos: false,
    });
    io.signal('SIGINT');
    expect(await done).toBe(0);
  });

  test.each([
    ['vpn.example', { host: 'vpn.example', port: 443 }, 'vpn.example:443'],
    ['VPN.example.:8443', { host: 'VPN.example.', port: 8443 }, 'vpn.example:8443'],
    ['192.0.2.1:1', { host: '192.0.2.1', port: 1 }, '192.0.2.1:1'],
    ['[::1]', { host: '::1', port: 443 }, '[::1]:443'],
    ['[FD00::1]:65535', { host: 'FD00::1', port: 65535 }, '[fd00::1]:65535'],
    ['fd00::1', { host: 'fd00::1', port: 443 }, '[fd00::1]:443'],
  ])('%s', (text, address: ServerAddress, name) => {
    expect(serverAddress.parse(text)).toEqual(address);
    expect(formatServer(address)).toBe(name);
  });
});

describe('what it prints', () => {
  test('for people, with the server’s words made harmless', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { client, done, engine } = await start(ARGS, io);
    client.emit({ kind: 'connecting', attempt: 1 });
    client.emit({ kind: 'lost', cause: 'connection refused', retryMs: 15_000 });
    client.emit({ kind: 'connecting', attempt: 2 });
    client.emit({
      kind: 'established',
      session: 'SID-ALICE-1',
      server: 'SoftEther',
      cipher: 'TLS_AES_256_GCM_SHA384',
      protocol: 'TLSv1.3',
      message: 'hello\r\n\u001b[2Jthere\n',
    });
    io.signal('SIGTERM');
    expect(await done).toBe(0);
    expect(engine.closed).toBe(1);
    expect(io.out().split('\n')).toEqual([
      'connecting to vpn.example:443',
      'not connected: connection refused; next attempt in 15 s',
      'connecting to vpn.example:443, attempt 2',
      'connected: alice in hub lab through vpn0; session SID-ALICE-1, server SoftEther, TLSv1.3 TLS_AES_256_GCM_SHA384',
      '  server says: hello',
      '  server says: \ufffd[2Jthere',
      'ended',
      '',
    ]);
  });

  test('as JSON', async () => {
    const folder = await temporaryFolder();
    const io = fakeIo({ folder });
    const { client, done } = await start([...ARGS, '--json'], io);
    client.emit({ kind: 'connecting', attempt: 1 });
    const asked = fakeIo({ folder });
    expect(await runCommand(['status', '--json'], asked)).toBe(0);
    expect(JSON.parse(asked.out())).toMatchObject({ role: 'client', client: { server: 'vpn.example:443' } });
    io.signal('SIGTERM');
    expect(await done).toBe(0);
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(
      io
        .out()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        event: 'started',
        time,
        server: 'vpn.example:443',
        hub: 'lab',
        user: 'alice',
        tap: 'vpn0',
        control: `${folder}/run/etherloom/client-${process.pid}.sock`,
        version: '1.2.3',
        pid: process.pid,
      },
      { event: 'connecting', time, attempt: 1 },
      { event: 'ended', time, cause: 'closed', message: 'ended by a signal' },
    ]);
    expect(await fs.readdir(path.join(folder, 'run/etherloom'))).toEqual([]);
  });
});

describe('how it ends', () => {
  test.each<[ClientEnd, number, string]>([
    [
      { kind: 'refused', message: 'vpn.example refused: wrong password', code: 9 },
      6,
      'wrong password (auth-failed, error 9)',
    ],
    [{ kind: 'untrusted', message: 'another certificate' }, 7, 'another certificate'],
    [{ kind: 'tap', message: 'cannot create vpn0: operation not permitted' }, 5, 'error: cannot create vpn0'],
    [{ kind: 'unreachable', message: 'no route' }, 8, 'no route'],
    [{ kind: 'closed', message: 'closed' }, 0, ''],
  ])('%j', async (end, code, words) => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { client, done } = await start(ARGS, io);
    client.end(end);
    expect(await done).toBe(code);
    expect(io.err()).toContain(words);
    expect(io.listening()).toBe(0);
  });

  test('elsewhere than on Linux at once', async () => {
    const io = fakeIo({ platform: 'win32' });
    expect(await runCommand(ARGS, io)).toBe(5);
    expect(io.err()).toContain('this is win32');
  });

  test('a CA file that is none', async () => {
    const folder = await temporaryFolder();
    await fs.writeFile(path.join(folder, 'ca.pem'), 'no certificate');
    const io = fakeIo({ folder });
    expect(await runCommand([...ARGS, '--ca', path.join(folder, 'ca.pem')], io)).toBe(3);
    expect(io.err()).toContain('holds no readable certificate');
  });
});
