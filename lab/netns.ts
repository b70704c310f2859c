/**
 * A laboratory of network namespaces: hosts, switches and the cables between them, on one machine.
 *
 * Nothing in the machine's own network namespace is created, changed or used: switches live in namespaces of
 * their own, and both ends of a cable are born where they belong. No host has a route out.
 * Needs root, or the user namespace of `enterUserNamespace()` in userns.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_GRACE_MS, LabChild, type RunOptions, type RunResult, run, type SpawnOptions } from './child.ts';
import { type Closable, closeAtExit, forget } from './exit.ts';
import { isLeftover, newOwnedName, processStartTicks } from './owner.ts';
import { extendPath, findProgram } from './requirements.ts';

/** The kernel's limit on the name of a network interface. */
const MAX_INTERFACE_NAME = 15;
const NETNS_DIRECTORY = '/run/netns';

export interface LabOptions {
  /** Milliseconds that a child gets between SIGTERM and SIGKILL when the lab closes. Default 3000. */
  readonly graceMs?: number;
}

/** One end of a cable. */
export interface CableEnd {
  readonly host: LabHost;
  /** Interface name inside the host, at most 15 characters. Default `eth0`. */
  readonly ifname?: string;
  /** Addresses in CIDR form, IPv4 or IPv6. */
  readonly address?: string | readonly string[];
  /** Ethernet address. Default: random. */
  readonly mac?: string;
}

export interface LinkSettings {
  /** Largest IP packet in bytes, at both ends. Default 1500. */
  readonly mtu?: number;
  /** `false` turns segmentation, receive and checksum offloads off at both ends: every frame is real. Default on. */
  readonly offloads?: boolean;
}

export interface ConnectOptions extends LinkSettings, Omit<CableEnd, 'host'> {}

/** A host: a network namespace with its loopback up, and the means to run programs in it. */
export class LabHost {
  readonly lab: Lab;
  readonly role: string;
  /** Name of the namespace for `ip -n` and `ip netns exec`. */
  readonly namespace: string;

  constructor(lab: Lab, role: string, namespace: string) {
    this.lab = lab;
    this.role = role;
    this.namespace = namespace;
  }

  /** The command that runs `command` inside this host. */
  wrap(command: readonly string[]): string[] {
    return this.lab.enter(this.namespace, command);
  }

  /** Runs a command in this host to its end. @throws CommandError on a failure and on a time-out. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await this.lab.command(this.wrap(command), options);
  }

  /** Starts a program in this host; the lab ends it when it closes. */
  async spawn(command: readonly string[], options: SpawnOptions = {}): Promise<LabChild> {
    const child = await LabChild.start(this.wrap(command), options);
    this.lab.adopt(child);
    return child;
  }

  /** `ip` with these arguments, applied to this host. */
  async ip(...args: readonly string[]): Promise<RunResult> {
    return await this.lab.command(['ip', '-n', this.namespace, ...args]);
  }

  /** Gives interface `ifname` another address in CIDR form and brings it up. */
  async addAddress(ifname: string, cidr: string): Promise<void> {
    await this.ip('address', 'add', cidr, 'dev', ifname, ...(cidr.includes(':') ? ['nodad'] : []));
    await this.ip('link', 'set', ifname, 'up');
  }

  /** Writes a value below /proc/sys of this host, for example `net/ipv4/ip_forward`. */
  async sysctl(path: string, value: string | number): Promise<void> {
    await this.run(['sh', '-c', 'printf %s "$1" > "/proc/sys/$0"', path, String(value)]);
  }

  /** The pids of all processes in this host, as this process sees them. */
  async pids(): Promise<number[]> {
    return parsePids((await this.lab.command(['ip', 'netns', 'pids', this.namespace])).stdout);
  }

  /** Whether this host has a default route, IPv4 or IPv6: programs that call home must not run where one is. */
  async hasDefaultRoute(): Promise<boolean> {
    const routes = await Promise.all(['-4', '-6'].map((f) => this.ip(f, 'route', 'show', 'default')));
    return routes.some((route) => route.stdout.trim() !== '');
  }
}

/** An Ethernet switch: a bridge in a namespace of its own. */
export class LabSwitch extends LabHost {
  readonly bridge = 'br0';
  #ports = 0;

  /** A new name for the switch's end of a cable. */
  nextPort(): string {
    this.#ports += 1;
    return `port${this.#ports}`;
  }
}

export class Lab implements Closable {
  /** `el-<pid>-<start>-<random>`: every namespace of the lab is named so, followed by its role. */
  readonly id: string;
  /** Private directory (mode 0700), removed with the lab. */
  readonly tempDir: string;
  #hosts = new Map<string, LabHost>();
  #children = new Set<LabChild>();
  #stops = new Set<() => Promise<void>>();
  #graceMs: number;
  #entry: 'ip' | 'nsenter' = 'ip';
  #closing: Promise<void> | undefined;
  #closed = false;

