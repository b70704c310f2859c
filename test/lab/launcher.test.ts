/** What the launcher does before there is a command: Bun's allocator keeps for a second what it would give back at once. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';

const SETTING = 'MIMALLOC_PURGE_DELAY';

let lab: Lab;
let host: LabHost;

beforeEach(async () => {
  lab = await Lab.create();
  host = await lab.addHost('server');
  delete process.env[SETTING];
});

afterEach(async () => {
  delete process.env[SETTING];
  await lab.close();
});

test.each([
  ['node', undefined, undefined],
  ['bun', undefined, '1000'],
  ['bun', '50', '50'],
] as const)('a server on %s, started with the setting %s, has %s', async (runtime, before, after) => {
  if (before !== undefined) process.env[SETTING] = before;
  const server = await EtherloomServer.start(host, { runtime, address: '127.0.0.1', users: { guest: undefined } });
  // The process that was started, and no child of it: whoever watches it, or ends it, has the right one.
  const { pid } = server.process.child;
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const setting = variables.find((each) => each.startsWith(`${SETTING}=`));
  expect(setting?.split('=')[1]).toBe(after);
  expect((await server.status()).pid).toBe(pid);
  expect(await server.stop()).toBe(0);
});
