import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { createProgram } from '../../cli/program.ts';
import { RELEASE } from '../../engine/product.ts';
import { environmentOf, fakeEngine, fakeIo, runCommand } from './support.ts';

/** Every command that does something, with the words in front of it; what only holds others is not one. */
const COMMANDS = leaves(createProgram({ environment: environmentOf(fakeEngine()), io: fakeIo() }));

function leaves(command: Command): string[] {
  return command.commands.flatMap((child) =>
    child.commands.length === 0 ? [child.name()] : leaves(child).map((name) => `${child.name()} ${name}`),
  );
}

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

  test('the commands are found', () => {
    expect(COMMANDS).toEqual(
      expect.arrayContaining(['server', 'bridge', 'connect', 'up', 'down', 'status', 'watch', 'hash-password']),
    );
  });

  test.each(COMMANDS)('%s --help has examples and exit codes, and there is --json', async (name) => {
    const io = fakeIo();
    expect(await runCommand([...name.split(' '), '--help'], io)).toBe(0);
    expect(io.out()).toMatch(/Usage: etherloom .*\n[\s\S]*Examples:\n {2}# [\s\S]*Exit codes:\n {4}0 {2}done/);
    const examples = io.out().slice(io.out().indexOf('Examples:'), io.out().indexOf('Exit codes:'));
    expect(examples).toContain(`etherloom ${name}`);
    expect(io.out()).toMatch(/^ +--json +[a-z]/m);
    const codes = [
      ...io
        .out()
        .slice(io.out().indexOf('Exit codes:'))
        .matchAll(/^ +([0-9]+) {2}(.+)$/gm),
    ];
    expect(codes.length).toBeGreaterThanOrEqual(3);
    for (const [, code, meaning] of codes) {
      expect(Object.values(EXIT_CODES)).toContainEqual({ code: Number(code), meaning });
    }
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
    [['up'], "error: missing required argument 'profile'"],
    [['up', 'lab', '--wait', '0'], 'Allowed is a whole number from 1 to 3600 (seconds).'],
    [['up', 'a b'], "the profile 'a b' has no usable name"],
    [['up', '../.yaml'], 'has no usable name'],
    [['down'], 'nothing is named that shall end'],
    [['down', 'lab', '--all'], 'exclude each other'],
    [['watch', 'lab', '--socket', 'x'], 'use only one of them'],
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
