import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAlive, startOf } from '../../cli/processes.ts';
import { logDirectory, logFile } from '../../cli/up/log-file.ts';
import { startProcess } from '../../cli/up/process.ts';
import { findProfile, profileDirectory } from '../../cli/up/profiles.ts';
import { claim, findRecords, hand, recordPath, release } from '../../cli/up/record.ts';
import { environmentOf, fakeEngine, fakeIo, runCommand, temporaryFolder } from './support.ts';

const START = startOf(process.pid)!;

describe('which profile is meant', () => {
  test('names are looked up, paths are taken', async () => {
    const folder = await temporaryFolder();
    const io = Object.assign(fakeIo({ folder }), { uid: 4711 });
    expect(profileDirectory(io)).toBe(path.join(folder, '.config', 'etherloom'));
    expect(profileDirectory({ ...io, uid: 0 })).toBe('/etc/etherloom/profiles');
    const other = { ...io, env: { XDG_CONFIG_HOME: path.join(folder, 'config') } };
    expect(profileDirectory(other)).toBe(path.join(folder, 'config', 'etherloom'));
    expect(profileDirectory({ ...io, env: { XDG_CONFIG_HOME: 'relative' } })).toBe(profileDirectory(io));

    const file = path.join(folder, '.config', 'etherloom', 'lab.yaml');
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(file, '');
    expect(await findProfile(io, 'lab')).toEqual({ name: 'lab', file });
    expect(await findProfile(io, file)).toEqual({ name: 'lab', file });
    await expect(findProfile(io, 'lbb')).rejects.toMatchObject({
      exit: 'configuration',
      message: expect.stringContaining('lbb.yaml'),
      hint: expect.stringContaining('there are: lab'),
    });
    await expect(findProfile(io, './lab.yaml')).rejects.toThrow('cannot read the profile ./lab.yaml');
  });

  test('two files of one name are refused before anything starts', async () => {
    const folder = await temporaryFolder();
    const files = ['a', 'b'].map((name) => path.join(folder, name, 'lab.yaml'));
    for (const file of files) {
      await fs.mkdir(path.dirname(file));
      await fs.writeFile(file, '');
    }
    const io = fakeIo({ folder });
    expect(await runCommand(['up', ...files], io)).toBe(2);
    expect(io.err()).toContain('are both named lab');
    expect(await fs.readdir(folder)).not.toContain('run');
  });

  test('what the process itself finds wrong is told by `up`, with its exit code', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'lab.yaml');
    await fs.writeFile(file, 'server: vpn.example\nhub: lab\nuser: alice\ntap: { nmae: vpn0 }\n');
    const io = fakeIo({ folder });
    expect(await runCommand(['up', file, '--json'], io)).toBe(3);
    const { error, ...result } = JSON.parse(io.out());
    expect(result).toEqual({ profile: 'lab', file, result: 'failed' });
    expect(error).toMatchObject({ kind: 'configuration', exitCode: 3 });
    expect(error.message).toContain('lab.yaml:4:8');
    expect((await fs.readdir(path.join(folder, 'run', 'etherloom'))).filter((name) => name.endsWith('.up'))).toEqual(
      [],
    );
  });

  test('a process that cannot get the name is ended before it does anything', async () => {
    const folder = await temporaryFolder();
    const profile = { name: 'lab', file: path.join(folder, 'lab.yaml') };
    const log = path.join(folder, 'log', 'lab.log');
    const request = { profile, log, interactive: false, environment: environmentOf(fakeEngine()) };
    const record = path.join(folder, 'nowhere', 'lab.up');
    const started = startProcess({ ...request, record, io: { ...fakeIo({ folder }), env: {} }, onMessage: () => {} });
    await expect(started).rejects.toMatchObject({ exit: 'configuration', message: expect.stringContaining(record) });
    const children = await fs.readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
    const commands = children.split(' ').flatMap((pid) => {
      const { stdout } = spawnSync('cat', [`/proc/${pid}/cmdline`], { encoding: 'utf8' });
      return stdout.includes(profile.file) ? stdout : [];
    });
    expect(commands).toEqual([]);
  });

  test('--background is not for people', async () => {
    const io = fakeIo();
    expect(await runCommand(['connect', '--profile', 'lab.yaml', '--background'], io)).toBe(2);
    expect(io.err()).toContain('etherloom up PROFILE');
  });
});

