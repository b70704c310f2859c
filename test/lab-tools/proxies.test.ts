/** The lab's proxies, on the real programs: what each lets through, how each refuses, and that nothing of it is left. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabChild } from '../../lab/child.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { processStartTicks } from '../../lab/owner.ts';
import { Dante, type LabProxy, Microsocks, missingProxies, SshProxy, Tinyproxy } from '../../lab/proxies.ts';
import { findProgram } from '../../lab/requirements.ts';
import { runtimePath } from '../../lab/runtime.ts';

/** Answers with who asked. */
const HTTP_SERVER = `
require('http').createServer((q, a) => a.end('hello ' + q.socket.remoteAddress)).listen(80, '0.0.0.0', () => console.log('up'));
`;
const NAMES = { 'only.lab': '10.9.0.3' };
const AUTH = { user: 'ann', password: 'p4ss-w0rd' };
const LOGIN = 'ann:p4ss-w0rd';

/** What the proxies would leave on the machine if they were not locked in. */
function traces(): Record<string, unknown> {
  return {
    run: readdirSync('/run').filter((name) => /dante|sockd|tinyproxy|sshd/.test(name)),
    log: readdirSync('/var/log').filter((name) => /dante|sockd|tinyproxy/.test(name)),
    files: ['/etc/hosts', '/etc/resolv.conf', '/etc/passwd', '/etc/shadow'].map((path) => readFileSync(path, 'utf8')),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => / \/(etc|run)(\/| )/.test(line) && !line.includes('/run/netns')),
  };
}

const possible = process.getuid?.() === 0 && missingProxies().length === 0 && findProgram('curl') !== undefined;

