import { X509Certificate } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createSelfSigned } from '../../cli/certificate-create.ts';
import { fingerprintOf } from '../../cli/fingerprint.ts';
import { knownServers, knownServersFile } from '../../cli/known-servers.ts';
import { createTerminal, type Terminal } from '../../cli/terminal.ts';
import { createTrust, type TrustMode } from '../../cli/trust.ts';
import type { ChannelSecurity } from '../../engine/host.ts';
import { fakeIo, temporaryFolder, until } from './support.ts';

let first: Uint8Array;
let second: Uint8Array;

beforeAll(async () => {
  const make = async () =>
    new Uint8Array(new X509Certificate((await createSelfSigned(['vpn'], new Date())).certificate).raw);
  [first, second] = await Promise.all([make(), make()]);
});

const SERVER = 'vpn.example:443';

function security(certificate: Uint8Array | undefined, distrust?: string): ChannelSecurity {
  return { protocol: 'TLSv1.3', cipher: 'X', certificate, distrust };
}

/** A person who gives one answer to every question. */
function person(answer: boolean): Terminal & { questions: string[] } {
  const questions: string[] = [];
  return {
    interactive: true,
    questions,
    askHidden: () => Promise.reject(new Error('not here')),
    async askYesNo(question) {
      questions.push(question);
      return answer;
    },
  };
}

const NOBODY: Terminal = { ...person(false), interactive: false };

async function setUp(mode: TrustMode, terminal: Terminal = NOBODY) {
  const file = path.join(await temporaryFolder(), 'state', 'known-servers.json');
  const warnings: string[] = [];
  const known = knownServers(file);
  const stop = new AbortController();
  const make = (asked: Terminal) =>
    createTrust({
      mode,
      server: SERVER,
      known,
      terminal: asked,
      warn: (message) => void warnings.push(message),
      signal: stop.signal,
    });
  return { file, warnings, known, stop, trust: make(terminal), make };
}

describe('--pin', () => {
  test('accepts the pinned certificate, whatever else is wrong with it', async () => {
    const { trust } = await setUp({ kind: 'pin', fingerprint: fingerprintOf(first) });
    expect(await trust(security(first, 'self-signed'))).toBeUndefined();
  });

  test('refuses a changed one with both fingerprints', async () => {
    const { trust } = await setUp({ kind: 'pin', fingerprint: fingerprintOf(first) }, person(true));
    const reason = await trust(security(second));
    expect(reason).toContain(fingerprintOf(first));
    expect(reason).toContain(fingerprintOf(second));
    expect(reason).toContain('someone is in between');
    expect(await trust(security(undefined))).toContain('showed no certificate');
  });
});

test('--ca goes by the chain and the name', async () => {
  const { trust } = await setUp({ kind: 'ca', file: 'ca.pem' }, person(true));
  expect(await trust(security(first))).toBeUndefined();
  expect(await trust(security(first, 'self-signed'))).toContain('does not pass the CA file ca.pem: self-signed');
});

test('--insecure accepts everything and warns every time', async () => {
  const { trust, warnings } = await setUp({ kind: 'insecure' });
  expect(await trust(security(first, 'x'))).toBeUndefined();
  expect(await trust(security(undefined))).toBeUndefined();
  expect(warnings).toHaveLength(2);
});

