/** Which TLS a server and a client speak: configuration, profile and options. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import type { ClientOptions } from '../../engine/client/options.ts';
import { parseServerConfig } from '../../engine/config/server-config.ts';
import type { TlsChoice } from '../../engine/tls-legacy/choice.ts';
import { LEGACY_ALGORITHMS, SSL3, suiteOf, TLS1, TLS11, TLS12 } from '../../engine/tls-legacy/suites.ts';
import { environmentOf, fakeEngine, fakeIo, optionsOf, runCommand, temporaryFolder, until } from './support.ts';

const CONNECT = ['connect', 'vpn.example', '--hub', 'lab', '--user', 'alice', '--tap', 'vpn0', '--anonymous'];
const LEAST = 'server: vpn.example\nhub: lab\nuser: alice\nanonymous: true\ntap: { name: vpn0 }\n';
const ALGORITHMS = 'modern, RC4-MD5, RC4-SHA, AES128-SHA, AES256-SHA, DES-CBC-SHA or DES-CBC3-SHA';
const MODERN: TlsChoice = { modern: { minimum: 'TLSv1.2' } };
const PACKETIX: TlsChoice = { legacy: { suites: [suiteOf('RC4-MD5')], minimum: SSL3 } };

/** A client's way to TLS, or the exit code and what it says. */
async function choose(argv: readonly string[], profile?: string): Promise<TlsChoice | { code: number; error: string }> {
  const folder = await temporaryFolder();
  const io = fakeIo({ folder });
  let command = [...CONNECT, ...argv];
  if (profile !== undefined) {
    const file = path.join(folder, 'p.yaml');
    await fs.writeFile(file, LEAST + profile);
    command = ['connect', '--profile', file, ...argv];
  }
  const options = await optionsOf(command, io);
  if (typeof options !== 'number') return (options as ClientOptions).tls;
  return { code: options, error: io.err().replaceAll(`${folder}/`, '') };
}

describe('the options of a client', () => {
  test.each<[string[], TlsChoice]>([
    [[], MODERN],
    [['--tls-profile', 'modern'], MODERN],
    [['--min-tls', 'TLSv1.2'], MODERN],
    [['--min-tls', '1.3'], { modern: { minimum: 'TLSv1.3' } }],
    [['--tls-profile', 'packetix-2.0'], PACKETIX],
    [['--tls-profile', 'packetix-2.0', '--min-tls', '1.1'], { legacy: { ...PACKETIX.legacy!, minimum: TLS11 } }],
    [['--tls-algorithms', 'RC4-MD5'], { legacy: { ...PACKETIX.legacy!, minimum: TLS1 } }],
    [['--tls-algorithms', 'modern'], MODERN],
    [
      ['--tls-algorithms', 'AES256-SHA, DES-CBC3-SHA', '--min-tls', 'SSLv3'],
      { legacy: { suites: [suiteOf('AES256-SHA'), suiteOf('DES-CBC3-SHA')], minimum: SSL3 } },
    ],
    [
      ['--tls-profile', 'custom', '--tls-algorithms', LEGACY_ALGORITHMS.join(','), '--min-tls', 'TLSv1.2'],
      { legacy: { suites: LEGACY_ALGORITHMS.map(suiteOf), minimum: TLS12 } },
    ],
  ])('%j', async (argv, expected) => {
    expect(await choose(argv)).toEqual(expected);
    // The same without a profile and with one that says nothing of it.
    expect(await choose(argv, '')).toEqual(expected);
  });

  test.each<[string[], string]>([
    [
      ['--tls-profile', 'packetix'],
      "option '--tls-profile <name>' argument 'packetix' is invalid. Allowed is modern, packetix-2.0 or custom.",
    ],
    [
      ['--tls-algorithms', 'RC4-MD5,RC5'],
      `option '--tls-algorithms <list>' argument 'RC4-MD5,RC5' is invalid. Allowed is a list with commas of ${ALGORITHMS}.`,
    ],
    [
      ['--tls-algorithms', ''],
      `option '--tls-algorithms <list>' argument '' is invalid. Allowed is a list with commas of`,
    ],
    [
      ['--min-tls', 'SSLv2'],
      "option '--min-tls <version>' argument 'SSLv2' is invalid. Allowed is SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3.",
    ],
    [['--tls-profile', 'custom'], `option '--tls-profile <name>' is invalid: custom needs algorithms: ${ALGORITHMS}`],
    [
      ['--tls-profile', 'modern', '--tls-algorithms', 'RC4-MD5'],
      "option '--tls-algorithms <list>' is invalid: allowed with the profile custom only; modern has its own",
    ],
    [
      ['--tls-profile', 'packetix-2.0', '--tls-algorithms', 'RC4-MD5'],
      "option '--tls-algorithms <list>' is invalid: allowed with the profile custom only; packetix-2.0 has its own",
    ],
    [
      ['--tls-algorithms', 'RC4-MD5,RC4-MD5'],
      "option '--tls-algorithms <list>' is invalid: an algorithm is named twice",
    ],
    [
      ['--tls-algorithms', 'modern,RC4-MD5'],
      "option '--tls-algorithms <list>' is invalid: a client makes one handshake: allowed is modern, or some of the others",
    ],
    [
      ['--min-tls', 'TLSv1'],
      "option '--min-tls <version>' is invalid: allowed with the runtime's TLS is TLSv1.2 or TLSv1.3",
    ],
    [
      ['--tls-algorithms', 'AES128-SHA', '--min-tls', 'TLSv1.3'],
      "option '--min-tls <version>' is invalid: TLSv1.3 has none of the algorithms that are named",
    ],
    [
      ['--tls-algorithms', 'DES-CBC-SHA', '--min-tls', '1.2'],
      "option '--min-tls <version>' is invalid: TLSv1.2 has none of the algorithms that are named",
    ],
  ])('%j is refused', async (argv, message) => {
    for (const profile of [undefined, '']) {
      const refused = (await choose(argv, profile)) as { code: number; error: string };
      expect(refused.code).toBe(2);
      expect(refused.error).toContain(`error: ${message}`);
      expect(refused.error.match(/^error: /gm)).toHaveLength(1);
    }
  });

  test('the help names all of them', async () => {
    const io = fakeIo();
    expect(await runCommand(['connect', '--help'], io)).toBe(0);
    for (const word of ['--tls-profile', '--tls-algorithms', '--min-tls', 'packetix-2.0', ...LEGACY_ALGORITHMS]) {
      expect(io.out()).toContain(word);
    }
  });
});

