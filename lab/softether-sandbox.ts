/**
 * SoftEther's programs with a state of their own. They write to fixed places (/var/lib/softether, /var/log/softether,
 * /run/softether, /tmp) and keep one instance per machine by a lock there; a private mount namespace gives every
 * instance its own of each, below the lab's directory, and the machine's stay untouched.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_GRACE_MS, describeExit, type LabChild } from './child.ts';
import { listensOn } from './listening.ts';
import type { LabHost } from './netns.ts';
import { childrenOf } from './usage.ts';

const PROGRAMS = ['vpnserver', 'vpnbridge', 'vpnclient', 'vpncmd'] as const;

export type SoftEtherProgram = (typeof PROGRAMS)[number];

/** The Debian packages of SoftEther, as apt-get takes them. */
export const SOFTETHER_PACKAGES = PROGRAMS.map((program) => `softether-${program}`).join(' ');

const DIRECTORY = '/usr/libexec/softether';

/** Whether the Debian packages of SoftEther are installed. */
export function hasSoftEther(): boolean {
  return PROGRAMS.every((program) => existsSync(programPath(program)));
}

function programPath(program: SoftEtherProgram): string {
  return join(DIRECTORY, program, program);
}

/** @throws Error that says what to install. */
export function assertSoftEther(): void {
  if (hasSoftEther()) return;
  throw new Error(`SoftEther is not installed, or a part of it: sudo apt-get install ${SOFTETHER_PACKAGES}`);
}

/**
 * Binds the instance's own directories over the fixed places, then becomes the program. The parents are covered
 * rather than the places themselves, because those may not exist and must not be created. /tmp comes last: the
 * instance's directory may lie in it.
 */
const SANDBOX_SCRIPT = `
set -e
for pair in lib:/var/lib log:/var/log run:/run tmp:/tmp; do
  mount --bind "$0/\${pair%%:*}" "\${pair#*:}"
done
cd /
exec "$@"`;

/** Directories for an instance. @throws Error where there is a way out: SoftEther calls home wherever it can. */
async function makeDirectories(host: LabHost, program: SoftEtherProgram): Promise<string> {
  assertSoftEther();
  if (await host.hasDefaultRoute()) throw new Error(`${host.role}: SoftEther must not run where there is a way out`);
  instances += 1;
  const directory = join(host.lab.tempDir, `${host.role}-${program}-${Date.now().toString(36)}-${instances}`);
  for (const part of ['lib', 'log', 'run']) mkdirSync(join(directory, part, 'softether'), { recursive: true });
  mkdirSync(join(directory, 'tmp'));
  return directory;
}

let instances = 0;

function sandboxed(directory: string, command: readonly string[]): string[] {
  const script = ['sh', '-c', SANDBOX_SCRIPT, directory, ...command];
  return ['unshare', '--mount', '--propagation', 'private', '--', ...script];
}

/** The command that runs one of vpncmd's tools by itself, without a service beside it. @throws Error as a start does. */
export async function vpncmdTool(host: LabHost, ...args: readonly string[]): Promise<string[]> {
  const directory = await makeDirectories(host, 'vpncmd');
  return sandboxed(directory, [programPath('vpncmd'), '/TOOLS', '/CMD', ...args]);
}

/** A SoftEther service running in a host. */
export class SoftEtherSandbox {
  readonly host: LabHost;
  readonly child: LabChild;
  /** The instance's directory as seen from outside; has `lib/softether`, `log/softether`, `run/softether`, `tmp`. */
  readonly directory: string;
  #scripts = 0;

  private constructor(host: LabHost, child: LabChild, directory: string) {
    this.host = host;
    this.child = child;
    this.directory = directory;
    const forget = host.lab.beforeClose(() => this.stop());
    void child.exited.then(forget);
  }

  /**
   * Starts a service in the foreground.
   * @param files configuration to lay down first: names in /var/lib/softether and their text.
   * @throws Error when the host has a default route: SoftEther calls home wherever it can.
   */
  static async start(
    host: LabHost,
    program: Exclude<SoftEtherProgram, 'vpncmd'>,
    files: Readonly<Record<string, string>>,
  ): Promise<SoftEtherSandbox> {
    const directory = await makeDirectories(host, program);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'lib', 'softether', name), text);
    const child = await host.spawn(sandboxed(directory, [programPath(program), 'execsvc']));
    return new SoftEtherSandbox(host, child, directory);
  }

  /**
   * Waits until the service listens on a TCP port, by `listensOn` or `listensOnBoth`.
   * @throws Error after `timeoutMs`, or when the service ends.
   */
  async waitForPort(port: number, timeoutMs: number, listens = listensOn): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!listens(this.host, this.child.pid, port)) {
      const status = this.child.status;
      if (status !== undefined) throw this.#failure(`ended at once, ${describeExit(status)}`);
      if (Date.now() > deadline) throw this.#failure(`does not listen on port ${port} after ${timeoutMs} ms`);
      await delay(10);
    }
  }

  /** The command that runs `command` where the service lives: its network and its directories. */
  enter(command: readonly string[]): string[] {
    return ['nsenter', '--target', String(this.child.pid), '--mount', '--net', '--', ...command];
  }

  /** Lays down a file that the service sees at the returned path. */
  writeFile(name: string, content: string | Uint8Array): string {
    writeFileSync(join(this.directory, 'tmp', name), content, { mode: 0o600 });
    return `/tmp/${name}`;
  }

  /** Lays down a script for vpncmd under a new name. */
  writeScript(lines: readonly string[]): string {
    this.#scripts += 1;
    return this.writeFile(`commands-${this.#scripts}.txt`, `${lines.join('\n')}\n`);
  }

  /** Path of vpncmd for {@link enter}. */
  get vpncmdPath(): string {
    return programPath('vpncmd');
  }

  /** Ends the service: orderly (the client says goodbye to nobody, but its NIC goes), then by force. */
  async stop(graceMs = DEFAULT_GRACE_MS): Promise<void> {
    // The process started is a watchdog that dies of SIGTERM alone and leaves its child, the real service, behind.
    const services = childrenOf(this.child.pid);
    for (const pid of services) send(pid, 'SIGTERM');
    const timer = setTimeout(() => {
      for (const pid of services) send(pid, 'SIGKILL');
      this.child.kill('SIGKILL');
    }, graceMs);
    if (services.length === 0) this.child.kill('SIGTERM');
    await this.child.exited;
    clearTimeout(timer);
  }

  #failure(what: string): Error {
    return new Error(
      `${this.host.role}: ${this.child.command.slice(-2).join(' ')} ${what}\n${this.child.outputTail()}`,
    );
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
