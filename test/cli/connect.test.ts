import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClientEnd, ClientOptions } from '../../engine/client/options.ts';
import { formatServer, type ServerAddress, serverAddress } from '../../engine/config/server-address.ts';
import { fakeIo, optionsOf, runCommand, startClient, temporaryFolder } from './support.ts';

const ARGS = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];

describe('options reach the engine', () => {
  test('the least', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { options, done } = await startClient(ARGS, io);
    expect(options).toMatchObject({
      host: 'vpn.example',
      port: 443,
      hub: 'lab',
      user: 'alice',
      credential: { kind: 'anonymous' },
      tap: { name: 'vpn0', addresses: [] },
      bridge: false,
      monitor: false,
      qos: true,
      connections: 1,
      connectionIntervalMs: 1000,
      connectionLifetimeMs: Number.POSITIVE_INFINITY,
      halfDuplex: false,
      encrypt: true,
      compress: false,
      proxy: undefined,
      reconnectMs: 15_000,
      reconnectAttempts: Number.POSITIVE_INFINITY,
      stubborn: false,
    });
    expect(io.err()).toBe('');
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
      '--monitor',
      '--no-qos',
    ];
    const { options, done } = await startClient(
      [...argv, '--address', '10.0.0.2/24', '--address', 'fd00::2/64', '--insecure'],
      io,
    );
    expect(options).toMatchObject({
      host: '2001:db8::1',
      port: 5555,
      credential: { kind: 'plain', password: new TextEncoder().encode('pä') },
      tap: { name: 'vpn0', addresses: ['10.0.0.2/24', 'fd00::2/64'], mtu: 9000 },
      bridge: true,
      monitor: true,
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

describe('each option alone', () => {
  test.each<[string[], Partial<ClientOptions>]>([
    [['--connections', '1'], { connections: 1 }],
    [['--connections', '32'], { connections: 32 }],
    [['--connection-interval', '1'], { connectionIntervalMs: 1000 }],
    [['--connection-interval', '3600'], { connectionIntervalMs: 3_600_000 }],
    [['--connection-lifetime', '1'], { connectionLifetimeMs: 1000 }],
    [['--connection-lifetime', '604800'], { connectionLifetimeMs: 604_800_000 }],
    [['--connection-lifetime', 'off'], { connectionLifetimeMs: Number.POSITIVE_INFINITY }],
    [['--half-duplex', '--connections', '2'], { halfDuplex: true, connections: 2 }],
    [['--no-encrypt'], { encrypt: false }],
    [['--compress'], { compress: true }],
    [['--reconnect-interval', '5'], { reconnectMs: 5000, stubborn: false }],
    [['--reconnect-interval', '86400'], { reconnectMs: 86_400_000 }],
    [['--reconnect-attempts', '0'], { reconnectAttempts: 0, stubborn: true }],
    [['--reconnect-attempts', '1000000'], { reconnectAttempts: 1_000_000, stubborn: true }],
    [['--reconnect-attempts', 'unlimited'], { reconnectAttempts: Number.POSITIVE_INFINITY, stubborn: true }],
    [['--no-qos'], { qos: false }],
    [['--busy-poll', '50'], { tap: { busyPollUs: 50 } as ClientOptions['tap'] }],
    [['--busy-poll', '1000000'], { tap: { busyPollUs: 1_000_000 } as ClientOptions['tap'] }],
    [['--no-offload'], { tap: { offload: false } as ClientOptions['tap'] }],
    [['--proxy', 'http://proxy.example'], { proxy: { kind: 'http', host: 'proxy.example', port: 8080 } }],
    [['--proxy', 'socks4://10.0.0.1'], { proxy: { kind: 'socks4', host: '10.0.0.1', port: 1080 } }],
    [['--proxy', 'socks4a://10.0.0.1:1'], { proxy: { kind: 'socks4a', host: '10.0.0.1', port: 1 } }],
    [['--proxy', 'socks5://[fd00::1]:65535'], { proxy: { kind: 'socks5', host: 'fd00::1', port: 65535 } }],
  ])('%j', async (argv, expected) => {
    const io = fakeIo({ folder: await temporaryFolder() });
    expect(await optionsOf([...ARGS, ...argv], io)).toMatchObject(expected);
  });

  test('compression is warned of, once', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    await optionsOf([...ARGS, '--compress'], io);
    expect(io.err().match(/WARN.*compression is on: .*VORACLE/g)).toHaveLength(1);
  });

  test('no encryption is warned of, once', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    await optionsOf([...ARGS, '--no-encrypt'], io);
    const meaning =
      /only the login at vpn\.example:443 is encrypted; whoever is in between can read and change every frame/g;
    expect(io.err().match(meaning)).toHaveLength(1);
    expect(io.err()).toContain('WARN');
  });

  test.each([
    [
      ['--connections', '0'],
      "'--connections <count>' argument '0' is invalid. Allowed is a whole number from 1 to 32.",
    ],
    [['--connections', '33'], "argument '33' is invalid. Allowed is a whole number from 1 to 32."],
    [
      ['--connection-interval', '0'],
      "'--connection-interval <seconds>' argument '0' is invalid. Allowed is a whole number from 1 to 3600 (seconds).",
    ],
    [['--connection-interval', '3601'], "argument '3601' is invalid. Allowed is a whole number from 1 to 3600"],
    [
      ['--connection-lifetime', '0'],
      "'--connection-lifetime <seconds>' argument '0' is invalid. Allowed is a whole number from 1 to 604800 (seconds), or off.",
    ],
    [['--connection-lifetime', '604801'], "argument '604801' is invalid."],
    [
      ['--reconnect-interval', '4'],
      "'--reconnect-interval <seconds>' argument '4' is invalid. Allowed is a whole number from 5 to 86400 (seconds).",
    ],
    [['--reconnect-interval', '86401'], "argument '86401' is invalid."],
    [
      ['--reconnect-attempts', '-1'],
      "'--reconnect-attempts <count>' argument '-1' is invalid. Allowed is a whole number from 0 to 1000000, or unlimited.",
    ],
    [['--reconnect-attempts', '1000001'], "argument '1000001' is invalid."],
    [['--reconnect-attempts', 'Infinity'], "argument 'Infinity' is invalid."],
    [
      ['--half-duplex'],
      "'--connections <count>' is absent, which means '1' is invalid with half duplex. Allowed is a whole number from 2 to 32.",
    ],
    [
      ['--half-duplex', '--connections', '1'],
      "'--connections <count>' argument '1' is invalid with half duplex. Allowed is a whole number from 2 to 32.",
    ],
    [['--proxy', 'ftp://p'], "'--proxy <url>' argument 'ftp://p' is invalid: its kind must be one of http, socks4"],
    [['--proxy-credentials-file', 'f'], '--proxy-credentials-file belongs to a proxy, and there is none'],
  ])('%j is refused with field, value and range', async (argv, message) => {
    const io = fakeIo();
    expect(await runCommand([...ARGS, ...argv], io)).toBe(2);
    expect(io.err()).toContain(message);
    expect(io.err().match(/^error: /gm)).toHaveLength(1);
  });
});

describe('what it prints', () => {
  test('for people, with the server’s words made harmless', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { client, done, engine } = await startClient(ARGS, io);
    client.emit({ kind: 'connecting', attempt: 1 });
    client.emit({ kind: 'lost', cause: 'connection refused', retryMs: 15_000 });
    client.emit({ kind: 'connecting', attempt: 2 });
    client.emit({
      kind: 'established',
      session: 'SID-ALICE-1',
      server: 'SoftEther',
      compressed: false,
      cipher: 'TLS_AES_256_GCM_SHA384',
      protocol: 'TLSv1.3',
      message: 'hello\r\n\u001b[2Jthere\n',
    });
    client.emit({ kind: 'interrupted', cause: 'connection reset\u001b' });
    client.emit({ kind: 'resumed' });
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
      'interrupted: connection reset\ufffd; the session waits for new connections',
      'resumed',
      'ended',
      '',
    ]);
  });

  test('as JSON', async () => {
    const folder = await temporaryFolder();
    const io = fakeIo({ folder });
    const { client, done } = await startClient([...ARGS, '--json'], io);
    client.emit({ kind: 'connecting', attempt: 1 });
    client.emit({ kind: 'interrupted', cause: 'reset' });
    client.emit({ kind: 'resumed' });
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
      { event: 'interrupted', time, cause: 'reset' },
      { event: 'resumed', time },
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
    const { client, done } = await startClient(ARGS, io);
    client.end(end);
    expect(await done).toBe(code);
    expect(io.err()).toContain(words);
    expect(io.listening()).toBe(0);
  });

  test('the attempts are used up', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    const { client, done } = await startClient([...ARGS, '--reconnect-attempts', '3', '--json'], io);
    client.end({ kind: 'unreachable', message: 'wrong password\u202e.' });
    expect(await done).toBe(8);
    expect(JSON.parse(io.err())).toEqual({
      error: {
        kind: 'unreachable',
        exitCode: 8,
        message: 'wrong password\ufffd',
        hint: 'no attempt is left: --reconnect-attempts (in a profile, reconnect.attempts) is 3',
      },
    });
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