describe('a profile', () => {
  test.each<[string, TlsChoice]>([
    ['tls: {}', MODERN],
    ['tls: { profile: packetix-2.0 }', PACKETIX],
    ['tls: { minimum: TLSv1.3 }', { modern: { minimum: 'TLSv1.3' } }],
    ['tls: { algorithms: [RC4-MD5], minimum: SSLv3 }', PACKETIX],
    [
      'tls: { profile: custom, algorithms: [RC4-MD5], minimum: 1.2 }',
      { legacy: { ...PACKETIX.legacy!, minimum: TLS12 } },
    ],
  ])('%j', async (text, expected) => {
    expect(await choose([], text)).toEqual(expected);
  });

  test.each([
    ['tls: { profile: custom }', `6:17: tls.profile: custom needs algorithms: ${ALGORITHMS}`],
    [
      'tls:\n  algorithms: [RC4-MD5]\n  profile: modern',
      '7:15: tls.algorithms: allowed with the profile custom only; modern has its own',
    ],
    ['tls: { algorithms: [RC4-SHA, RC4-SHA] }', '6:20: tls.algorithms: an algorithm is named twice'],
    [
      'tls: { algorithms: [modern, RC4-MD5] }',
      '6:20: tls.algorithms: a client makes one handshake: allowed is modern, or some of the others',
    ],
    ['tls: { minimum: SSLv3 }', "6:17: tls.minimum: allowed with the runtime's TLS is TLSv1.2 or TLSv1.3"],
    [
      'tls: { profile: packetix-2.0, minimum: TLSv1.3 }',
      '6:40: tls.minimum: TLSv1.3 has none of the algorithms that are named',
    ],
    ['tls: { profile: x }', '6:17: tls.profile: found "x"; allowed is modern, packetix-2.0 or custom'],
  ])('%j is refused, with the place in it', async (text, message) => {
    expect(await choose([], text)).toEqual({
      code: 3,
      error: `error: the profile is not valid\np.yaml:${message}\n  see \`etherloom connect --help\`\n`,
    });
  });
});

