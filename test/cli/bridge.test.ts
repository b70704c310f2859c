import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import {
  environmentOf,
  type FakeIoOptions,
  fakeEngine,
  fakeIo,
  runCommand,
  sampleStatus,
  temporaryFolder,
  until,
} from './support.ts';

const CONFIG = `hubs:
  lab:
    bridges: [{ interface: eth1 }]
    taps: [{ name: t0 }]
`;

async function setUp(config = CONFIG, options: FakeIoOptions = {}) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'bridge.yaml');
  await fs.writeFile(file, config);
  return { folder, file, io: fakeIo({ folder, ...options }) };
}

test.each([
  [[], 'bridging eth1 with the hub lab\nTAP t0 is in the hub lab\n'],
  [
    ['--json'],
    /^\{"event":"bridging","hubs":\[\{"name":"lab","bridges":\["eth1"\],"taps":\["t0"\]\}\],"control":".*bridge-.*\n$/,
  ],
] as const)('a bridge says what it bridges, answers status, and ends in order: %j', async (flags, said) => {
  const { folder, file, io } = await setUp();
  const engine = fakeEngine();
  const done = main(['bridge', '--config', file, ...flags], environmentOf(engine), io);
  await until(() => io.out().includes('bridging'));
  if (typeof said === 'string') expect(io.out()).toBe(said);
  else expect(io.out()).toMatch(said);
  expect(engine.servers[0]).toMatchObject({
    ...{ role: 'bridge', listen: [], certificate: '', key: '' },
    hubs: [{ name: 'lab', bridges: [{ interface: 'eth1' }], taps: [{ name: 't0' }] }],
  });
  // No certificate was made for nobody.
  expect((await fs.readdir(folder)).filter((name) => /crt|key/.test(name))).toEqual([]);
  const asked = fakeIo({ folder });
  expect(await runCommand(['status', '--json'], asked)).toBe(0);
  expect(JSON.parse(asked.out())).toEqual({ ...sampleStatus('server'), name: 'bridge' });
  io.signal('SIGTERM');
  expect(await done).toBe(0);
  expect(engine.closed).toBe(1);
});

test('an interface that cannot be bridged ends with 5 and its message', async () => {
  const { file, io } = await setUp();
  const error = { doing: 'tap', code: 'ENODEV', message: 'interface "eth1": cannot bridge it (ENODEV).' } as const;
  expect(
    await runCommand(['bridge', '--config', file], io, fakeEngine({ startServer: () => Promise.reject(error) })),
  ).toBe(5);
  expect(io.err()).toBe(`error: ${error.message}\n`);
});

test('a hub with nothing to bridge ends with 3', async () => {
  const { file, io } = await setUp('hubs:\n  lab: { taps: [{ name: t0 }] }\n');
  expect(await runCommand(['bridge', '--config', file], io)).toBe(3);
  expect(io.err()).toContain('hubs.lab: this hub has nothing to bridge');
});

test('bridges are for Linux', async () => {
  const { file, io } = await setUp(CONFIG, { platform: 'darwin' });
  expect(await runCommand(['bridge', '--config', file], io)).toBe(5);
  expect(io.err()).toContain('on Linux only; this is darwin');
});

test('what a configuration shares with a server’s is checked as there', async () => {
  const { file, io } = await setUp(`${CONFIG}    users: { bob: { certificate: bob.crt } }\n`);
  expect(await runCommand(['bridge', '--config', file], io)).toBe(3);
  expect(io.err()).toContain('hubs.lab.users.bob.certificate');
  expect(io.err()).toContain('bob.crt');
});
