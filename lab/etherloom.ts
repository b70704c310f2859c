/** Etherloom's own server and client as hosts of the lab run them: by the command line, as any user would. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeStatus } from '../engine/admin/status.ts';
import type { LabHost } from './netns.ts';
import { type EtherloomProcess, runEtherloom, startEtherloom } from './node.ts';
import { type Runtime, thisRuntime } from './runtime.ts';

/** Long enough for a slow machine that also makes an RSA key. */
const START_TIMEOUT_MS = 30_000;

/** Fields of a policy as the configuration has them. */
export type LabPolicy = Readonly<Record<string, string | number | boolean>>;

/** How a user signs in, with what else the configuration says of it. With nothing of the first it is anonymous. */
export interface LabUser {
  readonly password?: string;
  /** PEM text. */
  readonly certificate?: string;
  readonly ca?: { readonly commonName?: string; readonly serial?: string };
  readonly disabled?: boolean;
  readonly expires?: string;
  readonly group?: string;
  readonly policy?: LabPolicy;
}

export interface ServerOptions {
  readonly runtime?: Runtime;
  /** Address to listen on. */
  readonly address: string;
  /** Default 5555. */
  readonly port?: number;
  /** Default `lab`. */
  readonly hub?: string;
  /** User names and their passwords, or all that there is to say; `undefined` makes the user anonymous. */
  readonly users: Readonly<Record<string, string | LabUser | undefined>>;
  /** Certificate authorities of the hub, PEM texts. */
  readonly cas?: readonly string[];
  /** Groups of the hub and their policies. */
  readonly groups?: Readonly<Record<string, LabPolicy>>;
  /** TAPs of the hub: names and addresses in CIDR form. */
  readonly taps?: Readonly<Record<string, string>>;
  /** Interfaces of the host that are bridged with the hub. */
  readonly bridges?: readonly string[];
  /** Rules of the hub's access list, each as it stands in the configuration. */
  readonly access?: readonly string[];
  /** Of each TAP: how long to look for frames without resting, microseconds. */
  readonly busyPoll?: number;
  /** Further keys of `tls`, such as `profile: packetix-2.0`. */
  readonly tls?: string;
  /** Cascades of the hub by name, each as it stands behind `name:` in the configuration. */
  readonly cascades?: Readonly<Record<string, string>>;
  /** Further hubs, by name: what stands behind `name:`. */
  readonly hubs?: Readonly<Record<string, string>>;
  /** Files beside the configuration, such as those with passwords: names and texts. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further lines of the configuration, top level. */
  readonly extra?: readonly string[];
}

/** A server that listens. */
export class EtherloomServer {
  readonly process: EtherloomProcess;
  /** SHA-256 of its certificate, for `--pin`. */
  readonly fingerprint: string;
  readonly #launch: Launch;
  readonly #socket: string;

  private constructor(process: EtherloomProcess, fingerprint: string, socket: string, launch: Launch) {
    this.process = process;
    this.fingerprint = fingerprint;
    this.#socket = socket;
    this.#launch = launch;
  }

