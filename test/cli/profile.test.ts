import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../engine/client/options.ts';
import { parseConnectProfile } from '../../engine/config/profile.ts';
import { profileSchema } from '../../engine/config/profile-schema.ts';
import { SSL3, suiteOf } from '../../engine/tls-legacy/suites.ts';
import { fakeIo, optionsOf, runCommand, temporaryFolder } from './support.ts';

const EVERYTHING = `server: vpn.example:8443
hub: lab
user: alice
passwordFile: secrets/alice.pw
plainPassword: true
tap: { name: vpn0, address: [10.90.0.2/24, "fd00::2/64"], mtu: 1400, busyPoll: 200, offload: false }
pin: ${'ab'.repeat(32)}
tls: { profile: custom, algorithms: [AES256-SHA, RC4-MD5], minimum: SSLv3 }
bridge: true
monitor: true
qos: false
priorityRule: extended
congestion: reno
connections: 8
connectionInterval: 2
connectionLifetime: 60
halfDuplex: true
encrypt: false
compress: true
reconnect: { interval: 20, attempts: 7 }
proxy: { url: "socks5://10.0.0.1:9050", credentialsFile: secrets/proxy.cred }
log: { level: debug, format: json }
`;

const LEAST = `server: vpn.example
hub: lab
user: alice
tap: { name: vpn0 }
`;

async function setUp(profile: string, env: Record<string, string> = {}) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'lab.yaml');
  await fs.writeFile(file, profile);
  await fs.mkdir(path.join(folder, 'secrets'));
  await fs.writeFile(path.join(folder, 'secrets/alice.pw'), 'alicepw\n', { mode: 0o600 });
  await fs.writeFile(path.join(folder, 'secrets/proxy.cred'), 'bob:proxypw\n', { mode: 0o600 });
  const io = fakeIo({ folder, env });
  const connect = async (...argv: readonly string[]) =>
    (await optionsOf(['connect', '--profile', file, ...argv], io)) as ClientOptions;
  return { folder, file, io, connect };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe('a profile', () => {
  test('says everything', async () => {
    const { io, connect } = await setUp(EVERYTHING);
    const { trust, ...options } = await connect();
    expect(options).toEqual({
      host: 'vpn.example',
      port: 8443,
      hub: 'lab',
      user: 'alice',
      credential: { kind: 'plain', password: bytes('alicepw') },
      tap: { name: 'vpn0', addresses: ['10.90.0.2/24', 'fd00::2/64'], mtu: 1400, busyPollUs: 200, offload: false },
      ca: undefined,
      tls: { legacy: { suites: [suiteOf('AES256-SHA'), suiteOf('RC4-MD5')], minimum: SSL3 } },
      bridge: true,
      monitor: true,
      qos: false,
      priorityRule: 'extended',
      congestion: 'reno',
      connections: 8,
      connectionIntervalMs: 2000,
      connectionLifetimeMs: 60_000,
      halfDuplex: true,
      encrypt: false,
      compress: true,
      proxy: { kind: 'socks5', host: '10.0.0.1', port: 9050, user: 'bob', password: 'proxypw' },
      reconnectMs: 20_000,
      reconnectAttempts: 7,
      stubborn: true,
    });
    const security = { protocol: 'TLSv1.3', cipher: 'x', certificate: bytes('another') };
    expect(await trust(security)).toContain(`pinned is ${'ab'.repeat(32)}`);
    // The log is as the profile wants it, and it holds the two warnings.
    const lines = io.err().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', message: expect.stringContaining('encryption is off') },
      { level: 'warn', message: expect.stringContaining('compression is on') },
    ]);
  });

  test('says the least, and the defaults are those of the command line', async () => {
    const { connect, io } = await setUp(LEAST);
    const { trust: _, ...fromProfile } = await connect();
    const argv = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];
    const { trust: __, ...fromOptions } = (await optionsOf(argv, io)) as ClientOptions;
    expect(fromProfile).toEqual(fromOptions);
  });

  test('may leave everything to the options', async () => {
    const { connect } = await setUp('connections: 4\n');
    expect(await connect('h:1', '--hub', 'a', '--user', 'b', '--tap', 't0')).toMatchObject({
      host: 'h',
      port: 1,
      connections: 4,
    });
  });

  test('is found from the current directory, what it names from its own', async () => {
    const { file, io } = await setUp(`${LEAST}ca: no/such-ca.pem\n`);
    expect(await optionsOf(['connect', '--profile', path.relative(process.cwd(), file)], io)).toBe(3);
    expect(io.err()).toContain(
      `cannot read the CA file ${path.join(path.dirname(file), 'no/such-ca.pem')}: there is no`,
    );
  });

  test('takes the password from stdin when it says so', async () => {
    const { connect, io } = await setUp(`${LEAST}passwordFile: "-"\n`);
    io.stdin.end('piped\n');
    expect(await connect()).toMatchObject({ credential: { kind: 'hashed', password: bytes('piped') } });
  });
});

