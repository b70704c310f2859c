/**
 * Real proxies of Debian as programs of the lab: tinyproxy (HTTP CONNECT), dante-server (SOCKS4 and 5), microsocks
 * (SOCKS5) and ssh -D (SOCKS4, 4a and 5). Each has its configuration below the lab's directory and, in a mount
 * namespace of its own, an /etc/hosts and an empty /etc/resolv.conf: a name that no one else knows proves who resolved
 * it. Nothing outside the host and that directory is touched.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeExit, type LabChild, run } from './child.ts';
import { isPortTaken, listensOn } from './listening.ts';
import type { LabHost } from './netns.ts';
import { findProgram } from './requirements.ts';

const PACKAGES = {
  tinyproxy: 'tinyproxy-bin',
  danted: 'dante-server',
  microsocks: 'microsocks',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
} as const;
type ProxyProgram = keyof typeof PACKAGES;

const START_TIMEOUT_MS = 8000;

export interface ProxyUser {
  readonly user: string;
  readonly password: string;
}

export interface ProxyOptions {
  /** TCP port, on every address of the host. Defaults: tinyproxy 8888, the others 1080. */
  readonly port?: number;
  /** Names that this proxy resolves, and nobody else, with their addresses. */
  readonly names?: Readonly<Record<string, string>>;
}

export interface ProxyAuthOptions extends ProxyOptions {
  /** Whom alone to let in. Default: everybody, without being asked for a name. */
  readonly auth?: ProxyUser;
}

/** The Debian packages that {@link LabProxy}'s classes need and that are not installed. */
export function missingProxies(): string[] {
  const programs = Object.keys(PACKAGES) as ProxyProgram[];
  return programs.filter((program) => findProgram(program) === undefined).map((program) => PACKAGES[program]);
}

/** Binds the instance's files below etc, and its run where it has one, over the machine's; becomes the program. */
const SANDBOX_SCRIPT = `
set -e
for file in "$0"/etc/*; do
  [ ! -e "/etc/\${file##*/}" ] || mount --bind "$file" "/etc/\${file##*/}"
done
[ ! -d "$0/run" ] || mount --bind "$0/run" /run
cd "$0"
exec "$@"`;

interface Launch {
  readonly program: ProxyProgram;
  readonly port: number;
  /** Arguments of the program, which starts in the instance's directory. */
  readonly args: readonly string[];
  /** Files to lay down: paths below the instance's directory; those below `etc` cover the machine's. */
  readonly files?: Readonly<Record<string, string>>;
  /** What else there is to do in the directory first. */
  readonly prepare?: (directory: string) => Promise<void>;
}

let instances = 0;

/** A proxy that listens in a host; the lab ends it when it closes. */
export class LabProxy {
  readonly host: LabHost;
  readonly port: number;
  readonly child: LabChild;
  /** The instance's private directory; gone with the lab. */
  readonly directory: string;

  protected constructor(host: LabHost, { port, child, directory }: Pick<LabProxy, 'port' | 'child' | 'directory'>) {
    this.host = host;
    this.port = port;
    this.child = child;
    this.directory = directory;
  }

  /** What the proxy has logged so far. */
  log(): string {
    return `${this.child.stdout}${this.child.stderr}`;
  }

  /** Ends the proxy and with it every connection through it. May be called again. */
  async stop(graceMs?: number): Promise<void> {
    await this.child.stop(graceMs);
  }