  static async start(host: LabHost, options: ServerOptions): Promise<EtherloomServer> {
    const launch = await prepare(host, options.runtime);
    const config = join(launch.directory, 'server.yaml');
    await writeFile(config, await serverConfig(host, options, launch));
    const process = await startEtherloom(host, ['server', '--config', config, '--json', '--log-format', 'json'], {
      ...launch,
      ready: /"event":"listening"/,
    });
    const [, fingerprint = ''] = await process.waitForLine(/"fingerprint":"([0-9a-f]{64})"/);
    const [, socket = ''] = await process.waitForLine(/"control":"([^"]+)"/);
    return new EtherloomServer(process, fingerprint, socket, launch);
  }

  async status(): Promise<NodeStatus> {
    return await askStatus(this.process.host, this.#socket, this.#launch);
  }

  /** `etherloom cascade ACTION`, with the answer in JSON. */
  async cascade(
    action: 'list' | 'online' | 'offline',
    name?: string,
  ): Promise<{ code: number | null; answer: unknown }> {
    const args = ['cascade', action, ...(name === undefined ? [] : [name]), '--socket', this.#socket, '--json'];
    const { stdout, stderr, code } = await runEtherloom(this.process.host, args, this.#launch);
    return { code, answer: JSON.parse(stdout === '' ? stderr : stdout) };
  }

  async stop(): Promise<number | null> {
    return (await this.process.stop()).code;
  }
}

export interface ClientOptions {
  readonly runtime?: Runtime;
  /** `host:port`. */
  readonly server: string;
  /** Default `lab`. */
  readonly hub?: string;
  readonly user: string;
  /** Absent, with `certificate`: anonymous. */
  readonly password?: string;
  /** PEM texts. */
  readonly certificate?: { readonly certificate: string; readonly key: string };
  /** How the server is trusted: a fingerprint, or any certificate. */
  readonly trust: { readonly pin: string } | 'insecure';
  readonly tap: string;
  /** In CIDR form. */
  readonly address?: string;
  /** Further arguments. */
  readonly args?: readonly string[];
  /** Of an earlier process, to start as the same user of the machine. */
  readonly directory?: string;
}

/** A client whose session is up. */
export class EtherloomClient {
  readonly process: EtherloomProcess;
  readonly #launch: Launch;
  readonly #socket: string;

  private constructor(process: EtherloomProcess, socket: string, launch: Launch) {
    this.process = process;
    this.#socket = socket;
    this.#launch = launch;
  }

  static async start(host: LabHost, options: ClientOptions): Promise<EtherloomClient> {
    const launch = await prepare(host, options.runtime, options.directory);
    const args = await connectArguments(options, launch);
    const process = await startEtherloom(host, args, { ...launch, ready: /"event":"established"/ });
    const [, socket = ''] = await process.waitForLine(/"control":"([^"]+)"/);
    return new EtherloomClient(process, socket, launch);
  }

  /** Runs a client that is expected to end by itself. */
  static async run(host: LabHost, options: ClientOptions): ReturnType<typeof runEtherloom> {
    const launch = await prepare(host, options.runtime);
    return await runEtherloom(host, await connectArguments(options, launch), launch);
  }

  /** Where it keeps what is its own, such as its control socket and its journal. */
  get directory(): string {
    return this.#launch.directory;
  }

  async status(): Promise<NodeStatus> {
    return await askStatus(this.process.host, this.#socket, this.#launch);
  }

  async stop(): Promise<number | null> {
    return (await this.process.stop()).code;
  }
}

export interface BridgeOptions {
  readonly runtime?: Runtime;
  /** The hubs of the configuration: by name, what is in them as YAML in one line, such as `bridges: [{ interface: eth1 }]`. */
  readonly hubs: Readonly<Record<string, string>>;
  /** Further lines of the configuration, top level. */
  readonly extra?: readonly string[];
}

/** A bridge whose interfaces are open. */
export class EtherloomBridge {
  readonly process: EtherloomProcess;
  readonly #launch: Launch;
  readonly #socket: string;

  private constructor(process: EtherloomProcess, socket: string, launch: Launch) {
    this.process = process;
    this.#socket = socket;
    this.#launch = launch;
  }

  static async start(host: LabHost, options: BridgeOptions): Promise<EtherloomBridge> {
    const launch = await prepare(host, options.runtime);
    const args = await bridgeArguments(options, launch);
    const process = await startEtherloom(host, args, { ...launch, ready: /"event":"bridging"/ });
    const [, socket = ''] = await process.waitForLine(/"control":"([^"]+)"/);
    return new EtherloomBridge(process, socket, launch);
  }

  /** Runs a bridge that is expected to end by itself. */
  static async run(host: LabHost, options: BridgeOptions): ReturnType<typeof runEtherloom> {
    const launch = await prepare(host, options.runtime);
    return await runEtherloom(host, await bridgeArguments(options, launch), launch);
  }

  async status(): Promise<NodeStatus> {
    return await askStatus(this.process.host, this.#socket, this.#launch);
  }

  async stop(): Promise<number | null> {
    return (await this.process.stop()).code;
  }
}

async function bridgeArguments({ hubs, extra = [] }: BridgeOptions, launch: Launch): Promise<string[]> {
  const lines = Object.entries(hubs).map(([name, hub]) => `  ${name}: { ${hub} }`);
  const config = join(launch.directory, 'bridge.yaml');
  await writeFile(config, ['hubs:', ...lines, ...extra, ''].join('\n'));
  return ['bridge', '--config', config, '--json', '--log-format', 'json'];
}

interface Launch {
  readonly runtime: Runtime;
  readonly env: Readonly<Record<string, string>>;
  readonly readyTimeoutMs: number;
  /** The process's own directory: configuration, password, control socket. Gone with the lab. */
  readonly directory: string;
}

let launches = 0;

async function prepare(host: LabHost, runtime: Runtime = thisRuntime, earlier?: string): Promise<Launch> {
  const directory = earlier ?? join(host.lab.tempDir, `etherloom-${launches++}`);
  if (earlier === undefined) await mkdir(directory, { mode: 0o700 });
  const env = { XDG_RUNTIME_DIR: directory, XDG_STATE_HOME: directory };
  return { runtime, env, readyTimeoutMs: START_TIMEOUT_MS, directory };
}

async function passwordFile(launch: Launch, name: string, password: string): Promise<string> {
  const file = join(launch.directory, name);
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return file;
}

async function connectArguments(options: ClientOptions, launch: Launch): Promise<string[]> {
  const { server, hub = 'lab', user, password, certificate, trust, tap, address, args = [] } = options;
  return [
    ...['connect', server, '--hub', hub, '--user', user, '--tap', tap, '--json', '--log-format', 'json'],
    ...(password === undefined ? [] : ['--password-file', await passwordFile(launch, 'password', password)]),
    ...(certificate === undefined ? [] : await certificateArguments(certificate, launch)),
    ...(trust === 'insecure' ? ['--insecure'] : ['--pin', trust.pin]),
    ...(address === undefined ? [] : ['--address', address]),
    ...args,
  ];
}

async function certificateArguments(
  { certificate, key }: NonNullable<ClientOptions['certificate']>,
  launch: Launch,
): Promise<string[]> {
  const files = { certificate: join(launch.directory, 'user.crt'), key: join(launch.directory, 'user.key') };
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, key, { mode: 0o600 });
  return ['--client-certificate', files.certificate, '--client-key', files.key];
}

async function serverConfig(host: LabHost, options: ServerOptions, launch: Launch): Promise<string> {
  const { address, port = 5555, hub = 'lab', users, taps = {}, bridges = [], busyPoll, tls, extra = [] } = options;
  const { cas = [], groups = {} } = options;
  for (const [name, text] of Object.entries(options.files ?? {})) {
    await writeFile(join(launch.directory, name), text, { mode: 0o600 });
  }
  const cascades = Object.entries(options.cascades ?? {}).map(([name, text]) => `${name}: ${text}`);
  const hubs = Object.entries(options.hubs ?? {}).map(([name, text]) => `  ${name}: ${text}`);
  const lines: string[] = [];
  for (const [user, given] of Object.entries(users)) {
    const entry = await userEntry(host, user, typeof given === 'string' ? { password: given } : (given ?? {}), launch);
    // What JSON is, is YAML.
    lines.push(`      ${JSON.stringify(user)}: ${JSON.stringify(entry)}`);
  }
  const caFiles = cas.map((_, index) => `ca-${index}.crt`);
  for (const [index, file] of caFiles.entries()) await writeFile(join(launch.directory, file), cas[index]!);
  const poll = busyPoll === undefined ? '' : `, busyPoll: ${busyPoll}`;
  const ports = Object.entries(taps).map(([name, cidr]) => `{ name: ${name}, address: ${cidr}${poll} }`);
  return [
    `listen: [{ host: ${address}, port: ${port} }]`,
    `tls: { certificate: server.crt, key: server.key${tls === undefined ? '' : `, ${tls}`} }`,
    'hubs:',
    `  ${hub}:`,
    '    users:',
    ...lines,
    `    groups: ${JSON.stringify(Object.fromEntries(Object.entries(groups).map(([name, policy]) => [name, { policy }])))}`,
    `    cas: ${JSON.stringify(caFiles)}`,
    `    taps: [${ports.join(', ')}]`,
    ...(options.access === undefined ? [] : [`    access: [${options.access.join(', ')}]`]),
    ...(bridges.length === 0 ? [] : [`    bridges: [${bridges.map((name) => `{ interface: ${name} }`).join(', ')}]`]),
    `    cascades: { ${cascades.join(', ')} }`,
    ...hubs,
    ...extra,
    '',
  ].join('\n');
}

async function userEntry(host: LabHost, name: string, user: LabUser, launch: Launch): Promise<object> {
  const { password, certificate, ...rest } = user;
  if (password !== undefined) return { passwordHash: await hash(host, name, password, launch), ...rest };
  if (certificate === undefined) return rest.ca === undefined ? { anonymous: true, ...rest } : rest;
  const file = `user-${encodeURIComponent(name)}.crt`;
  await writeFile(join(launch.directory, file), certificate);
  return { certificate: file, ...rest };
}

async function hash(host: LabHost, user: string, password: string, launch: Launch): Promise<string> {
  const file = await passwordFile(launch, `password-${user}`, password);
  const { stdout, stderr, code } = await runEtherloom(host, ['hash-password', user, '--password-file', file], launch);
  if (code !== 0) throw new Error(`etherloom hash-password ended with ${code}: ${stderr}`);
  return stdout.trim();
}

async function askStatus(host: LabHost, socket: string, launch: Launch): Promise<NodeStatus> {
  const { stdout, stderr, code } = await runEtherloom(host, ['status', '--json', '--socket', socket], launch);
  if (code !== 0) throw new Error(`etherloom status ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as NodeStatus;
}
