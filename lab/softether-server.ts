/** A real SoftEther VPN Server as a test peer: private state, hubs and users as wanted, nothing that calls home. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listensOnBoth } from './listening.ts';
import type { LabHost } from './netns.ts';
import { serverConfig } from './softether-config.ts';
import { SoftEtherSandbox } from './softether-sandbox.ts';
import { parseCount, parseTable, quote, type VpncmdAnswer, VpncmdError, vpncmd } from './softether-vpncmd.ts';

export interface SoftEtherUser {
  readonly name: string;
  /** `anonymous`, a password, the PEM text of a certificate, or the name in one of a CA of the hub. Default `anonymous`. */
  readonly auth?:
    | 'anonymous'
    | { readonly password: string }
    | { readonly certificate: string }
    | { readonly commonName: string };
  /** Security policies by their vpncmd names, for example `{ NoBridge: 'yes', MaxConnection: 4 }`. */
  readonly policy?: Readonly<Record<string, string | number>>;
}

export interface SoftEtherHub {
  readonly name: string;
  readonly users?: readonly SoftEtherUser[];
  /** Trusted certificate authorities, PEM texts. */
  readonly cas?: readonly string[];
  /** UDP acceleration for sessions of this hub. Default `false`: a lab measures TCP. */
  readonly udpAcceleration?: boolean;
  /** SecureNAT (DHCP server and NAT inside the hub). Default `false`. */
  readonly secureNat?: boolean;
  /** Packet logging, as a fresh SoftEther has it. Default `false`: it costs throughput. */
  readonly packetLog?: boolean;
  /** Extended options by name, for example `{ NoArpPolling: 1 }`. */
  readonly extendedOptions?: Readonly<Record<string, number>>;
}

export interface SoftEtherServerOptions {
  /**
   * `vpnbridge` is a VPN Bridge: a server that takes no sessions and has one hub, {@link BRIDGE_HUB}, which is there from
   * the start. Default `vpnserver`.
   */
  readonly program?: 'vpnserver' | 'vpnbridge';
  /** TCP ports. Default 443. The first is the one vpncmd uses. */
  readonly ports?: readonly number[];
  /** UDP listeners (OpenVPN, WireGuard). Default none. UDP acceleration does not need them. */
  readonly udpPorts?: readonly number[];
  readonly hubs?: readonly SoftEtherHub[];
  /** OpenSSL cipher list for TLS 1.2 and older; TLS 1.3 is always on and not governed by it. Default: SoftEther's own. */
  readonly cipher?: string;
  /** PEM texts. Default: SoftEther makes a self-signed one. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Default 15 000. */
  readonly startTimeoutMs?: number;
}

export interface SoftEtherCascade {
  readonly name: string;
  /** `host:port` of the other server. */
  readonly server: string;
  /** The hub there. */
  readonly hub: string;
  readonly user: string;
  /** Default: anonymous. */
  readonly password?: string;
  /** TCP connections. Default 8, as SoftEther has it. */
  readonly connections?: number;
  readonly encrypt?: boolean;
  readonly compress?: boolean;
}

/** The name of a VPN Bridge's only hub. */
export const BRIDGE_HUB = 'BRIDGE';

/** How often it is tried to set a new server up, and the time between. */
const SETUP_TRIES = 5;
const SETUP_PAUSE_MS = 500;

const CONFIG_FILES = { vpnserver: 'vpn_server.config', vpnbridge: 'vpn_bridge.config' } as const;

export class SoftEtherServer {
  readonly host: LabHost;
  readonly sandbox: SoftEtherSandbox;
  readonly port: number;
  /** Milliseconds from the start until it listened. */
  readonly startMs: number;

  private constructor(host: LabHost, sandbox: SoftEtherSandbox, port: number, startMs: number) {
    this.host = host;
    this.sandbox = sandbox;
    this.port = port;
    this.startMs = startMs;
  }

