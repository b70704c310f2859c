import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { environmentOf, type FakeIo, fakeEngine, fakeIo, runCommand, temporaryFolder, until } from './support.ts';

const ARGS = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];

/** The credential with which a client starts, or the exit code and the errors of one that does not. */
async function credentialOf(argv: readonly string[], io: FakeIo): Promise<unknown> {
  const engine = fakeEngine();
  const done = main([...ARGS, ...argv], environmentOf(engine), io);
  const code = await Promise.race([until(() => engine.clients.length > 0, 'the start of the client'), done]);
  if (typeof code === 'number') return { code };
  io.signal('SIGINT');
  await done;
  const { credential } = engine.clients[0]!.options;
  return credential.kind === 'anonymous' || credential.kind === 'certificate'
    ? credential.kind
    : `${credential.kind} ${Buffer.from(credential.password).toString('latin1')}`;
}

async function passwordFile(content: string | Uint8Array, mode = 0o600): Promise<{ folder: string; file: string }> {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'pw');
  await fs.writeFile(file, content);
  await fs.chmod(file, mode);
  return { folder, file };
}

describe('the password of a client', () => {
  test.each([
    ['secret', 'hashed secret'],
    ['secret\n', 'hashed secret'],
    ['secret\r\n', 'hashed secret'],
    [' secret ', 'hashed  secret '],
    [Uint8Array.of(0xff, 0x80), 'hashed \u00ff\u0080'],
    ['secret\ntwo\n', { code: 3 }],
    ['secret\n\n', { code: 3 }],
    ['', { code: 3 }],
    ['x'.repeat(5000), { code: 3 }],
  ])('from a file with %j', async (content, expected) => {
    const { folder, file } = await passwordFile(content);
    const io = fakeIo({ folder });
    expect(await credentialOf(['--password-file', file], io)).toEqual(expected);
    expect(io.err()).not.toMatch(/secret|two|xxx|other users/);
  });

  test('from a file that others can read, with a warning', async () => {
    const { folder, file } = await passwordFile('secret', 0o644);
    const io = fakeIo({ folder });
    expect(await credentialOf(['--password-file', file], io)).toBe('hashed secret');
    expect(io.err()).toContain(`other users of this machine can read the password file ${file}`);
  });

  test('from a file that is not there', async () => {
    const io = fakeIo();
    expect(await credentialOf(['--password-file', '/nonexistent/pw'], io)).toEqual({ code: 3 });
    expect(io.err()).toContain('cannot read the password file /nonexistent/pw: there is no such file');
  });

  test('from stdin', async () => {
    const io = fakeIo({ folder: await temporaryFolder() });
    io.stdin.end('secret\n');
    expect(await credentialOf(['--password-file', '-'], io)).toBe('hashed secret');
  });

  test('from the environment, behind a file', async () => {
    const { folder, file } = await passwordFile('secret');
    const env = { ETHERLOOM_PASSWORD: 'other' };
    expect(await credentialOf([], fakeIo({ folder, env }))).toBe('hashed other');
    expect(await credentialOf(['--password-file', file], fakeIo({ folder, env }))).toBe('hashed secret');
    expect(await credentialOf(['--anonymous'], fakeIo({ folder, env }))).toBe('anonymous');
    expect(await credentialOf([], fakeIo({ folder, env: { ETHERLOOM_PASSWORD: '' } }))).toEqual({ code: 3 });
  });

  test('without a source: anonymous, or refused when a plain one was wanted', async () => {
    const folder = await temporaryFolder();
    expect(await credentialOf([], fakeIo({ folder }))).toBe('anonymous');
    expect(await credentialOf(['--plain-password'], fakeIo({ folder }))).toEqual({ code: 2 });
  });

  test('from a person, hidden, with corrections', async () => {
    const io = fakeIo({ folder: await temporaryFolder(), tty: true });
    const asked = credentialOf([], io);
    await until(() => io.err().includes('Password of alice at vpn.example:443'));
    io.stdin.write('wrong\u0015se');
    io.stdin.write('cré\u007f\u007fretx\u0008\r');
    expect(await asked).toBe('hashed secret');
    expect(io.stdin.raw).toEqual([true, false]);
    expect(io.err()).not.toContain('secret');
    expect(io.stdin.isPaused()).toBe(true);
  });

  test('from a person who only presses Enter: anonymous', async () => {
    const io = fakeIo({ folder: await temporaryFolder(), tty: true });
    const asked = credentialOf([], io);
    await until(() => io.err().includes('Password'));
    io.stdin.write('\r');
    expect(await asked).toBe('anonymous');
  });

  test.each(['key', 'signal'])('Ctrl-C at the question, as a %s', async (how) => {
    const io = fakeIo({ folder: await temporaryFolder(), tty: true });
    const asked = credentialOf([], io);
    await until(() => io.err().includes('Password'));
    if (how === 'key') io.stdin.write('abc\u0003');
    else io.signal('SIGTERM');
    expect(await asked).toEqual({ code: 130 });
    expect(io.stdin.raw).toEqual([true, false]);
  });
});

describe('hash-password', () => {
  // The fake SHA-0 lets the input through, so that the test sees what is hashed.
  const hashOf = (text: string) => Buffer.from(text.padEnd(20, '\0'), 'utf8').toString('hex');

  test('hashes the password and the name in upper case, and prints the hash alone', async () => {
    const io = fakeIo({ env: { ETHERLOOM_PASSWORD: 'alicepw' } });
    expect(await runCommand(['hash-password', 'alice'], io)).toBe(0);
    expect(io.out()).toBe(`${hashOf('alicepwALICE')}\n`);
    expect(io.err()).toBe('');
  });

  test('as JSON, from stdin in both spellings', async () => {
    for (const argv of [['--password-file', '-'], []]) {
      const io = fakeIo();
      io.stdin.end('pw\n');
      expect(await runCommand(['hash-password', 'u@x', '--json', ...argv], io)).toBe(0);
      expect(JSON.parse(io.out())).toEqual({ user: 'u@x', passwordHash: hashOf('pwU@X') });
    }
  });

  test.each([
    ['pw\r', 0, ''],
    ['other\r', 2, 'the two passwords differ'],
  ])('asks twice; second answer %j', async (second, code, words) => {
    const io = fakeIo({ tty: true });
    const done = runCommand(['hash-password', 'bob'], io);
    await until(() => io.err().includes('Password of bob: '));
    io.stdin.write('pw\r');
    await until(() => io.err().includes('The same again: '));
    io.stdin.write(second);
    expect(await done).toBe(code);
    expect(io.err()).toContain(words);
    expect(io.out()).toBe(code === 0 ? `${hashOf('pwBOB')}\n` : '');
  });

  test('refuses an empty password', async () => {
    const io = fakeIo();
    io.stdin.end('\n');
    expect(await runCommand(['hash-password', 'bob'], io)).toBe(2);
    expect(io.err()).toContain('the password is empty');
  });
});