  private constructor(options: LabOptions) {
    this.id = newOwnedName();
    this.tempDir = join(tmpdir(), this.id);
    this.#graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
  }

  /**
   * An empty lab. First removes what labs of dead processes left behind.
   * The lab closes itself when the program ends, however that happens; see exit.ts.
   */
  static async create(options: LabOptions = {}): Promise<Lab> {
    extendPath();
    await removeLeftovers();
    const lab = new Lab(options);
    closeAtExit(lab);
    mkdirSync(lab.tempDir, { mode: 0o700 });
    return lab;
  }

  /** Every host and switch, in the order of their making. */
  get hosts(): readonly LabHost[] {
    return [...this.#hosts.values()];
  }

  /** A new host. @param role unique in the lab; letters, digits and dashes. */
  async addHost(role: string): Promise<LabHost> {
    return await this.#add(new LabHost(this, role, this.#nameFor(role)));
  }

  /** A new switch, on which no address is needed. */
  async addSwitch(role: string): Promise<LabSwitch> {
    const box = await this.#add(new LabSwitch(this, role, this.#nameFor(role)));
    // A switch that has no addresses and snoops no groups says nothing of its own on the wire.
    await box.sysctl('net/ipv6/conf/default/disable_ipv6', 1);
    await box.ip('link', 'add', box.bridge, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
    await box.ip('link', 'set', box.bridge, 'up');
    return box;
  }

  /** A cable from a host to a switch. */
  async connect(host: LabHost, box: LabSwitch, options: ConnectOptions = {}): Promise<void> {
    const port = box.nextPort();
    await this.cable({ ...options, host }, { host: box, ifname: port }, options);
    await box.ip('link', 'set', port, 'master', box.bridge);
  }

  /** A cable between two hosts: a veth pair. */
  async cable(a: CableEnd, b: CableEnd, settings: LinkSettings = {}): Promise<void> {
    const nameA = checkInterfaceName(a.ifname ?? 'eth0');
    const nameB = checkInterfaceName(b.ifname ?? 'eth0');
    const mtu = settings.mtu === undefined ? [] : ['mtu', String(settings.mtu)];
    const mac = (end: CableEnd): string[] => (end.mac === undefined ? [] : ['address', end.mac]);
    await a.host.ip(
      ...['link', 'add', nameA, ...mac(a), ...mtu, 'type', 'veth'],
      ...['peer', 'name', nameB, ...mac(b), ...mtu, 'netns', b.host.namespace],
    );
    for (const [end, name] of [[a, nameA] as const, [b, nameB] as const]) {
      if (settings.offloads === false) await setOffloads(end.host, name, false);
      const addresses = typeof end.address === 'string' ? [end.address] : (end.address ?? []);
      for (const address of addresses) await end.host.addAddress(name, address);
      await end.host.ip('link', 'set', name, 'up');
    }
  }

  /** The command that runs `command` in the namespace. */
  enter(namespace: string, command: readonly string[]): string[] {
    return this.#entry === 'ip'
      ? ['ip', 'netns', 'exec', namespace, ...command]
      : ['nsenter', `--net=${NETNS_DIRECTORY}/${namespace}`, '--', ...command];
  }

  /** Makes the lab answer for the end of a child. */
  adopt(child: LabChild): void {
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    if (this.#closing !== undefined || this.#closed) child.kill('SIGKILL');
  }

  /** Runs a command outside of any host to its end; the lab ends it when it closes. @throws as {@link run} does. */
  async command(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await run(command, options, (child) => this.adopt(child));
  }

  /** Has `stop` called when the lab closes, before it ends processes its own way. Returns what takes that back. */
  beforeClose(stop: () => Promise<void>): () => void {
    this.#stops.add(stop);
    return () => this.#stops.delete(stop);
  }

  /** Ends all processes, then removes all namespaces and the directory. May be called again, and at the same time. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** The same at once, without asking the processes first. Synchronous; may follow a {@link close} that hangs. */
  closeNow(): void {
    if (this.#closed) return;
    for (const child of this.#children) child.kill('SIGKILL');
    for (const namespace of this.#namespaces()) destroyNamespace(namespace);
    rmSync(this.tempDir, { recursive: true, force: true });
    this.#closed = true;
    forget(this);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    await Promise.allSettled([...this.#stops].map((stop) => stop()));
    await Promise.all([...this.#children].map((child) => child.stop(this.#graceMs)));
    await this.#endStrays();
    this.closeNow();
  }

  /** Daemons and grandchildren: what still lives in a namespace of ours is ours to end. */
  async #endStrays(): Promise<void> {
    const ending = new Set<number>();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const deadline = Date.now() + (signal === 'SIGTERM' ? this.#graceMs : 1000);
      let alive: number[];
      do {
        for (const pid of this.#strays()) {
          if (signal === 'SIGKILL' || !ending.has(pid)) tryKill(pid, signal);
          ending.add(pid);
        }
        // A process leaves its namespace early in its exit; it is gone when it is gone from the process table.
        alive = [...ending].filter((pid) => processStartTicks(pid) !== undefined);
        if (alive.length === 0) return;
        await delay(20);
      } while (Date.now() < deadline);
    }
  }

  #strays(): number[] {
    return this.#namespaces().flatMap(pidsInNamespace);
  }

  #namespaces(): string[] {
    return [...this.#hosts.values()].map((host) => host.namespace);
  }

  #nameFor(role: string): string {
    if (!/^[A-Za-z0-9-]{1,40}$/.test(role)) {
      throw new TypeError(`Lab: role: expected 1 to 40 letters, digits or dashes, got ${JSON.stringify(role)}`);
    }
    if (this.#hosts.has(role)) throw new TypeError(`Lab: role: expected a new one, got ${JSON.stringify(role)} again`);
    if (this.#closing !== undefined || this.#closed) throw new Error('Lab: the lab is closed');
    return `${this.id}-${role}`;
  }

  async #add<T extends LabHost>(host: T): Promise<T> {
    this.#hosts.set(host.role, host); // first, so that a signal during the next line cleans up too
    await this.command(['ip', 'netns', 'add', host.namespace]);
    if (this.#hosts.size === 1) await this.#chooseEntry(host.namespace);
    await host.ip('link', 'set', 'lo', 'up');
    // Duplicate address detection would keep an IPv6 address unusable for a second or two.
    await host.sysctl('net/ipv6/conf/default/accept_dad', 0).catch(() => {}); // a kernel without IPv6 has nothing to set
    return host;
  }

  /** `ip netns exec` shows programs the /sys of their namespace, but may not mount it in a user namespace. */
  async #chooseEntry(namespace: string): Promise<void> {
    const probe = await this.command(['ip', 'netns', 'exec', namespace, 'true'], { check: false });
    this.#entry = probe.code === 0 ? 'ip' : 'nsenter';
  }
}

/** Removes namespaces, their processes and directories of labs whose process is gone. Returns their names. */
export async function removeLeftovers(): Promise<string[]> {
  const removed: string[] = [];
  for (const name of list(NETNS_DIRECTORY).filter(isLeftover)) {
    destroyNamespace(name);
    removed.push(name);
  }
  for (const name of list(tmpdir()).filter(isLeftover)) {
    const path = join(tmpdir(), name);
    try {
      if (statSync(path).uid !== process.getuid?.()) continue; // somebody else's, even if the name says otherwise
      rmSync(path, { recursive: true, force: true });
      removed.push(path);
    } catch {
      // another lab is removing it at the same time
    }
  }
  return removed;
}

/** Switches segmentation, receive and checksum offloads of an interface. @throws Error when ethtool is missing. */
export async function setOffloads(host: LabHost, ifname: string, on: boolean): Promise<void> {
  const features = ['tso', 'gso', 'gro', 'sg', 'tx', 'rx'].flatMap((feature) => [feature, on ? 'on' : 'off']);
  try {
    await host.run(['ethtool', '-K', ifname, ...features]);
  } catch (error) {
    const missing = findProgram('ethtool') === undefined ? 'ethtool is needed: sudo apt-get install ethtool\n' : '';
    throw new Error(`cannot switch the offloads of ${ifname}: ${missing}${(error as Error).message}`, { cause: error });
  }
}

function checkInterfaceName(name: string): string {
  if (!/^[A-Za-z0-9_.-]+$/.test(name) || name.length > MAX_INTERFACE_NAME) {
    throw new TypeError(`ifname: expected 1 to ${MAX_INTERFACE_NAME} letters, digits, _ . -, got "${name}"`);
  }
  return name;
}

/** Kills what runs in a namespace and deletes it; synchronous, for it also runs in the `exit` event. Never throws. */
function destroyNamespace(namespace: string): void {
  for (const pid of pidsInNamespace(namespace)) tryKill(pid, 'SIGKILL');
  spawnSync('ip', ['netns', 'delete', namespace], { stdio: 'ignore', timeout: 10_000 });
}

function pidsInNamespace(namespace: string): number[] {
  const answer = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8', timeout: 10_000 });
  return answer.status === 0 ? parsePids(answer.stdout) : [];
}

function parsePids(text: string): number[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
    .filter((pid) => pid !== process.pid); // a lab run inside a host of another lab must not end itself
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone by itself
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
