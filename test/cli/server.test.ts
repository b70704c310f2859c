import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import {
  environmentOf,
  type FakeIoOptions,
  fakeEngine,
  fakeIo,
  runCommand,
  sampleStatus,
  temporaryFolder,
  until,
} from './support.ts';

const CONFIG = `listen: [{ host: 127.0.0.1, port: 5555 }, { host: "::", port: 0 }]
tls: { certificate: server.crt, key: server.key }
hubs:
  lab:
    users:
      guest: { anonymous: true }
`;

async function setUp(config = CONFIG, options: FakeIoOptions = {}) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'server.yaml');
  await fs.writeFile(file, config);
  return { folder, file, io: fakeIo({ folder, ...options }) };
}

describe('a server in the foreground', () => {
  test('says what it listens on, answers status, and ends in order at the first signal', async () => {
    const { folder, file, io } = await setUp();
    const engine = fakeEngine();
    const done = main(['server', '--config', file], environmentOf(engine), io);
    await until(() => io.out().includes('listening'));

    expect(io.out()).toMatch(
      new RegExp(
        `^created the certificate ${folder}/server.crt and its key ${folder}/server.key\n` +
          'certificate SHA-256 [0-9a-f]{64}\nlistening on 127.0.0.1:5555\nlistening on :::40000\n$',
      ),
    );
    expect(engine.servers[0]).toMatchObject({
      listen: [
        { host: '127.0.0.1', port: 5555 },
        { host: '::', port: 0 },
      ],
      hubs: [{ name: 'lab', users: [{ name: 'guest' }], taps: [], bridges: [], stormLimit: 32 }],
    });
    expect(engine.servers[0]!.certificate).toMatch(/^-----BEGIN CERTIFICATE-----/);

    const asked = fakeIo({ folder });
    expect(await runCommand(['status', '--json'], asked)).toBe(0);
    expect(JSON.parse(asked.out())).toEqual(sampleStatus('server'));

    io.signal('SIGTERM');
    expect(await done).toBe(0);
    expect(engine.closed).toBe(1);
    expect(io.exits).toEqual([]);
    expect(io.listening()).toBe(0);
    expect(await fs.readdir(path.join(folder, 'run/etherloom'))).toEqual([]);
    expect(io.err()).not.toContain('error');
  });

  test('prints one line of JSON, and the fingerprint stays the same at the next start', async () => {
    const { folder, file, io } = await setUp();
    const engine = fakeEngine();
    const start = async () => {
      const before = io.out().length;
      const done = main(['server', '--config', file, '--json', '--log-format', 'json'], environmentOf(engine), io);
      await until(() => io.out().length > before);
      io.signal('SIGINT');
      expect(await done).toBe(0);
      return JSON.parse(io.out().slice(before));
    };
    const first = await start();
    const second = await start();
    expect(first).toEqual({
      event: 'listening',
      listeners: ['127.0.0.1:5555', ':::40000'],
      certificate: {
        file: `${folder}/server.crt`,
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        created: true,
      },
      control: `${folder}/run/etherloom/server-${process.pid}.sock`,
      version: '1.2.3',
      pid: process.pid,
    });
    expect(second).toEqual({ ...first, certificate: { ...first.certificate, created: false } });
    for (const line of io.err().trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });

  test('the second signal ends it at once', async () => {
    const { file, io } = await setUp();
    let release = () => {};
    const engine = fakeEngine({
      startServer: async () => ({
        listeners: ['x:1'],
        status: () => sampleStatus('server'),
        setCascade: () => ({ ok: false, problem: 'there is no cascade' }),
        close: () =>
          new Promise<void>((resolve) => {
            release = resolve;
          }),
      }),
    });
    const done = main(['server', '--config', file], environmentOf(engine), io);
    await until(() => io.out().includes('listening'));
    io.signal('SIGHUP');
    io.signal('SIGINT');
    expect(io.exits).toEqual([130]);
    await until(() => io.err().includes('ending'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    release();
    await done;
  });

  test('the control socket is where the configuration wants it', async () => {
    const { folder, file, io } = await setUp(`${CONFIG}control: { socket: lab.sock }\n`);
    const engine = fakeEngine();
    const done = main(['server', '--config', file], environmentOf(engine), io);
    await until(() => io.out().includes('listening'));
    const asked = fakeIo({ folder });
    expect(await runCommand(['status', '--socket', path.join(folder, 'lab.sock')], asked)).toBe(0);
    expect(asked.out()).toContain('Etherloom server');
    // A second server with the same socket is refused, and ends what it had started.
    const other = fakeIo({ folder });
    expect(await runCommand(['server', '--config', file], other, engine)).toBe(3);
    expect(other.err()).toContain('another running node has it');
    expect(engine.closed).toBe(1);
    io.signal('SIGINT');
    expect(await done).toBe(0);
  });
});

describe('a server that cannot start', () => {
  test('without a readable configuration', async () => {
    const io = fakeIo();
    expect(await runCommand(['server', '--config', '/nonexistent/s.yaml'], io)).toBe(3);
    expect(io.err()).toBe(
      'error: cannot read the configuration /nonexistent/s.yaml: there is no such file or directory\n',
    );
  });

  test('with an invalid one, which is told with lines and paths', async () => {
    const { file, io } = await setUp('listen: [{ port: 0x1 }]\nhubs:\n  lab: { userz: {} }\n');
    expect(await runCommand(['server', '--config', file], io)).toBe(3);
    expect(io.err()).toBe(
      'error: the configuration is not valid\n' +
        `${file}:1:18: listen[0].port: found "0x1"; allowed is a whole number from 0 to 65535\n` +
        `${file}:3:10: hubs.lab.userz: unknown key; did you mean "users"?\n` +
        '  see `etherloom server --help`\n',
    );
  });

  test.each([
    [
      {
        doing: 'listen',
        code: 'EADDRINUSE',
        message: 'Cannot listen on 127.0.0.1:5555: another program listens there (EADDRINUSE).',
      },
      4,
    ],
    [{ doing: 'listen', code: 'EACCES', message: 'Cannot listen on 127.0.0.1:443: permission denied (EACCES).' }, 4],
    [{ doing: 'tap', code: 'EPERM', message: 'TAP device "elsrv0": cannot create it: this needs root (EPERM).' }, 5],
    [
      { doing: 'tap', code: 'EADDRNOTAVAIL', message: 'TAP device "elsrv0": cannot set its address (EADDRNOTAVAIL).' },
      5,
    ],
  ])('because of %j', async (error, code) => {
    const { file, io } = await setUp();
    const startServer = () => Promise.reject(error);
    expect(await runCommand(['server', '--config', file], io, fakeEngine({ startServer }))).toBe(code);
    expect(io.err()).toBe(`error: ${error.message}\n`);
    expect(io.listening()).toBe(0);
  });

  test('because TAPs are for Linux', async () => {
    const { file, io } = await setUp(`${CONFIG}    taps: [{ name: t0 }]\n`, { platform: 'darwin' });
    expect(await runCommand(['server', '--config', file], io)).toBe(5);
    expect(io.err()).toContain('on Linux only; this is darwin');
  });
});

test('without a place for the usual control socket the server runs and says so', async () => {
  const { folder, file } = await setUp();
  await fs.writeFile(path.join(folder, 'blocked'), '');
  const io = Object.assign(fakeIo({ folder, env: { XDG_RUNTIME_DIR: path.join(folder, 'blocked') } }), {
    uid: 4711,
    temporaryDirectory: path.join(folder, 'blocked'),
  });
  const done = main(['server', '--config', file], environmentOf(fakeEngine()), io);
  await until(() => io.out().includes('listening'));
  expect(io.err()).toContain('there is no control socket');
  io.signal('SIGINT');
  expect(await done).toBe(0);
});