  /** Starts a server with the hubs and users asked for, and no others: there is no hub DEFAULT. */
  static async start(host: LabHost, options: SoftEtherServerOptions = {}): Promise<SoftEtherServer> {
    const { program = 'vpnserver', ports = [443], udpPorts = [], cipher = '~DEFAULT~' } = options;
    const port = ports[0];
    if (port === undefined) throw new TypeError('SoftEtherServer: ports: expected at least one, got []');
    const started = performance.now();
    const config = serverConfig({ ports, udpPorts, cipher, hub: program === 'vpnbridge' ? BRIDGE_HUB : undefined });
    const sandbox = await SoftEtherSandbox.start(host, program, { [CONFIG_FILES[program]]: config });
    try {
      for (const each of ports) await sandbox.waitForPort(each, options.startTimeoutMs ?? 15_000, listensOnBoth);
      const server = new SoftEtherServer(host, sandbox, port, performance.now() - started);
      const setup: string[] = [];
      if (options.certificate !== undefined) {
        const cert = sandbox.writeFile('server.crt', options.certificate.cert);
        const key = sandbox.writeFile('server.key', options.certificate.key);
        setup.push(`ServerCertSet /LOADCERT:${quote(cert)} /LOADKEY:${quote(key)}`);
      }
      for (const hub of options.hubs ?? []) setup.push(...hubCommands(sandbox, hub));
      if (setup.length > 0) await server.#setUp(setup);
      return server;
    } catch (error) {
      await sandbox.stop(0);
      throw error;
    }
  }

  /** While others try to join at the same time, a server that has just begun to listen may turn vpncmd away. */
  async #setUp(commands: readonly string[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.vpncmd(commands);
        return;
      } catch (error) {
        const refused = error instanceof VpncmdError && error.output.includes('Connection to the server failed');
        if (!refused || tries === SETUP_TRIES) throw error;
        await sleep(SETUP_PAUSE_MS);
      }
    }
  }

  /** Runs vpncmd commands; with `hub`, inside that hub. @throws VpncmdError on the first failure. */
  async vpncmd(
    commands: readonly string[],
    options: { hub?: string; check?: boolean; timeoutMs?: number } = {},
  ): Promise<VpncmdAnswer[]> {
    const { hub, ...rest } = options;
    const all = hub === undefined ? commands : [`Hub ${quote(hub)}`, ...commands];
    const answers = await vpncmd(this.sandbox, all, { ...rest, target: { server: this.port } });
    return hub === undefined ? answers : answers.slice(1);
  }

  /** Creates a hub with its users. */
  async createHub(hub: SoftEtherHub): Promise<void> {
    await this.vpncmd(hubCommands(this.sandbox, hub));
  }

  async deleteHub(name: string): Promise<void> {
    await this.vpncmd([`HubDelete ${quote(name)}`]);
  }

  async createUser(hub: string, user: SoftEtherUser): Promise<void> {
    await this.vpncmd(userCommands(this.sandbox, user), { hub });
  }

  /** The sessions of a hub, as `SessionList` shows them. */
  async sessions(hub: string): Promise<{ name: string; user: string; fields: Record<string, string> }[]> {
    const [answer] = await this.vpncmd(['SessionList'], { hub });
    return parseTable(answer!.output).map((fields) => ({
      name: fields['Session Name'] ?? '',
      user: fields['User Name'] ?? '',
      fields,
    }));
  }

  /** All that `SessionGet` says about a session, and its number of TCP connections. */
  async session(hub: string, name: string): Promise<{ tcpConnections: number; fields: Record<string, string> }> {
    const [answer] = await this.vpncmd([`SessionGet ${quote(name)}`], { hub });
    const fields = parseTable(answer!.output)[0] ?? {};
    return { tcpConnections: parseCount(fields['Number of TCP Connections']), fields };
  }

  async disconnectSession(hub: string, name: string): Promise<void> {
    await this.vpncmd([`SessionDisconnect ${quote(name)}`], { hub });
  }

  /** The learned MAC addresses of a hub (lower case, colons) and the sessions they are on. */
  async macTable(hub: string): Promise<{ mac: string; session: string }[]> {
    const [answer] = await this.vpncmd(['MacTable'], { hub });
    return parseTable(answer!.output).map((row) => ({
      mac: (row['MAC Address'] ?? '').toLowerCase().replaceAll('-', ':'),
      session: row['Session Name'] ?? '',
    }));
  }

  /** Makes a cascade from `hub` to a hub elsewhere and brings it up; ask {@link cascadeStatus} whether it stands. */
  async createCascade(hub: string, cascade: SoftEtherCascade): Promise<void> {
    const name = quote(cascade.name);
    const to = `/SERVER:${quote(cascade.server)} /HUB:${quote(cascade.hub)} /USERNAME:${quote(cascade.user)}`;
    const password = cascade.password;
    const commands = [
      `CascadeCreate ${name} ${to}`,
      password === undefined
        ? `CascadeAnonymousSet ${name}`
        : `CascadePasswordSet ${name} /PASSWORD:${quote(password)} /TYPE:standard`,
      `CascadeEncrypt${cascade.encrypt === false ? 'Disable' : 'Enable'} ${name}`,
      `CascadeCompress${cascade.compress === true ? 'Enable' : 'Disable'} ${name}`,
      `CascadeDetailSet ${name} /MAXTCP:${cascade.connections ?? 8} /INTERVAL:1 /TTL:0 /HALF:no /NOQOS:no`,
      `CascadeOnline ${name}`,
    ];
    await this.vpncmd(commands, { hub });
  }

  /**
   * Bridges a hub to a new TAP of this host and brings that up.
   * @param name up to 11 lower-case letters or digits.
   * @returns the interface, `tap_<name>`.
   */
  async bridgeToTap(hub: string, name: string, cidr: string): Promise<string> {
    await this.vpncmd([`BridgeCreate ${quote(hub)} /DEVICE:${name} /TAP:yes`]);
    const ifname = `tap_${name}`;
    // The bridge is made by a thread of its own.
    const deadline = Date.now() + 5_000;
    while ((await this.host.run(['ip', 'link', 'show', ifname], { check: false })).code !== 0) {
      if (Date.now() > deadline) throw new Error(`SoftEther server: no ${ifname} after 5 s`);
      await sleep(20);
    }
    await this.host.addAddress(ifname, cidr);
    return ifname;
  }

  /** `CascadeList`'s word on a cascade, for example `Online (Established)`. */
  async cascadeStatus(hub: string, name: string): Promise<string> {
    const [answer] = await this.vpncmd(['CascadeList'], { hub });
    const row = parseTable(answer!.output).find((fields) => fields['Setting Name'] === name);
    return row?.Status ?? 'absent';
  }

  /** The server log and the hubs' security logs so far. */
  log(): string {
    return readLogs(join(this.sandbox.directory, 'log', 'softether'), ['server_log', 'security_log']);
  }

  async stop(graceMs?: number): Promise<void> {
    await this.sandbox.stop(graceMs);
  }
}

