import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { RELEASE } from '../../engine/product.ts';
import { fakeIo, runCommand } from './support.ts';

const CONNECT = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];

describe('help and version', () => {
  test('the version, for people and as JSON', async () => {
    const io = fakeIo();
    expect(await runCommand(['--version'], io)).toBe(0);
    expect(await runCommand(['--version', '--json'], io)).toBe(0);
    expect(io.out()).toBe('etherloom 1.2.3 (test 1)\n{"version":"1.2.3","runtime":{"name":"test","version":"1"}}\n');
    expect(io.err()).toBe('');
  });

  test('the engine names the release of package.json', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(RELEASE).toBe(version);
  });

  test('the help holds every exit code', async () => {
    const io = fakeIo();
    expect(await runCommand(['--help'], io)).toBe(0);
    const table = io.out().slice(io.out().indexOf('Exit codes:'));
    const rows = [...table.matchAll(/^ +([0-9]+) {2}(.+)$/gm)].map(([, code, meaning]) => ({
      code: Number(code),
      meaning,
    }));
    expect(rows).toEqual(Object.values(EXIT_CODES));
    expect(new Set(rows.map(({ code }) => code)).size).toBe(rows.length);
  });

  test.each([
    'server',
    'connect',
    'status',
    'hash-password',
    'certificate',
  ])('%s --help has examples and exit codes', async (name) => {
    const io = fakeIo();
    expect(await runCommand([name, '--help'], io)).toBe(0);
    expect(io.out()).toMatch(/Usage: etherloom .*\n[\s\S]*Examples:\n {2}# [\s\S]*Exit codes:\n {4}0 {2}done/);
    expect(io.out()).toContain(`etherloom ${name}`);
    expect(io.err()).toBe('');
  });

  test('no command at all prints the help as an error', async () => {
    const io = fakeIo();
    expect(await runCommand([], io)).toBe(2);
    expect(io.out()).toBe('');
    expect(io.err()).toMatch(/^Usage: etherloom/);
  });
});

describe('wrong arguments end with 2 and one message', () => {
  test.each([
    [['frob'], "error: unknown command 'frob'"],
    [['--frob'], "error: unknown option '--frob'"],
    [['server'], "error: required option '--config <file>' not specified"],
    [['server', '--config', 'x', '--log-level', 'loud'], 'is invalid. Allowed is error, warn, info, debug or trace.'],
    [['server', '--config', 'x', '--log-format', 'xml'], 'is invalid. Allowed is text or json.'],
    [['connect', ...CONNECT.slice(2)], "error: missing required argument 'server'"],
    [['connect', 'h', '--hub', 'a', '--user', 'b'], "error: required option '--tap <name>' not specified"],
    [[...CONNECT, '--pin', 'abc'], 'Allowed is the SHA-256 fingerprint of a certificate'],
    [[...CONNECT, '--pin', 'a'.repeat(64), '--insecure'], 'cannot be used with option'],
    [[...CONNECT, '--ca', 'f', '--insecure'], 'cannot be used with option'],
    [[...CONNECT, '--anonymous', '--password-file', 'f'], 'cannot be used with option'],
    [[...CONNECT, '--mtu', '100'], 'Allowed is a whole number from 576 to 65521 (bytes).'],
    [[...CONNECT, '--address', '10.0.0.2'], 'Allowed is an address with its prefix length'],
    [[...CONNECT, '--tap', 'a/b'], 'Allowed is 1 to 15 letters'],
    [[...CONNECT, 'surplus'], 'error: too many arguments'],
    [['status', '--socket', 'x', '--all'], 'use only one of them'],
    [['hash-password'], "error: missing required argument 'user'"],
    [['hash-password', 'cascade'], 'Allowed is 1 to 255 letters'],
    ...[
      '',
      'https://vpn.example',
      'vpn.example/path',
      'h:0',
      'h:65536',
      'h:',
      '[h]:1',
      '[::1',
      'a b',
      '1.2.3:443',
      '::1::',
    ].map((server): [string[], string] => [
      ['connect', server, ...CONNECT.slice(2)],
      'Allowed is HOST, HOST:PORT, [IPV6] or [IPV6]:PORT',
    ]),
  ])('%j', async (argv, message) => {
    const io = fakeIo();
    expect(await runCommand(argv, io)).toBe(2);
    expect(io.err()).toContain(message);
    expect(io.err().match(/^error: /gm)).toHaveLength(1);
    expect(io.out()).toBe('');
  });

  test('with --json the error is JSON', async () => {
    const io = fakeIo();
    expect(await runCommand(['status', '--json', '--frob'], io)).toBe(2);
    expect(JSON.parse(io.err())).toEqual({
      error: {
        kind: 'usage',
        exitCode: 2,
        message: "unknown option '--frob'",
        hint: 'run the command with --help for its options and examples',
      },
    });
  });

  test.each([
    [['connect', 'h', '--password', 'hunter2', ...CONNECT.slice(2)]],
    [['connect', 'h', '--password=hunter2', ...CONNECT.slice(2)]],
    [[...CONNECT, '--pass=hunter2']],
    [[...CONNECT, '--password-fil=hunter2']],
    [[...CONNECT, 'hunter2']],
    [['hash-password', 'alice', '--password', 'hunter2']],
    [['hash-password', 'alice', 'hunter2']],
  ])('a password among the arguments is refused and not repeated: %j', async (argv) => {
    const io = fakeIo();
    expect(await runCommand(argv, io)).toBe(2);
    expect(io.err()).not.toContain('hunter2');
  });
});

test('what is no mistake of the person who calls is an internal error with its stack', async () => {
  const io = fakeIo({ env: { ETHERLOOM_PASSWORD: 'x' } });
  const sha0 = () => {
    throw new RangeError('boom');
  };
  const { fakeEngine } = await import('./support.ts');
  expect(await runCommand(['hash-password', 'alice'], io, fakeEngine({ sha0 }))).toBe(1);
  expect(io.err()).toMatch(/^error: internal error: .*boom/);
});