describe('options come before the profile', () => {
  test.each<[string, string[], TlsChoice]>([
    // A profile or algorithms replace both.
    ['tls: { profile: packetix-2.0 }', ['--tls-profile', 'modern'], MODERN],
    ['tls: { algorithms: [AES128-SHA] }', ['--tls-profile', 'packetix-2.0'], PACKETIX],
    ['tls: { algorithms: [AES128-SHA] }', ['--tls-profile', 'modern'], MODERN],
    ['tls: { profile: modern }', ['--tls-algorithms', 'RC4-MD5', '--min-tls', 'SSLv3'], PACKETIX],
    [
      'tls: { algorithms: [AES128-SHA, AES256-SHA] }',
      ['--tls-algorithms', 'RC4-MD5'],
      { legacy: { ...PACKETIX.legacy!, minimum: TLS1 } },
    ],
    // The minimum stands for itself.
    ['tls: { minimum: TLSv1.3 }', ['--min-tls', 'TLSv1.2'], MODERN],
    ['tls: { minimum: TLSv1.3 }', ['--tls-profile', 'modern'], { modern: { minimum: 'TLSv1.3' } }],
    [
      'tls: { minimum: TLSv1.2 }',
      ['--tls-profile', 'packetix-2.0'],
      { legacy: { ...PACKETIX.legacy!, minimum: TLS12 } },
    ],
    ['tls: { profile: packetix-2.0 }', ['--min-tls', '1.1'], { legacy: { ...PACKETIX.legacy!, minimum: TLS11 } }],
    ['tls: { profile: packetix-2.0, minimum: TLSv1.2 }', ['--min-tls', 'SSLv3'], PACKETIX],
    // What was wrong is right with the option.
    ['tls: { profile: custom }', ['--tls-algorithms', 'RC4-MD5', '--min-tls', 'SSLv3'], PACKETIX],
    ['tls: { minimum: SSLv3 }', ['--tls-algorithms', 'RC4-MD5'], PACKETIX],
    ['tls: { minimum: SSLv3 }', ['--min-tls', '1.2'], MODERN],
    // It is lower than anything that was asked for.
    ['tls: { profile: packetix-2.0, minimum: SSLv3 }', ['--tls-profile', 'modern'], MODERN],
  ])('%j %j', async (text, argv, expected) => {
    expect(await choose(argv, text)).toEqual(expected);
  });

  test.each<[string, string[], number, string]>([
    // What is in the file is told with its place, what is on the command line as an option.
    [
      'tls: { minimum: TLSv1.3 }',
      ['--tls-algorithms', 'RC4-MD5'],
      3,
      'p.yaml:6:17: tls.minimum: TLSv1.3 has none of the algorithms that are named',
    ],
    [
      'tls: { algorithms: [DES-CBC-SHA] }',
      ['--min-tls', '1.2'],
      2,
      "option '--min-tls <version>' is invalid: TLSv1.2 has none of the algorithms that are named",
    ],
    [
      'tls: { algorithms: [RC4-MD5] }',
      ['--tls-profile', 'custom'],
      2,
      `option '--tls-profile <name>' is invalid: custom needs algorithms: ${ALGORITHMS}`,
    ],
    [
      'tls: { profile: modern, algorithms: [RC4-MD5] }',
      ['--min-tls', '1.2'],
      3,
      'p.yaml:6:37: tls.algorithms: allowed with the profile custom only; modern has its own',
    ],
  ])('%j %j is refused', async (text, argv, code, message) => {
    const refused = (await choose(argv, text)) as { code: number; error: string };
    expect(refused.code).toBe(code);
    expect(refused.error).toContain(message);
  });
});

describe('a server', () => {
  async function start(tls: string) {
    const folder = await temporaryFolder();
    const file = path.join(folder, 's.yaml');
    await fs.writeFile(file, `listen: [{ port: 0 }]\nhubs: {}\n${tls}\n`);
    const io = fakeIo({ folder });
    const engine = fakeEngine();
    const done = main(['server', '--config', file], environmentOf(engine), io);
    await Promise.race([until(() => io.out().includes('listening')), done]);
    io.signal('SIGINT');
    return { code: await done, options: engine.servers[0], folder, error: io.err().replaceAll(`${folder}/`, '') };
  }

  test('has what its configuration says', async () => {
    expect((await start('')).options!.tls).toEqual(MODERN);
    const { options } = await start('tls: { algorithms: [modern, RC4-MD5], minimum: SSLv3 }');
    expect(options!.tls).toEqual({ ...MODERN, ...PACKETIX });
  });

  test('makes its certificate where one of the two names says', async () => {
    const { code, folder } = await start('tls: { key: private/own.key }\ncontrol: { socket: c.sock }');
    // The directory is not there.
    expect(code).toBe(3);
    const other = await start('tls: { certificate: own.crt }');
    expect(other.code).toBe(0);
    expect((await fs.readdir(other.folder)).filter((name) => /crt|key/.test(name)).sort()).toEqual([
      'own.crt',
      'server.key',
    ]);
    expect((await fs.readdir(folder)).filter((name) => /crt|key/.test(name))).toEqual([]);
  });

  test('does not start with a wrong one', async () => {
    expect(await start('tls: { profile: packetix-2.0, algorithms: [RC4-MD5] }')).toMatchObject({
      code: 3,
      error:
        'error: the configuration is not valid\n' +
        's.yaml:3:43: tls.algorithms: allowed with the profile custom only; packetix-2.0 has its own\n' +
        '  see `etherloom server --help`\n',
    });
  });

  test('the configuration in the help text is one', async () => {
    const io = fakeIo();
    expect(await runCommand(['server', '--help'], io)).toBe(0);
    const [, text] = /The configuration:\n((?: {2}.*\n)+)/.exec(io.out())!;
    const shown = text!.replace('"..."', `"${'ab'.repeat(20)}"`);
    const result = parseServerConfig(shown);
    expect(result).toMatchObject({ ok: true, config: { tls: { choice: MODERN } } });
    // And with the line that is commented out in place of the profile.
    const old = shown.replace(/ {4}profile: modern.*\n/, '').replace('# algorithms:', 'algorithms:');
    const suites = [...LEGACY_ALGORITHMS].map(suiteOf);
    const other = parseServerConfig(old.replace('minimum: TLSv1.2', 'minimum: TLSv1'));
    if (!other.ok) throw new Error(JSON.stringify(other.problems));
    expect(other.config.tls.choice.modern).toEqual(MODERN.modern);
    expect(new Set(other.config.tls.choice.legacy?.suites)).toEqual(new Set(suites));
  });
});
