/** The helper that runs Etherloom in a host, on a stand-in for the command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { etherloomCommand, runEtherloom, startEtherloom } from '../../lab/node.ts';
import { describeMissing, findProgram, missingRequirements } from '../../lab/requirements.ts';
import type { Runtime } from '../../lab/runtime.ts';

const STAND_IN = `
const runtime = process.versions.bun ? 'bun' : 'node';
if (process.argv[2] === 'status') { console.error('no server'); process.exit(4); }
process.on('SIGTERM', () => { console.log(JSON.stringify({ level: 30, msg: 'bye' })); process.exit(5); });
console.error('starting');
if (process.argv[2] !== 'mute') console.log(JSON.stringify({ level: 30, msg: 'listening', runtime, port: 443 }));
setInterval(() => {}, 1000);
`;

describe.runIf(process.getuid?.() === 0).each<Runtime>(['node', 'bun'])('Etherloom in a host, on %s', (runtime) => {
  const directory = mkdtempSync(join(tmpdir(), 'lab-node-'));
  const script = join(directory, 'stand-in.mjs');
  let lab: Lab;
  let host: LabHost;
  beforeAll(async () => {
    writeFileSync(script, STAND_IN);
    lab = await Lab.create();
    host = await lab.addHost('host');
  });
  afterAll(async () => {
    await lab.close();
    rmSync(directory, { recursive: true });
  });

  it('waits for the line, keeps the records, ends by SIGTERM', async () => {
    const options = { runtime, script, ready: /"msg":"listening".*"port":(\d+)/ };
    const server = await startEtherloom(host, ['server', '--log-format', 'json'], options);
    expect(server.readyMs).toBeGreaterThan(0);
    expect(server.records).toMatchObject([{ msg: 'listening', runtime }]);
    expect(await server.stop()).toEqual({ code: 5, signal: null });
    expect(server.records.at(-1)).toMatchObject({ msg: 'bye' });
    expect(server.child.stderr).toBe('starting\n');
  });

  it('says what came instead of the line', async () => {
    const options = { runtime, script, ready: /listening/, readyTimeoutMs: 500 };
    await expect(startEtherloom(host, ['mute'], options)).rejects.toThrow(/no such line within 500 ms .*\nstarting/s);
    await expect(startEtherloom(host, ['status'], options)).rejects.toThrow(/ended first, exit code 4 .*\nno server/s);
  });

  it('runs a command to its end', async () => {
    expect(await runEtherloom(host, ['status', '--json'], { runtime, script })).toMatchObject({ code: 4, stdout: '' });
    expect(() => etherloomCommand([], { script: '/no/such' })).toThrow('/no/such does not exist');
  });
});

it('requirements: lists what is missing with its remedy', () => {
  expect(findProgram('sh')).toMatch(/\/sh$/);
  expect(findProgram('no-such-program')).toBeUndefined();
  const path = process.env.PATH;
  try {
    process.env.PATH = '/nowhere';
    expect(missingRequirements().every((item) => item.fix !== '' && item.why !== '')).toBe(true);
  } finally {
    process.env.PATH = path;
  }
  const text = describeMissing([
    { what: 'ip', why: 'namespaces', fix: 'sudo apt-get install iproute2', optional: false },
  ]);
  expect(text).toBe('missing : ip\n  for: namespaces\n  do:  sudo apt-get install iproute2');
});