describe('without an option', () => {
  test('a certificate of a trusted CA needs no question and is not remembered', async () => {
    const terminal = person(false);
    const { trust, file } = await setUp({ kind: 'known' }, terminal);
    expect(await trust(security(first))).toBeUndefined();
    expect(terminal.questions).toEqual([]);
    await expect(fs.stat(file)).rejects.toThrow();
  });

  test('an unknown server is asked about once and remembered', async () => {
    const terminal = person(true);
    const { trust, make, file } = await setUp({ kind: 'known' }, terminal);
    expect(await trust(security(first, 'self-signed'))).toBeUndefined();
    expect(await trust(security(first, 'self-signed'))).toBeUndefined();
    expect(await make(NOBODY)(security(first, 'self-signed'))).toBeUndefined();
    expect(terminal.questions).toHaveLength(1);
    expect(terminal.questions[0]).toContain(fingerprintOf(first));
    expect(terminal.questions[0]).toContain('CN=vpn');
    expect((await fs.stat(file)).mode & 0o777).toBe(0o600);
    expect((await fs.stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await fs.readFile(file, 'utf8'))).toEqual({
      version: 1,
      servers: { [SERVER]: { fingerprint: fingerprintOf(first), since: expect.any(String) } },
    });
    expect(await fs.readdir(path.dirname(file))).toEqual(['known-servers.json']);
  });

  test('a remembered server with another certificate is refused, even when a CA signed it', async () => {
    const terminal = person(true);
    const { trust, known } = await setUp({ kind: 'known' }, terminal);
    await known.remember(SERVER, fingerprintOf(first));
    const reason = await trust(security(second));
    expect(reason).toContain(`remembered is ${fingerprintOf(first)}, shown was ${fingerprintOf(second)}`);
    expect(reason).toContain(known.file);
    expect(terminal.questions).toEqual([]);
  });

  test('no is not remembered', async () => {
    const { trust, known } = await setUp({ kind: 'known' }, person(false));
    expect(await trust(security(first, 'self-signed'))).toContain('was not accepted');
    expect(await known.find(SERVER)).toBeUndefined();
  });

  test('nobody to ask: refused, with the way to pin', async () => {
    const { trust } = await setUp({ kind: 'known' });
    expect(await trust(security(first, 'self-signed\u001b[2J'))).toBe(
      `the certificate of ${SERVER} is signed by no trusted CA or names another host (self-signed\ufffd[2J), and there is no ` +
        `terminal to ask. If its SHA-256 fingerprint ${fingerprintOf(first)} is right, use --pin ${fingerprintOf(first)}`,
    );
  });

  test('a server that is dialled again while the question is open is asked about once', async () => {
    const io = fakeIo({ tty: true });
    const { make, known } = await setUp({ kind: 'known' });
    const trust = make(createTerminal(io));
    const answers = Promise.all([trust(security(first, 'x')), trust(security(first, 'x'))]);
    await until(() => io.err().includes('(yes/no)'));
    io.stdin.write('y');
    io.stdin.write('es\n');
    expect(await answers).toEqual([undefined, undefined]);
    expect(io.err().match(/yes\/no/g)).toHaveLength(1);
    // The terminal keeps its own handling of Ctrl-C.
    expect(io.stdin.raw).toEqual([]);
    expect(await known.find(SERVER)).toBe(fingerprintOf(first));
  });

  test('a signal ends the question', async () => {
    const io = fakeIo({ tty: true });
    const { make, stop, known } = await setUp({ kind: 'known' });
    const answer = make(createTerminal(io))(security(first, 'x'));
    await until(() => io.err().includes('(yes/no)'));
    stop.abort();
    expect(await answer).toContain('was not accepted');
    expect(await known.find(SERVER)).toBeUndefined();
  });

  test.each(['y\n', '\n', 'no\n', 'yes please\n'])('only yes is yes: %j', async (text) => {
    const io = fakeIo({ tty: true });
    const answer = createTerminal(io).askYesNo('? ');
    io.stdin.write(text);
    expect(await answer).toBe(false);
  });

  test.each([
    '',
    '{',
    '[]',
    '{"version":2,"servers":{}}',
    '{"version":1,"servers":{"a:1":{"fingerprint":"x"}}}',
  ])('a damaged list is never taken for an empty one: %j', async (content) => {
    const terminal = person(true);
    const { trust, file } = await setUp({ kind: 'known' }, terminal);
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(file, content);
    expect(await trust(security(first, 'x'))).toContain(`cannot use the list of known servers ${file}`);
    expect(terminal.questions).toEqual([]);
    expect(await fs.readFile(file, 'utf8')).toBe(content);
  });
});

test('where the list is', () => {
  expect(knownServersFile(fakeIo({ env: { XDG_STATE_HOME: '/s' } }))).toBe('/s/etherloom/known-servers.json');
  expect(knownServersFile(fakeIo({ folder: '/home/a', env: { XDG_STATE_HOME: 'relative' } }))).toBe(
    '/home/a/.local/state/etherloom/known-servers.json',
  );
});
