import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { controlClient, requestStatus } from '../../cli/control-client.ts';
import { findSockets } from '../../cli/control-paths.ts';
import { startControlServer } from '../../cli/control-server.ts';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { isAlive } from '../../cli/processes.ts';
import type { NodeRole } from '../../engine/admin/status.ts';
import { fakeIo, runCommand, sampleStatus, temporaryFolder } from './support.ts';

async function setUp() {
  const folder = await temporaryFolder();
  const io = fakeIo({ folder });
  const stopped: NodeRole[] = [];
  const start = (role: NodeRole, at?: string, name?: string) =>
    startControlServer({
      ...{ role, about: { name }, path: at, io },
      status: () => sampleStatus(role),
      stop: () => void stopped.push(role),
    });
  return { folder, io, start, stopped, directory: path.join(folder, 'run', 'etherloom') };
}

/** A pid that nobody has: that of a process which has ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

/** Sends bytes and collects the answer until the node closes or `lines` lines have come. */
function talk(socket: string, sent: string, lines: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const connection = net.connect(socket);
    let text = '';
    connection.setEncoding('utf8');
    connection.on('connect', () => connection.write(sent));
    connection.on('data', (chunk: string) => {
      text += chunk;
      if (text.split('\n').length > lines) connection.destroy();
    });
    connection.on('close', () => resolve(text.split('\n').filter((line) => line !== '')));
    connection.on('error', reject);
  });
}