  /** @throws Error when the program is missing, its port taken, or it does not listen in time, with what it said. */
  protected static async launch(host: LabHost, options: ProxyOptions, launch: Launch) {
    const { program, port } = launch;
    if (await isPortTaken(host, port)) throw new Error(`${host.role}: ${program}: port ${port} is taken`);
    const directory = join(host.lab.tempDir, `${program}-${instances++}`);
    mkdirSync(join(directory, 'etc'), { recursive: true });
    const names = Object.entries({ localhost: '127.0.0.1', ...options.names });
    const hosts = names.map(([name, address]) => `${address} ${name}\n`).join('');
    const files = { 'etc/hosts': hosts, 'etc/resolv.conf': '', ...launch.files };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    await launch.prepare?.(directory);
    const command = ['sh', '-c', SANDBOX_SCRIPT, directory, programPath(program), ...launch.args];
    const child = await host.spawn(['unshare', '--mount', '--propagation', 'private', '--', ...command], {
      env: { TMPDIR: directory, SSH_AUTH_SOCK: undefined },
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!listensOn(host, child.pid, port)) {
      const end = child.status;
      if (end === undefined && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      await child.stop();
      const why = end === undefined ? `does not listen on port ${port}` : `ended at once, ${describeExit(end)}`;
      throw new Error(`${host.role}: ${program} ${why}\n${child.outputTail()}`);
    }
    return { port, child, directory };
  }
}

export interface TinyproxyOptions extends ProxyAuthOptions {
  /** Ports that CONNECT may reach (`ConnectPort`). Default: all. */
  readonly connectPorts?: readonly number[];
}

/**
 * tinyproxy: HTTP with CONNECT, and Basic where `auth` is given. It refuses with 407 without credentials, 401 for wrong
 * ones, 403 for a port that is not among `connectPorts`, and 500 for a destination that cannot be reached.
 */
export class Tinyproxy extends LabProxy {
  static async start(host: LabHost, options: TinyproxyOptions = {}): Promise<Tinyproxy> {
    const { port = 8888, auth, connectPorts = [] } = options;
    // Its own grammar has no quotes: a name or password with a blank ends the start with a syntax error.
    const config = [
      `Port ${port}`,
      'Timeout 600',
      'MaxClients 200',
      'LogLevel Info',
      ...connectPorts.map((each) => `ConnectPort ${each}`),
      ...(auth === undefined ? [] : [`BasicAuth ${auth.user} ${auth.password}`]),
    ];
    const files = { 'tinyproxy.conf': text(config) };
    const args = ['-d', '-c', 'tinyproxy.conf'];
    return new Tinyproxy(host, await LabProxy.launch(host, options, { program: 'tinyproxy', port, args, files }));
  }
}

export interface DanteOptions extends ProxyAuthOptions {
  /** The interface from which it goes on. Default `eth0`. */
  readonly external?: string;
  /** What it speaks. Default: both; with `auth` 5 alone, for 4 knows no password. */
  readonly versions?: readonly (4 | 5)[];
  /** Destination ports that its rules forbid. Default: none. */
  readonly blockedPorts?: readonly number[];
}

/**
 * dante-server: SOCKS4 and 5; with `auth`, SOCKS5 by user and password, who is a user in its sandbox alone.
 * It takes the 0.0.0.1 of SOCKS4a for an address, so 4a always fails with code 91. It refuses a blocked port in SOCKS5
 * with code 2, in SOCKS4 with 91; a closed one with 5 and 91.
 */
export class Dante extends LabProxy {
  static async start(host: LabHost, options: DanteOptions = {}): Promise<Dante> {
    const { port = 1080, auth, external = 'eth0', blockedPorts = [] } = options;
    const versions = options.versions ?? (auth === undefined ? [4, 5] : [5]);
    const everything = 'from: 0.0.0.0/0 to: 0.0.0.0/0';
    const config = [
      'logoutput: stderr',
      `internal: 0.0.0.0 port = ${port}`,
      `external: ${external}`,
      'clientmethod: none',
      `socksmethod: ${auth === undefined ? 'none' : 'username'}`,
      'user.privileged: root',
      'user.unprivileged: nobody',
      `client pass { ${everything} log: error }`,
      ...blockedPorts.map((each) => `socks block { ${everything} port = ${each} log: connect error }`),
      `socks pass { ${everything} command: connect`,
      `  proxyprotocol: ${versions.map((each) => `socks_v${each}`).join(' ')}`,
      '  log: connect disconnect error }',
    ];
    const files = { 'danted.conf': text(config), ...(auth === undefined ? {} : await accounts(auth)) };
    const args = ['-f', 'danted.conf', '-p', 'danted.pid'];
    return new Dante(host, await LabProxy.launch(host, options, { program: 'danted', port, args, files }));
  }
}

/** microsocks: SOCKS5, with user and password where `auth` is given. A closed port is code 5. */
export class Microsocks extends LabProxy {
  static async start(host: LabHost, options: ProxyAuthOptions = {}): Promise<Microsocks> {
    const { port = 1080, auth } = options;
    const credentials = auth === undefined ? [] : ['-u', auth.user, '-P', auth.password];
    const args = ['-p', String(port), ...credentials];
    return new Microsocks(host, await LabProxy.launch(host, options, { program: 'microsocks', port, args }));
  }
}

/**
 * `ssh -D`: SOCKS4, 4a and 5 without a password; the sshd that it needs is its child at the other end of a pipe.
 * It has no codes of refusal: a destination that it cannot reach shows as a connection closed without an answer.
 */
export class SshProxy extends LabProxy {
  static async start(host: LabHost, options: ProxyOptions = {}): Promise<SshProxy> {
    const { port = 1080 } = options;
    const sshd = ['StrictModes no', 'UsePAM no', 'PermitRootLogin prohibit-password', 'LogLevel ERROR'];
    const ssh = ['UserKnownHostsFile known_hosts', 'GlobalKnownHostsFile none', 'ExitOnForwardFailure yes'];
    const keys = ['host', 'user'];
    const child = await LabProxy.launch(host, options, {
      program: 'ssh',
      port,
      args: ['-F', 'ssh.conf', '-v', '-N', '-D', `*:${port}`, '-i', 'user', 'root@sandbox'],
      files: await accounts(),
      prepare: async (directory) => {
        mkdirSync(join(directory, 'run', 'sshd'), { recursive: true });
        for (const key of keys) {
          await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(directory, key)]);
        }
        writeFileSync(join(directory, 'known_hosts'), `sandbox ${readFileSync(join(directory, 'host.pub'), 'utf8')}`);
        const files = [`HostKey ${join(directory, 'host')}`, `AuthorizedKeysFile ${join(directory, 'user.pub')}`];
        writeFileSync(join(directory, 'sshd.conf'), text([...sshd, ...files]));
        const pipe = `ProxyCommand ${programPath('sshd')} -i -e -f ${join(directory, 'sshd.conf')}`;
        writeFileSync(join(directory, 'ssh.conf'), text([...ssh, pipe]));
      },
    });
    return new SshProxy(host, child);
  }
}

function programPath(program: ProxyProgram): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is not installed: sudo apt-get install ${PACKAGES[program]}`);
  return path;
}

/** The user database of a sandbox: what the programs need, and one user with a password. */
async function accounts(auth?: ProxyUser): Promise<Record<string, string>> {
  const users = [
    'root:x:0:0::/:/bin/sh',
    'nobody:x:65534:65534::/:/bin/false',
    'sshd:x:65534:65534::/run/sshd:/bin/false',
  ];
  const hashes = ['root:*:1::::::', 'nobody:*:1::::::', 'sshd:*:1::::::'];
  if (auth !== undefined) {
    const hash = await run(['openssl', 'passwd', '-6', '-stdin'], { input: `${auth.password}\n` });
    users.push(`${auth.user}:x:1000:1000::/:/bin/false`);
    hashes.push(`${auth.user}:${hash.stdout.trim()}:1::::::`);
  }
  return { 'etc/passwd': text(users), 'etc/shadow': text(hashes) };
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