describe('whose a name is', () => {
  const record = (pid: number, start: string) => ({ pid, start, file: '/lab.yaml', log: '/lab.log' });

  async function setUp() {
    const folder = await temporaryFolder();
    const io = fakeIo({ folder });
    const directory = path.join(folder, 'run', 'etherloom');
    await fs.mkdir(directory, { recursive: true });
    return { io, directory, file: recordPath(directory, 'lab') };
  }

  test('is the first one’s, until it gives it back', async () => {
    const { io, file, directory } = await setUp();
    const own = record(process.pid, START);
    const all = await Promise.all(Array.from({ length: 8 }, () => claim(file, own)));
    expect(all.filter((holder) => holder === undefined)).toHaveLength(1);
    expect(all.filter((holder) => holder?.pid === process.pid)).toHaveLength(7);
    expect(await findRecords(io)).toEqual([{ ...own, name: 'lab', path: file }]);
    await release(file, process.pid + 1);
    expect(await fs.readdir(directory)).toEqual(['lab.up']);
    await release(file, process.pid);
    expect(await fs.readdir(directory)).toEqual([]);
  });

  test.each([
    ['a process that has ended', () => record(spawnSync('true').pid, '1')],
    ['another process that has got its number', () => record(process.pid, `${Number(START) - 1}`)],
    ['a file that is not whole', () => ({ pid: process.pid })],
  ])('is taken over from %s', async (_, left) => {
    const { io, file, directory } = await setUp();
    await fs.writeFile(file, JSON.stringify(left()));
    expect(await findRecords(io)).toEqual([]);
    expect(await fs.readdir(directory)).toEqual([]);
    await fs.writeFile(file, JSON.stringify(left()));
    expect(await claim(file, record(process.pid, START))).toBeUndefined();
    await hand(file, record(1, startOf(1)!));
    expect((await findRecords(io)).map(({ pid }) => pid)).toEqual([1]);
    expect(await fs.readdir(directory)).toEqual(['lab.up']);
  });
});

test('a process that has ended is not alive, also while nobody has waited for it', async () => {
  const shell = spawn('sh', ['-c', 'true & echo $!; exec sleep 5'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const zombie = Number(await new Promise<Buffer>((resolve) => shell.stdout.once('data', resolve)));
  await expect.poll(() => isAlive(zombie), { timeout: 3_000 }).toBe(false);
  expect(isAlive(shell.pid!)).toBe(true);
  expect(startOf(shell.pid!)).toMatch(/^[0-9]+$/);
  expect(startOf(zombie)).toBeUndefined();
  shell.kill();
});

describe('the log', () => {
  test('is where it belongs', () => {
    const io = Object.assign(fakeIo({ folder: '/home/alice' }), { uid: 4711 });
    expect(logDirectory(io)).toBe('/home/alice/state/etherloom/log');
    expect(logDirectory({ ...io, env: {} })).toBe('/home/alice/.local/state/etherloom/log');
    expect(logDirectory({ ...io, env: {}, uid: 0 })).toBe('/var/log/etherloom');
  });

  test('is its owner’s alone, is continued, and does not grow for ever', async () => {
    const file = path.join(await temporaryFolder(), 'log', 'lab.log');
    logFile(file, 20).write('before\n');
    const log = logFile(file, 20);
    for (const line of ['first line\n', 'second line\n', 'third line\n']) log.write(line);
    expect(await fs.readFile(file, 'utf8')).toBe('third line\n');
    expect(await fs.readFile(`${file}.1`, 'utf8')).toBe('before\nfirst line\nsecond line\n');
    for (const name of [file, `${file}.1`]) expect((await fs.stat(name)).mode & 0o777).toBe(0o600);
    expect((await fs.stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    await fs.symlink('/dev/null', `${file}.link`);
    expect(() => logFile(`${file}.link`)).toThrow('cannot write the log');
  });
});
