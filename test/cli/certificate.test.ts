import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { ensureCertificate } from '../../cli/certificate.ts';
import { createSelfSigned } from '../../cli/certificate-create.ts';
import { fingerprintOf } from '../../cli/fingerprint.ts';
import { fingerprint } from '../../engine/config/fingerprint.ts';
import { temporaryFolder } from './support.ts';

async function setUp() {
  const folder = await temporaryFolder();
  return {
    folder,
    certificateFile: path.join(folder, 's.crt'),
    keyFile: path.join(folder, 's.key'),
    names: ['weaver', 'fd00::1', '192.0.2.1'],
  };
}

describe('both files are missing', () => {
  test('one file for both is refused: the certificate would take the place of its key', async () => {
    const request = await setUp();
    const certificateFile = `${request.folder}/./s.key`;
    await expect(ensureCertificate({ ...request, certificateFile })).rejects.toThrow('the certificate and for its key');
    expect(await fs.readdir(request.folder)).toEqual([]);
  });

  test('a certificate is created that says what it is for', async () => {
    const request = await setUp();
    const made = await ensureCertificate(request);
    const parsed = new X509Certificate(await fs.readFile(request.certificateFile));
    expect(made).toMatchObject({ created: true, warnings: [], fingerprint: fingerprintOf(parsed.raw) });
    expect(made.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(parsed.subject).toBe('CN=weaver');
    expect(parsed.subjectAltName).toBe('DNS:weaver, IP Address:FD00:0:0:0:0:0:0:1, IP Address:192.0.2.1');
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    const years = (Date.parse(parsed.validTo) - Date.now()) / (365.25 * 86_400_000);
    expect(years).toBeGreaterThan(9.9);
    expect(years).toBeLessThan(10.1);
    expect(Date.parse(parsed.validFrom)).toBeLessThan(Date.now());
    expect(createPrivateKey(made.key).asymmetricKeyType).toBe('rsa');
    expect((await fs.stat(request.keyFile)).mode & 0o777).toBe(0o600);
    expect((await fs.readdir(request.folder)).sort()).toEqual(['s.crt', 's.key']);

    expect(await ensureCertificate(request)).toEqual({ ...made, created: false });
  });

  test('a TLS client that trusts it, and it alone, accepts it', async () => {
    const { certificate, key } = await createSelfSigned(['weaver'], new Date());
    const server = tls.createServer({ cert: certificate, key }, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const got = await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ port, host: '127.0.0.1', servername: 'weaver', ca: certificate });
      socket.setEncoding('utf8');
      socket.on('data', (text: string) => {
        resolve(`${text} ${socket.authorized}`);
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(got).toBe('hello true');
    await new Promise((resolve) => server.close(resolve));
  });

  test('a folder that cannot be written leaves nothing behind', async () => {
    const request = await setUp();
    const missing = { ...request, certificateFile: path.join(request.folder, 'no', 's.crt') };
    await expect(ensureCertificate(missing)).rejects.toMatchObject({
      exit: 'configuration',
      message: `cannot create ${missing.certificateFile}: there is no such file or directory`,
    });
    expect(await fs.readdir(request.folder)).toEqual([]);
  });

  test('a long host name fits', async () => {
    const name = `${'a'.repeat(60)}.example.com`;
    const parsed = new X509Certificate((await createSelfSigned([name], new Date())).certificate);
    expect(parsed.subject).toBe(`CN=${name.slice(0, 64)}`);
    expect(parsed.subjectAltName).toBe(`DNS:${name}`);
  });
});

describe('files that are there', () => {
  test.each(['s.crt', 's.key'])('only one of them: %s is gone', async (gone) => {
    const request = await setUp();
    await ensureCertificate(request);
    await fs.rm(path.join(request.folder, gone));
    const present = gone === 's.crt' ? request.keyFile : request.certificateFile;
    await expect(ensureCertificate(request)).rejects.toMatchObject({
      exit: 'configuration',
      message: `cannot use the certificate: ${present} exists, but ${path.join(request.folder, gone)} does not`,
    });
  });

  test('a key of another certificate', async () => {
    const request = await setUp();
    await ensureCertificate(request);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await fs.writeFile(request.keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(ensureCertificate(request)).rejects.toThrow(`the private key ${request.keyFile} does not belong to`);
  });

  test.each([
    ['s.crt', 'garbage', 'it holds no readable certificate'],
    ['s.key', 'garbage hunter2', 'it holds no readable private key'],
    ['s.key', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n', 'it is encrypted'],
  ])('%s is %j', async (name, content, cause) => {
    const request = await setUp();
    await ensureCertificate(request);
    await fs.writeFile(path.join(request.folder, name), content);
    const failure = await ensureCertificate(request).catch((thrown: Error) => thrown);
    expect(failure).toMatchObject({ exit: 'configuration' });
    expect((failure as Error).message).toContain(cause);
    expect((failure as Error).message).not.toContain('hunter2');
  });

  test('one that has expired, one that soon will, and a key that all can read are warned of', async () => {
    const request = await setUp();
    const tenYears = 10 * 365.25 * 86_400_000;
    const at = async (ms: number) => {
      const { certificate, key } = await createSelfSigned(['x'], new Date(Date.now() + ms));
      await fs.writeFile(request.certificateFile, certificate);
      await fs.writeFile(request.keyFile, key, { mode: 0o600 });
      return (await ensureCertificate(request)).warnings;
    };
    expect(await at(-tenYears - 5 * 86_400_000)).toEqual([expect.stringContaining('has expired on')]);
    expect(await at(-tenYears + 10 * 86_400_000)).toEqual([expect.stringMatching(/expires in \d+ days/)]);
    expect(await at(5 * 86_400_000)).toEqual([expect.stringContaining('is not valid before')]);
    await fs.chmod(request.keyFile, 0o644);
    expect(await at(0)).toEqual([expect.stringContaining(`can read the private key ${request.keyFile}`)]);
  });
});

test('fingerprints in all spellings', () => {
  const digits = '0123456789abcdef'.repeat(4);
  const colons = digits.toUpperCase().match(/../g)!.join(':');
  for (const text of [digits, digits.toUpperCase(), colons, `SHA256:${colons}`, `sha-256=${digits}`]) {
    expect(fingerprint.parse(text)).toBe(digits);
  }
  for (const text of ['', digits.slice(1), `${digits}0`, digits.replace('0', 'g'), colons.slice(3)]) {
    expect(fingerprint.parse(text)).toBeUndefined();
  }
});
