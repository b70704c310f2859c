import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { requestStatus } from '../../cli/control-client.ts';
import { findSockets } from '../../cli/control-paths.ts';
import { startControlServer } from '../../cli/control-server.ts';
import { fakeIo, runCommand, sampleStatus, temporaryFolder } from './support.ts';

async function setUp() {
  const folder = await temporaryFolder();
  const io = fakeIo({ folder });
  const start = (role: 'server' | 'client', at?: string) =>
    startControlServer({ role, path: at, status: () => sampleStatus(role), io });
  return { folder, io, start, directory: path.join(folder, 'run', 'etherloom') };
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
      '{"command":"status"}\nnonsense\n{"command":"stop"}\nnull\n{"command":"sta',
      4,
    );
    expect(lines.map((line) => JSON.parse(line).error ?? 'status')).toEqual([
      'status',
      'a request is one line of JSON, such as {"command":"status"}',
      'unknown command; known is "status"',
      'unknown command; known is "status"',
    ]);
    await control.close();
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
    await expect(startControlServer({ role: 'server', status: () => sampleStatus('server'), io })).rejects.toThrow(
      'it is not a directory',
    );
    expect(await fs.readdir(path.join(folder, 'elsewhere'))).toEqual([]);
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
