/** Where TLS programs of others run as peers of ours: their files, and their processes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeExit, LabChild, type SpawnOptions } from '../child.ts';
import { type Closable, closeAtExit, forget } from '../exit.ts';
import { newOwnedName } from '../owner.ts';

/** PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** A directory and the processes that use it: all of it is gone after `close`, and when this program ends. */
export class TlsWorkshop implements Closable {
  readonly directory = join(tmpdir(), newOwnedName());
  /** Files with what it was made with. */
  readonly certificate: string;
  readonly key: string;
  readonly #children = new Set<LabChild>();
  #files = 0;

  constructor(identity: Identity) {
    mkdirSync(this.directory, { mode: 0o700 });
    closeAtExit(this);
    this.certificate = join(this.directory, 'certificate.pem');
    this.key = join(this.directory, 'key.pem');
    writeFileSync(this.certificate, identity.certificate);
    writeFileSync(this.key, identity.key, { mode: 0o600 });
  }

  /** A path that is new, for a file that a program is to write. */
  newPath(name: string): string {
    this.#files += 1;
    return join(this.directory, `${this.#files}-${name}`);
  }

  /** As `LabChild.start`. @param output Where standard output goes, byte by byte; without it the child has it, as text. */
  async start(command: readonly string[], options: SpawnOptions = {}, output?: string): Promise<LabChild> {
    // The shell becomes the program, so that the process stays the same.
    const whole = output === undefined ? command : ['sh', '-c', 'exec "$@" >"$0"', output, ...command];
    const child = await LabChild.start(whole, options);
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop()));
    this.closeNow();
  }

  closeNow(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    forget(this);
  }
}

/**
 * The TCP port of IPv4 that a process listens on: for programs that do not tell which one the kernel has chosen.
 * @throws Error after `timeoutMs`, or when the process ends.
 */
export async function waitForPort(child: LabChild, timeoutMs = 30_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const port = listeningPort(child.pid);
    if (port !== undefined) return port;
    const fail = (what: string): never => {
      throw new Error(`${child.command.join(' ')}: ${what}\n${child.outputTail()}`);
    };
    if (child.status !== undefined) fail(`ended before it listened, ${describeExit(child.status)}`);
    if (performance.now() > deadline) fail(`does not listen after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function listeningPort(pid: number): number | undefined {
  const sockets = socketsOf(pid);
  if (sockets.size === 0) return undefined;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    // Number, local address, remote one, state (0A: LISTEN), four columns of no interest here, owner, timeout, inode.
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state === '0A' && sockets.has(inode)) return Number.parseInt(local.slice(local.indexOf(':') + 1), 16);
  }
  return undefined;
}

/** The inodes of its sockets. */
function socketsOf(pid: number): Set<string> {
  const directory = `/proc/${pid}/fd`;
  const found = new Set<string>();
  try {
    for (const name of existsSync(directory) ? readdirSync(directory) : []) {
      const inode = readlinkSync(join(directory, name)).match(/^socket:\[(\d+)\]$/)?.[1];
      if (inode !== undefined) found.add(inode);
    }
  } catch {
    // It has ended, or closed one of them, in this very moment.
  }
  return found;
}
