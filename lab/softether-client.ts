/** A real SoftEther VPN Client as a test peer, with its virtual network interface in the host's namespace. */
import { join } from 'node:path';
import type { LabHost } from './netns.ts';
import { SoftEtherSandbox } from './softether-sandbox.ts';
import { readLogs } from './softether-server.ts';
import { parseCount, parseTable, quote, type VpncmdAnswer, vpncmd } from './softether-vpncmd.ts';

/** Where the client service takes vpncmd's commands. */
const MANAGEMENT_PORT = 9931;
const POLL_MS = 20;

export interface SoftEtherClientOptions {
  /** Name of the virtual network adapter, lower case, at most 11 characters; the interface is `vpn_<name>`. Default `lab`. */
  readonly nic?: string;
  /** Its Ethernet address. Default: SoftEther's choice. */
  readonly mac?: string;
  /** Default 15 000. */
  readonly startTimeoutMs?: number;
}

/** What the account says; defaults are SoftEther's own unless noted. */
export interface SoftEtherAccount {
  /** Default `lab`. */
  readonly name?: string;
  /** `host:port`. */
  readonly server: string;
  readonly hub: string;
  readonly user: string;
  /** Default `anonymous`. `plain` sends the password as it is (for RADIUS and the like). Certificate: PEM texts. */
  readonly auth?:
    | 'anonymous'
    | { readonly password: string; readonly type?: 'standard' | 'plain' }
    | { readonly certificate: string; readonly key: string };
  /** TCP connections, 1 to 32. Default 1. */
  readonly connections?: number;
  /** Default `true`. */
  readonly encrypt?: boolean;
  readonly compress?: boolean;
  readonly halfDuplex?: boolean;
  /** Default `true`. */
  readonly qos?: boolean;
  /** Default `false`, unlike SoftEther's: a lab measures TCP. */
  readonly udpAcceleration?: boolean;
  readonly bridge?: boolean;
  readonly monitor?: boolean;
  /** Seconds between additional connections. Default 1. */
  readonly intervalSeconds?: number;
  /** Lifetime of each connection in seconds; 0 is none. */
  readonly ttlSeconds?: number;
  /** After a failure. Default: for ever, every 15 s. */
  readonly retry?: { readonly count: number; readonly intervalSeconds: number };
  readonly proxy?: {
    readonly type: 'http' | 'socks4' | 'socks5';
    readonly server: string;
    readonly user?: string;
    readonly password?: string;
  };
}

/** `AccountStatusGet` in our words; `fields` has all of SoftEther's. */
export interface SoftEtherStatus {
  readonly connected: boolean;
  readonly sessionName: string;
  readonly tcpConnections: number;
  readonly maxTcpConnections: number;
  readonly halfDuplex: boolean;
  readonly qos: boolean;
  readonly encrypted: boolean;
  /** TLS suite, or the empty string. */
  readonly cipher: string;
  readonly compressed: boolean;
  readonly udpAccelerationActive: boolean;
  readonly serverProduct: string;
  /** Times a session was established since the account was connected. */
  readonly sessions: number;
  readonly outgoingBytes: number;
  readonly incomingBytes: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** The server, or the client itself, refused. `code` as in protocol/control-plane.md §7. */
export class SoftEtherLoginError extends Error {
  override readonly name = 'SoftEtherLoginError';
  readonly code: number;

  constructor(code: number, cause: string) {
    super(`SoftEther client: error ${code}: ${cause}`);
    this.code = code;
  }
}

export class SoftEtherClient {
  readonly host: LabHost;
  readonly sandbox: SoftEtherSandbox;
  /** The interface in the host, for example `vpn_lab`. */
  readonly ifname: string;
  /** Milliseconds from the start until it took commands. */
  readonly startMs: number;

  private constructor(host: LabHost, sandbox: SoftEtherSandbox, nic: string, startMs: number) {
    this.host = host;
    this.sandbox = sandbox;
    this.ifname = `vpn_${nic}`;
    this.startMs = startMs;
  }

