import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../engine/client/options.ts';
import { fakeIo, optionsOf, runCommand, temporaryFolder } from './support.ts';

const ARGS = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0'];

async function setUp(content?: string | Uint8Array, env: Record<string, string> = {}, mode = 0o600) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'cred');
  if (content !== undefined) {
    await fs.writeFile(file, content);
    await fs.chmod(file, mode);
  }
  return { folder, file, io: fakeIo({ folder, env }) };
}

async function proxyOf(argv: readonly string[], io: ReturnType<typeof fakeIo>) {
  const options = await optionsOf([...ARGS, ...argv], io);
  return typeof options === 'number' ? options : (options as ClientOptions).proxy;
}

describe('credentials of a proxy', () => {
  test.each([
    ['http', 'bob:hunter2', { user: 'bob', password: 'hunter2' }],
    ['http', 'bob:hunter2\n', { user: 'bob', password: 'hunter2' }],
    ['http', 'bob:hunter2\r\n', { user: 'bob', password: 'hunter2' }],
    ['http', 'bob:', { user: 'bob', password: '' }],
    ['socks5', 'bøb:hunter2:with: colons ', { user: 'bøb', password: 'hunter2:with: colons ' }],
    ['socks4', 'bob\n', { user: 'bob' }],
    ['socks4a', 'bob:', { user: 'bob' }],
  ])('%s, from a file with %j', async (kind, content, expected) => {
    const { file, io } = await setUp(content);
    expect(await proxyOf(['--proxy', `${kind}://p`, '--proxy-credentials-file', file], io)).toEqual({
      kind,
      host: 'p',
      port: kind === 'http' ? 8080 : 1080,
      ...expected,
    });
    expect(io.err()).toBe('');
  });

  test.each<[string, string | Uint8Array, string]>([
    ['http', '', 'it is not of the form user:password'],
    ['http', 'hunter2', 'it is not of the form user:password'],
    ['http', ':hunter2', 'it is not of the form user:password'],
    ['socks4', '', 'it is not of the form user\n'],
    ['socks4', 'bob:hunter2', 'SOCKS4 knows a user and no password'],
    ['socks5', 'bob:', 'SOCKS5 knows no empty user and no empty password'],
    ['socks5', `bob:${'hunter2'.repeat(40)}`, 'the password has more than 255 bytes'],
    ['http', 'bob:hunter2\u0007', 'the password holds a control character'],
    ['http', 'bob:hunter2\nmore\n', 'it has more than one line'],
    ['http', Uint8Array.of(0x62, 0x3a, 0xff), 'it is not UTF-8'],
  ])('%s, from a file with %j: refused and not repeated', async (kind, content, message) => {
    const { file, io } = await setUp(content);
    expect(await proxyOf(['--proxy', `${kind}://p`, '--proxy-credentials-file', file], io)).toBe(3);
    expect(io.err()).toContain(`cannot use ${file} as credentials of the proxy: `);
    expect(`${io.err()}`).toContain(message);
    expect(io.err()).not.toContain('hunter2');
  });

  test('a file that is missing, or that others can read', async () => {
    const missing = await setUp();
    expect(await proxyOf(['--proxy', 'http://p', '--proxy-credentials-file', missing.file], missing.io)).toBe(3);
    expect(missing.io.err()).toContain(`cannot read the proxy credentials file ${missing.file}: there is no such file`);
    const open = await setUp('bob:hunter2', {}, 0o644);
    await proxyOf(['--proxy', 'http://p', '--proxy-credentials-file', open.file], open.io);
    expect(open.io.err()).toContain(`other users of this machine can read the proxy credentials file ${open.file}`);
    expect(open.io.err()).not.toContain('hunter2');
  });

  test('from the environment, behind a file, and only for a proxy', async () => {
    const env = { ETHERLOOM_PROXY_CREDENTIALS: 'carl:env' };
    const { file, io } = await setUp('bob:file', env);
    const place = { kind: 'http', host: 'p', port: 8080 };
    expect(await proxyOf(['--proxy', 'http://p'], io)).toEqual({ ...place, user: 'carl', password: 'env' });
    expect(await proxyOf(['--proxy', 'http://p', '--proxy-credentials-file', file], io)).toEqual({
      ...place,
      user: 'bob',
      password: 'file',
    });
    expect(await proxyOf([], io)).toBeUndefined();
    const empty = fakeIo({ folder: path.dirname(file), env: { ETHERLOOM_PROXY_CREDENTIALS: '' } });
    expect(await proxyOf(['--proxy', 'http://p'], empty)).toEqual(place);
    const wrong = fakeIo({ env: { ETHERLOOM_PROXY_CREDENTIALS: 'hunter2' } });
    expect(await proxyOf(['--proxy', 'http://p'], wrong)).toBe(3);
    expect(wrong.err()).toContain('cannot use ETHERLOOM_PROXY_CREDENTIALS as credentials of the proxy');
    expect(wrong.err()).not.toContain('hunter2');
  });

  test.each([
    [['--proxy', 'http://bob:hunter2@p:1']],
    [['--proxy=socks5://bob:hunter2@p:1']],
    [['--proxy', 'hunter2@p']],
    [['--proxy-credentials', 'bob:hunter2', '--proxy', 'http://p']],
    [['--proxy-credentials=bob:hunter2', '--proxy', 'http://p']],
  ])('among the arguments they are refused and not repeated: %j', async (argv) => {
    const io = fakeIo();
    expect(await runCommand([...ARGS, ...argv], io)).toBe(2);
    expect(io.err()).not.toContain('hunter2');
    expect(io.err()).toContain('--proxy-credentials');
  });
});

test('a proxy that cannot lead to the server is refused at once', async () => {
  const io = fakeIo({ folder: await temporaryFolder() });
  const argv = ['connect', '[2001:db8::1]:443', ...ARGS.slice(2), '--proxy', 'socks4://p'];
  expect(await runCommand(argv, io)).toBe(3);
  expect(io.err()).toContain(
    'cannot reach 2001:db8::1 through the socks4 proxy: SOCKS4 knows no IPv6 addresses; use socks5 or http',
  );
});
