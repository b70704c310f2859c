/**
 * `etherloom up`, `down` and `watch` as a person uses them: profiles against a real server, processes that outlive the
 * command that started them, and nothing left behind.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../cli/processes.ts';
import type { NodeView } from '../../cli/watch/view.ts';
import { EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { etherloomCommand } from '../../lab/node.ts';
import { waitForPing } from '../../lab/ping.ts';

const SERVER = '10.8.0.2:5555';

describe.each(['node', 'bun'] as const)('on %s', { timeout: 60_000 }, (runtime) => {
  let lab: Lab;
  let server: EtherloomServer;
  let host: LabHost;
  let folder: string;
  let env: Record<string, string | undefined>;

  beforeAll(async () => {
    lab = await Lab.create();
    const box = await lab.addHost('server');
    host = await lab.addHost('client');
    await lab.cable({ host, address: '10.8.0.1/24' }, { host: box, address: '10.8.0.2/24' });
    server = await EtherloomServer.start(box, {
      ...{ runtime, address: '10.8.0.2', taps: { elsrv0: '10.90.0.1/24' } },
      users: { guest: undefined, alice: 'alicepw' },
    });
    folder = join(lab.tempDir, 'up');
    await mkdir(join(folder, 'profiles'), { recursive: true });
    env = { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder, ETHERLOOM_PASSWORD: undefined };
    const pin = `pin: ${server.fingerprint}`;
    await profile('one', `user: guest\nanonymous: true\n${pin}\ntap: { name: el1, address: 10.90.0.11/24 }`);
    await profile('two', `user: guest\nanonymous: true\n${pin}\ntap: { name: el2, address: 10.90.0.12/24 }`);
    await profile('asked', `user: alice\ntap: { name: el3 }`);
    await profile('wrong', `user: alice\npasswordFile: wrong.pw\n${pin}\ntap: { name: el4 }`);
    await profile('distrusted', `user: guest\nanonymous: true\npin: ${'0'.repeat(64)}\ntap: { name: el5 }`);
    await profile('same', `user: guest\nanonymous: true\n${pin}\ntap: { name: el1 }`);
    await profile('nobody', `user: guest\nanonymous: true\n${pin}\ntap: { name: el6 }`, '10.8.0.2:5556');
    await writeFile(join(folder, 'profiles', 'wrong.pw'), 'not alicepw\n', { mode: 0o600 });
  }, 60_000);

  afterAll(async () => {
    await lab.close();
  });

  afterEach(async () => {
    const left = () => readdirSync(join(folder, 'etherloom'));
    if (left().some((name) => name.endsWith('.up'))) await etherloom('down', '--all');
    expect(left().filter((name) => /\.(sock|up|tmp)$/.test(name))).toEqual([]);
    expect(await taps()).toEqual([]);
  });

  async function profile(name: string, lines: string, at = SERVER): Promise<void> {
    await writeFile(file(name), `server: ${at}\nhub: lab\n${lines}\n`);
  }

  function file(name: string): string {
    return join(folder, 'profiles', `${name}.yaml`);
  }

  async function etherloom(...args: readonly string[]) {
    const { code, stdout, stderr } = await host.run(etherloomCommand(args, { runtime }), {
      ...{ env, check: false, timeoutMs: 45_000 },
    });
    return { code, stdout, stderr };
  }

  /**
   * At a terminal of its own. Each step waits for what the screen shall show and then types, or does something else.
   * @param around What the shell does in front of the command, with it and after it.
   */
  async function atTerminal(
    args: readonly string[],
    steps: readonly (readonly [
      seen: RegExp | ((screen: string) => boolean),
      then: string | (() => Promise<unknown>),
    ])[],
    around: { readonly before?: string; readonly with?: string; readonly after?: string } = {},
  ) {
    const line = etherloomCommand(args, { runtime })
      .map((word) => `'${word}'`)
      .join(' ');
    const script = [
      ...['stty cols 100 rows 30', around.before ?? '', `${around.with ?? ''} ${line}`],
      ...['code=$?', around.after ?? '', 'exit $code'],
    ];
    const child = await host.spawn(['script', '-qefc', script.join('\n'), '/dev/null'], {
      ...{ env: { ...env, TERM: 'xterm' }, interactive: true },
    });
    for (const [seen, then] of steps) {
      const there = () => (seen instanceof RegExp ? seen.test(child.stdout) : seen(child.stdout));
      await expect.poll(there, { timeout: 30_000, message: `${seen}` }).toBe(true);
      if (typeof then === 'string') child.write(then);
      else await then();
    }
    const { code } = await child.exited;
    return { code, screen: child.stdout };
  }

  async function taps(): Promise<string[]> {
    const links = JSON.parse((await host.ip('-json', 'link', 'show')).stdout) as { ifname: string }[];
    return links.flatMap(({ ifname }) => (ifname.startsWith('el') ? [ifname] : [])).sort();
  }

  function lines(text: string): Record<string, unknown>[] {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  test('two profiles at once, again, by status, and down one after the other', async () => {
    const both = await etherloom('up', file('one'), file('two'), '--json');
    expect(both).toMatchObject({ code: 0, stderr: '' });
    const results = lines(both.stdout).sort((a, b) => (String(a.profile) < String(b.profile) ? -1 : 1));
    expect(results).toMatchObject([
      { profile: 'one', result: 'established', log: join(folder, 'etherloom', 'log', 'one.log') },
      { profile: 'two', result: 'established' },
    ]);
    await waitForPing(host, { target: '10.90.0.1' });
    expect(await taps()).toEqual(['el1', 'el2']);
    const [one] = results.map(({ pid }) => Number(pid));
    const log = join(folder, 'etherloom', 'log', 'one.log');
    // The allocator's setting comes from the command that started it: see the launcher.
    const variables = readFileSync(`/proc/${one}/environ`, 'utf8').split('\0');
    const setting = runtime === 'bun' ? ['MIMALLOC_PURGE_DELAY=1000'] : [];
    expect(variables.filter((each) => each.startsWith('MIMALLOC'))).toEqual(setting);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    expect(readFileSync(log, 'utf8')).toContain('established');

    const again = await etherloom('up', file('one'));
    expect(again).toMatchObject({ code: 0, stdout: `one: is up already: process ${one}, established\n` });
    const status = await etherloom('status', 'one', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ name: 'one', role: 'client', pid: one, log });

    expect(await etherloom('down', 'one')).toMatchObject({ code: 0, stdout: `one: ended (process ${one})\n` });
    expect(await taps()).toEqual(['el2']);
    expect(isAlive(one!)).toBe(false);
    expect(readFileSync(log, 'utf8')).toContain('ended');
    const absent = await etherloom('down', 'one');
    expect(absent.code).toBe(9);
    expect(absent.stderr).toContain('running are: two');
    expect(await etherloom('down', '--all')).toMatchObject({ code: 0 });
    expect((await etherloom('down', '--all')).code).toBe(9);
  });

  test('a crash leaves nothing in the way', async () => {
    const [first] = lines((await etherloom('up', file('one'), '--json')).stdout);
    process.kill(Number(first!.pid), 'SIGKILL');
    await expect.poll(() => isAlive(Number(first!.pid))).toBe(false);
    expect((await etherloom('status', 'one')).code).toBe(9);
    const [second] = lines((await etherloom('up', file('one'), '--json')).stdout);
    expect(second).toMatchObject({ result: 'established' });
    expect(second!.pid).not.toBe(first!.pid);
    expect(readdirSync(join(folder, 'etherloom')).filter((name) => name.endsWith('.sock'))).toHaveLength(1);
  });

  test('one that hangs ends by SIGTERM as soon as it can, and two starts make one process', async () => {
    const starts = await Promise.all([etherloom('up', file('one'), '--json'), etherloom('up', file('one'), '--json')]);
    expect(starts.map(({ code }) => code)).toEqual([0, 0]);
    const kinds = starts.map(({ stdout }) => lines(stdout)[0]!);
    expect(kinds.map(({ result }) => result).sort()).toEqual(['already', 'established']);
    const pid = Number(kinds.find(({ result }) => result === 'established')!.pid);
    process.kill(pid, 'SIGSTOP');
    const ending = etherloom('down', 'one', '--timeout', '1');
    // It goes on when SIGTERM is waiting for it.
    const waiting = () =>
      BigInt(`0x${/^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]}`);
    await expect.poll(() => (waiting() >> BigInt(constants.signals.SIGTERM - 1)) & 1n, { timeout: 20_000 }).toBe(1n);
    process.kill(pid, 'SIGCONT');
    expect(await ending).toMatchObject({ code: 0, stdout: `one: ended, by SIGTERM (process ${pid})\n` });
  });

  test('what ends for good ends `up` with its own code and words', async () => {
    const wrong = await etherloom('up', file('wrong'));
    expect(wrong.code).toBe(6);
    expect(wrong.stderr).toMatch(/^error: /);
    const distrusted = await etherloom('up', file('distrusted'), '--json');
    expect(distrusted.code).toBe(7);
    expect(lines(distrusted.stdout)[0]).toMatchObject({ result: 'failed', error: { kind: 'untrusted', exitCode: 7 } });
    const several = await etherloom('up', file('one'), file('wrong'), file('distrusted'));
    expect(several.code).toBe(6);
    expect(several.stderr).toContain('2 of 3 profiles are not connected: wrong, distrusted');
    expect(several.stdout).toContain('one: connected: guest in hub lab through el1');
    // The name of its TAP is taken by the first.
    expect((await etherloom('up', file('same'))).code).toBe(5);
    expect((await etherloom('up', 'no-such-profile')).stderr).toContain('/etc/etherloom/profiles/no-such-profile.yaml');
  });

  test('what is not connected in time goes on trying', async () => {
    const late = await etherloom('up', file('nobody'), '--wait', '1');
    expect(late.code).toBe(11);
    expect(late.stderr).toContain('goes on trying in the background');
    const state = async () => (await etherloom('status', 'nobody', '--json')).stdout;
    await expect.poll(state, { timeout: 20_000 }).toMatch(/"state": "(connecting|waiting)"/);
    expect(await etherloom('up', file('nobody'))).toMatchObject({ code: 0 });
    expect((await etherloom('down', file('nobody'))).code).toBe(0);
  });

  test('watch shows what flows, and gives the terminal back', async () => {
    await etherloom('up', file('one'));
    const ping = await host.spawn(['ping', '-i', '0.01', '-s', '1000', '-q', '10.90.0.1']);
    const looks = lines((await etherloom('watch', 'one', '--json', '--count', '2', '--interval', '0.5')).stdout);
    expect(looks).toHaveLength(2);
    for (const look of looks) {
      const [node] = look.nodes as [NodeView];
      expect(node).toMatchObject({ name: 'one', role: 'client', state: 'established', sessions: 1 });
      for (const way of [node.in, node.out]) expect(way.bytesPerSecond).toBeGreaterThan(1000);
      expect(node.hubs[0]!.sessions[0]!.connections!.length).toBeGreaterThan(0);
      expect(node.hubs[0]!.taps[0]).toMatchObject({ name: 'el1' });
    }
    expect((await etherloom('watch', 'one', '--count', '1', '--interval', '0.2')).stdout).toMatch(
      /^[0-9:]{8} client one {2}established {2}in [0-9.]+ kbit\/s/,
    );
    // What the terminal is like behind the last that the command wrote to it.
    const behind = (screen: string) => screen.slice(screen.lastIndexOf('\x1b[?7h\x1b[?25h\x1b[?1049l'));
    const picture = (screen: string) => screen.slice(0, screen.lastIndexOf('\x1b[J')).split('\x1b[H').at(-1)!;
    const terminal = join(folder, 'terminal');
    const resize = async () => {
      await host.run(['stty', '-F', readFileSync(terminal, 'utf8').trim(), 'cols', '60', 'rows', '12']);
    };
    const watched = await atTerminal(
      ['watch', '--interval', '0.2'],
      [
        [/BOTH[\s\S]* TAP el1 +[\d.]+ kbit\/s +[\d.]+ kbit\/s +[▁▂▃▄▅▆▇█]{3}/, 'd'],
        [/d shows details/, resize],
        [(screen) => /TAP el1/.test(picture(screen)) && !picture(screen).includes('BOTH'), 'q'],
      ],
      { before: `tty > '${terminal}'`, after: 'stty -a' },
    );
    expect(watched.code).toBe(0);
    expect(behind(watched.screen)).toMatch(/ icanon[\s\S]* echo /);
    const pid = join(folder, 'watch.pid');
    const killed = await atTerminal(
      ['watch'],
      [[/TAP el1/, async () => process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM')]],
      { with: `sh -c 'echo $$ > ${pid}; exec "$@"' sh`, after: 'stty -a' },
    );
    expect(killed.code).toBe(0);
    expect(picture(killed.screen)).toContain('TAP el1');
    expect(behind(killed.screen)).toMatch(/ icanon[\s\S]* echo /);
    await ping.stop();
  });

  test('a password and a server’s fingerprint are asked for in the foreground, and are nowhere to be found', async () => {
    // Ctrl-C at the question ends what has been started.
    const given = await atTerminal(['up', file('asked')], [[/Password of alice at .*: /, '\x03']]);
    expect(given.code).toBe(130);
    expect((await etherloom('down', 'asked')).code).toBe(9);
    const { code, screen } = await atTerminal(
      ['up', file('asked')],
      [
        [/Password of alice at .*: /, 'alicepw\r'],
        [/Trust it from now on \(yes\/no\): /, 'yes\r'],
      ],
    );
    expect(screen).toContain('connected: alice in hub lab through el3');
    expect(code).toBe(0);
    expect(screen).not.toContain('alicepw');
    const { pid } = JSON.parse((await etherloom('status', 'asked', '--json')).stdout);
    const log = readFileSync(join(folder, 'etherloom', 'log', 'asked.log'), 'utf8');
    for (const place of ['cmdline', 'environ']
      .map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
      .concat(log)) {
      expect(place).not.toContain('alicepw');
    }
    // The terminal is gone, the tunnel is not.
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(join(folder, 'etherloom', 'known-servers.json'))).toBe(true);
    // From the environment it does not get into that of the process either.
    await etherloom('down', 'asked');
    env.ETHERLOOM_PASSWORD = 'alicepw';
    const [started] = lines((await etherloom('up', file('asked'), '--json')).stdout);
    env.ETHERLOOM_PASSWORD = undefined;
    expect(started).toMatchObject({ result: 'established' });
    expect(readFileSync(`/proc/${started!.pid}/environ`, 'utf8')).not.toContain('alicepw');
  });

  test('a client in the foreground and a server end the same way', async () => {
    const foreground = await host.spawn(etherloomCommand(['connect', '--profile', file('one')], { runtime }), { env });
    await foreground.waitForLine(/^connected: guest/);
    expect((await etherloom('up', file('one'))).stdout).toMatch(/^one: is up already: process [0-9]+, established\n$/);
    expect((await etherloom('down', '--all')).code).toBe(9);
    expect((await etherloom('down', 'one')).code).toBe(0);
    expect(await foreground.exited).toEqual({ code: 0, signal: null });
    const [, socket = ''] = await server.process.waitForLine(/"control":"([^"]+)"/);
    expect((await etherloom('watch', '--socket', socket, '--count', '1', '--interval', '0.2')).stdout).toMatch(
      /^[0-9:]{8} server server {2}in /,
    );
    expect(await etherloom('down', '--socket', socket)).toMatchObject({
      code: 0,
      stdout: `server: ended (process ${server.process.child.pid})\n`,
    });
    expect(await server.process.child.exited).toEqual({ code: 0, signal: null });
  });
});