  /** Starts the service and creates its network adapter. */
  static async start(host: LabHost, options: SoftEtherClientOptions = {}): Promise<SoftEtherClient> {
    const { nic = 'lab', mac } = options;
    if (!/^[a-z][a-z0-9]{0,10}$/.test(nic)) {
      throw new TypeError(`SoftEtherClient: nic: expected 1 to 11 lower-case letters or digits, got "${nic}"`);
    }
    const started = performance.now();
    const sandbox = await SoftEtherSandbox.start(host, 'vpnclient', {});
    try {
      await sandbox.waitForPort(MANAGEMENT_PORT, options.startTimeoutMs ?? 15_000);
      const client = new SoftEtherClient(host, sandbox, nic, performance.now() - started);
      const setMac = mac === undefined ? [] : [`NicSetSetting ${nic} /MAC:${mac.replaceAll(':', '-')}`];
      await client.vpncmd(['KeepDisable', `NicCreate ${nic}`, ...setMac]);
      // NicSetSetting only writes the configuration; the TAP that stands keeps its address.
      if (mac !== undefined) await host.ip('link', 'set', client.ifname, 'address', mac);
      return client;
    } catch (error) {
      await sandbox.stop(0);
      throw error;
    }
  }

  /** Runs vpncmd commands against the client service. @throws VpncmdError on the first failure. */
  async vpncmd(
    commands: readonly string[],
    options: { check?: boolean; timeoutMs?: number } = {},
  ): Promise<VpncmdAnswer[]> {
    return await vpncmd(this.sandbox, commands, { ...options, target: 'client' });
  }

  /** Creates an account on this client's adapter; does not connect. */
  async createAccount(account: SoftEtherAccount): Promise<void> {
    await this.vpncmd(accountCommands(this.sandbox, account, this.ifname.slice('vpn_'.length)));
  }

  async deleteAccount(name = 'lab'): Promise<void> {
    await this.vpncmd([`AccountDelete ${quote(name)}`]);
  }

  /**
   * Connects an account and waits until the session stands. Returns the milliseconds it took.
   * @throws SoftEtherLoginError at the first refusal or failure (the account is then disconnected).
   * @throws Error when nothing is decided within `timeoutMs`.
   */
  async connect(name = 'lab', timeoutMs = 20_000): Promise<number> {
    const before = this.log().length;
    const started = performance.now();
    // vpncmd stays for the progress messages; what counts is the log, which is quicker and has the error number.
    const connecting = this.vpncmd([`AccountConnect ${quote(name)}`], { timeoutMs });
    connecting.catch(() => {});
    try {
      for (;;) {
        const news = this.log().slice(before);
        const mine = news.split('\n').filter((line) => line.includes(`Setting "${name}": `));
        const failure = mine.join('\n').match(/Cause: (.*) \(code (\d+)\)/);
        if (failure !== null) throw new SoftEtherLoginError(Number(failure[2]), failure[1]!);
        if (mine.some((line) => line.includes('Now connected'))) break;
        if (performance.now() - started > timeoutMs) {
          throw new Error(`SoftEther client: not connected within ${timeoutMs} ms\n${news}`);
        }
        await delay(POLL_MS);
      }
      const took = performance.now() - started;
      await connecting;
      return took;
    } catch (error) {
      await connecting.catch(() => {});
      await this.vpncmd([`AccountDisconnect ${quote(name)}`], { check: false });
      throw error;
    }
  }

  async disconnect(name = 'lab'): Promise<void> {
    await this.vpncmd([`AccountDisconnect ${quote(name)}`]);
  }

  /** The state of an account. @throws VpncmdError 37 when it is not connecting or connected. */
  async status(name = 'lab'): Promise<SoftEtherStatus> {
    const [answer] = await this.vpncmd([`AccountStatusGet ${quote(name)}`]);
    const fields = parseTable(answer!.output)[0] ?? {};
    const encryption = fields.Encryption ?? '';
    return {
      connected: /Session Established/.test(fields['Session Status'] ?? ''),
      sessionName: fields['Session Name'] ?? '',
      tcpConnections: parseCount(fields['Number of TCP Connections']),
      maxTcpConnections: parseCount(fields['Maximum Number of TCP Connections']),
      halfDuplex: (fields['Half Duplex TCP Connection Mode'] ?? '').startsWith('Yes'),
      qos: fields['VoIP / QoS Function'] === 'Enabled',
      encrypted: encryption.startsWith('Enabled'),
      cipher: encryption.match(/Algorithm: ([^)]*)/)?.[1] ?? '',
      compressed: (fields['Use of Compression'] ?? '').startsWith('Yes'),
      udpAccelerationActive: fields['UDP Acceleration is Active'] === 'Yes',
      serverProduct: fields['Server Product Name'] ?? '',
      sessions: parseCount(fields['Number of Established Sessions']),
      outgoingBytes: parseCount(fields['Outgoing Data Size']),
      incomingBytes: parseCount(fields['Incoming Data Size']),
      fields,
    };
  }