describe.runIf(possible)('proxies in the lab', () => {
  let before: ReturnType<typeof traces>;
  let lab: Lab;
  let [client, middle, server]: LabHost[] = [];
  let http: LabChild;
  const started: LabProxy[] = [];
  beforeAll(async () => {
    before = traces();
    lab = await Lab.create();
    // The client has no way to the server but through the proxy.
    [client, middle, server] = [await lab.addHost('client'), await lab.addHost('proxy'), await lab.addHost('server')];
    await lab.cable(
      { host: client, address: '10.8.0.1/24' },
      { host: middle, ifname: 'inside', address: '10.8.0.2/24' },
    );
    await lab.cable({ host: middle, address: '10.9.0.2/24' }, { host: server, address: '10.9.0.3/24' });
    http = await server.spawn([runtimePath('node'), '-e', HTTP_SERVER]);
    await http.waitForLine(/up/);
  });
  afterAll(async () => {
    await lab?.close();
  });

  /** What curl got, or the line in which it says why it did not. */
  async function curl(proxy: string, url: string): Promise<string> {
    const args = ['-sSv', '--max-time', '5', '--proxytunnel', '--proxy', proxy, url];
    const end = await client!.run(['curl', ...args], { check: false, env: { LC_ALL: 'C' } });
    if (end.code === 0) return end.stdout;
    const lines = end.stderr.split('\n');
    const said = lines.find((line) => /^< HTTP|Can't complete SOCKS|rejected by the SOCKS/.test(line));
    return (said ?? lines.find((line) => line.startsWith('curl: (')) ?? '?').trim();
  }

  it('tinyproxy: CONNECT, Basic, ConnectPort', async () => {
    const open = await Tinyproxy.start(middle!, { names: NAMES });
    const strict = await Tinyproxy.start(middle!, { port: 8889, names: NAMES, auth: AUTH, connectPorts: [80, 443] });
    started.push(open, strict);
    const [any, guarded] = ['http://10.8.0.2:8888', `http://${LOGIN}@10.8.0.2:8889`];
    expect(await curl(any, 'http://10.9.0.3/')).toBe('hello 10.9.0.2');
    expect(await curl(any, 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl(any, 'http://only.lab:81/')).toContain('HTTP/1.1 500 Unable to connect');
    expect(await curl(guarded, 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl(guarded, 'http://only.lab:81/')).toContain('HTTP/1.1 403 Access violation');
    expect(await curl('http://ann:wrong@10.8.0.2:8889', 'http://only.lab/')).toContain('401 Unauthorized');
    expect(await curl('http://10.8.0.2:8889', 'http://only.lab/')).toContain('407 Proxy Authentication Required');
    expect(open.log()).toContain('CONNECT only.lab:80');
  });

  it('dante: SOCKS4 and 5, a rule that forbids, user and password', async () => {
    const open = await Dante.start(middle!, { names: NAMES, blockedPorts: [81] });
    const four = await Dante.start(middle!, { port: 1081, versions: [4] });
    const guarded = await Dante.start(middle!, { port: 1082, names: NAMES, auth: AUTH });
    started.push(open, four, guarded);
    const at = (scheme: string, port = 1080, login = ''): string => `${scheme}://${login}10.8.0.2:${port}`;
    for (const scheme of ['socks4', 'socks5', 'socks5h']) {
      expect(await curl(at(scheme), 'http://10.9.0.3/')).toBe('hello 10.9.0.2');
    }
    expect(await curl(at('socks5h'), 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl(at('socks5h'), 'http://10.9.0.3:81/')).toContain('(2)');
    expect(await curl(at('socks5h'), 'http://10.9.0.3:82/')).toContain('(5)');
    expect(await curl(at('socks5h'), 'http://no.lab/')).toContain('(4)');
    expect(await curl(at('socks4'), 'http://10.9.0.3:82/')).toContain('(91)');
    expect(await curl(at('socks4a'), 'http://only.lab/')).toContain('(91)'); // as its class says
    expect(await curl(at('socks4', 1081), 'http://10.9.0.3/')).toBe('hello 10.9.0.2');
    expect(await curl(at('socks5h', 1081), 'http://10.9.0.3/')).toContain('(2)');
    expect(await curl(at('socks5h', 1082, `${LOGIN}@`), 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl(at('socks5h', 1082, 'ann:wrong@'), 'http://only.lab/')).toContain('User was rejected');
    expect(await curl(at('socks5h', 1082), 'http://only.lab/')).toContain('curl: (97)');
    expect(open.log()).toContain('tcp/connect');
  });

  it('microsocks: SOCKS5, user and password', async () => {
    const open = await Microsocks.start(middle!, { port: 1090, names: NAMES });
    const guarded = await Microsocks.start(middle!, { port: 1091, names: NAMES, auth: AUTH });
    started.push(open, guarded);
    expect(await curl('socks5h://10.8.0.2:1090', 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl('socks5h://10.8.0.2:1090', 'http://only.lab:81/')).toContain('(5)');
    expect(await curl(`socks5h://${LOGIN}@10.8.0.2:1091`, 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl('socks5h://ann:wrong@10.8.0.2:1091', 'http://only.lab/')).toContain('User was rejected');
    expect(await curl('socks5h://10.8.0.2:1091', 'http://only.lab/')).toContain('curl: (97)');
    expect(open.log()).toContain('connected to only.lab:80');
  });

  it('ssh -D: SOCKS4, 4a and 5', async () => {
    const proxy = await SshProxy.start(middle!, { port: 1095, names: NAMES });
    started.push(proxy);
    for (const scheme of ['socks4', 'socks4a', 'socks5', 'socks5h']) {
      expect(await curl(`${scheme}://10.8.0.2:1095`, 'http://10.9.0.3/')).toBe('hello 10.9.0.2');
    }
    expect(await curl('socks4a://10.8.0.2:1095', 'http://only.lab/')).toBe('hello 10.9.0.2');
    expect(await curl('socks4a://10.8.0.2:1095', 'http://no.lab/')).toContain('curl: (97)');
    expect(proxy.log()).toContain('connect_to no.lab: unknown host');
  });

  it('cannot start twice on a port, stops when told, and leaves nothing', async () => {
    const nonsense = { port: 8890, auth: { user: 'ann', password: 'two words' } };
    await expect(Tinyproxy.start(middle!, nonsense)).rejects.toThrow(/proxy: tinyproxy ended .*\n.*Syntax error/);
    for (const Program of [Tinyproxy, Dante, Microsocks, SshProxy]) {
      await expect(Program.start(middle!, { port: 1090 })).rejects.toThrow('port 1090 is taken');
    }
    expect(await curl('socks5h://10.8.0.2:1090', 'http://10.9.0.3/')).toBe('hello 10.9.0.2');
    const pids = await middle!.pids();
    expect(pids.length).toBeGreaterThanOrEqual(started.length);
    await Promise.all(started.map((proxy) => proxy.stop()));
    expect(await middle!.pids()).toEqual([]);
    expect(pids.filter((pid) => processStartTicks(pid) !== undefined)).toEqual([]);
    expect(await curl('socks5h://10.8.0.2:1090', 'http://10.9.0.3/')).toContain('curl: (7)');
    const last = await Dante.start(middle!);
    await lab.close();
    expect(last.child.running).toBe(false);
    expect(existsSync(lab.tempDir)).toBe(false);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(lab.id);
    expect(traces()).toEqual(before);
  });
});
