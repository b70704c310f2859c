/** Certificates of users: on the server's side, on the client's, and made by `etherloom certificate`. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import type { Host } from '../../engine/host.ts';
import { certificates } from '../../hosts/shared/certificates.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { environmentOf, fakeEngine, fakeIo, runCommand, temporaryFolder, until } from './support.ts';

let ca: TestCertificate;
let alice: TestCertificate;
let other: TestCertificate;
let odd: TestCertificate;

beforeAll(() => {
  ca = makeCertificate({ ca: true });
  alice = makeCertificate({ names: ['alice'], issuer: ca });
  other = makeCertificate({ names: ['other'], expired: true });
  odd = makeCertificate({ names: ['odd'], bits: 1280 });
});

const der = ({ certificate }: TestCertificate) => new Uint8Array(new X509Certificate(certificate).raw);

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await fs.writeFile(path.join(folder, name), content, { mode: 0o600 });
  }
  return folder;
}

describe('the server', () => {
  async function start(users: string, cas: string) {
    const folder = await folderWith({
      'alice.crt': alice.certificate,
      'alice.der': der(alice),
      'ca.crt': ca.certificate,
      'both.crt': ca.certificate + alice.certificate,
      'old.crt': other.certificate,
      'odd.crt': odd.certificate,
      'junk.crt': 'no certificate',
      's.yaml': `listen: [{ port: 1 }]\nhubs:\n  lab:\n    users:\n${users}\n    cas: [${cas}]\n`,
    });
    const io = fakeIo({ folder });
    const engine = fakeEngine();
    const done = main(['server', '--config', path.join(folder, 's.yaml')], environmentOf(engine), io);
    const code = await Promise.race([until(() => engine.servers.length > 0, 'the start of the server'), done]);
    io.signal('SIGINT');
    await done;
    return { code, options: engine.servers[0], err: io.err().replaceAll(folder, 'F') };
  }

  test('reads the certificates of its users and its CAs, from its own directory', async () => {
    const { options, err } = await start(
      `      alice: { certificate: alice.crt }\n      bob: { certificate: alice.der }\n      old: { certificate: old.crt }`,
      'ca.crt',
    );
    expect(options?.hubs[0]).toMatchObject({
      cas: [der(ca)],
      users: [{ certificate: der(alice) }, { certificate: der(alice) }, { certificate: der(other) }],
    });
    expect(err).toMatch(/old\.crt has expired on .*: nobody signs in with it/);
  });

  test('does not start with one that nobody could sign in with, and says where it stands', async () => {
    const { code, options, err } = await start(
      `      a: { certificate: odd.crt }\n      b: { certificate: junk.crt }\n      c: { certificate: none.crt }\n      d: { certificate: both.crt }`,
      'alice.crt',
    );
    expect(code).toBe(3);
    expect(options).toBeUndefined();
    expect(err.split('\n').map((line) => line.trim())).toEqual([
      'error: the configuration is not valid',
      expect.stringMatching(/s\.yaml:9:11: hubs\.lab\.cas\[0\]: .* it is not one of a CA/),
      expect.stringMatching(
        /s\.yaml:5:25: hubs\.lab\.users\.a\.certificate: .* RSA of 1280 bits, and the protocol has only RSA of 1024, 1536, 2048, 3072 or 4096 bits/,
      ),
      expect.stringMatching(/s\.yaml:6:25: hubs\.lab\.users\.b\.certificate: .* no readable certificate/),
      expect.stringMatching(
        /s\.yaml:7:25: hubs\.lab\.users\.c\.certificate: cannot read the certificate .*none\.crt: there is no such file/,
      ),
      expect.stringMatching(/s\.yaml:8:25: hubs\.lab\.users\.d\.certificate: .* more than one, and one is needed/),
      'see `etherloom server --help`',
      '',
    ]);
  });
});

describe('the client', () => {
  const PASSPHRASE = 'Sesam öffne dich';

  async function connect(args: readonly string[], env: Record<string, string> = {}, profile = '') {
    const encrypted = createPrivateKey(alice.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    });
    const folder = await folderWith({
      'a.crt': alice.certificate,
      'a.der': der(alice),
      'a.key': alice.key,
      'locked.key': String(encrypted),
      'other.key': other.key,
      'odd.crt': odd.certificate,
      'odd.key': odd.key,
      'p.yaml': profile,
    });
    const io = fakeIo({ folder, env });
    const engine = fakeEngine({ host: { certificates } as Host });
    const inside = args.map((arg) => (/\.(crt|der|key|yaml)$/.test(arg) ? path.join(folder, arg) : arg));
    const argv = [
      'connect',
      'vpn.example',
      '--hub',
      'lab',
      '--user',
      'alice',
      '--tap',
      'vpn0',
      '--insecure',
      ...inside,
    ];
    const done = main(argv, environmentOf(engine), io);
    const code = await Promise.race([until(() => engine.clients.length > 0, 'the start of the client'), done]);
    io.signal('SIGINT');
    await done;
    return { code, credential: engine.clients[0]?.options.credential, err: io.err().replaceAll(folder, 'F') };
  }

  test.each([
    ['PEM', ['--client-certificate', 'a.crt', '--client-key', 'a.key'], {}, ''],
    ['DER', ['--client-certificate', 'a.der', '--client-key', 'a.key'], {}, ''],
    [
      'a key with a passphrase',
      ['--client-certificate', 'a.crt', '--client-key', 'locked.key'],
      { ETHERLOOM_KEY_PASSPHRASE: PASSPHRASE },
      '',
    ],
    ['a profile', ['--profile', 'p.yaml'], {}, 'clientCertificate: a.crt\nclientKey: a.key\n'],
    [
      'a profile that has a password',
      ['--profile', 'p.yaml', '--client-certificate', 'a.crt', '--client-key', 'a.key'],
      {},
      'passwordFile: x\n',
    ],
  ])('signs in with %s', async (_what, args, env, profile) => {
    const { credential, err } = await connect(args, env as Record<string, string>, profile);
    expect(credential, err).toMatchObject({ kind: 'certificate', certificate: der(alice) });
    const signature = credential?.kind === 'certificate' ? credential.key.sign(new Uint8Array(20)) : new Uint8Array(0);
    expect(certificates.verify(der(alice), new Uint8Array(20), signature)).toBe(true);
  });

  test.each([
    [['--client-certificate', 'a.crt'], '', 2, /--client-certificate needs the private key/],
    [['--client-key', 'a.key'], '', 2, /--client-key belongs to a certificate/],
    [['--client-certificate', 'a.crt', '--anonymous'], '', 2, /cannot be used with option '--anonymous'/],
    [
      ['--client-certificate', 'a.crt', '--client-key', 'other.key'],
      '',
      3,
      /other\.key does not belong to the certificate/,
    ],
    [
      ['--client-certificate', 'a.crt', '--client-key', 'locked.key'],
      '',
      3,
      /it has a passphrase, and there is nobody to ask/,
    ],
    [['--client-certificate', 'a.crt', '--client-key', 'a.crt'], '', 3, /no readable private key/],
    [['--client-certificate', 'a.key', '--client-key', 'a.key'], '', 3, /no readable certificate/],
    [['--client-certificate', 'odd.crt', '--client-key', 'odd.key'], '', 3, /RSA of 1280 bits/],
    [
      ['--profile', 'p.yaml'],
      'clientCertificate: a.crt\n',
      3,
      /p\.yaml:1:20: clientCertificate: its private key is missing/,
    ],
    [
      ['--profile', 'p.yaml'],
      'clientKey: a.key\n',
      3,
      /p\.yaml:1:12: clientKey: belongs to a certificate, and there is none/,
    ],
    [
      ['--profile', 'p.yaml'],
      'anonymous: true\nclientCertificate: a.crt\n',
      3,
      /only one of anonymous and clientCertificate/,
    ],
  ])('does not with %o and %j', async (args, profile, code, message) => {
    const found = await connect(args, {}, profile);
    expect(found.err).toMatch(message);
    expect(found.code).toBe(code);
  });

  test('that has the wrong passphrase says so, and not what it was', async () => {
    const { code, err } = await connect(['--client-certificate', 'a.crt', '--client-key', 'locked.key'], {
      ETHERLOOM_KEY_PASSPHRASE: 'hunter2',
    });
    expect(code).toBe(3);
    expect(err).toMatch(/locked\.key: the passphrase is wrong/);
    expect(err).not.toContain('hunter2');
  });
});

describe('etherloom certificate', () => {
  test('makes a user, a CA, and a user of that CA', async () => {
    const folder = await temporaryFolder();
    const at = (name: string) => path.join(folder, name);
    const io = fakeIo({ folder });
    const files = (name: string) => ['--certificate', at(`${name}.crt`), '--key', at(`${name}.key`)];
    expect(await runCommand(['certificate', 'alice', ...files('alice')], io)).toBe(0);
    expect(await runCommand(['certificate', 'Our CA', '--ca', ...files('ca')], io)).toBe(0);
    const issue = ['--issuer', at('ca.crt'), '--issuer-key', at('ca.key'), '--days', '30', '--json'];
    expect(await runCommand(['certificate', 'Zoë', ...issue, ...files('zoe')], io), io.err()).toBe(0);
    const [self, authority, zoe] = await Promise.all(
      ['alice', 'ca', 'zoe'].map(async (name) => new X509Certificate(await fs.readFile(at(`${name}.crt`)))),
    );
    expect(self!.verify(self!.publicKey)).toBe(true);
    expect([self!.ca, authority!.ca, zoe!.ca]).toEqual([false, true, false]);
    expect(certificates.issued(new Uint8Array(authority!.raw), new Uint8Array(zoe!.raw))).toBe(true);
    const facts = certificates.facts(new Uint8Array(zoe!.raw))!;
    expect(facts).toMatchObject({ rsaBits: 2048, commonNames: ['Zoë'], forClients: true });
    expect(JSON.parse(io.out().split('\n').at(-2)!)).toMatchObject({
      commonName: 'Zoë',
      ca: false,
      serial: facts.serial,
    });
    const days = (facts.notAfter - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
    for (const name of ['alice', 'ca', 'zoe']) {
      expect((await fs.stat(at(`${name}.key`))).mode & 0o777).toBe(0o600);
      const key = createPrivateKey(await fs.readFile(at(`${name}.key`)));
      expect(new X509Certificate(await fs.readFile(at(`${name}.crt`))).checkPrivateKey(key)).toBe(true);
    }
    // Nothing is overwritten, and a user is no CA.
    expect(await runCommand(['certificate', 'alice', ...files('alice')], io)).toBe(3);
    expect(io.err()).toContain('alice.crt: it exists already');
    const by = ['--issuer', at('alice.crt'), '--issuer-key', at('alice.key')];
    expect(await runCommand(['certificate', 'x', ...by, ...files('x')], io)).toBe(3);
    expect(io.err()).toContain('not a certificate of a CA');
    const wrong = ['--issuer', at('ca.crt'), '--issuer-key', at('alice.key')];
    expect(await runCommand(['certificate', 'x', ...wrong, ...files('x')], io)).toBe(3);
    expect(io.err()).toContain('does not belong to it');
    expect(await runCommand(['certificate', 'x', '--issuer', at('ca.crt'), ...files('x')], io)).toBe(2);
    expect((await fs.readdir(folder)).filter((name) => name.startsWith('x') || name.endsWith('.tmp'))).toEqual([]);
  });
});