/** All files below the given directories, one after the other; what does not exist is empty. */
export function readLogs(root: string, directories: readonly string[]): string {
  return directories
    .flatMap((directory) => {
      try {
        const entries = readdirSync(join(root, directory), { recursive: true, withFileTypes: true });
        return entries.filter((e) => e.isFile()).map((e) => readFileSync(join(e.parentPath, e.name), 'utf8'));
      } catch {
        return [];
      }
    })
    .join('\n');
}

function hubCommands(sandbox: SoftEtherSandbox, hub: SoftEtherHub): string[] {
  const commands = [`HubCreate ${quote(hub.name)} /PASSWORD:`, `Hub ${quote(hub.name)}`];
  if (hub.secureNat === true) commands.push('SecureNatEnable');
  if (hub.packetLog !== true) commands.push('LogDisable packet');
  const options = { DisableUdpAcceleration: hub.udpAcceleration === true ? 0 : 1, ...hub.extendedOptions };
  for (const [name, value] of Object.entries(options)) commands.push(`ExtOptionSet ${name} /VALUE:${value}`);
  for (const [index, ca] of (hub.cas ?? []).entries()) {
    // What begins with a slash is an option to it; it runs in the root directory.
    commands.push(`CAAdd ..${sandbox.writeFile(`ca-${index}.crt`, ca)}`);
  }
  for (const user of hub.users ?? []) commands.push(...userCommands(sandbox, user));
  return commands;
}

function userCommands(sandbox: SoftEtherSandbox, user: SoftEtherUser): string[] {
  const name = quote(user.name);
  const auth = user.auth ?? 'anonymous';
  const commands = [`UserCreate ${name} /GROUP: /REALNAME: /NOTE:`];
  if (auth === 'anonymous') commands.push(`UserAnonymousSet ${name}`);
  else if ('commonName' in auth) commands.push(`UserSignedSet ${name} /CN:${quote(auth.commonName)} /SERIAL:`);
  else if ('password' in auth) commands.push(`UserPasswordSet ${name} /PASSWORD:${quote(auth.password)}`);
  else {
    const path = sandbox.writeFile(`user-${encodeURIComponent(user.name)}.crt`, auth.certificate);
    commands.push(`UserCertSet ${name} /LOADCERT:${quote(path)}`);
  }
  for (const [policy, value] of Object.entries(user.policy ?? {})) {
    commands.push(`UserPolicySet ${name} /NAME:${policy} /VALUE:${value}`);
  }
  return commands;
}
