/** Cascades on the command line: what a server reads for them, what is shown, and what can be switched. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { formatStatus } from '../../cli/status-text.ts';
import type { CascadeStatus, NodeStatus, PortStatus } from '../../engine/admin/status.ts';
import type { RemoteCascadeOptions } from '../../engine/cascade/options.ts';
import { environmentOf, fakeEngine, fakeIo, runCommand, sampleStatus, temporaryFolder, until } from './support.ts';

const PORT: PortStatus = {
  ...{ name: 'SID-HEAD-1', user: 'head', since: '2026-01-01T00:00:00.000Z', queuedBytes: 0, connections: [] },
  ...{
    received: { frames: 5, bytes: 320 },
    sent: { frames: 1, bytes: 60 },
    drops: { loop: 3 },
    blocked: 'a loop with other',
  },
};
const UP: CascadeStatus = {
  ...{ name: 'up', kind: 'session', state: 'established', server: 'vpn.example.com:443', hub: 'LAB', user: 'head' },
  ...{ attempts: 0, port: PORT },
};
const DOWN: CascadeStatus = {
  ...{ name: 'down', kind: 'session', state: 'waiting', server: 'x:1', hub: 'h', user: 'u', attempts: 3 },
  lastError: 'wrong password\u001b[2J',
};

function status(): NodeStatus {
  const sample = sampleStatus('server');
  const loop = { blocked: 'up', open: 'other', through: ['third'], since: '2026-01-02T03:04:00.000Z' };
  return { ...sample, hubs: [{ ...sample.hubs[0]!, cascades: [UP, DOWN], loops: [loop], identity: '00' }] };
}

/** A server with cascades, its configuration, and those who ask it. */
async function setUp(cascades: string, files: Record<string, string> = {}) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'server.yaml');
  await fs.writeFile(
    file,
    `listen: [{ host: 127.0.0.1, port: 5555 }]\nhubs: { lab: { cascades: { ${cascades} } }, other: {} }\n`,
  );
  for (const [name, text] of Object.entries(files)) await fs.writeFile(path.join(folder, name), text, { mode: 0o600 });
  const calls: unknown[][] = [];
  const base = fakeEngine();
  const engine = fakeEngine({
    startServer: async (host, options, log) => ({
      ...(await base.startServer(host, options, log)),
      status,
      setCascade: (name, hub, online) => {
        calls.push([name, hub, online]);
        const known = name === 'up';
        return known ? { ok: true, hub: 'lab', cascade: UP } : { ok: false, problem: `there is no cascade ${name}` };
      },
    }),
  });
  const io = fakeIo({ folder });
  const done = main(['server', '--config', file], environmentOf(engine), io);
  await Promise.race([until(() => io.out().includes('listening')), done]);
  const ask = async (...argv: string[]) => {
    const asking = fakeIo({ folder });
    const code = await runCommand(['cascade', ...argv], asking);
    return { code, out: asking.out(), err: asking.err() };
  };
  const end = async () => {
    io.signal('SIGTERM');
    return done;
  };
  return { folder, engine: base, io, calls, ask, end, done };
}

const LOGIN = 'server: "vpn.example.com:443", hub: LAB, user: head, passwordFile: head.password';

describe('the server', () => {
  test('reads what its cascades need from files beside its configuration', async () => {
    const pin = 'ab'.repeat(32);
    const s = await setUp(`up: { ${LOGIN}, pin: "${pin}" }, next: { hub: other }`, { 'head.password': 'secret\n' });
    const [up, next] = s.engine.servers[0]!.hubs[0]!.cascades! as [RemoteCascadeOptions, unknown];
    expect(up.credential).toEqual({ kind: 'hashed', password: new TextEncoder().encode('secret') });
    expect(next).toEqual({ kind: 'link', name: 'next', hub: 'other', online: true });
    const judge = (bytes: string) =>
      up.trust({ protocol: '', cipher: '', certificate: new TextEncoder().encode(bytes) });
    expect(await judge('x')).toMatch(/is not the pinned one/);
    expect(await s.end()).toBe(0);
  });

  test('trusts without a pin what the runtime trusts, and says what to write otherwise', async () => {
    const s = await setUp(`up: { ${LOGIN} }, any: { ${LOGIN}, insecure: true }`, { 'head.password': 'secret\n' });
    const [up, any] = s.engine.servers[0]!.hubs[0]!.cascades! as RemoteCascadeOptions[];
    const shown = { protocol: '', cipher: '', certificate: Uint8Array.of(1) };
    expect(await up!.trust(shown)).toBeUndefined();
    expect(await up!.trust({ ...shown, distrust: 'self-signed' })).toMatch(/self-signed.*write pin: [0-9a-f]{64}/);
    expect(await any!.trust({ ...shown, distrust: 'self-signed' })).toBeUndefined();
    expect(s.io.err()).toMatch(/cascade any of hub lab: insecure/);
    await s.end();
  });

  test.each([
    ['no such file', LOGIN, {}, /head\.password/],
    ['an empty one', LOGIN, { 'head.password': '\n' }, /the password of cascade up of hub lab is empty/],
    ['one of two lines', LOGIN, { 'head.password': 'a\nb\n' }, /more than one line/],
    ['a CA that is none', `${LOGIN}, ca: ca.pem`, { 'head.password': 'a\n', 'ca.pem': 'x' }, /ca\.pem/],
  ] as [
    string,
    string,
    Record<string, string>,
    RegExp,
  ][])('with %s does not start', async (_, settings, files, message) => {
    const s = await setUp(`up: { ${settings} }`, files);
    expect(await s.done).toBe(3);
    expect(s.io.err()).toMatch(message);
    expect(s.engine.servers).toEqual([]);
  });
});

describe('etherloom cascade', () => {
  test('brings one up, takes it down, and says what is wrong', async () => {
    const s = await setUp('next: { hub: other }');
    expect(await s.ask('online', 'up')).toMatchObject({ code: 0, out: 'cascade up of hub lab is established\n' });
    const json = await s.ask('offline', 'up', '--hub', 'lab', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ of: 'lab', hub: 'LAB', name: 'up' });
    expect(s.calls).toEqual([
      ['up', undefined, true],
      ['up', 'lab', false],
    ]);
    expect(await s.ask('online', 'none')).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no cascade none'),
    });
    await s.end();
    expect(await s.ask('online', 'up')).toMatchObject({ code: 9 });
  });

  test('lists them', async () => {
    const s = await setUp('next: { hub: other }');
    const { code, out } = await s.ask('list');
    expect(code).toBe(0);
    expect(out).toMatch(
      /lab +up +established +LAB at vpn\.example\.com:443 as head .* loop 3 +blocked: a loop with other/,
    );
    expect(out).toMatch(/lab +down +waiting .* 3 attempts; wrong password/);
    expect(out).not.toContain('\u001b');
    expect(JSON.parse((await s.ask('list', '--json')).out)).toHaveLength(2);
    expect(await s.ask('list', '--hub', 'none')).toMatchObject({ code: 2 });
    await s.end();
  });
});

test('the status has cascades and loops with their hub', () => {
  const text = formatStatus(status(), Date.parse('2026-01-02T03:04:05.000Z'));
  expect(text).toContain('loop: up and other lead to the same place through third; up is blocked, for 5 s');
  expect(text).toMatch(/CASCADE +STATE +TO/);
});