  /** Waits until {@link status} satisfies `condition`. @throws Error with the last status after `timeoutMs`. */
  async waitForStatus(
    condition: (status: SoftEtherStatus) => boolean,
    options: { name?: string; timeoutMs?: number } = {},
  ): Promise<SoftEtherStatus> {
    const { name = 'lab', timeoutMs = 20_000 } = options;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.status(name);
      if (condition(status)) return status;
      if (Date.now() > deadline) {
        throw new Error(
          `SoftEther client: still not so after ${timeoutMs} ms: ${JSON.stringify(status.fields, null, 1)}`,
        );
      }
      await delay(100);
    }
  }

  /** Gives the adapter an address in CIDR form and brings it up. */
  async setAddress(cidr: string): Promise<void> {
    await this.host.addAddress(this.ifname, cidr);
  }

  /** The client log so far. */
  log(): string {
    return readLogs(join(this.sandbox.directory, 'log', 'softether'), ['client_log']);
  }

  async stop(graceMs?: number): Promise<void> {
    await this.sandbox.stop(graceMs);
  }
}

function accountCommands(sandbox: SoftEtherSandbox, account: SoftEtherAccount, nic: string): string[] {
  const name = quote(account.name ?? 'lab');
  const auth = account.auth ?? 'anonymous';
  const yes = (on: boolean | undefined): string => (on === true ? 'yes' : 'no');
  const to = `/SERVER:${quote(account.server)} /HUB:${quote(account.hub)} /USERNAME:${quote(account.user)}`;
  const commands = [`AccountCreate ${name} ${to} /NICNAME:${nic}`];
  if (auth === 'anonymous') commands.push(`AccountAnonymousSet ${name}`);
  else if ('password' in auth) {
    const type = auth.type === 'plain' ? 'radius' : 'standard';
    commands.push(`AccountPasswordSet ${name} /PASSWORD:${quote(auth.password)} /TYPE:${type}`);
  } else {
    const cert = sandbox.writeFile('account.crt', auth.certificate);
    const key = sandbox.writeFile('account.key', auth.key);
    commands.push(`AccountCertSet ${name} /LOADCERT:${quote(cert)} /LOADKEY:${quote(key)}`);
  }
  const detail = {
    MAXTCP: account.connections ?? 1,
    INTERVAL: account.intervalSeconds ?? 1,
    TTL: account.ttlSeconds ?? 0,
    HALF: yes(account.halfDuplex),
    BRIDGE: yes(account.bridge),
    MONITOR: yes(account.monitor),
    NOTRACK: 'yes', // routes are the test's business
    NOQOS: yes(account.qos === false),
    DISABLEUDP: yes(account.udpAcceleration !== true),
  };
  const flags = Object.entries(detail).map(([key, value]) => `/${key}:${value}`);
  commands.push(`AccountDetailSet ${name} ${flags.join(' ')}`);
  commands.push(`AccountEncrypt${account.encrypt === false ? 'Disable' : 'Enable'} ${name}`);
  commands.push(`AccountCompress${account.compress === true ? 'Enable' : 'Disable'} ${name}`);
  if (account.retry !== undefined) {
    commands.push(`AccountRetrySet ${name} /NUM:${account.retry.count} /INTERVAL:${account.retry.intervalSeconds}`);
  }
  if (account.proxy !== undefined) {
    const kind = { http: 'Http', socks4: 'Socks', socks5: 'Socks5' }[account.proxy.type];
    const { server, user = '', password = '' } = account.proxy;
    const login = `/USERNAME:${quote(user)} /PASSWORD:${quote(password)}`;
    commands.push(`AccountProxy${kind} ${name} /SERVER:${quote(server)} ${login}`);
  }
  return commands;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