describe('the control socket', () => {
  test('is its owner’s alone, answers several clients, and is gone at the end', async () => {
    const { io, start, directory } = await setUp();
    const control = await start('server');
    expect(control.path).toBe(path.join(directory, `server-${process.pid}.sock`));
    expect((await fs.stat(control.path)).mode & 0o777).toBe(0o600);
    expect((await fs.stat(directory)).mode & 0o777).toBe(0o700);
    const answers = await Promise.all(Array.from({ length: 8 }, () => requestStatus(control.path)));
    expect(answers).toEqual(new Array(8).fill(sampleStatus('server')));
    expect(await findSockets(io)).toEqual([{ path: control.path, role: 'server', pid: process.pid }]);
    await control.close();
    expect(await fs.readdir(directory)).toEqual([]);
    await expect(requestStatus(control.path)).rejects.toMatchObject({ exit: 'notRunning' });
  });

  test('answers line by line and refuses what it does not understand', async () => {
    const { start } = await setUp();
    const control = await start('server');
    const lines = await talk(
      control.path,
      '{"command":"status"}\nnonsense\n{"command":"sing"}\nnull\n{"command":"sta',
      4,
    );
    expect(lines.map((line) => JSON.parse(line).error ?? 'status')).toEqual([
      'status',
      'a request is one line of JSON, such as {"command":"status"}',
      'unknown command; known are "status" and "stop"',
      'unknown command; known are "status" and "stop"',
    ]);
    await control.close();
  });

  test('carries the name of its node, and passes on that its end is wanted', async () => {
    const { start, stopped, directory, io } = await setUp();
    const named = await start('client', undefined, 'lab.2');
    const bridge = await start('bridge', undefined, 'lab.2');
    expect(named.path).toBe(path.join(directory, `client-${process.pid}-lab.2.sock`));
    expect(await findSockets(io)).toEqual([
      { path: bridge.path, role: 'bridge', pid: process.pid, name: 'lab.2' },
      { path: named.path, role: 'client', pid: process.pid, name: 'lab.2' },
    ]);
    expect(await requestStatus(named.path)).toEqual({ ...sampleStatus('client'), name: 'lab.2' });
    expect(await talk(named.path, '{"command":"stop"}\n', 1)).toEqual(['{"stopping":true}']);
    await expect.poll(() => stopped).toEqual(['client']);
    await named.close();
    await bridge.close();
  });

  test('one connection carries many questions', async () => {
    const { start } = await setUp();
    const control = await start('server');
    const client = controlClient(control.path);
    for (let count = 0; count < 5; count++) expect(await client.status()).toEqual(sampleStatus('server'));
    await control.close();
    await expect(client.status()).rejects.toMatchObject({ exit: 'notRunning' });
    client.close();
  });

  test('a request has a bound', async () => {
    const { start } = await setUp();
    const control = await start('server');
    const lines = await talk(control.path, 'x'.repeat(70_000), 99);
    expect(lines).toEqual(['{"error":"a request has at most 65536 bytes"}']);
    expect(await requestStatus(control.path)).toMatchObject({ role: 'server' });
    await control.close();
  });

  test('what a dead process left behind is removed, what lives stays', async () => {
    const { io, directory, start } = await setUp();
    await fs.mkdir(directory, { recursive: true });
    const dead = path.join(directory, `server-${deadPid()}.sock`);
    await fs.writeFile(dead, '');
    await fs.writeFile(path.join(directory, 'notes.txt'), '');
    const control = await start('client');
    expect((await fs.readdir(directory)).sort()).toEqual([`client-${process.pid}.sock`, 'notes.txt']);
    expect(await findSockets(io)).toHaveLength(1);
    await control.close();
  });

  test('a socket whose number another process has got is removed too', async () => {
    const { io, directory } = await setUp();
    await fs.mkdir(directory, { recursive: true });
    const left = path.join(directory, `client-${process.pid}-lab.sock`);
    const crash = `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', crash]);
    expect(await fs.readdir(directory)).toHaveLength(1);
    expect(await findSockets(io)).toEqual([]);
    expect(await fs.readdir(directory)).toEqual([]);
  });

  test('a path that is asked for: stale ones are replaced, others are not', async () => {
    const { folder, start } = await setUp();
    const file = path.join(folder, 'file');
    await fs.writeFile(file, 'mine');
    await expect(start('server', file)).rejects.toThrow('there is a file that is no socket');
    expect(await fs.readFile(file, 'utf8')).toBe('mine');

    const socket = path.join(folder, 's.sock');
    const first = await start('server', socket);
    await expect(start('server', socket)).rejects.toThrow('another running node has it');
    await first.close();

    await expect(start('server', path.join(folder, 'x'.repeat(120)))).rejects.toThrow('more than 107 bytes');
    await expect(start('server', path.join(folder, 'no', 's.sock'))).rejects.toMatchObject({ exit: 'configuration' });
  });

  test('a folder that another user could have planted is not used', async () => {
    const { folder } = await setUp();
    await fs.mkdir(path.join(folder, 'elsewhere'));
    await fs.mkdir(path.join(folder, 'tmp'));
    await fs.symlink(path.join(folder, 'elsewhere'), path.join(folder, 'tmp', 'etherloom-4711'));
    const io = Object.assign(fakeIo({ folder }), { uid: 4711, env: {} });
    const request = { role: 'server', about: {}, status: () => undefined, stop: () => {}, io } as const;
    await expect(startControlServer(request)).rejects.toThrow('it is not a directory');
    expect(await fs.readdir(path.join(folder, 'elsewhere'))).toEqual([]);
  });
});

describe('etherloom down', () => {
  test.each([
    ['ends', true, 0, 'server: ended'],
    ['does not end', false, EXIT_CODES.timeout.code, 'nothing proves that process'],
  ])('sends no signal to the process that has the number of a node elsewhere: one that %s', async (_, ends, code, said) => {
    const { folder, io } = await setUp();
    const bystander = spawn('sleep', ['60']);
    await once(bystander, 'spawn');
    // As a node says it from inside another PID namespace.
    const control = await startControlServer({
      ...{ role: 'server', about: {}, path: path.join(folder, 'server.sock'), io },
      status: () => ({ ...sampleStatus('server'), pid: bystander.pid! }),
      stop: () => void (ends && control.close()),
    });
    try {
      expect(await runCommand(['down', '--socket', control.path, '--timeout', '1'], io)).toBe(code);
      expect(io.out() + io.err()).toContain(said);
      expect(isAlive(bystander.pid!)).toBe(true);
    } finally {
      await control.close();
      bystander.kill('SIGKILL');
    }
  });
});

describe('etherloom status', () => {
  test('nobody runs', async () => {
    const { folder } = await setUp();
    const io = Object.assign(fakeIo({ folder }), { uid: 4711 });
    expect(await runCommand(['status'], io)).toBe(9);
    expect(io.err()).toContain('no running server, client or bridge of this user was found');
    expect(io.err()).toContain('etherloom server');
    const asked = fakeIo({ folder });
    expect(await runCommand(['status', '--json', '--socket', path.join(folder, 'none.sock')], asked)).toBe(9);
    expect(JSON.parse(asked.err()).error).toMatchObject({ kind: 'notRunning', exitCode: 9 });
  });

  test('one runs, then two', async () => {
    const { io, folder, start } = await setUp();
    const server = await start('server');
    expect(await runCommand(['status', '--json'], io)).toBe(0);
    expect(JSON.parse(io.out())).toEqual(sampleStatus('server'));

    const client = await start('client');
    const refused = fakeIo({ folder });
    expect(await runCommand(['status', '--json'], refused)).toBe(2);
    expect(refused.out()).toBe('');
    const { error } = JSON.parse(refused.err());
    expect(error.message).toContain(server.path);
    expect(error.message).toContain(client.path);
    expect(error.hint).toContain('--all');

    const all = fakeIo({ folder });
    expect(await runCommand(['status', '--json', '--all'], all)).toBe(0);
    expect(JSON.parse(all.out()).map(({ role }: { role: string }) => role)).toEqual(['client', 'server']);

    const text = fakeIo({ folder });
    expect(await runCommand(['status'], text)).toBe(0);
    expect(text.out()).toMatch(/^Etherloom client\n[\s\S]*\n\nEtherloom server\n/);

    const one = fakeIo({ folder });
    expect(await runCommand(['status', '--json', '--socket', client.path], one)).toBe(0);
    expect(JSON.parse(one.out())).toEqual(sampleStatus('client'));
    await client.close();
    await server.close();
  });

  test('by name', async () => {
    const { folder, start } = await setUp();
    const nodes = [await start('client', undefined, 'home'), await start('server', undefined, 'lab')];
    const one = fakeIo({ folder });
    expect(await runCommand(['status', 'home', '--json'], one)).toBe(0);
    expect(JSON.parse(one.out())).toMatchObject({ name: 'home', role: 'client' });
    const text = fakeIo({ folder });
    expect(await runCommand(['status', 'lab'], text)).toBe(0);
    expect(text.out()).toMatch(/^Etherloom server lab\n/);
    const none = fakeIo({ folder });
    expect(await runCommand(['status', 'elsewhere'], none)).toBe(9);
    expect(none.err()).toContain('no running node of this user is named elsewhere');
    expect(none.err()).toContain('running are: home, lab');
    const both = fakeIo({ folder });
    expect(await runCommand(['status', 'lab', '--socket', 'x'], both)).toBe(2);
    for (const node of nodes) await node.close();
  });

  test('a node that does not answer', async () => {
    const { folder } = await setUp();
    const socket = path.join(folder, 's.sock');
    const connections: net.Socket[] = [];
    const silent = net.createServer((connection) => void connections.push(connection));
    await new Promise<void>((resolve) => silent.listen(socket, resolve));
    await expect(requestStatus(socket, 50)).rejects.toThrow('no answer within 0.05 seconds');
    for (const connection of connections) connection.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});