test('the profile in the help text is one', async () => {
  const help = fakeIo();
  expect(await runCommand(['connect', '--help'], help)).toBe(0);
  const [, profile] = /which everything may be left to the options:\n((?: {2}.*\n)+)/.exec(help.out())!;
  const result = parseConnectProfile(profile!.replace('9f86d081...', 'ab'.repeat(32)));
  expect(result).toMatchObject({ ok: true });
  // It shows every key but the ones that exclude those it shows.
  expect(result.ok && Object.keys(result.profile).sort()).toEqual(
    Object.keys(profileSchema.shape)
      .filter(
        (key) => !['anonymous', 'plainPassword', 'clientCertificate', 'clientKey', 'ca', 'insecure'].includes(key),
      )
      .sort(),
  );
});

describe('options come before the profile', () => {
  test.each<[string[], Partial<ClientOptions>]>([
    [['other.example'], { host: 'other.example', port: 443, hub: 'lab' }],
    [['--hub', 'x'], { hub: 'x', user: 'alice' }],
    [['--user', 'x'], { user: 'x', hub: 'lab' }],
    [
      ['--tap', 't9'],
      { tap: { name: 't9', addresses: ['10.90.0.2/24', 'fd00::2/64'], mtu: 1400, busyPollUs: 200, offload: false } },
    ],
    [
      ['--address', '10.0.0.9/8'],
      { tap: { name: 'vpn0', addresses: ['10.0.0.9/8'], mtu: 1400, busyPollUs: 200, offload: false } },
    ],
    [
      ['--busy-poll', '0'],
      { tap: { name: 'vpn0', addresses: ['10.90.0.2/24', 'fd00::2/64'], mtu: 1400, busyPollUs: 0, offload: false } },
    ],
    [
      ['--offload'],
      { tap: { name: 'vpn0', addresses: ['10.90.0.2/24', 'fd00::2/64'], mtu: 1400, busyPollUs: 200, offload: true } },
    ],
    [
      ['--mtu', '9000'],
      { tap: { name: 'vpn0', addresses: ['10.90.0.2/24', 'fd00::2/64'], mtu: 9000, busyPollUs: 200, offload: false } },
    ],
    [['--anonymous'], { credential: { kind: 'anonymous' } }],
    [['--no-plain-password'], { credential: { kind: 'hashed', password: bytes('alicepw') } }],
    [['--no-bridge'], { bridge: false }],
    [['--no-monitor'], { monitor: false }],
    [['--qos'], { qos: true }],
    [['--connections', '3'], { connections: 3, halfDuplex: true }],
    [['--connection-interval', '9'], { connectionIntervalMs: 9000 }],
    [['--connection-lifetime', 'off'], { connectionLifetimeMs: Number.POSITIVE_INFINITY }],
    [['--connection-lifetime', '9'], { connectionLifetimeMs: 9000 }],
    [['--no-half-duplex', '--connections', '1'], { halfDuplex: false, connections: 1 }],
    [['--encrypt'], { encrypt: true }],
    [['--no-compress'], { compress: false }],
    [['--reconnect-interval', '9'], { reconnectMs: 9000, reconnectAttempts: 7 }],
    [['--reconnect-attempts', '0'], { reconnectMs: 20_000, reconnectAttempts: 0 }],
    [['--no-proxy'], { proxy: undefined }],
    // The credentials of the profile are for the proxy of the profile.
    [['--proxy', 'http://p'], { proxy: { kind: 'http', host: 'p', port: 8080 } }],
  ])('%j', async (argv, expected) => {
    const { connect } = await setUp(EVERYTHING);
    const options = await connect(...argv);
    for (const [name, value] of Object.entries(expected)) expect(options).toHaveProperty(name, value);
  });

  test('files of the command line are found from the current directory', async () => {
    const { connect, folder } = await setUp(EVERYTHING);
    await fs.writeFile(path.join(folder, 'other.pw'), 'otherpw', { mode: 0o600 });
    await fs.writeFile(path.join(folder, 'other.cred'), 'eve:evepw', { mode: 0o600 });
    const relative = (name: string) => path.relative(process.cwd(), path.join(folder, name));
    expect(
      await connect('--password-file', relative('other.pw'), '--proxy-credentials-file', relative('other.cred')),
    ).toMatchObject({
      credential: { kind: 'plain', password: bytes('otherpw') },
      proxy: { kind: 'socks5', host: '10.0.0.1', user: 'eve', password: 'evepw' },
    });
  });

  test('a password on the command line is not lost to `anonymous: true`', async () => {
    const { connect, folder } = await setUp(`${LEAST}anonymous: true\n`, { ETHERLOOM_PASSWORD: 'env' });
    expect((await connect()).credential).toEqual({ kind: 'anonymous' });
    const file = path.join(folder, 'secrets/alice.pw');
    expect((await connect('--password-file', file)).credential).toEqual({ kind: 'hashed', password: bytes('alicepw') });
    expect((await connect('--plain-password')).credential).toEqual({ kind: 'plain', password: bytes('env') });
  });

  test('a file that the profile names comes before the environment', async () => {
    const env = { ETHERLOOM_PASSWORD: 'env', ETHERLOOM_PROXY_CREDENTIALS: 'env:env' };
    const { connect } = await setUp(EVERYTHING, env);
    expect(await connect()).toMatchObject({ credential: { password: bytes('alicepw') }, proxy: { user: 'bob' } });
    expect(await connect('--proxy', 'http://p')).toMatchObject({ proxy: { kind: 'http', user: 'env' } });
  });

  test.each([
    [['--insecure'], undefined],
    [['--pin', 'cd'.repeat(32)], `pinned is ${'cd'.repeat(32)}`],
  ])('trust: %j', async (argv, expected) => {
    const { connect } = await setUp(EVERYTHING);
    const judged = await (await connect(...argv)).trust({
      protocol: 'TLSv1.3',
      cipher: 'x',
      certificate: bytes('another'),
    });
    if (expected === undefined) expect(judged).toBeUndefined();
    else expect(judged).toContain(expected);
  });

  test('the level and the format of the log', async () => {
    const { connect, io } = await setUp(EVERYTHING);
    await connect('--log-format', 'text');
    expect(io.err()).toMatch(/^\[.*WARN: encryption is off/);
    const before = io.err().length;
    await connect('--log-level', 'error');
    expect(io.err().length).toBe(before);
  });
});

describe('a profile that is wrong', () => {
  test('is told with lines and paths', async () => {
    const { file, io } = await setUp('hub: lab\nconections: 8\nconnections: 33\ntap: { mtu: 1 }\n');
    expect(await runCommand(['connect', '--profile', file], io)).toBe(3);
    expect(io.err()).toBe(
      'error: the profile is not valid\n' +
        `${file}:2:1: conections: unknown key; did you mean "connections"?\n` +
        `${file}:3:14: connections: found "33"; allowed is a whole number from 1 to 32\n` +
        `${file}:4:13: tap.mtu: found "1"; allowed is a whole number from 576 to 65521 (bytes)\n` +
        '  see `etherloom connect --help`\n',
    );
  });

  test('or cannot be read', async () => {
    const io = fakeIo();
    expect(await runCommand(['connect', '--profile', '/nonexistent/p.yaml'], io)).toBe(3);
    expect(io.err()).toBe('error: cannot read the profile /nonexistent/p.yaml: there is no such file or directory\n');
  });

  test.each([
    ['hub: a\nuser: b\ntap: { name: t }', [], '1:1: server: missing; allowed is HOST, HOST:PORT, '],
    ['server: h\nuser: b\ntap: { name: t }', [], '1:1: hub: missing; allowed is 1 to 255 characters'],
    ['server: h\nhub: a\ntap: { name: t }', [], '1:1: user: missing; allowed is 1 to 255 characters'],
    ['server: h\nhub: a\nuser: b', [], '1:1: tap.name: missing; allowed is 1 to 15 letters'],
    ['server: h\nhub: a\nuser: b\ntap: { mtu: 1400 }', [], '4:6: tap.name: missing; allowed is 1 to 15 letters'],
    [
      `${LEAST}halfDuplex: true\nconnections: 1`,
      [],
      '6:14: connections: found "1"; allowed with half duplex is a whole number from 2 to 32',
    ],
    [
      `${LEAST}connections: 1`,
      ['--half-duplex'],
      '5:14: connections: found "1"; allowed with half duplex is a whole number from 2 to 32',
    ],
    [
      `${LEAST}halfDuplex: true`,
      [],
      '5:13: halfDuplex: found "true"; needs connections, which is 1 when absent; allowed is a whole number from 2 to 32',
    ],
  ])('%j %j', async (profile, argv, message) => {
    const { file, io } = await setUp(profile);
    expect(await runCommand(['connect', '--profile', file, ...argv], io)).toBe(3);
    expect(io.err()).toContain(`${file}:${message}`);
  });

  test('what only the command line makes wrong is the command line’s mistake', async () => {
    const { file, io } = await setUp(`${LEAST}halfDuplex: true\nconnections: 8\n`);
    expect(await runCommand(['connect', '--profile', file, '--connections', '1'], io)).toBe(2);
    expect(io.err()).toContain("option '--connections <count>' argument '1' is invalid with half duplex.");
  });

  test.each([
    'password: hunter2',
    'proxy: { url: "http://bob:hunter2@p" }',
    'proxy: { url: http://p, password: hunter2 }',
  ])('holds a secret, which is not repeated: %s', async (line) => {
    const { file, io } = await setUp(`${LEAST}${line}\n`);
    expect(await runCommand(['connect', '--profile', file], io)).toBe(3);
    expect(io.err()).toContain(`${file}:5:`);
    expect(io.err()).not.toContain('hunter2');
  });
});
